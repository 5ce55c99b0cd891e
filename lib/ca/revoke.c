#include "lib/ca/revoke.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "lib/base/when.h"
#include "lib/wire/cert.h"
#include "lib/store/retire.h"

#define REASON_LAST 10
#define SERIAL_MAX 40 /* RFC 5280, 4.1.2.2: 20 octets */

int
revoke_reason(enum store_reason *reason, const char *word, struct fail *why)
{
	struct bytes all = {0};
	int i = word == NULL ? REASON_UNSPECIFIED : store_reason_of(word);

	if (i >= 0) {
		*reason = (enum store_reason)i;
		return 0;
	}
	for (i = 0; i <= REASON_LAST; i++)
		if (store_reason_word(i) != NULL)
			bytes_addf(&all, " %s", store_reason_word(i));
	fail(why, FAIL_MALFORMED, "reason",
	    "RFC 5280, 5.3.1: reason: \"%.40s\" is none to revoke for; "
	    "reasons:%s",
	    word, (const char *)all.data);
	bytes_free(&all);
	return -1;
}

/* ---- which one ----------------------------------------------------------- */

/* Hex digits alone, upper case, an even number. */
static int
digits_read(struct bytes *out, const char *text, struct fail *why)
{
	for (; *text != '\0'; text++) {
		if (*text == ':' || *text == ' ')
			continue;
		if (!isxdigit((unsigned char)*text) ||
		    out->len > 2 * SHA256_LEN) {
			out->len = 0;
			break;
		}
		bytes_addc(out, (char)toupper((unsigned char)*text));
	}
	if (out->len == 0 ||
	    (out->len > SERIAL_MAX && out->len != (size_t)2 * SHA256_LEN))
		return fail(why, FAIL_MALFORMED, "serial",
		    "want a serial (1 to %d hex digits) or a SHA-256 "
		    "fingerprint (%d)",
		    SERIAL_MAX, 2 * SHA256_LEN);
	if (out->len % 2 != 0) {
		bytes_addc(out, '0');
		memmove(out->data + 1, out->data, out->len - 1);
		out->data[0] = '0';
	}
	return 0;
}

static int
own_issuer(const X509 *issuer, struct fail *why)
{
	X509 *cert = (X509 *)(uintptr_t)issuer;

	/* RFC 5280, 5: who issued a certificate lists it. */
	if (X509_NAME_cmp(
		X509_get_issuer_name(cert), X509_get_subject_name(cert)) != 0)
		return fail(why, FAIL_DENIED, "own-issuer",
		    "RFC 5280, 5: this is the CA's own issuing certificate, "
		    "which only its issuer revokes");
	/* RFC 5280, 6.1: a trust anchor is an input, not a certificate. */
	return fail(why, FAIL_DENIED, "own-issuer",
	    "RFC 5280, 6.1: this is the CA's own root: it ends when relying "
	    "parties no longer trust it");
}

/* Of any generation, by either; NULL: it is none of them. */
static const struct issuer *
generation_of(const struct ca *ca, const char *serial, const uint8_t *hash)
{
	const struct issuers *all = ca->issuers;

	for (size_t i = 0; all != NULL && i < all->n; i++) {
		const struct issuer *it = all->item[i];
		const uint8_t *own = it->authority->cert->sha256;

		if ((hash != NULL && memcmp(own, hash, SHA256_LEN) == 0) ||
		    (serial != NULL && strcmp(it->serial, serial) == 0))
			return it;
	}
	return NULL;
}

/* No list names what has ended, and nobody takes it. */
static int
retired_is(struct ca *ca, const char *serial, struct fail *why)
{
	struct retired it;
	bool found;
	char ended[WHEN_LEN];

	if (store_retired_find(ca->store, &it, &found, serial, why) != 0)
		return -1;
	if (!found)
		return 0;
	when_write(ended, it.not_after);
	return fail(why, FAIL_DENIED, "retired",
	    "certificate %s ended %s and was retired to %s: no list names it, "
	    "and its status stays",
	    serial, ended, it.path);
}

static int
lookup(struct record *r, struct ca *ca, const char *serial,
    const uint8_t *sha256, struct fail *why)
{
	const struct issuer *own;
	int64_t retired = 0;
	bool found = false;
	int rc = sha256 != NULL
	             ? store_find(ca->store, r, &found, sha256, why)
	             : store_find_serial(ca->store, r, &found, serial, why);

	if (rc != 0 || found)
		return rc;
	if (sha256 == NULL && retired_is(ca, serial, why) != 0)
		return -1;
	own = generation_of(ca, sha256 == NULL ? serial : NULL, sha256);
	if (own != NULL)
		return own_issuer(own->authority->issuer, why);
	if (sha256 != NULL && store_retired_sum(ca->store, &retired, why) != 0)
		return -1;
	return fail(why, FAIL_ABSENT, "unknown-serial",
	    "there is no certificate with %s %s%s",
	    sha256 != NULL ? "fingerprint" : "serial", serial,
	    retired > 0 ? " (one that was retired is found by its serial)"
			: "");
}

int
revoke_find(struct record *r, struct ca *ca, const char *text, struct fail *why)
{
	struct bytes digits = {0}, hash = {0};
	const char *serial;
	int rc = -1;

	memset(r, 0, sizeof(*r));
	if (digits_read(&digits, text, why) != 0)
		goto out;
	serial = (const char *)digits.data;
	if (digits.len == (size_t)2 * SHA256_LEN && !hex_read(&hash, serial))
		hash.len = 0;
	rc = lookup(r, ca, serial, hash.data, why);
out:
	bytes_free(&digits);
	bytes_free(&hash);
	return rc;
}

/* ---- the act ------------------------------------------------------------- */

static int
time_ok(const struct record *r, const struct revoke_wish *wish, int64_t now,
    struct fail *why)
{
	char text[WHEN_LEN], limit[WHEN_LEN];

	if (wish->release || wish->invalid == 0)
		return 0;
	when_write(text, wish->invalid);
	/* RFC 5280, 5.3.2: when it became invalid, which is over. */
	if (wish->invalid > now)
		return fail(why, FAIL_MALFORMED, "time",
		    "RFC 5280, 5.3.2: %s is in the future", text);
	when_write(limit, r->not_before);
	if (wish->invalid < r->not_before)
		return fail(why, FAIL_MALFORMED, "time",
		    "RFC 5280, 5.3.2: %s is before certificate %s begins, %s",
		    text, r->serial, limit);
	return 0;
}

/* A date that somebody gave belongs to what he said.  The caller frees. */
static char *
text_of(const struct audit *entry, const struct revoke_wish *wish)
{
	char since[WHEN_LEN];

	if (wish->release || wish->invalid == 0)
		return str_dup(entry->text);
	when_write(since, wish->invalid);
	return str_fmt("invalid since %s%s%s", since,
	    entry->text != NULL ? ": " : "",
	    entry->text != NULL ? entry->text : "");
}

static struct audit
entry_of(const struct audit *entry, const struct record *r,
    const struct revoke_wish *wish, char hash[2 * SHA256_LEN + 1])
{
	struct audit whole = *entry;

	hex_write(hash, (struct span){r->sha256, SHA256_LEN}, false);
	whole.event = wish->release ? "release" : "revoke";
	whole.subject = r->subject;
	whole.serial = r->serial;
	whole.cert_sha256 = hash;
	whole.profile = r->profile;
	whole.reason =
	    wish->release ? NULL : store_reason_word((int)wish->reason);
	return whole;
}

static int
act(bool *changed, struct ca *ca, const struct record *r,
    const struct revoke_wish *wish, int64_t now, const struct audit *entry,
    struct fail *why)
{
	const struct store_revocation revocation = {
	    .reason = wish->reason, .when = now, .invalid = wish->invalid};

	if (wish->release)
		return store_release(ca->store, changed, r->sha256, entry, why);
	return store_revoke_one(
	    ca->store, changed, r->sha256, &revocation, entry, why);
}

int
revoke_act(bool *changed, struct ca *ca, const struct record *r,
    const struct revoke_wish *wish, int64_t now, const struct audit *entry,
    struct fail *why)
{
	const struct issuer *own = generation_of(ca, NULL, r->sha256);
	char hash[2 * SHA256_LEN + 1];
	struct audit whole;
	char *text;
	int rc;

	*changed = false;
	if (own != NULL)
		return own_issuer(own->authority->issuer, why);
	if (time_ok(r, wish, now, why) != 0)
		return -1;
	whole = entry_of(entry, r, wish, hash);
	whole.text = text = text_of(entry, wish);
	rc = act(changed, ca, r, wish, now, &whole, why);
	free(text);
	return rc;
}

static X509 *
x509_of(const struct record *r)
{
	struct fail why = {0};
	X509 *x509 = NULL;

	if (cert_x509(&x509, span_of(&r->der), &why) != 0)
		return NULL;
	return x509;
}

bool
revoke_is_ca(const struct record *r)
{
	X509 *x509 = x509_of(r);
	bool is =
	    x509 != NULL && (X509_get_extension_flags(x509) & EXFLAG_CA) != 0;

	X509_free(x509);
	return is;
}

bool
revoke_is_unseen(const struct record *r)
{
	X509 *x509 = x509_of(r);
	bool is = x509 != NULL &&
	          X509_get_ext_by_NID(x509, NID_no_rev_avail, -1) >= 0;

	X509_free(x509);
	return is;
}

/* ---- many ---------------------------------------------------------------- */

bool
revoke_would(const struct record *r, const struct revoke_wish *wish)
{
	if (wish->release)
		return r->status == STORE_HELD;
	return r->status == STORE_GOOD ||
	       (r->status == STORE_HELD && wish->reason != REASON_HOLD);
}

struct selection {
	struct revoke_list *list;
	const struct revoke_wish *wish;
	size_t most;
};

/* A copy, which leaves nothing of the store's behind. */
static int
select_one(const struct record *r, void *arg)
{
	struct selection *s = arg;
	struct revoke_list *list = s->list;
	struct record *copy;

	if (!revoke_would(r, s->wish))
		return 0;
	if (list->all++ >= (int64_t)s->most)
		return 0;
	list->item = mem_grow(list->item, list->n + 1, sizeof(*list->item));
	copy = &list->item[list->n++];
	memset(copy, 0, sizeof(*copy));
	copy->id = r->id;
	copy->serial = str_dup(r->serial);
	copy->subject = str_dup(r->subject);
	copy->profile = str_dup(r->profile);
	copy->endpoint = str_dup(r->endpoint);
	copy->status = r->status;
	copy->reason = r->reason;
	copy->not_before = r->not_before;
	copy->not_after = r->not_after;
	memcpy(copy->sha256, r->sha256, SHA256_LEN);
	bytes_add(&copy->der, r->der.data, r->der.len);
	return 0;
}

int
revoke_select(struct revoke_list *list, struct ca *ca,
    const struct revoke_pattern *pattern, const struct revoke_wish *wish,
    size_t most, int64_t now, struct fail *why)
{
	const struct store_filter filter = {.profile = pattern->profile,
	    .endpoint = pattern->endpoint,
	    .subject = pattern->subject,
	    .status = -1,
	    .live = true,
	    .now = now};
	struct selection s = {.list = list, .wish = wish, .most = most};

	memset(list, 0, sizeof(*list));
	return store_list(ca->store, &filter, select_one, &s, why);
}

void
revoke_list_free(struct revoke_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		record_free(&list->item[i]);
	free(list->item);
	memset(list, 0, sizeof(*list));
}

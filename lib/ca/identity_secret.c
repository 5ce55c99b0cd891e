#include "lib/ca/identity_secret.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include "lib/base/when.h"
#include "lib/ca/attempts.h"
#include "lib/ca/identity_cache.h"
#include "lib/store/secret.h"
#include "lib/wire/name.h"
#include "lib/wire/onetime.h"
#include "lib/wire/utf8.h"

#define DEVICE_MAX 64 /* RFC 5280, A.1: ub-common-name, ub-serial-number */

bool
identity_device_ok(const char *name)
{
	struct span text = span_str(name);
	uint32_t c = 0;
	size_t n;

	if (!utf8_ok(text) || strchr(name, ':') != NULL)
		return false;
	for (n = 0; text.len > 0; n++)
		if (!utf8_next(&text, &c) || utf8_control(c) ||
		    utf8_hidden(c) || (n == 0 && utf8_blank(c)))
			return false;
	return n > 0 && n <= DEVICE_MAX && !utf8_blank(c);
}

/* People type a secret where the name belongs: that is not for a log. */
static const char *
name_shown(const struct request *rq)
{
	uint8_t secret[ONETIME_LEN];

	if (rq->basic.state != BASIC_GIVEN)
		return "(no name and password)";
	if (!onetime_read(secret, span_str(rq->basic.name)))
		return rq->basic.name;
	OPENSSL_cleanse(secret, sizeof(secret));
	return "(a secret)";
}

static int PRINTF_LIKE(3, 4)
    wrong(const struct request *rq, struct fail *why, const char *fmt, ...)
{
	char text[320];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fail(why, FAIL_ANONYMOUS, "auth",
	    "RFC 7617, 2: this name and secret open nothing here");
	return fail_cause(why, "device %s: %s", name_shown(rq), text);
}

/* What was found, against what was claimed.  The cause is the operator's. */
static int
secret_fits(const struct secret *s, bool found, const struct request *rq,
    int64_t now, struct fail *why)
{
	const char *status = secret_status(s, now);

	if (!found)
		return wrong(rq, why, "no such secret");
	if (strcmp(s->endpoint, rq->endpoint->name) != 0)
		return wrong(rq, why, "secret %lld is for endpoint %s",
		    (long long)s->id, s->endpoint);
	if (strcmp(s->device, rq->basic.name) != 0)
		return wrong(rq, why, "secret %lld is for device %s",
		    (long long)s->id, s->device);
	if (s->revoked != 0 || secret_over(s, now))
		return wrong(rq, why, "secret %lld is %s", (long long)s->id,
		    s->revoked != 0 ? status : "expired");
	return 0;
}

/* What is no secret is looked up, too: it takes as long. */
static int
secret_look(struct secret *s, struct ca *ca, const struct request *rq,
    int64_t now, struct fail *why)
{
	uint8_t octets[ONETIME_LEN], hash[SHA256_LEN];
	bool text, found;
	int rc;

	text = onetime_read(octets, span_str(rq->basic.password));
	sha256(hash, (struct span){octets, sizeof(octets)});
	OPENSSL_cleanse(octets, sizeof(octets));
	rc = store_secret_find(ca->store, s, &found, hash, why);
	if (rc == 0)
		rc = secret_fits(s, found && text, rq, now, why);
	return rc;
}

static const struct allow *
rule_of(const struct endpoint *e)
{
	const struct allow *rules = e->allow.item;

	for (size_t i = 0; i < e->allow.n; i++)
		if (rules[i].secret)
			return &rules[i];
	return NULL;
}

static bool
printable(const char *text)
{
	return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz"
			    "0123456789 '()+,-./:=?") == strlen(text);
}

/* CN, and serialNumber where it can be one (X.520, 6.2.9: PrintableString). */
static X509_NAME *
device_name(const char *device)
{
	const unsigned char *text = (const unsigned char *)device;
	X509_NAME *name = X509_NAME_new();

	if (name != NULL &&
	    X509_NAME_add_entry_by_NID(
		name, NID_commonName, MBSTRING_UTF8, text, -1, -1, 0) &&
	    (!printable(device) ||
		X509_NAME_add_entry_by_NID(
		    name, NID_serialNumber, MBSTRING_UTF8, text, -1, -1, 0)))
		return name;
	X509_NAME_free(name);
	return NULL;
}

static int
identity_make(struct identity **who, const struct secret *s,
    const struct allow *rule, struct fail *why)
{
	X509_NAME *subject = device_name(s->device);

	if (subject == NULL) {
		fail(why, FAIL_BROKEN, "build", "cannot make a name");
		return fail_openssl(why, "X509_NAME");
	}
	*who = identity_new(rule);
	(*who)->subject = subject;
	(*who)->requester = str_fmt("secret:%s", s->device);
	(*who)->owner = str_fmt("secret:%s/%s", s->endpoint, s->device);
	(*who)->device = str_dup(s->device);
	(*who)->secret = s->id;
	(*who)->secret_used = s->used != 0;
	return 0;
}

int
identity_device(struct identity **who, const struct endpoint *endpoint,
    const char *device, struct fail *why)
{
	const struct allow *rule = rule_of(endpoint);
	char *name;
	int rc;

	if (rule == NULL || endpoint->auth == AUTH_CERTIFICATE)
		return fail(why, FAIL_ANONYMOUS, "auth-none",
		    "endpoint %s takes no one-time secrets", endpoint->name);
	if (!identity_device_ok(device))
		return fail(why, FAIL_ANONYMOUS, "auth",
		    "RFC 7617, 2: \"%s\" is no device's name", device);
	name = str_dup(device);
	rc = identity_make(who,
	    &(struct secret){
		.id = -1, .endpoint = endpoint->name, .device = name},
	    rule, why);
	free(name);
	return rc;
}

static int
nothing_shown(struct fail *why)
{
	return fail(why, FAIL_ANONYMOUS, "auth-none",
	    "RFC 7030, 3.2.3: a device name and its secret are needed");
}

int
identity_secret(struct identity **who, struct ca *ca, const struct request *rq,
    struct fail *why)
{
	const struct allow *rule = rule_of(rq->endpoint);
	const char *name = rq->basic.name;
	int64_t now = when_now();
	struct attempts *attempts;
	struct secret s = {0};
	int rc = -1;

	if (rq->basic.state == BASIC_NONE || rule == NULL)
		return nothing_shown(why);
	if (ca->store == NULL)
		return fail(why, FAIL_BUSY, "db-missing",
		    "secrets cannot be looked up now");
	if (ca_attempts(&attempts, ca, why) != 0)
		return -1;
	if (attempts_ok(attempts, name, rq->peer, now, why) != 0)
		return fail_cause(why, "device %s", name_shown(rq));
	if (rq->basic.state == BASIC_BAD)
		(void)wrong(rq, why, "not one name and password");
	else
		rc = secret_look(&s, ca, rq, now, why);
	if (rc == 0)
		rc = identity_make(who, &s, rule, why);
	else if (why->kind == FAIL_ANONYMOUS)
		attempts_count(attempts, name, rq->peer, now);
	secret_free(&s);
	return rc;
}

static bool
names(const struct identity *who, int nid, const char *name)
{
	char *own = name_value(who->subject, nid);
	bool same = own != NULL && strcmp(own, name) == 0;

	free(own);
	return same;
}

int
identity_secret_beside(
    const struct identity *who, const struct request *rq, struct fail *why)
{
	const char *name = rq->basic.name;

	if (rq->basic.state == BASIC_NONE)
		return 0;
	if (rq->basic.state == BASIC_BAD)
		return wrong(rq, why, "not one name and password");
	if (names(who, NID_commonName, name) ||
	    names(who, NID_serialNumber, name))
		return 0;
	fail(why, FAIL_DENIED, "auth-mismatch",
	    "the client certificate and the HTTP credentials are not of the "
	    "same device");
	return fail_cause(why, "device %s, %s", name_shown(rq), who->requester);
}

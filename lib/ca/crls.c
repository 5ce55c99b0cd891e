#include "lib/ca/crls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/fault.h"
#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/ca/signer.h"
#include "lib/store/crl.h"
#include "lib/wire/crl.h"

#define PUBLIC_MODE 0644
#define LOCK_WAIT 30.0   /* s */
#define TOKEN_WAIT 20.0  /* s */
#define CLOCKS_APART 300 /* s: relying parties' clocks may be behind */
#define TRIES 16         /* while other nodes' are made first */

/* One key's list, on its way. */
struct work {
	struct ca *ca;
	const struct crls_wish *wish;
	struct signer *signer;
	struct crls_state state;
	int64_t last; /* the number of the one made last, by any node */
	EVP_PKEY *public;
	struct bytes algorithm;
	struct crl crl;
	struct fail *why;
};

char *
crls_path(const struct settings *settings, const char *keyid)
{
	return str_fmt("%s/crl/%s.crl", settings->public_folder, keyid);
}

/* ---- what is published ----------------------------------------------------- */

/* `entries`: SHA-256 of those; zeros: there are none. */
static int
published_read(
    struct crls_state *state, uint8_t entries[SHA256_LEN], struct fail *why)
{
	struct bytes der = {0};
	struct crl_info info;
	int rc = file_read(&der, state->path, CRLS_LIST_MAX, why);

	memset(entries, 0, SHA256_LEN);
	if (rc != 0 && why->kind == FAIL_ABSENT) {
		*why = (struct fail){0};
		rc = 0;
	} else if (rc == 0 && crl_read(&info, span_of(&der), why) == 0) {
		state->number = info.number;
		state->this_update = info.this_update;
		state->next_update = info.next_update;
		sha256(entries, info.entries);
	} else if (rc == 0) {
		rc = fail(why, FAIL_BROKEN, "crl",
		    "%s is no revocation list: remove it", state->path);
	}
	bytes_free(&der);
	return rc;
}

/* ---- what is to be published ------------------------------------------------ */

static int
entry_add(const struct store_revoked *r, void *arg)
{
	const struct crl_entry entry = {.serial = r->serial,
	    .revoked = r->revoked,
	    .reason = r->reason,
	    .invalid = r->invalid};
	struct work *w = arg;

	return crl_add(&w->crl, &entry, w->why);
}

/* What ended before the list that is published was made has been shown on it:
 * RFC 5280, 3.3. */
static int
fill(struct work *w, int64_t now, struct fail *why)
{
	int64_t period = w->ca->settings->crl.period;
	int64_t since = w->state.this_update > 0 ? w->state.this_update : now;
	struct crl_head head = {
	    .issuer = w->signer->issuer->authority->issuer,
	    .algorithm = span_of(&w->algorithm),
	    .number = now * 1000000,
	    .this_update = now - CLOCKS_APART,
	    .next_update = now + period,
	};

	if (head.number <= w->state.number)
		head.number = w->state.number + 1;
	if (head.number <= w->last)
		head.number = w->last + 1;
	/* RFC 5280, 5.1.2.5: it should not go back; but one that was made while
	 * the clock was far ahead must not hold for years. */
	if (head.next_update < w->state.next_update)
		head.next_update = w->state.next_update < now + 2 * period
		                       ? w->state.next_update
		                       : now + 2 * period;
	if (crl_begin(&w->crl, &head, why) != 0)
		return -1;
	w->why = why;
	if (store_revoked_each(
		w->ca->store, w->state.keyid, since, entry_add, w, why) != 0)
		return -1;
	w->state.entries = w->crl.n;
	w->state.number = head.number;
	w->state.this_update = head.this_update;
	w->state.next_update = head.next_update;
	return 0;
}

/* Is another list wanted than the one published, `old`? */
static bool
is_due(const struct work *w, const struct crls_state *old,
    const uint8_t before[SHA256_LEN], int64_t now)
{
	uint8_t entries[SHA256_LEN];

	if (old->number == 0 || old->number < w->last ||
	    now < old->this_update ||
	    old->next_update > now + 2 * w->ca->settings->crl.period ||
	    now - old->this_update >= (old->next_update - old->this_update) / 2)
		return true;
	sha256(entries, crl_entries(&w->crl));
	return memcmp(entries, before, SHA256_LEN) != 0;
}

/* Never over one that is newer: nodes may share the folder, too. */
static int
publish(const struct work *w, int64_t number, struct span der, struct fail *why)
{
	const struct settings *s = w->ca->settings;
	char *path = file_path(s->public_folder, "crl/.lock");
	struct crls_state there;
	int lock, rc = file_lock(&lock, path, LOCK_WAIT, why);

	if (rc == 0)
		rc = crls_read(&there, s, w->state.keyid, why);
	if (rc == 0 && there.number < number)
		rc = file_write(w->state.path, der, PUBLIC_MODE, why);
	if (lock >= 0)
		(void)close(lock);
	free(path);
	return rc;
}

/* Into the store; `taken` false: another node's came between. */
static int
record(struct work *w, bool *taken, struct span der, struct fail *why)
{
	char until[WHEN_LEN];
	char *text;
	struct audit entry = {.event = "crl", .requester = w->wish->requester};
	int rc;

	when_write(until, w->state.next_update);
	text = str_fmt("revocation list %lld of key %s, %zu entries, until %s",
	    (long long)w->state.number, w->state.keyid, w->state.entries,
	    until);
	entry.text = text;
	rc = store_crl_add(w->ca->store, taken, w->state.keyid, w->last,
	    w->state.number, der, &entry, why);
	free(text);
	return rc;
}

static int
sign_and_publish(struct work *w, bool *taken, struct fail *why)
{
	struct span tbs = crl_tbs(&w->crl), all;
	struct bytes signature = {0};
	int rc = -1;

	if (key_sign_octets(&signature, w->signer->key, tbs,
		key_hash(w->public), why) == 0) {
		all = crl_finish(
		    &w->crl, span_of(&w->algorithm), span_of(&signature));
		rc = record(w, taken, all, why);
		fault_point("crl-recorded");
		if (rc == 0 && *taken)
			rc = publish(w, w->state.number, all, why);
		fault_point("crl-published");
	}
	bytes_free(&signature);
	return rc;
}

/* ---- what another node made ---------------------------------------------------- */

static bool
is_signed(const struct work *w, const struct store_crl *last)
{
	X509_CRL *crl = crls_of_key(span_of(&last->der), w->public);

	X509_CRL_free(crl);
	return crl != NULL;
}

/* A newer one than is published here is published here.  One that this key did
 * not sign is none: another is made. */
static int
catch_up(struct work *w, uint8_t before[SHA256_LEN], struct fail *why)
{
	struct store_crl last;
	int rc;

	if (store_crl_last(w->ca->store, &last, w->state.keyid, why) != 0)
		return -1;
	w->last = last.number;
	rc = 0;
	if (last.number > w->state.number && last.der.len > 0 &&
	    is_signed(w, &last)) {
		rc = publish(w, last.number, span_of(&last.der), why);
		if (rc == 0)
			rc = published_read(&w->state, before, why);
	}
	store_crl_free(&last);
	return rc;
}

/* ---- one key ------------------------------------------------------------------ */

static int
key_look(struct work *w, struct fail *why)
{
	if (w->signer->key == NULL) {
		*why = w->signer->why;
		return -1;
	}
	if (key_ready(w->signer->key, TOKEN_WAIT, why) != 0 ||
	    ca_key_ok(&w->public, w->ca, w->signer, why) != 0)
		return -1;
	return crl_algorithm(
	    &w->algorithm, w->public, key_hash(w->public), why);
}

/* `again`: another node was first. */
static int
one_try(struct work *w, bool *again, int64_t now, struct fail *why)
{
	struct crls_state old;
	uint8_t before[SHA256_LEN];
	bool taken = true;
	int rc = -1;

	if (published_read(&w->state, before, why) != 0 ||
	    catch_up(w, before, why) != 0)
		return -1;
	old = w->state;
	rc = fill(w, now, why);
	if (rc == 0 && (w->wish->force || is_due(w, &old, before, now))) {
		rc = sign_and_publish(w, &taken, why);
		w->state.made = rc == 0 && taken;
	}
	if (!w->state.made) {
		old.entries = w->state.entries;
		w->state = old;
	}
	*again = !taken;
	crl_free(&w->crl);
	return rc;
}

static int
one_make(struct work *w, int64_t now, struct fail *why)
{
	bool again = true;
	int rc = key_look(w, why);

	for (int i = 0; i < TRIES && rc == 0 && again; i++)
		rc = one_try(w, &again, now, why);
	if (rc == 0 && again)
		rc = fail(why, FAIL_BUSY, "locked",
		    "other nodes make lists of key %s all the time",
		    w->state.keyid);
	return rc;
}

static void
work_free(struct work *w)
{
	crl_free(&w->crl);
	bytes_free(&w->algorithm);
	EVP_PKEY_free(w->public);
}

/* ---- all of them ---------------------------------------------------------------- */

static int
folder_open(int *lock, const struct ca *ca, struct fail *why)
{
	char *folder = file_path(ca->settings->public_folder, "crl");
	char *path = file_path(ca->settings->state, "crl.lock");
	int rc = 0;

	*lock = -1;
	/* Whatever the umask: the web server reads it. */
	if ((mkdir(folder, 0755) != 0 && errno != EEXIST) ||
	    chmod(folder, 0755) != 0) {
		fail(why, FAIL_BROKEN, "file", "cannot make %s", folder);
		rc = fail_errno(why, "mkdir");
	}
	if (rc == 0)
		rc = file_lock(lock, path, LOCK_WAIT, why);
	free(path);
	free(folder);
	return rc;
}

int
crls_make(struct ca *ca, const struct crls_wish *wish, int64_t now,
    void (*each)(const struct crls_state *state, void *arg), void *arg,
    struct fail *why)
{
	int lock, rc = 0;

	if (ca->issuers == NULL) {
		*why = ca->issuers_why;
		return -1;
	}
	/* A number that follows a wrong clock would go back. */
	if (store_clock(ca->store, now, ca->settings->clock_slack, why) != 0 ||
	    folder_open(&lock, ca, why) != 0)
		return -1;
	for (size_t i = 0; i < ca->issuers->n; i++) {
		struct work w = {.ca = ca,
		    .wish = wish,
		    .signer = signer_of_key(ca, i, now)};
		struct fail one = {0};
		char *path;

		if (w.signer == NULL)
			continue;
		w.state.keyid = w.signer->issuer->authority->keyid;
		path = crls_path(ca->settings, w.state.keyid);
		w.state.path = path;
		if (one_make(&w, now, &one) != 0) {
			w.state.why = one;
			if (rc == 0)
				*why = one;
			rc = -1;
		}
		each(&w.state, arg);
		work_free(&w);
		free(path);
	}
	(void)close(lock);
	return rc;
}

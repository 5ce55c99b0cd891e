#include "lib/ca/ca.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/ca/attempts.h"
#include "lib/ca/identity.h"
#include "lib/ca/responder.h"
#include "lib/ca/signer.h"

#define RETRY_SECONDS 60

struct ca_token {
	unsigned refs;
	struct key *key;
	struct slots *slots;
	char *place; /* what settings_key_place() said, as one text */
};

struct ca_records {
	unsigned refs;
	struct store *store;
	char *url;
};

static unsigned
hold(unsigned *refs)
{
	return __atomic_add_fetch(refs, 1, __ATOMIC_RELAXED);
}

static bool
drop(unsigned *refs)
{
	return __atomic_sub_fetch(refs, 1, __ATOMIC_ACQ_REL) == 0;
}

/* ---- the token's key ---------------------------------------------------- */

static void
token_drop(struct ca_token *t)
{
	if (t == NULL || !drop(&t->refs))
		return;
	key_free(t->key);
	slots_free(t->slots);
	free(t->place);
	free(t);
}

/* Waiting for the token must leave workers to answer the others. */
static unsigned
waiters(const struct settings *s)
{
	unsigned threads = s->threads > 0 ? (unsigned)s->threads : 1;

	return threads > 16 ? threads - 8 : (threads + 1) / 2;
}

static int
token_open(struct ca_token **token, const struct settings *s, struct fail *why)
{
	struct ca_token *t = mem_new(sizeof(*t));
	struct key_place place = settings_key_place(s);
	char *path = file_path(s->state, "slots");
	int rc = -1;

	t->refs = 1;
	t->place = signer_place(s, s->ca.key);
	if (slots_open(&t->slots, path, waiters(s), why) == 0 &&
	    key_open(&t->key, &place, why) == 0) {
		*token = t;
		rc = 0;
	} else {
		token_drop(t);
	}
	free(path);
	return rc;
}

/* The old one's, moved when its place is another now. */
static int
token_share(struct ca_token **token, struct ca_token *old,
    const struct settings *s, struct fail *why)
{
	struct key_place place;
	char *text = signer_place(s, s->ca.key);

	if (strcmp(text, old->place) != 0) {
		place = settings_key_place(s);
		if (key_move(old->key, &place, why) != 0) {
			free(text);
			return -1;
		}
		free(old->place);
		old->place = text;
	} else {
		free(text);
	}
	(void)hold(&old->refs);
	*token = old;
	return 0;
}

/* ---- the store ---------------------------------------------------------- */

static void
records_drop(struct ca_records *r)
{
	if (r == NULL || !drop(&r->refs))
		return;
	store_free(r->store);
	free(r->url);
	free(r);
}

static int
records_open(struct ca_records **records, struct ca_records *old,
    const struct settings *s, struct fail *why)
{
	struct ca_records *r;

	if (old != NULL && strcmp(old->url, s->store) == 0) {
		(void)hold(&old->refs);
		*records = old;
		return 0;
	}
	r = mem_new(sizeof(*r));
	r->refs = 1;
	r->url = str_dup(s->store);
	if (store_open_node(&r->store, s->store, s->node, false,
		(unsigned)s->connections, s->disk_reserve, why) != 0) {
		records_drop(r);
		return -1;
	}
	*records = r;
	return 0;
}

/* ---- the whole ---------------------------------------------------------- */

/* What the lists of the CAs above say, and which of them are missing. */
static void
say_above(const struct issuers *issuers)
{
	if (issuers->above.kind != FAIL_NONE)
		log_fail("a list of the CAs above is passed over, or old",
		    &issuers->above);
	for (size_t i = 0; i < issuers->n; i++)
		if (issuers->item[i]->authority->revoked.kind != FAIL_NONE)
			log_fail("an issuing certificate issues no more",
			    &issuers->item[i]->authority->revoked);
}

/* Not to have one is said to each request, and to health. */
static void
read_issuers(struct ca *ca)
{
	if (issuers_read(&ca->issuers, ca->settings, &ca->issuers_why) != 0) {
		fail_hide(&ca->issuers_why,
		    "this CA's issuing certificate is not usable");
		ca->issuers_why.kind = FAIL_BUSY;
		ca->issuers_why.retry = RETRY_SECONDS;
		return;
	}
	if (ca->issuers->trouble.kind != FAIL_NONE)
		log_fail("an issuing certificate is passed over",
		    &ca->issuers->trouble);
	if ((ca->need & CA_KEY) != 0)
		say_above(ca->issuers);
	ca->signer = mem_new(ca->issuers->n * sizeof(*ca->signer));
	for (size_t i = 0; i < ca->issuers->n; i++)
		ca->signer[i].issuer = ca->issuers->item[i];
}

/* What was need not fit any more. */
static int
profiles_fit(const struct ca *ca, struct fail *why)
{
	const struct endpoint *all = ca->settings->endpoints.item;
	int64_t now = when_now();

	for (size_t j = 0; ca->issuers != NULL && j < ca->issuers->n; j++) {
		const struct issuer *x = ca->issuers->item[j];

		if (issuers_state(ca->issuers, x, now) == ISSUER_PAST)
			continue;
		for (size_t i = 0; i < ca->settings->endpoints.n; i++)
			if (all[i].profile != NULL &&
			    authority_profile_ok(
				x->authority, all[i].profile, why) != 0)
				return -1;
	}
	return 0;
}

static int
open_key(struct ca *ca, struct ca *old, struct fail *why)
{
	struct ca_token *shared = old != NULL ? old->token : NULL;

	if ((shared != NULL ? token_share(&ca->token, shared, ca->settings, why)
			    : token_open(&ca->token, ca->settings, why)) != 0)
		return -1;
	ca->key = ca->token->key;
	ca->slots = ca->token->slots;
	signers_open(ca, old);
	return 0;
}

static int
open_all(struct ca *ca, struct ca *old, struct fail *why)
{
	read_issuers(ca);
	if ((ca->need & CA_KEY) != 0 &&
	    (profiles_fit(ca, why) != 0 ||
		identity_cache_new(
		    &ca->identities, ca->settings, ca->issuers, why) != 0))
		return -1;
	if ((ca->need & CA_STORE) != 0) {
		if (records_open(&ca->records,
			old != NULL ? old->records : NULL, ca->settings,
			why) != 0)
			return -1;
		ca->store = ca->records->store;
	}
	if ((ca->need & CA_RESPONDER) != 0)
		responders_open(ca, when_now());
	if ((ca->need & CA_KEY) != 0)
		return open_key(ca, old, why);
	return 0;
}

int
ca_attempts(struct attempts **attempts, struct ca *ca, struct fail *why)
{
	char *path = file_path(ca->settings->state, "attempts");
	int rc = 0;

	(void)pthread_mutex_lock(&ca->lock);
	if (ca->attempts == NULL)
		rc = attempts_open(&ca->attempts, path, why);
	*attempts = ca->attempts;
	(void)pthread_mutex_unlock(&ca->lock);
	free(path);
	if (rc == 0)
		return 0;
	fail_hide(why, "secrets cannot be taken now");
	why->kind = FAIL_BUSY;
	why->reason = "attempts";
	return fail_retry(why, RETRY_SECONDS);
}

/* Who started this?  A web server's user has neither PIN nor database, and
 * whatever it lacks first would be a worse reason. */
static int
owner_ok(const struct settings *s, unsigned need, struct fail *why)
{
	struct stat st;

	if (need == 0 || stat(s->state, &st) != 0 || st.st_uid == geteuid())
		return 0;
	return fail(why, FAIL_CONFIG, "owner",
	    "the state folder %s is another user's: start this program as that "
	    "one, not by the web server",
	    s->state);
}

int
ca_open(struct ca **ca, const char *conf, unsigned need, struct ca *old,
    struct fail *why)
{
	struct ca *c = mem_new(sizeof(*c));

	c->refs = 1;
	c->need = need;
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_mutex_init(&c->counted.lock, NULL);
	if (settings_read(&c->settings, conf, why) != 0 ||
	    owner_ok(c->settings, need, why) != 0 ||
	    open_all(c, old, why) != 0) {
		ca_drop(c);
		return -1;
	}
	*ca = c;
	return 0;
}

struct ca *
ca_hold(struct ca *ca)
{
	(void)hold(&ca->refs);
	return ca;
}

void
ca_drop(struct ca *ca)
{
	if (ca == NULL || !drop(&ca->refs))
		return;
	signers_drop(ca);
	responders_free(ca);
	token_drop(ca->token);
	records_drop(ca->records);
	identity_cache_free(ca->identities);
	attempts_free(ca->attempts);
	issuers_free(ca->issuers);
	settings_free(ca->settings);
	(void)pthread_mutex_destroy(&ca->counted.lock);
	(void)pthread_mutex_destroy(&ca->lock);
	free(ca);
}

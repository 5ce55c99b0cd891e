#include "lib/ca/ca.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/ca/attempts.h"
#include "lib/ca/identity.h"

#define RETRY_SECONDS 60
#define SAY_EVERY 60 /* s between two warnings of the same thing */

struct ca_key {
	unsigned refs;
	struct key *key;
	char *place;
};

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

static char *
place_text(const struct settings *s, const char *uri)
{
	const struct conf_strings *env = &s->ca.module_environment;
	struct bytes text = {0};

	bytes_addf(&text, "%s\n%s\n%s\n%s", uri,
	    s->ca.module != NULL ? s->ca.module : "",
	    s->ca.pin_file != NULL ? s->ca.pin_file : "", s->state);
	for (size_t i = 0; i < env->n; i++)
		bytes_addf(&text, "\n%s", env->text[i]);
	return (char *)text.data;
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
	t->place = place_text(s, s->ca.key);
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
	char *text = place_text(s, s->ca.key);

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

/* ---- the keys of generations -------------------------------------------- */

static void
own_drop(struct ca_key *k)
{
	if (k == NULL || !drop(&k->refs))
		return;
	key_free(k->key);
	free(k->place);
	free(k);
}

/* Takes `place` over. */
static int
own_open(struct ca_key **own, char *place, const struct issuer *issuer,
    const struct settings *s, struct fail *why)
{
	struct key_place at = issuer_key_place(issuer, s);
	struct ca_key *k = mem_new(sizeof(*k));

	k->refs = 1;
	k->place = place;
	if (key_open(&k->key, &at, why) != 0) {
		own_drop(k);
		return -1;
	}
	*own = k;
	return 0;
}

static struct ca_key *
own_find(const struct ca *ca, const char *place)
{
	for (size_t i = 0; ca != NULL && ca->issuers != NULL &&
			   ca->signer != NULL && i < ca->issuers->n;
	     i++)
		if (ca->signer[i].own != NULL &&
		    strcmp(ca->signer[i].own->place, place) == 0)
			return ca->signer[i].own;
	return NULL;
}

/* A key that cannot be opened is this generation's trouble, nobody else's. */
static void
signer_open(struct signer *signer, const struct ca *ca, const struct ca *old)
{
	const char *uri = signer->issuer->key;
	char *place;
	struct ca_key *k;

	if (uri == NULL || strcmp(uri, ca->settings->ca.key) == 0) {
		signer->key = ca->key;
		return;
	}
	place = place_text(ca->settings, uri);
	if ((k = own_find(ca, place)) == NULL)
		k = own_find(old, place);
	if (k != NULL) {
		(void)hold(&k->refs);
		free(place);
	} else if (own_open(&k, place, signer->issuer, ca->settings,
		       &signer->why) != 0) {
		log_fail("an issuing certificate's key", &signer->why);
		return;
	}
	signer->own = k;
	signer->key = k->key;
}

/* What is past its end signs nothing any more. */
static void
signers_open(struct ca *ca, const struct ca *old)
{
	int64_t now = when_now();

	for (size_t i = 0; ca->issuers != NULL && i < ca->issuers->n; i++)
		if (ca->issuers->item[i]->authority->cert->not_after > now)
			signer_open(&ca->signer[i], ca, old);
}

static void
signers_drop(struct ca *ca)
{
	for (size_t i = 0; ca->issuers != NULL && i < ca->issuers->n; i++) {
		own_drop(ca->signer[i].own);
		EVP_PKEY_free(ca->signer[i].matched);
	}
	free(ca->signer);
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
	if (store_open(&r->store, s->store, false, (unsigned)s->connections,
		s->disk_reserve, why) != 0) {
		records_drop(r);
		return -1;
	}
	*records = r;
	return 0;
}

/* ---- the whole ---------------------------------------------------------- */

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

/* Only where a secret opens anything. */
static int
open_attempts(struct ca *ca, struct fail *why)
{
	const struct endpoint *all = ca->settings->endpoints.item;
	char *path = NULL;
	int rc = 0;

	for (size_t i = 0; i < ca->settings->endpoints.n; i++)
		if (path == NULL &&
		    (all[i].auth == AUTH_SECRET || all[i].auth == AUTH_EITHER))
			path = file_path(ca->settings->state, "attempts");
	if (path != NULL)
		rc = attempts_open(&ca->attempts, path, why);
	free(path);
	return rc;
}

static int
open_all(struct ca *ca, struct ca *old, struct fail *why)
{
	read_issuers(ca);
	if ((ca->need & CA_KEY) != 0 &&
	    (profiles_fit(ca, why) != 0 ||
		identity_cache_new(
		    &ca->identities, ca->settings, ca->issuers, why) != 0 ||
		open_attempts(ca, why) != 0))
		return -1;
	if ((ca->need & CA_STORE) != 0) {
		if (records_open(&ca->records,
			old != NULL ? old->records : NULL, ca->settings,
			why) != 0)
			return -1;
		ca->store = ca->records->store;
	}
	if ((ca->need & CA_KEY) != 0)
		return open_key(ca, old, why);
	return 0;
}

int
ca_open(struct ca **ca, const char *conf, unsigned need, struct ca *old,
    struct fail *why)
{
	struct ca *c = mem_new(sizeof(*c));

	c->refs = 1;
	c->need = need;
	(void)pthread_mutex_init(&c->lock, NULL);
	if (settings_read(&c->settings, conf, why) != 0 ||
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
	token_drop(ca->token);
	records_drop(ca->records);
	identity_cache_free(ca->identities);
	attempts_free(ca->attempts);
	issuers_free(ca->issuers);
	settings_free(ca->settings);
	(void)pthread_mutex_destroy(&ca->lock);
	free(ca);
}

/* ---- asking ------------------------------------------------------------- */

const struct authority *
ca_authority(const struct ca *ca, int64_t now)
{
	return ca->issuers == NULL
	           ? NULL
	           : issuers_active(ca->issuers, now)->authority;
}

/* A key compared before is known by its address: `matched` keeps it alive. */
static bool
matches(struct ca *ca, struct signer *signer, EVP_PKEY *public)
{
	bool known;

	(void)pthread_mutex_lock(&ca->lock);
	known = signer->matched == public;
	if (!known &&
	    EVP_PKEY_eq(public, signer->issuer->authority->key) == 1 &&
	    EVP_PKEY_up_ref(public) == 1) {
		EVP_PKEY_free(signer->matched);
		signer->matched = public;
		known = true;
	}
	(void)pthread_mutex_unlock(&ca->lock);
	return known;
}

int
ca_key_ok(
    EVP_PKEY **public, struct ca *ca, struct signer *signer, struct fail *why)
{
	*public = NULL;
	if (signer->key == NULL) {
		if (signer->why.kind == FAIL_NONE)
			return fail(why, FAIL_BROKEN, "build",
			    "this program does not hold the CA's key");
		*why = signer->why;
		fail_hide(why, "the CA's key cannot be opened");
		why->kind = FAIL_BUSY;
		return fail_retry(why, RETRY_SECONDS);
	}
	if (key_public(public, signer->key, why) != 0)
		return -1;
	if (matches(ca, signer, *public))
		return 0;
	EVP_PKEY_free(*public);
	*public = NULL;
	fail(why, FAIL_BUSY, "issuer-key",
	    "the issuing certificate is not that of the CA's key");
	return fail_retry(why, RETRY_SECONDS);
}

static bool
can_sign(struct ca *ca, struct signer *signer, struct fail *why)
{
	EVP_PKEY *public = NULL;
	bool ok = ca_key_ok(&public, ca, signer, why) == 0;

	EVP_PKEY_free(public);
	return ok;
}

static void
say_former(const struct signer *active, const struct signer *former,
    const struct fail *why)
{
	static int64_t last;
	int64_t now = (int64_t)when_clock() + SAY_EVERY;
	int64_t then = __atomic_load_n(&last, __ATOMIC_RELAXED);

	if (now - then < SAY_EVERY ||
	    !__atomic_compare_exchange_n(
		&last, &then, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	log_write(LOG_LEVEL_ERROR,
	    "%s: the key of issuing certificate %s, active now, cannot be "
	    "used: %s goes on issuing",
	    why->reason, active->issuer->serial, former->issuer->serial);
}

/* Who stands in, if anybody can. */
static struct signer *
former_find(
    struct ca *ca, struct signer *active, int64_t now, const struct fail *why)
{
	struct fail other = {0};

	for (struct signer *s = active; s-- > ca->signer;)
		if (authority_usable(s->issuer->authority, now, &other) == 0 &&
		    can_sign(ca, s, &other)) {
			say_former(active, s, why);
			return s;
		}
	return active;
}

int
ca_signer(struct signer **signer, struct ca *ca, int64_t now, struct fail *why)
{
	struct signer *active = ca->signer;
	const struct issuer *issuer;
	struct fail key = {0};

	if (ca->issuers == NULL) {
		*why = ca->issuers_why;
		return -1;
	}
	issuer = issuers_active(ca->issuers, now);
	while (active->issuer != issuer)
		active++;
	if (authority_usable(active->issuer->authority, now, why) != 0)
		return -1;
	*signer = active;
	if (ca->key != NULL && active > ca->signer &&
	    !can_sign(ca, active, &key))
		*signer = former_find(ca, active, now, &key);
	return 0;
}

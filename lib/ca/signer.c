#include "lib/ca/signer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/when.h"

#define RETRY_SECONDS 60
#define SAY_EVERY 60 /* s between two warnings of the same thing */

struct ca_key {
	unsigned refs;
	struct key *key;
	char *place;
};

char *
signer_place(const struct settings *s, const char *uri)
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

/* ---- the keys of generations -------------------------------------------- */

static void
own_drop(struct ca_key *k)
{
	if (k == NULL || __atomic_sub_fetch(&k->refs, 1, __ATOMIC_ACQ_REL) > 0)
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
	place = signer_place(ca->settings, uri);
	if ((k = own_find(ca, place)) == NULL)
		k = own_find(old, place);
	if (k != NULL) {
		(void)__atomic_add_fetch(&k->refs, 1, __ATOMIC_RELAXED);
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
void
signers_open(struct ca *ca, const struct ca *old)
{
	int64_t now = when_now();

	for (size_t i = 0; ca->issuers != NULL && i < ca->issuers->n; i++)
		if (ca->issuers->item[i]->authority->cert->not_after > now)
			signer_open(&ca->signer[i], ca, old);
}

void
signers_drop(struct ca *ca)
{
	for (size_t i = 0; ca->issuers != NULL && i < ca->issuers->n; i++) {
		own_drop(ca->signer[i].own);
		EVP_PKEY_free(ca->signer[i].matched);
	}
	free(ca->signer);
}

struct signer *
signer_of_key(struct ca *ca, size_t i, int64_t now)
{
	const struct authority *a = ca->issuers->item[i]->authority;
	const struct issuer *issuer =
	    issuers_by_keyid(ca->issuers, a->keyid, now);

	for (size_t j = 0; j < i; j++)
		if (strcmp(ca->issuers->item[j]->authority->keyid, a->keyid) ==
		    0)
			return NULL;
	for (size_t j = 0; j < ca->issuers->n; j++)
		if (ca->signer[j].issuer == issuer &&
		    issuer->authority->not_after > now)
			return &ca->signer[j];
	return NULL;
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

/* Again when it is for another reason: a key that is being opened at the start
 * is not yet one that is missing. */
static void
say_former(const struct signer *active, const struct signer *former,
    const struct fail *why)
{
	static int64_t last;
	static const char *reason;
	int64_t now = (int64_t)when_clock() + SAY_EVERY;
	int64_t then = __atomic_load_n(&last, __ATOMIC_RELAXED);
	const char *before =
	    __atomic_exchange_n(&reason, why->reason, __ATOMIC_RELAXED);

	if ((now - then < SAY_EVERY && before == why->reason) ||
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

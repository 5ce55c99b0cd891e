#include "lib/ca/identity_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SETS 256
#define WAYS 4

struct verdict {
	const struct endpoint *endpoint;
	struct identity *who; /* NULL: free */
	struct trust *trust;  /* the rule's that said yes */
	unsigned generation;
	int64_t until;
	uint64_t used;
};

struct identity_cache {
	pthread_mutex_t lock; /* of the verdicts */
	struct verdict set[SETS][WAYS];
	uint64_t clock; /* counts uses */
	struct trust **trust;
	size_t trusts;
};

/* Rules are counted through all endpoints. */
static size_t
index_of(const struct settings *s, const struct endpoint *e, size_t rule)
{
	const struct endpoint *all = s->endpoints.item;

	for (size_t i = 0; i < s->endpoints.n && &all[i] != e; i++)
		rule += all[i].allow.n;
	return rule;
}

static int
trusts_make(struct identity_cache *cache, const struct settings *s,
    const struct issuers *issuers, struct fail *why)
{
	const struct endpoint *all = s->endpoints.item;
	size_t n = index_of(s, NULL, 0);

	cache->trust = mem_new((n + 1) * sizeof(*cache->trust));
	for (size_t i = 0; i < s->endpoints.n; i++) {
		const struct allow *rules = all[i].allow.item;

		for (size_t j = 0; j < all[i].allow.n; j++) {
			if (trust_new(&cache->trust[cache->trusts], &rules[j],
				issuers, why) != 0)
				return -1;
			cache->trusts++;
		}
	}
	return 0;
}

int
identity_cache_new(struct identity_cache **cache,
    const struct settings *settings, const struct issuers *issuers,
    struct fail *why)
{
	struct identity_cache *c = mem_new(sizeof(*c));

	(void)pthread_mutex_init(&c->lock, NULL);
	if (trusts_make(c, settings, issuers, why) != 0) {
		identity_cache_free(c);
		return -1;
	}
	*cache = c;
	return 0;
}

void
identity_cache_free(struct identity_cache *cache)
{
	if (cache == NULL)
		return;
	for (size_t i = 0; i < SETS * WAYS; i++)
		identity_free(cache->set[i / WAYS][i % WAYS].who);
	for (size_t i = 0; i < cache->trusts; i++)
		trust_free(cache->trust[i]);
	free(cache->trust);
	(void)pthread_mutex_destroy(&cache->lock);
	free(cache);
}

struct trust *
identity_cache_trust(struct identity_cache *cache,
    const struct settings *settings, const struct endpoint *endpoint,
    size_t rule)
{
	return cache->trust[index_of(settings, endpoint, rule)];
}

static void
forget(struct verdict *v)
{
	identity_free(v->who);
	memset(v, 0, sizeof(*v));
}

/* The verdict of that certificate at that endpoint; the lock is held. */
static struct verdict *
lookup(struct identity_cache *cache, const struct endpoint *endpoint,
    const uint8_t sha256[SHA256_LEN])
{
	struct verdict *set = cache->set[sha256[0] % SETS];

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].who != NULL && set[i].endpoint == endpoint &&
		    memcmp(set[i].who->sha256, sha256, SHA256_LEN) == 0)
			return &set[i];
	return NULL;
}

struct identity *
identity_cache_find(struct identity_cache *cache,
    const struct endpoint *endpoint, const uint8_t sha256[SHA256_LEN],
    int64_t now)
{
	struct identity *who = NULL;
	struct verdict *v;

	(void)pthread_mutex_lock(&cache->lock);
	v = lookup(cache, endpoint, sha256);
	if (v != NULL && (now >= v->until || now < v->who->not_before ||
			     trust_generation(v->trust) != v->generation)) {
		forget(v);
	} else if (v != NULL) {
		v->used = ++cache->clock;
		who = identity_hold(v->who);
	}
	(void)pthread_mutex_unlock(&cache->lock);
	return who;
}

void
identity_cache_keep(struct identity_cache *cache,
    const struct endpoint *endpoint, struct identity *who, struct trust *trust,
    unsigned generation, int64_t until)
{
	struct verdict *set = cache->set[who->sha256[0] % SETS], *v;

	(void)pthread_mutex_lock(&cache->lock);
	v = lookup(cache, endpoint, who->sha256);
	for (size_t i = 0; v == NULL && i < WAYS; i++)
		if (set[i].who == NULL)
			v = &set[i];
	if (v == NULL) {
		v = set;
		for (size_t i = 1; i < WAYS; i++)
			if (set[i].used < v->used)
				v = &set[i];
	}
	forget(v);
	*v = (struct verdict){endpoint, identity_hold(who), trust, generation,
	    until, ++cache->clock};
	(void)pthread_mutex_unlock(&cache->lock);
}

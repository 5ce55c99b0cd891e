/*
 * identity_cache - every rule's trust, and the verdicts that are remembered.
 *
 * Inner part of identity.  A verdict is kept by SHA-256 of the certificate and
 * endpoint, until its time is over or the rule's CRL file changes; the oldest
 * use makes room.
 */
#ifndef MICROCA_IDENTITY_CACHE_H
#define MICROCA_IDENTITY_CACHE_H

#include "lib/ca/identity.h"
#include "lib/ca/trust.h"

/* The trust of the `rule`-th rule of an endpoint; borrowed. */
struct trust *identity_cache_trust(struct identity_cache *cache,
    const struct settings *settings, const struct endpoint *endpoint,
    size_t rule);

/* A reference of the caller's own, or NULL. */
struct identity *identity_cache_find(struct identity_cache *cache,
    const struct endpoint *endpoint, const uint8_t sha256[SHA256_LEN],
    int64_t now);
/* Takes a reference of its own.  `generation` is the trust's from before the
 * path was checked. */
void identity_cache_keep(struct identity_cache *cache,
    const struct endpoint *endpoint, struct identity *who, struct trust *trust,
    unsigned generation, int64_t until);

struct identity *identity_hold(struct identity *who);
struct identity *identity_new(const struct allow *rule);

#endif

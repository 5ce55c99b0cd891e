/*
 * replaced - certificates that a renewal replaced and that are to be revoked,
 * once their successors are known to be in use or some time has passed.
 *
 * The transaction that issues writes the row (store_rules.replaced); each says
 * when somebody is to look at it, at the old certificate's end at the latest.
 */
#ifndef MICROCA_REPLACED_H
#define MICROCA_REPLACED_H

#include "lib/store/store.h"

/* Borrowed. */
struct replaced {
	int64_t id;        /* the successor's */
	struct record old; /* as they are now, … */
	struct record successor;
};

/* Those to be looked at by `now`, in the order of that time, until `each`
 * returns non-zero, which is returned; it may use the store. */
MUST_CHECK int store_replaced_each(struct store *store, int64_t now,
    int (*each)(const struct replaced *replaced, void *arg), void *arg,
    struct fail *why);

/* The certificate with this number is in use: what it replaced is looked at by
 * `due`.  `changed` false: it replaced none, or that is sooner due. */
MUST_CHECK int store_replaced_due(struct store *store, bool *changed,
    int64_t id, int64_t due, struct fail *why);

/* Nothing is left to do for what this one replaced. */
MUST_CHECK int store_replaced_drop(
    struct store *store, int64_t id, struct fail *why);

#endif

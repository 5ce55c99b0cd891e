/*
 * internal - the store's own struct.  For lib/store, its tests and its bench.
 */
#ifndef MICROCA_STORE_INTERNAL_H
#define MICROCA_STORE_INTERNAL_H

#include "lib/store/driver.h"
#include "lib/store/refusals.h"
#include "lib/store/store.h"

struct store {
	struct db *db;
	struct refusals *refusals;
	int64_t lane;              /* of the audit, that it writes to */
	int64_t reserve;           /* octets */
	int64_t newest, newest_at; /* atomic: issued last, when looked (s) */
	int64_t space, space_at;   /* atomic: free octets, when looked (s) */
};

/* store_open() with all that the driver can be told; `o->place` is set here. */
MUST_CHECK int store_open_with(struct store **store, const char *url,
    const struct db_options *o, int64_t reserve, struct fail *why);

/* Whose URL it is, and what follows the scheme.  FAIL_CONFIG "db-url". */
MUST_CHECK int store_driver_of(const struct store_driver **driver,
    const char **place, const char *url, struct fail *why);

/* Free octets of the store's file system, looked up once a second at most. */
int64_t store_space(struct store *store);
/* Is there disk to record something new?  FAIL_BUSY "disk-full". */
MUST_CHECK int store_room(struct store *store, struct fail *why);

/* ledger.c: write what is still only counted. */
void ledger_flush(struct store *store);

#endif

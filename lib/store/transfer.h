/*
 * transfer - one store's rows into another, whatever engines they are of.
 *
 * All tables as they are, numbers and hashes too: what was copied is the same
 * store in another place.  What reads the source is one snapshot.  Until all of
 * it is there and was counted, the copy says that it is no database of ours, so
 * that nothing can be issued from a half.
 */
#ifndef MICROCA_TRANSFER_H
#define MICROCA_TRANSFER_H

#include "lib/store/store.h"

struct transfer {
	int64_t certificates, records; /* records: of the audit, all lanes */
	int64_t rows;                  /* of all tables */
};

/*
 * Copy `from` to the database at `url`, which is made, or filled when it is an
 * empty one of PostgreSQL's; then the rows of each table are counted in both,
 * and the ends of the audit's lanes compared.  Fails: FAIL_CONFLICT "db-exists"
 * (there is something), "db-copy" (it is not the same); as store_open().
 */
MUST_CHECK int store_transfer(struct store *from, const char *url,
    struct transfer *did, struct fail *why);

/* The version of its schema. */
MUST_CHECK int store_version(
    struct store *store, int *version, struct fail *why);
/* store_open_node() with an older schema brought to the present one; `from` is
 * the version that it had.  Programs of other nodes have to be stopped. */
MUST_CHECK int store_upgrade(struct store **store, const char *url, int node,
    int *from, struct fail *why);

/* store_copy() of a driver that has no better: into a new SQLite file. */
MUST_CHECK int transfer_file(
    struct store *from, const char *path, struct fail *why);

#endif

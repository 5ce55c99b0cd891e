/*
 * rows - devices' certificates for measuring, without any cryptography: what
 * an issuance records, with random hashes and DER.
 */
#ifndef MICROCA_BENCH_ROWS_H
#define MICROCA_BENCH_ROWS_H

#include "lib/store/store.h"

/* The issuing key's identifier of them all. */
#define ROWS_ISSUER "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c"

/* A device's certificate like any other; all of it new.  record_free(). */
void rows_make(struct record *r, unsigned *seed);
/* By store_issue(); `renews`: SHA-256 of the one that it renews, or NULL. */
void rows_issue(
    struct store *store, const struct record *r, const uint8_t *renews);
/* What a filled row has: its hash "sha", "spki", "subject", "request" or "csr",
 * and its serial. */
#define ROWS_SERIAL 41
void rows_hash(uint8_t hash[SHA256_LEN], const char *kind, unsigned number);
void rows_serial(char serial[ROWS_SERIAL], unsigned number);
/*
 * Numbers `from` + 1 to `to` into the database at `path`, which nobody has
 * open, a hundred times faster than that; the first `revoked` of all are
 * revoked.  Whatever fails ends the process.
 */
void rows_fill(const char *path, unsigned from, unsigned to, unsigned revoked);

#endif

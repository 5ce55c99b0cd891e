/*
 * backup - a copy of the whole database while others write to it, and what is
 * to be known before a database is put in the place of another.
 *
 * The copy is the database of one moment, all of it synced: writers go on
 * meanwhile, and nobody waits for it.  Only the WAL is not begun anew before it
 * is done.
 */
#ifndef MICROCA_BACKUP_H
#define MICROCA_BACKUP_H

#include "lib/store/store.h"

/* Into a new file, 0600, that is not synced.  Its length: stat(2).  Fails: as
 * any reading; FAIL_BUSY "disk-full"; FAIL_BROKEN "file". */
MUST_CHECK int store_copy(
    struct store *store, const char *path, struct fail *why);
/* Every page and index is looked at, and there are those tables and indexes
 * alone that belong there.  FAIL_BUSY "db-corrupt". */
MUST_CHECK int store_whole(struct store *store, struct fail *why);
/* Octets that a copy takes now. */
MUST_CHECK int store_size(
    struct store *store, int64_t *octets, struct fail *why);

/* The last record of a lane of the audit chain; seq 0, zeros: none.  And the hash of
 * record `seq`; `found` false: there is none. */
MUST_CHECK int store_head(struct store *store, int64_t lane, int64_t *seq,
    uint8_t hash[SHA256_LEN], struct fail *why);
MUST_CHECK int store_link(struct store *store, bool *found,
    uint8_t hash[SHA256_LEN], int64_t lane, int64_t seq, struct fail *why);

/*
 * Nobody has the database open, nor can open it until `lock` is closed:
 * FAIL_BUSY "db-inuse", the text names one who does.  `lock` is -1 when it
 * fails.  A database that is not there is nobody's: its folder has to be.
 */
MUST_CHECK int store_alone(int *lock, const char *url, struct fail *why);
/* store_open() for who holds that lock. */
MUST_CHECK int store_open_alone(
    struct store **store, const char *url, struct fail *why);
/* Is it in use, this moment?  As store_alone(), with nothing kept. */
MUST_CHECK int store_unused(const char *url, struct fail *why);

/*
 * Certificates that are revoked, as others know, and have no row here: lists
 * and OCSP go on telling so.  `r` has `n` of them, of one issuing key (KEYID);
 * those that are there already stay.  One transaction, synced.
 */
MUST_CHECK int store_forgotten_add(struct store *store, const char *issuer,
    const struct store_revoked *r, size_t n, const struct audit *entry,
    struct fail *why);

/*
 * A database that came out of a backup tells so: `entry`, and that what it
 * says is still to be compared with what others know (`microca cloud
 * reconcile`).  With `lost`, something was recorded after it was made: open
 * one-time secrets may have been used up then, and are revoked.  One
 * transaction, synced.  And: since when, 0: it is not; and that it was done.
 */
MUST_CHECK int store_restored(struct store *store, bool lost,
    const struct audit *entry, int64_t now, struct fail *why);
MUST_CHECK int store_restored_when(
    struct store *store, int64_t *when, struct fail *why);
MUST_CHECK int store_reconciled(
    struct store *store, const struct audit *entry, struct fail *why);

#endif

/*
 * retire - certificates that ended long ago leave the database for files.
 *
 * A file is a shelf.  It is whole and synced before it gets a row here and a
 * record in the audit; only then do its certificates leave, a few in each
 * transaction.  What stays of each: that it was, where it is now, how it
 * stands, and whose its key is, so that status, keys and the audit chain are
 * as before.  Cut off anywhere, each certificate is here or on its shelf, and
 * the next run goes on.
 *
 * Not in here: the files themselves (lib/ca/retire.h).
 */
#ifndef MICROCA_RETIRE_H
#define MICROCA_RETIRE_H

#include "lib/store/store.h"

/*
 * Certificates that ended before `before` and may leave, DER and all, in the
 * order of their ends, to `each` until it returns non-zero; it may use the
 * store.  Kept back: the newest of all and of each device, and what is to be
 * looked at as replaced.  Whether lists still have to name a revoked one is the
 * caller's to know.
 */
MUST_CHECK int store_retire_pick(struct store *store, int64_t before,
    int (*each)(const struct record *r, void *arg), void *arg,
    struct fail *why);

struct shelf {
	int64_t id;
	char *path; /* below the folder of such files; owned */
	uint8_t sha256[SHA256_LEN];
	int64_t certificates; /* in it */
	int64_t ended;        /* the last of them; Unix s */
	int64_t made;         /* Unix s */
	bool done;            /* all of them have left the database */
};

/* The file is there and synced: recorded, with `entry`, synced; `id` is set. */
MUST_CHECK int store_shelf_add(struct store *store, struct shelf *shelf,
    const struct audit *entry, struct fail *why);
/* In order, until `each` returns non-zero; it may use the store. */
MUST_CHECK int store_shelf_each(struct store *store,
    int (*each)(const struct shelf *shelf, void *arg), void *arg,
    struct fail *why);
MUST_CHECK int store_shelf_done(
    struct store *store, int64_t id, struct fail *why);

/* One that is on a shelf. */
struct retire_item {
	int64_t id;
	uint8_t sha256[SHA256_LEN];
	int64_t place; /* where its line begins, octets */
};
#define RETIRE_MOST 256 /* in one transaction */
/* Those of `n` that are still here leave: one transaction, synced. */
MUST_CHECK int store_retire(struct store *store, size_t *moved, int64_t shelf,
    const struct retire_item *item, size_t n, struct fail *why);
/* Outbox rows of before `before` (Unix s) that were told leave for good, a few;
 * `more` false: there were none. */
MUST_CHECK int store_retire_told(
    struct store *store, bool *more, int64_t before, struct fail *why);

/* What is known here of a retired one. */
struct retired {
	int64_t id; /* the certificate's */
	enum store_status status;
	int reason;
	int64_t revoked, not_after;
	uint8_t sha256[SHA256_LEN];
	char issuer[2 * SHA256_LEN + 1]; /* KEYID, lower hex */
	int64_t shelf, place;
	char path[200];
	uint8_t shelf_sha256[SHA256_LEN];
};
/* By serial, upper hex. */
MUST_CHECK int store_retired_find(struct store *store, struct retired *r,
    bool *found, const char *serial, struct fail *why);
/* How many are on the shelves that are done. */
MUST_CHECK int store_retired_sum(
    struct store *store, int64_t *n, struct fail *why);
/* How many of that shelf have left the database. */
MUST_CHECK int store_retired_count(
    struct store *store, int64_t *n, int64_t shelf, struct fail *why);
/* Those that are revoked or held, until `each` returns non-zero; `issuer` is
 * the issuing key's. */
MUST_CHECK int store_retired_off(struct store *store,
    int (*each)(const struct store_revoked *r, const char *issuer, void *arg),
    void *arg, struct fail *why);

#endif

#include "lib/store/backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/rows.h"
#include "lib/store/transfer.h"

#define MARK "restored" /* in meta: Unix s */

int
store_copy(struct store *store, const char *path, struct fail *why)
{
	if (store->db->driver->copy != NULL)
		return store->db->driver->copy(store->db, path, why);
	return transfer_file(store, path, why);
}

int
store_whole(struct store *store, struct fail *why)
{
	if (store->db->driver->whole == NULL)
		return store->db->driver->state(store->db, why);
	return store->db->driver->whole(store->db, why);
}

int
store_size(struct store *store, int64_t *octets, struct fail *why)
{
	return store->db->driver->size(store->db, octets, why);
}

/* ---- where its audit chain is -------------------------------------------------- */

int
store_head(struct store *store, int64_t lane, int64_t *seq,
    uint8_t hash[SHA256_LEN], struct fail *why)
{
	struct conn *c;
	bool row;
	int rc;

	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = audit_end(seq, hash, &row, c, lane, why);
	db_rollback(c);
	return rc;
}

int
store_link(struct store *store, bool *found, uint8_t hash[SHA256_LEN],
    int64_t lane, int64_t seq, struct fail *why)
{
	const enum sql q = SQL_AUDIT_LIST;
	struct conn *c;
	int rc;

	*found = false;
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = db_query(c, q, found,
	    VALUES(value_number(lane_key(lane, seq)),
		value_number(lane_key(lane, seq)), value_number(1)),
	    why);
	*found = rc == 0 && *found;
	if (*found)
		hash_read(hash, c, q, 2);
	db_rollback(c);
	return rc;
}

/* ---- nobody's -------------------------------------------------------------------- */

int
store_alone(int *lock, const char *url, struct fail *why)
{
	const struct store_driver *d;
	const char *place;

	*lock = -1;
	if (store_driver_of(&d, &place, url, why) != 0)
		return -1;
	return d->alone(lock, place, why);
}

int
store_unused(const char *url, struct fail *why)
{
	const struct store_driver *d;
	const char *place;

	if (store_driver_of(&d, &place, url, why) != 0)
		return -1;
	return d->alone(NULL, place, why);
}

int
store_open_alone(struct store **store, const char *url, struct fail *why)
{
	const struct db_options o = {.connections = 2, .alone = true};

	return store_open_with(store, url, &o, 0, why);
}

/* ---- out of a backup --------------------------------------------------------------- */

static int
secrets_revoke(struct conn *c, int64_t now, struct fail *why)
{
	bool row;

	return db_query(
	    c, SQL_SECRET_REVOKE_OPEN, &row, VALUES(value_number(now)), why);
}

struct restored {
	bool lost;
	int64_t now;
	const struct audit *entry;
};

static int
restored_rows(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	const struct restored *r = arg;
	char text[24];
	bool row;

	(void)keep;
	(void)snprintf(text, sizeof(text), "%lld", (long long)r->now);
	if (db_query(c, SQL_META_PUT, &row,
		VALUES(value_text(MARK), value_text(text)), why) != 0 ||
	    (r->lost && secrets_revoke(c, r->now, why) != 0))
		return -1;
	return audit_say(c, r->entry, why);
}

int
store_restored(struct store *store, bool lost, const struct audit *entry,
    int64_t now, struct fail *why)
{
	struct restored r = {lost, now, entry};

	return db_write(store->db, true, restored_rows, &r, why);
}

static int
reconciled_rows(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	bool row;

	(void)keep;
	if (db_query(c, SQL_META_DROP, &row, VALUES(value_text(MARK)), why) !=
	    0)
		return -1;
	return audit_say(c, arg, why);
}

int
store_reconciled(
    struct store *store, const struct audit *entry, struct fail *why)
{
	struct audit said = *entry;

	return db_write(store->db, true, reconciled_rows, &said, why);
}

int
store_restored_when(struct store *store, int64_t *when, struct fail *why)
{
	const enum sql q = SQL_META_FIND;
	struct conn *c;
	bool row;
	int rc;

	*when = 0;
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = db_query(c, q, &row, VALUES(value_text(MARK)), why);
	if (rc == 0 && row)
		*when = strtoll(db_text(c, q, 0), NULL, 10);
	db_rollback(c);
	return rc;
}

/* ---- what only others know ------------------------------------------------------------ */

struct forgotten {
	const char *issuer;
	const struct store_revoked *r;
	size_t n;
	const struct audit *entry;
};

static int
forgotten_rows(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	const struct forgotten *f = arg;
	bool row;

	(void)keep;
	for (size_t i = 0; i < f->n; i++) {
		const struct store_revoked *r = &f->r[i];

		if (db_query(c, SQL_FORGOTTEN_PUT, &row,
			VALUES(value_text(f->issuer), value_text(r->serial),
			    value_number(r->revoked), value_number(r->reason),
			    value_number(r->invalid)),
			why) != 0)
			return -1;
	}
	return audit_say(c, f->entry, why);
}

int
store_forgotten_add(struct store *store, const char *issuer,
    const struct store_revoked *r, size_t n, const struct audit *entry,
    struct fail *why)
{
	struct forgotten f = {issuer, r, n, entry};

	return db_write(store->db, true, forgotten_rows, &f, why);
}

#include "lib/store/backup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/rows.h"

#define MARK "restored" /* in meta: Unix s */

int
store_copy(struct store *store, const char *path, struct fail *why)
{
	return store->db->driver->copy(store->db, path, why);
}

int
store_whole(struct store *store, struct fail *why)
{
	return store->db->driver->whole(store->db, why);
}

int
store_size(struct store *store, int64_t *octets, struct fail *why)
{
	return store->db->driver->size(store->db, octets, why);
}

/* ---- where its audit chain is -------------------------------------------------- */

int
store_head(struct store *store, int64_t *seq, uint8_t hash[SHA256_LEN],
    struct fail *why)
{
	const enum sql q = SQL_AUDIT_LAST;
	struct conn *c;
	bool row;
	int rc;

	*seq = 0;
	memset(hash, 0, SHA256_LEN);
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = db_query(c, q, &row, VALUES(value_number(LANE)), why);
	if (rc == 0 && row) {
		*seq = db_number(c, q, 0);
		hash_read(hash, c, q, 1);
	}
	db_rollback(c);
	return rc;
}

int
store_link(struct store *store, bool *found, uint8_t hash[SHA256_LEN],
    int64_t seq, struct fail *why)
{
	const enum sql q = SQL_AUDIT_LIST;
	struct conn *c;
	int rc;

	*found = false;
	if (db_begin(&c, store->db, DB_READ, why) != 0)
		return -1;
	rc = db_query(c, q, found,
	    VALUES(value_number(LANE), value_number(seq - 1), value_number(1)),
	    why);
	*found = rc == 0 && *found && db_number(c, q, 1) == seq;
	if (*found)
		hash_read(hash, c, q, 3);
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
entry_add(struct conn *c, const struct audit *entry, struct fail *why)
{
	int64_t now_us = when_now_us();
	char *text = audit_text(entry, now_us);
	int rc = audit_add(c, entry, text, now_us, why);

	free(text);
	return rc;
}

static int
secrets_revoke(struct conn *c, int64_t now, struct fail *why)
{
	bool row;

	return db_query(
	    c, SQL_SECRET_REVOKE_OPEN, &row, VALUES(value_number(now)), why);
}

int
store_restored(struct store *store, bool lost, const struct audit *entry,
    int64_t now, struct fail *why)
{
	char *text = str_fmt("%lld", (long long)now);
	struct conn *c;
	bool row;
	int rc = -1;

	if (db_begin(&c, store->db, DB_WRITE, why) == 0) {
		if (db_query(c, SQL_META_PUT, &row,
			VALUES(value_text(MARK), value_text(text)), why) == 0 &&
		    (!lost || secrets_revoke(c, now, why) == 0) &&
		    entry_add(c, entry, why) == 0)
			rc = db_commit(c, true, why);
		else
			db_rollback(c);
	}
	free(text);
	return rc;
}

int
store_reconciled(
    struct store *store, const struct audit *entry, struct fail *why)
{
	struct conn *c;
	bool row;

	if (db_begin(&c, store->db, DB_WRITE, why) != 0)
		return -1;
	if (db_query(c, SQL_META_DROP, &row, VALUES(value_text(MARK)), why) ==
		0 &&
	    entry_add(c, entry, why) == 0)
		return db_commit(c, true, why);
	db_rollback(c);
	return -1;
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

int
store_forgotten_add(struct store *store, const char *issuer,
    const struct store_revoked *r, size_t n, const struct audit *entry,
    struct fail *why)
{
	struct conn *c;
	bool row;
	int rc = 0;

	if (db_begin(&c, store->db, DB_WRITE, why) != 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = db_query(c, SQL_FORGOTTEN_PUT, &row,
		    VALUES(value_text(issuer), value_text(r[i].serial),
			value_number(r[i].revoked), value_number(r[i].reason),
			value_number(r[i].invalid)),
		    why);
	if (rc == 0 && entry_add(c, entry, why) == 0)
		return db_commit(c, true, why);
	db_rollback(c);
	return -1;
}

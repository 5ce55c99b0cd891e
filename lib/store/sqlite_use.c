#include "lib/store/sqlite.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/fault.h"
#include "lib/base/when.h"

static int
writer_take(struct sqlite_conn **c, struct sqlite_db *db, double deadline,
    struct fail *why)
{
	int moved = 0;

	if (!turn_take(&db->writing, deadline))
		return pool_busy(why);
	*c = &db->writer;
	(void)db->main_file->pMethods->xFileControl(
	    db->main_file, SQLITE_FCNTL_HAS_MOVED, &moved);
	if (moved == 0)
		return 0;
	/* What is written to a deleted file is written to nowhere. */
	turn_give(&db->writing);
	(void)fail(why, FAIL_BUSY, "db-write",
	    "the database file was moved or deleted");
	(void)fail_cause(why, "%s is not the file that was opened", db->path);
	wal_break(db, why);
	return -1;
}

static int
reader_take(struct sqlite_conn **c, struct sqlite_db *db, double deadline,
    struct fail *why)
{
	struct conn *idle;

	*c = NULL;
	if (pool_take(&idle, &db->pool, deadline, why) != 0)
		return -1;
	*c = idle != NULL ? (struct sqlite_conn *)idle : mem_new(sizeof(**c));
	if ((*c)->handle != NULL || sqlite_conn_open(*c, db, 64, why) == 0)
		return 0;
	free(*c);
	pool_lose(&db->pool);
	return -1;
}

static void
give_back(struct sqlite_conn *c)
{
	struct sqlite_db *db = c->db;

	sqlite_reset(c);
	if (c == &db->writer)
		turn_give(&db->writing);
	else
		pool_give(&db->pool, &c->base);
}

static int
take(struct sqlite_conn **c, struct sqlite_db *db, enum db_use use,
    struct fail *why)
{
	double deadline = when_clock() + db->wait;
	int rc = 0;

	if (use == DB_READ && turn_try(&db->writing))
		*c = &db->writer;
	else if (use == DB_WRITE)
		rc = writer_take(c, db, deadline, why);
	else
		rc = reader_take(c, db, deadline, why);
	if (rc != 0)
		return -1;
	(*c)->use = use;
	(*c)->deadline = deadline;
	if (use == DB_WRITE &&
	    sqlite_run(*c, &(*c)->begin, "BEGIN IMMEDIATE", why) != 0) {
		give_back(*c);
		return -1;
	}
	return 0;
}

int
sqlite_begin(
    struct conn **conn, struct db *base, enum db_use use, struct fail *why)
{
	struct sqlite_db *db = (struct sqlite_db *)base;
	struct sqlite_conn *c = NULL;

	*conn = NULL;
	if (wal_enter(db, why) != 0)
		return -1;
	if (take(&c, db, use, why) != 0) {
		wal_leave(db);
		return -1;
	}
	*conn = &c->base;
	return 0;
}

/* A failed write has rolled itself back, or is rolled back here. */
static void
undo(struct sqlite_conn *c)
{
	sqlite_reset(c);
	if (c->use == DB_WRITE && sqlite3_get_autocommit(c->handle) == 0)
		(void)sqlite3_exec(c->handle, "ROLLBACK", NULL, NULL, NULL);
}

void
sqlite_rollback(struct conn *conn)
{
	struct sqlite_conn *c = (struct sqlite_conn *)conn;
	struct sqlite_db *db = c->db;

	undo(c);
	give_back(c);
	wal_leave(db);
}

int
sqlite_commit(struct conn *conn, bool durable, struct fail *why)
{
	struct sqlite_conn *c = (struct sqlite_conn *)conn;
	struct sqlite_db *db = c->db;
	int rc = 0;

	sqlite_reset(c);
	fault_point("commit");
	if (c->use == DB_WRITE)
		rc = sqlite_run(c, &c->commit, "COMMIT", why);
	fault_point("committed");
	if (rc != 0) {
		undo(c);
		if (strcmp(why->reason, "db-sync") == 0)
			wal_break(db, why);
	}
	give_back(c);
	if (rc == 0 && durable && !db->full)
		rc = wal_sync(db, why);
	wal_tend(db);
	wal_leave(db);
	return rc;
}

int
sqlite_sync(struct db *base, struct fail *why)
{
	struct sqlite_db *db = (struct sqlite_db *)base;
	int rc;

	if (wal_enter(db, why) != 0)
		return -1;
	rc = wal_sync(db, why);
	wal_leave(db);
	return rc;
}

/* Can it be written, and is its beginning what it should be? */
int
sqlite_state(struct db *base, struct fail *why)
{
	struct conn *c;
	bool row;

	if (sqlite_begin(&c, base, DB_WRITE, why) != 0)
		return -1;
	if (db_query(c, SQL_VERSION_OF, &row, NULL, 0, why) != 0 ||
	    db_query(c, SQL_CERT_LAST, &row, NULL, 0, why) != 0) {
		sqlite_rollback(c);
		return -1;
	}
	sqlite_rollback(c);
	return 0;
}

#include "lib/store/sqlite.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/fault.h"
#include "lib/base/when.h"

static struct timespec
timespec_of(double when)
{
	struct timespec ts;

	ts.tv_sec = (time_t)when;
	ts.tv_nsec = (long)((when - (double)ts.tv_sec) * 1e9);
	return ts;
}

static int
busy_fail(struct fail *why)
{
	(void)fail(why, FAIL_BUSY, "db-busy", "the database is busy");
	return fail_cause(why, "no connection became free in time");
}

static int
writer_take(struct sqlite_conn **c, struct sqlite_db *db, double deadline,
    struct fail *why)
{
	int moved = 0;

	if (!turn_take(&db->writing, deadline))
		return busy_fail(why);
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
pool_take(struct sqlite_conn **c, struct sqlite_db *db, double deadline,
    struct fail *why)
{
	struct timespec ts = timespec_of(deadline);
	int rc = 0;

	*c = NULL;
	(void)pthread_mutex_lock(&db->lock);
	while (db->idle == NULL && db->pool >= db->pool_most && rc == 0)
		rc = pthread_cond_timedwait(&db->change, &db->lock, &ts);
	if (db->idle != NULL) {
		*c = db->idle;
		db->idle = (*c)->next;
	} else if (db->pool < db->pool_most) {
		db->pool++;
		*c = mem_new(sizeof(**c));
	}
	(void)pthread_mutex_unlock(&db->lock);
	if (*c == NULL)
		return busy_fail(why);
	if ((*c)->handle != NULL || sqlite_conn_open(*c, db, 64, why) == 0)
		return 0;
	free(*c);
	(void)pthread_mutex_lock(&db->lock);
	db->pool--;
	(void)pthread_mutex_unlock(&db->lock);
	return -1;
}

static void
give_back(struct sqlite_conn *c)
{
	struct sqlite_db *db = c->db;

	sqlite_reset(c);
	if (c == &db->writer) {
		turn_give(&db->writing);
	} else {
		(void)pthread_mutex_lock(&db->lock);
		if (db->idle == NULL && db->pool >= db->pool_most)
			(void)pthread_cond_broadcast(&db->change);
		c->next = db->idle;
		db->idle = c;
		(void)pthread_mutex_unlock(&db->lock);
	}
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
		rc = pool_take(c, db, deadline, why);
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

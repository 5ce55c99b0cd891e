#include "lib/store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/when.h"

_Static_assert(SQL_COUNT <= 64, "sqlite_conn.active has a bit for each");

static const struct {
	int rc;
	enum fail_kind kind;
	const char *reason, *text;
} failures[] = {
    {SQLITE_IOERR_FSYNC, FAIL_BUSY, "db-sync",
	"the database could not be synced to its disk"},
    {SQLITE_IOERR_DIR_FSYNC, FAIL_BUSY, "db-sync",
	"the database could not be synced to its disk"},
    {SQLITE_BUSY, FAIL_BUSY, "db-busy", "the database is busy"},
    {SQLITE_LOCKED, FAIL_BUSY, "db-busy", "the database is busy"},
    {SQLITE_FULL, FAIL_BUSY, "disk-full", "the disk is full"},
    {SQLITE_CORRUPT, FAIL_BUSY, "db-corrupt", "the database is damaged"},
    {SQLITE_NOTADB, FAIL_BUSY, "db-corrupt", "the database is damaged"},
    {SQLITE_CONSTRAINT, FAIL_BROKEN, "db-constraint",
	"the database refused a row"},
    {0, FAIL_BUSY, "db-write", "the database could not be used"},
};

int
sqlite_fail(struct sqlite_conn *c, int rc, const char *what, struct fail *why)
{
	size_t i = 0;

	if ((rc & 0xff) == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM) {
		(void)fputs("out of memory\n", stderr);
		abort();
	}
	while (failures[i].rc != 0 && failures[i].rc != rc &&
	       failures[i].rc != (rc & 0xff))
		i++;
	(void)fail(
	    why, failures[i].kind, failures[i].reason, "%s", failures[i].text);
	return fail_cause(why, "%s: %s (SQLite code %d)", what,
	    c->handle != NULL ? sqlite3_errmsg(c->handle) : sqlite3_errstr(rc),
	    rc);
}

int
sqlite_exec(struct sqlite_conn *c, const char *sql, struct fail *why)
{
	int rc = sqlite3_exec(c->handle, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : sqlite_fail(c, rc, sql, why);
}

/* Another process writes: wait 50 to 200 us, and never in step with others. */
static int
busy(void *arg, int count)
{
	const struct sqlite_conn *c = arg;
	struct timespec nap = {
	    0, 50000 + (long)((count * 37 + 11) % 150) * 1000};

	if (when_clock() >= c->deadline)
		return 0;
	(void)nanosleep(&nap, NULL);
	return 1;
}

/* A relative path is kept from meaning anything else (":memory:", "file:"). */
static int
handle_open(struct sqlite_conn *c, struct fail *why)
{
	const char *path = c->db->path;
	char *plain = str_fmt("%s%s", path[0] == '/' ? "" : "./", path);
	int rc = sqlite3_open_v2(plain, &c->handle,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	free(plain);
	if (rc != SQLITE_OK)
		return sqlite_fail(c, rc, path, why);
	(void)sqlite3_extended_result_codes(c->handle, 1);
	(void)sqlite3_busy_handler(c->handle, busy, c);
	(void)sqlite3_db_config(
	    c->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	return 0;
}

int
sqlite_conn_open(struct sqlite_conn *c, struct sqlite_db *db, int cache_kib,
    struct fail *why)
{
	char pragmas[192];

	memset(c, 0, sizeof(*c));
	c->base.driver = db->base.driver;
	c->db = db;
	c->deadline = when_clock() + db->wait;
	(void)snprintf(pragmas, sizeof(pragmas),
	    "PRAGMA synchronous=%s; PRAGMA cache_size=-%d;"
	    "PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY;"
	    "PRAGMA secure_delete=OFF; PRAGMA trusted_schema=OFF",
	    db->full ? "FULL" : "NORMAL", cache_kib);
	if (handle_open(c, why) != 0 || sqlite_exec(c, pragmas, why) != 0) {
		sqlite_conn_close(c);
		return -1;
	}
	return 0;
}

void
sqlite_conn_close(struct sqlite_conn *c)
{
	for (size_t i = 0; i < SQL_COUNT; i++)
		(void)sqlite3_finalize(c->statement[i]);
	(void)sqlite3_finalize(c->begin);
	(void)sqlite3_finalize(c->commit);
	(void)sqlite3_close(c->handle);
	memset(c, 0, sizeof(*c));
}

static struct sqlite_conn *
conn_of(struct conn *c)
{
	return (struct sqlite_conn *)c;
}

static int
prepared(sqlite3_stmt **st, struct sqlite_conn *c, const char *text)
{
	if (*st != NULL)
		return SQLITE_OK;
	return sqlite3_prepare_v3(
	    c->handle, text, -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
}

static int
bind_one(sqlite3_stmt *st, int i, const struct value *v)
{
	const void *p = v->octets.data;
	int len = (int)v->octets.len;

	switch (v->type) {
	case VALUE_NUMBER:
		return sqlite3_bind_int64(st, i, v->number);
	case VALUE_TEXT:
		return sqlite3_bind_text(st, i, p, len, SQLITE_STATIC);
	case VALUE_OCTETS:
		return sqlite3_bind_blob(
		    st, i, len > 0 ? p : "", len, SQLITE_STATIC);
	default:
		return sqlite3_bind_null(st, i);
	}
}

static void
sqlite_bind(
    struct conn *conn, enum sql id, const struct value *values, size_t n)
{
	struct sqlite_conn *c = conn_of(conn);

	c->rc = prepared(&c->statement[id], c, sql_text[id]);
	if (c->rc == SQLITE_OK && (c->active & 1ULL << id) != 0)
		(void)sqlite3_reset(c->statement[id]);
	c->active |= 1ULL << id;
	for (size_t i = 0; i < n && c->rc == SQLITE_OK; i++)
		c->rc = bind_one(c->statement[id], (int)i + 1, &values[i]);
}

static int
sqlite_step(struct conn *conn, enum sql id, bool *row, struct fail *why)
{
	struct sqlite_conn *c = conn_of(conn);
	int rc = c->rc;

	*row = false;
	if (rc == SQLITE_OK)
		rc = sqlite3_step(c->statement[id]);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		c->rc = SQLITE_OK;
		return sqlite_fail(c, rc, sql_text[id], why);
	}
	*row = rc == SQLITE_ROW;
	return 0;
}

static int64_t
sqlite_number(struct conn *c, enum sql id, int column)
{
	return sqlite3_column_int64(conn_of(c)->statement[id], column);
}

static const char *
sqlite_text(struct conn *c, enum sql id, int column)
{
	sqlite3_stmt *st = conn_of(c)->statement[id];

	return (const char *)sqlite3_column_text(st, column);
}

static struct span
sqlite_octets(struct conn *c, enum sql id, int column)
{
	sqlite3_stmt *st = conn_of(c)->statement[id];
	struct span s = {sqlite3_column_blob(st, column), 0};

	s.len = (size_t)sqlite3_column_bytes(st, column);
	return s;
}

static void
reset_all(struct sqlite_conn *c)
{
	for (size_t i = 0; c->active != 0; i++, c->active >>= 1)
		if ((c->active & 1) != 0)
			(void)sqlite3_reset(c->statement[i]);
	c->rc = SQLITE_OK;
}

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
	struct timespec ts = timespec_of(deadline);
	int moved = 0;

	if (pthread_mutex_clocklock(&db->writing, CLOCK_MONOTONIC, &ts) != 0)
		return busy_fail(why);
	*c = &db->writer;
	(void)db->main_file->pMethods->xFileControl(
	    db->main_file, SQLITE_FCNTL_HAS_MOVED, &moved);
	if (moved == 0)
		return 0;
	/* What is written to a deleted file is written to nowhere. */
	(void)pthread_mutex_unlock(&db->writing);
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

	reset_all(c);
	if (c == &db->writer) {
		(void)pthread_mutex_unlock(&db->writing);
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
run(struct sqlite_conn *c, sqlite3_stmt **st, const char *text,
    struct fail *why)
{
	int rc = prepared(st, c, text);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(*st);
		(void)sqlite3_reset(*st);
	}
	return rc == SQLITE_DONE ? 0 : sqlite_fail(c, rc, text, why);
}

static int
take(struct sqlite_conn **c, struct sqlite_db *db, enum db_use use,
    struct fail *why)
{
	double deadline = when_clock() + db->wait;
	int rc = 0;

	if (use == DB_READ && pthread_mutex_trylock(&db->writing) == 0)
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
	    run(*c, &(*c)->begin, "BEGIN IMMEDIATE", why) != 0) {
		give_back(*c);
		return -1;
	}
	return 0;
}

static int
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
	reset_all(c);
	if (c->use == DB_WRITE && sqlite3_get_autocommit(c->handle) == 0)
		(void)sqlite3_exec(c->handle, "ROLLBACK", NULL, NULL, NULL);
}

static void
sqlite_rollback(struct conn *conn)
{
	struct sqlite_conn *c = conn_of(conn);
	struct sqlite_db *db = c->db;

	undo(c);
	give_back(c);
	wal_leave(db);
}

static int
sqlite_commit(struct conn *conn, bool durable, struct fail *why)
{
	struct sqlite_conn *c = conn_of(conn);
	struct sqlite_db *db = c->db;
	int rc = 0;

	reset_all(c);
	if (c->use == DB_WRITE)
		rc = run(c, &c->commit, "COMMIT", why);
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

static int
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
static int
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

static const char *
sqlite_folder(struct db *base)
{
	return ((struct sqlite_db *)base)->folder;
}

const struct store_driver sqlite_driver = {
    .scheme = "sqlite:",
    .open = sqlite_open,
    .close = sqlite_close,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .sync = sqlite_sync,
    .state = sqlite_state,
    .bind = sqlite_bind,
    .step = sqlite_step,
    .number = sqlite_number,
    .text = sqlite_text,
    .octets = sqlite_octets,
    .folder = sqlite_folder,
};

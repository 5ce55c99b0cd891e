#include "lib/store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/when.h"

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
	if (c->rc == SQLITE_OK && c->active[id])
		(void)sqlite3_reset(c->statement[id]);
	c->active[id] = true;
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

static struct value
sqlite_value(struct conn *c, enum sql id, int column)
{
	sqlite3_stmt *st = conn_of(c)->statement[id];
	struct value v = {.type = VALUE_NULL};

	switch (sqlite3_column_type(st, column)) {
	case SQLITE_INTEGER:
		return value_number(sqlite3_column_int64(st, column));
	case SQLITE_TEXT:
		v.type = VALUE_TEXT;
		v.octets.data = sqlite3_column_text(st, column);
		break;
	case SQLITE_BLOB:
		v.type = VALUE_OCTETS;
		v.octets.data = sqlite3_column_blob(st, column);
		break;
	default:
		return v;
	}
	v.octets.len = (size_t)sqlite3_column_bytes(st, column);
	return v;
}

void
sqlite_reset(struct sqlite_conn *c)
{
	for (size_t i = 0; i < SQL_COUNT; i++) {
		if (c->active[i])
			(void)sqlite3_reset(c->statement[i]);
		c->active[i] = false;
	}
	c->rc = SQLITE_OK;
}

int
sqlite_run(struct sqlite_conn *c, sqlite3_stmt **st, const char *text,
    struct fail *why)
{
	int rc = prepared(st, c, text);

	if (rc == SQLITE_OK) {
		rc = sqlite3_step(*st);
		(void)sqlite3_reset(*st);
	}
	return rc == SQLITE_DONE ? 0 : sqlite_fail(c, rc, text, why);
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
    .copy = sqlite_copy,
    .whole = sqlite_whole,
    .size = sqlite_size,
    .alone = sqlite_alone,
    .bind = sqlite_bind,
    .step = sqlite_step,
    .number = sqlite_number,
    .text = sqlite_text,
    .octets = sqlite_octets,
    .value = sqlite_value,
    .folder = sqlite_folder,
};

#include "lib/store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

/* Octets: a database up to this size is checked whole when it is opened. */
#define CHECK_WHOLE (1024 * 1024)
#define WRITER_CACHE 640 /* KiB */

/* Before SQLite starts: no statistics, for they cost a lock per allocation. */
static void
sqlite_set_up(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int
missing(const char *path, struct fail *why)
{
	return fail(why, FAIL_CONFIG, "db-missing",
	    "there is no database %s: \"microca init\" makes it, a backup "
	    "restores it",
	    path);
}

/* SQLite gives -wal and -shm the mode of the database. */
static int
file_make(const char *path, struct fail *why)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno != EEXIST) {
		(void)fail(why, FAIL_BUSY, "db-write",
		    "the database cannot be created");
		return fail_errno(why, "%s", path);
	}
	if (fd >= 0)
		(void)close(fd);
	return 0;
}

/* By stat(2) alone: to close a descriptor of the file would drop the locks
 * that another connection of this process holds. */
static int
file_check(bool *fresh, const char *path, bool create, struct fail *why)
{
	struct stat st;

	*fresh = false;
	if (access(path, F_OK) != 0 && errno == ENOENT) {
		if (!create)
			return missing(path, why);
		if (file_make(path, why) != 0)
			return -1;
	}
	if (stat(path, &st) != 0) {
		(void)fail(why, FAIL_BUSY, "db-write",
		    "the database cannot be opened");
		return fail_errno(why, "%s", path);
	}
	if (!S_ISREG(st.st_mode))
		return fail(why, FAIL_CONFIG, "db-missing",
		    "%s is not a regular file", path);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return fail(why, FAIL_CONFIG, "file-mode",
		    "%s may be written by others: chmod 600 it", path);
	/* SQLite would make -wal and -shm with the same mode, to stay. */
	if (faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) != 0) {
		(void)fail(why, FAIL_BUSY, "db-write",
		    "the database cannot be written");
		return fail_errno(why, "%s", path);
	}
	*fresh = st.st_size == 0;
	return *fresh && !create ? missing(path, why) : 0;
}

int
sqlite_ask(
    struct bytes *out, struct sqlite_conn *c, const char *sql, struct fail *why)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(c->handle, sql, -1, &st, NULL);

	out->len = 0;
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		bytes_adds(out, (const char *)sqlite3_column_text(st, 0));
	(void)sqlite3_finalize(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return sqlite_fail(c, rc, sql, why);
	if (out->data == NULL)
		bytes_adds(out, "");
	return 0;
}

/* WAL it must be; a file or folder that cannot be written shows here. */
static int
wal_mode(struct sqlite_conn *c, struct fail *why)
{
	struct bytes mode = {0};
	int rc = sqlite_ask(&mode, c, "PRAGMA journal_mode=WAL", why);

	if (rc == 0 && (strcmp((const char *)mode.data, "wal") != 0 ||
			   sqlite3_db_readonly(c->handle, "main") != 0)) {
		(void)fail(why, FAIL_BUSY, "db-write",
		    "the database cannot be written");
		rc = fail_cause(why, "%s: journal mode \"%s\"%s", c->db->path,
		    (const char *)mode.data,
		    sqlite3_db_readonly(c->handle, "main") != 0 ? ", read-only"
								: "");
	}
	bytes_free(&mode);
	return rc;
}

int
sqlite_writer_open(struct sqlite_db *db, struct fail *why)
{
	struct sqlite_conn *c = &db->writer;
	struct bytes count = {0};
	int rc = -1;

	if (access(db->path, F_OK) != 0)
		return missing(db->path, why);
	/* Reading anything opens the WAL. */
	if (sqlite_conn_open(c, db, WRITER_CACHE, why) == 0 &&
	    wal_mode(c, why) == 0 &&
	    sqlite_ask(&count, c, "SELECT count(*) FROM sqlite_schema", why) ==
		0)
		rc = 0;
	bytes_free(&count);
	if (rc != 0)
		return -1;
	(void)sqlite3_file_control(
	    c->handle, "main", SQLITE_FCNTL_FILE_POINTER, &db->main_file);
	(void)sqlite3_file_control(
	    c->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &db->wal_file);
	if (db->wal_file == NULL || db->wal_file->pMethods == NULL)
		return sqlite_fail(c, SQLITE_CANTOPEN, "the WAL", why);
	(void)sqlite3_wal_hook(c->handle, wal_length, db);
	return 0;
}

/* SQLite checks header and length at the first read; a small database is
 * walked, a large one would take too long. */
static int
corruption_check(struct sqlite_conn *c, struct fail *why)
{
	struct bytes verdict = {0};
	struct stat st;
	int rc = 0;

	if (stat(c->db->path, &st) == 0 && st.st_size <= CHECK_WHOLE)
		rc = sqlite_ask(&verdict, c, "PRAGMA quick_check(1)", why);
	if (rc == 0 && verdict.data != NULL &&
	    strcmp((const char *)verdict.data, "ok") != 0) {
		(void)fail(
		    why, FAIL_BUSY, "db-corrupt", "the database is damaged");
		rc = fail_cause(
		    why, "%s: %s", c->db->path, (const char *)verdict.data);
	}
	bytes_free(&verdict);
	return rc;
}

static struct sqlite_db *
db_new(const struct db_options *o)
{
	struct sqlite_db *db = mem_new(sizeof(*db));
	const char *slash = strrchr(o->place, '/');
	pthread_condattr_t attr;

	db->base.driver = &sqlite_driver;
	db->path = str_dup(o->place);
	db->folder = slash == NULL ? str_dup(".")
	                           : str_fmt("%.*s",
					 (int)(slash - o->place) + 1, o->place);
	db->wait = o->wait > 0 ? o->wait : DB_WAIT;
	db->full = o->full;
	turn_init(&db->writing);
	pool_init(&db->pool, o->connections > 2 ? o->connections - 2 : 1);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&db->keeper_wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	return db;
}

/* The first sync also makes the folder's entries durable. */
static int
first_sync(struct sqlite_db *db, struct fail *why)
{
	int rc =
	    db->wal_file->pMethods->xSync(db->wal_file, SQLITE_SYNC_NORMAL);

	return rc == SQLITE_OK ? 0 : sqlite_fail(&db->writer, rc, "sync", why);
}

/* SQLite does not let two processes turn one new file into a WAL database at
 * once: the second gets "locked" or an I/O error.  So they take turns. */
static int
opening_lock(int *fd, const struct sqlite_db *db, struct fail *why)
{
	if (file_lock_folder(fd, db->folder, db->wait, why) == 0)
		return 0;
	if (why->kind != FAIL_BUSY)
		return fail(why, FAIL_BUSY, "db-write",
		    "the database cannot be opened");
	return fail(why, FAIL_BUSY, "db-busy",
	    "the database is being opened by others");
}

static int
db_open(struct sqlite_db *db, const struct db_options *o, bool fresh,
    struct fail *why)
{
	if (sqlite_writer_open(db, why) != 0 ||
	    (!fresh && corruption_check(&db->writer, why) != 0) ||
	    sqlite_schema(&db->writer, o->create, o->was, why) != 0)
		return -1;
	return first_sync(db, why);
}

int
sqlite_open(struct db **out, const struct db_options *o, struct fail *why)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct sqlite_db *db;
	bool fresh;
	int lock, rc = -1;

	*out = NULL;
	(void)pthread_once(&once, sqlite_set_up);
	if (file_check(&fresh, o->place, o->create, why) != 0)
		return -1;
	db = db_new(o);
	if (o->alone) {
		rc = db_open(db, o, fresh, why);
	} else if (opening_lock(&lock, db, why) == 0) {
		rc = db_open(db, o, fresh, why);
		(void)close(lock);
	}
	if (rc == 0)
		*out = &db->base;
	else
		sqlite_close(&db->base);
	return rc;
}

void
sqlite_close(struct db *base)
{
	struct sqlite_db *db = (struct sqlite_db *)base;

	wal_stop(db);
	turn_destroy(&db->writing);
	pool_destroy(&db->pool);
	(void)pthread_cond_destroy(&db->keeper_wake);
	free(db->path);
	free(db->folder);
	free(db);
}

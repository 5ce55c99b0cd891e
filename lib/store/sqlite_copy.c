#include "lib/store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"

#define PAGES 256     /* copied at a time */
#define CACHE_KIB 256 /* of each of the two connections */
/* Where SQLite's locks are: who has a WAL database open holds some of it for
 * reading (fileformat2.html, "File Locking"). */
#define LOCK_BEGIN 0x40000000
#define LOCK_LEN 512
#define LOCK_WAIT 10.0 /* s */

/* The schema as one text; statistics that somebody made do no harm. */
#define SCHEMA                                                                 \
	"SELECT group_concat(type || ' ' || name || ' ' || tbl_name || ' ' ||" \
	" coalesce(sql, ''), char(10)) FROM (SELECT * FROM sqlite_schema"      \
	" WHERE name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\' ORDER BY type, "    \
	"name)"

/* ---- the copy ------------------------------------------------------------------ */

static int
target_open(sqlite3 **to, const char *path, struct fail *why)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc;

	*to = NULL;
	if (fd < 0) {
		(void)fail(
		    why, FAIL_BROKEN, "file", "cannot make the copy %s", path);
		return fail_errno(why, "open");
	}
	(void)close(fd);
	rc = sqlite3_open_v2(
	    path, to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(*to,
		    "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
		    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-256",
		    NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		return 0;
	(void)fail(why, FAIL_BROKEN, "file", "cannot make the copy %s", path);
	return fail_cause(why, "SQLite: %s", sqlite3_errstr(rc));
}

/* From a snapshot: `from` is inside a transaction that has read. */
static int
pages_copy(sqlite3 *to, struct sqlite_conn *from, struct fail *why)
{
	sqlite3_backup *b =
	    sqlite3_backup_init(to, "main", from->handle, "main");
	int rc = SQLITE_ERROR;

	if (b != NULL) {
		do
			rc = sqlite3_backup_step(b, PAGES);
		while (rc == SQLITE_OK);
		if (sqlite3_backup_finish(b) == SQLITE_OK && rc == SQLITE_DONE)
			return 0;
	}
	if ((rc & 0xff) == SQLITE_FULL)
		return fail(why, FAIL_BUSY, "disk-full",
		    "the disk is full: the copy has no room");
	return sqlite_fail(from, rc, "backup", why);
}

/* What is copied is on the disk: nobody hears of what a power cut could take
 * back. */
static int
snapshot_copy(struct sqlite_conn *from, sqlite3 *to, struct fail *why)
{
	struct bytes version = {0};
	int rc = -1;

	if (sqlite_exec(from, "BEGIN", why) == 0 &&
	    sqlite_ask(&version, from, sql_text[SQL_VERSION_OF], why) == 0 &&
	    wal_sync(from->db, why) == 0)
		rc = pages_copy(to, from, why);
	bytes_free(&version);
	(void)sqlite3_exec(from->handle, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int
sqlite_copy(struct db *base, const char *path, struct fail *why)
{
	struct sqlite_db *db = (struct sqlite_db *)base;
	struct sqlite_conn from;
	sqlite3 *to;
	int rc = -1;

	if (target_open(&to, path, why) == 0 && wal_enter(db, why) == 0) {
		if (sqlite_conn_open(&from, db, CACHE_KIB, why) == 0) {
			rc = snapshot_copy(&from, to, why);
			sqlite_conn_close(&from);
		}
		wal_leave(db);
	}
	if (sqlite3_close(to) != SQLITE_OK && rc == 0)
		rc = fail(
		    why, FAIL_BROKEN, "file", "cannot close the copy %s", path);
	return rc;
}

/* ---- is it whole? ----------------------------------------------------------------- */

static int
one_ask(
    struct bytes *out, struct sqlite_db *db, const char *sql, struct fail *why)
{
	struct sqlite_conn c;
	int rc = -1;

	if (wal_enter(db, why) != 0)
		return -1;
	if (sqlite_conn_open(&c, db, CACHE_KIB, why) == 0) {
		rc = sqlite_ask(out, &c, sql, why);
		sqlite_conn_close(&c);
	}
	wal_leave(db);
	return rc;
}

/* What the schema should be: as a new database gets it. */
static int
schema_made(struct bytes *out, struct sqlite_db *db, struct fail *why)
{
	struct sqlite_conn c = {.db = db};
	int rc = sqlite3_open_v2(":memory:", &c.handle,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	rc = rc == SQLITE_OK ? 0 : sqlite_fail(&c, rc, "a schema", why);
	for (int v = 0; rc == 0 && v < SQL_VERSION; v++)
		for (const char *const *s = sql_schema[v];
		     rc == 0 && *s != NULL; s++)
			rc = sqlite_exec(&c, *s, why);
	if (rc == 0)
		rc = sqlite_ask(out, &c, SCHEMA, why);
	(void)sqlite3_close(c.handle);
	return rc;
}

/* A trigger or view in the database of others would have its own will. */
static int
schema_check(struct sqlite_db *db, struct fail *why)
{
	struct bytes is = {0}, should = {0};
	int rc = one_ask(&is, db, SCHEMA, why);

	if (rc == 0)
		rc = schema_made(&should, db, why);
	if (rc == 0 && !span_equal(span_of(&is), span_of(&should)))
		rc = fail(why, FAIL_BUSY, "db-corrupt",
		    "the database has tables, indexes or triggers that are not "
		    "ours");
	bytes_free(&is);
	bytes_free(&should);
	return rc;
}

int
sqlite_whole(struct db *base, struct fail *why)
{
	struct sqlite_db *db = (struct sqlite_db *)base;
	struct bytes verdict = {0};
	int rc;

	if (schema_check(db, why) != 0)
		return -1;
	rc = one_ask(&verdict, db, "PRAGMA integrity_check(1)", why);
	if (rc == 0 && strcmp((const char *)verdict.data, "ok") != 0) {
		(void)fail(
		    why, FAIL_BUSY, "db-corrupt", "the database is damaged");
		rc = fail_cause(
		    why, "%s: %s", db->path, (const char *)verdict.data);
	}
	bytes_free(&verdict);
	return rc;
}

int
sqlite_size(struct db *base, int64_t *octets, struct fail *why)
{
	struct bytes text = {0};
	int rc = one_ask(&text, (struct sqlite_db *)base,
	    "SELECT page_count * page_size"
	    " FROM pragma_page_count(), pragma_page_size()",
	    why);

	*octets = rc == 0 ? strtoll((const char *)text.data, NULL, 10) : 0;
	bytes_free(&text);
	return rc;
}

/* ---- is it nobody's? --------------------------------------------------------------- */

static void
name_of(char name[64], pid_t pid)
{
	char *path = str_fmt("/proc/%ld/comm", (long)pid);
	FILE *f = fopen(path, "re");

	name[0] = '\0';
	if (f != NULL && fgets(name, 64, f) != NULL)
		name[strcspn(name, "\n")] = '\0';
	if (f != NULL)
		(void)fclose(f);
	free(path);
}

/* By a descriptor of its own, for this process has the file open nowhere: to
 * close it would drop its locks. */
static int
unused(const char *path, struct fail *why)
{
	struct flock l = {.l_type = F_WRLCK,
	    .l_whence = SEEK_SET,
	    .l_start = LOCK_BEGIN,
	    .l_len = LOCK_LEN};
	int fd = open(path, O_RDWR | O_CLOEXEC), rc;
	char name[64];

	if (fd < 0 && errno == ENOENT)
		return 0;
	rc = fd < 0 ? -1 : fcntl(fd, F_GETLK, &l);
	if (rc != 0) {
		(void)fail(why, FAIL_BUSY, "db-write",
		    "the database cannot be opened");
		rc = fail_errno(why, "%s", path);
	} else if (l.l_type != F_UNLCK) {
		name_of(name, l.l_pid);
		rc = fail(why, FAIL_BUSY, "db-inuse",
		    "process %ld (%s) has the database open: stop the programs "
		    "first",
		    (long)l.l_pid, name);
	}
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int
sqlite_alone(int *lock, const char *path, struct fail *why)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL
	                   ? str_dup(".")
	                   : str_fmt("%.*s", (int)(slash - path) + 1, path);
	int fd = -1, rc = file_lock_folder(&fd, folder, LOCK_WAIT, why);

	/* Whoever opens it does so under this lock, and holds SQLite's when it
	 * is let go. */
	if (rc == 0)
		rc = unused(path, why);
	if (rc == 0 && lock != NULL)
		*lock = fd;
	else if (fd >= 0)
		(void)close(fd);
	free(folder);
	return rc;
}

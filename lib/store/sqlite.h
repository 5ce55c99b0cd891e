/*
 * sqlite - the SQLite driver's own structs.  Internal: sqlite.c
 * (connections, statements), sqlite_open.c, sqlite_schema.c, sqlite_use.c
 * (transactions), sqlite_copy.c (backup.h), wal.c.
 *
 * One connection writes, whatever the number of threads: its page cache stays
 * warm, and threads take turns rather than spin in SQLite's busy
 * handler, which is left for other processes.  Reads take the writer when it
 * is idle, else one of a pool.
 *
 * Durability (wal.c): COMMIT with synchronous=NORMAL writes the WAL and drops
 * the lock; then the WAL is synced through the VFS, outside every lock.  A
 * committer takes a ticket; a sync that starts after a ticket was taken covers
 * it, so many wait for one sync, and a few syncs run side by side.
 */
#ifndef MICROCA_SQLITE_H
#define MICROCA_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>

#include "lib/store/driver.h"
#include "lib/store/pool.h"
#include "lib/store/turn.h"

struct sqlite_conn {
	struct conn base;
	struct sqlite_db *db;
	sqlite3 *handle; /* NULL: not open */
	sqlite3_stmt *statement[SQL_COUNT];
	sqlite3_stmt *begin, *commit;
	bool active[SQL_COUNT]; /* statements to be reset */
	double deadline; /* when_clock(): when the busy handler gives up */
	int rc;          /* of prepare or bind, for the step that follows */
	enum db_use use;
};

struct sqlite_db {
	struct db base;
	char *path, *folder;
	double wait;
	bool full;

	struct turn writing; /* who holds it owns `writer` */
	struct sqlite_conn writer;
	sqlite3_file *main_file, *wal_file; /* writer's */

	/* All below belongs to `pool.lock`; `pool.change` tells of any change. */
	struct pool pool;
	unsigned users; /* in a verb: the files must not be closed */
	bool broken, reopening;
	struct fail broken_why;
	double retry_at;                   /* when_clock(): next reopening */
	uint64_t tickets, started, synced; /* taken, being synced, synced */
	double started_at;                 /* when_clock() */
	unsigned syncing;

	struct sqlite_conn keeper; /* the checkpointer's connection */
	pthread_cond_t keeper_wake;
	pthread_t keeper_thread;
	bool keeper_on, keeper_due, keeper_stop;
	/* Atomic: frames in the WAL as of the last COMMIT, and how many there
	 * must be for another try after one that failed. */
	int frames, frames_due;
};

/* sqlite.c */
MUST_CHECK int sqlite_conn_open(struct sqlite_conn *c, struct sqlite_db *db,
    int cache_kib, struct fail *why);
void sqlite_conn_close(struct sqlite_conn *c);
MUST_CHECK int sqlite_exec(
    struct sqlite_conn *c, const char *sql, struct fail *why);
/* The kind and reason that a result code stands for; returns -1. */
int sqlite_fail(
    struct sqlite_conn *c, int rc, const char *what, struct fail *why);

/* A statement without parameters or rows, prepared once. */
MUST_CHECK int sqlite_run(struct sqlite_conn *c, sqlite3_stmt **st,
    const char *text, struct fail *why);
void sqlite_reset(struct sqlite_conn *c);

/* sqlite_use.c: verbs of the driver */
MUST_CHECK int sqlite_begin(
    struct conn **conn, struct db *db, enum db_use use, struct fail *why);
MUST_CHECK int sqlite_commit(struct conn *conn, bool durable, struct fail *why);
void sqlite_rollback(struct conn *conn);
MUST_CHECK int sqlite_sync(struct db *db, struct fail *why);
MUST_CHECK int sqlite_state(struct db *db, struct fail *why);

/* sqlite_copy.c: verbs of the driver */
MUST_CHECK int sqlite_copy(struct db *db, const char *path, struct fail *why);
MUST_CHECK int sqlite_whole(struct db *db, struct fail *why);
MUST_CHECK int sqlite_size(struct db *db, int64_t *octets, struct fail *why);
MUST_CHECK int sqlite_alone(int *lock, const char *path, struct fail *why);

/* sqlite_open.c */
MUST_CHECK int sqlite_open(
    struct db **db, const struct db_options *o, struct fail *why);
void sqlite_close(struct db *db);
MUST_CHECK int sqlite_writer_open(struct sqlite_db *db, struct fail *why);
/* The first column of the first row; "" without one. */
MUST_CHECK int sqlite_ask(struct bytes *out, struct sqlite_conn *c,
    const char *sql, struct fail *why);

/* sqlite_schema.c: is it a database of ours?  An older one is brought to
 * SQL_VERSION in one transaction with its audit row; an empty one is filled
 * with `create`.  FAIL_CONFIG "db-schema". */
MUST_CHECK int sqlite_schema(
    struct sqlite_conn *c, bool create, int *was, struct fail *why);

/* wal.c */
/* Enter before touching a connection, leave after: a broken database is
 * reopened here, when its time has come. */
MUST_CHECK int wal_enter(struct sqlite_db *db, struct fail *why);
void wal_leave(struct sqlite_db *db);
/* Nothing is served from now on until a reopening succeeds. */
void wal_break(struct sqlite_db *db, const struct fail *why);
/* Inside wal_enter(): wait until what is committed by now is synced. */
MUST_CHECK int wal_sync(struct sqlite_db *db, struct fail *why);
/* SQLite's hook: the WAL's length after a COMMIT. */
int wal_length(void *db, sqlite3 *handle, const char *schema, int frames);
/* After a COMMIT: have the checkpointer run when the WAL is long. */
void wal_tend(struct sqlite_db *db);
void wal_stop(struct sqlite_db *db);

#endif

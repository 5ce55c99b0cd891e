#include "lib/store/sqlite.h"

#include <signal.h>
#include <stdlib.h>

#include "lib/base/fault.h"
#include "lib/base/when.h"

/*
 * Syncs that run side by side, and s between the starts of two: a commit does
 * not have to wait for the end of a slow sync that started too early for it,
 * and on a fast disk it shares the next one.
 */
#define SYNCS_MOST 8
#define SYNCS_APART 0.0005
/* Frames (pages) in the WAL before it is checkpointed, and between tries. */
#define FRAMES_MOST 4000
#define FRAMES_STEP 1000
/* s: between tries to reopen; for readers to leave an old snapshot; for our
 * turn. */
#define REOPEN_EVERY 1.0
#define READERS_WAIT 0.1
#define WRITERS_WAIT 10.0
#define KEEPER_STACK (128 * 1024)

static void
broken_is(struct sqlite_db *db, const struct fail *why)
{
	db->broken_why = *why;
	db->broken = true;
	db->retry_at = when_clock() + REOPEN_EVERY;
	(void)pthread_cond_broadcast(&db->pool.change);
}

void
wal_break(struct sqlite_db *db, const struct fail *why)
{
	(void)pthread_mutex_lock(&db->pool.lock);
	broken_is(db, why);
	(void)pthread_mutex_unlock(&db->pool.lock);
}

static void
close_all(struct sqlite_db *db)
{
	struct conn *c;

	while ((c = pool_drain(&db->pool)) != NULL) {
		sqlite_conn_close((struct sqlite_conn *)c);
		free(c);
	}
	db->pool.n = 0;
	sqlite_conn_close(&db->keeper);
	sqlite_conn_close(&db->writer);
}

/*
 * After a failed sync the kernel may have dropped what it could not write and
 * call the next sync a success.  What can still be read of the WAL goes into
 * the database under full syncs, and the WAL starts anew: a hole in the old
 * one would hide every later frame from recovery.
 */
static int
reopen(struct sqlite_db *db, struct fail *why)
{
	int rc;

	close_all(db);
	if (sqlite_writer_open(db, why) != 0 ||
	    sqlite_exec(&db->writer, "PRAGMA synchronous=FULL", why) != 0)
		return -1;
	db->writer.deadline = when_clock() + REOPEN_EVERY;
	rc = sqlite3_wal_checkpoint_v2(
	    db->writer.handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (rc != SQLITE_OK)
		return sqlite_fail(&db->writer, rc, "checkpoint", why);
	rc = db->wal_file->pMethods->xSync(db->wal_file, SQLITE_SYNC_NORMAL);
	if (rc != SQLITE_OK)
		return sqlite_fail(&db->writer, rc, "sync", why);
	if (db->full)
		return 0;
	return sqlite_exec(&db->writer, "PRAGMA synchronous=NORMAL", why);
}

/* With the lock held, nobody inside; it is let go meanwhile. */
static void
reopen_try(struct sqlite_db *db)
{
	struct fail why = {0};
	int rc;

	db->reopening = true;
	(void)pthread_mutex_unlock(&db->pool.lock);
	rc = reopen(db, &why);
	(void)pthread_mutex_lock(&db->pool.lock);
	db->reopening = false;
	if (rc == 0) {
		db->broken = false;
		db->synced = db->started = db->tickets;
	} else {
		fail_hide(&why, "the database cannot be opened");
		why.kind = FAIL_BUSY; /* whatever it would be at the start */
		broken_is(db, &why);
	}
}

int
wal_enter(struct sqlite_db *db, struct fail *why)
{
	int rc = 0;

	(void)pthread_mutex_lock(&db->pool.lock);
	if (db->broken && !db->reopening && db->users == 0 &&
	    when_clock() >= db->retry_at)
		reopen_try(db);
	if (db->broken) {
		*why = db->broken_why;
		rc = -1;
	} else {
		db->users++;
	}
	(void)pthread_mutex_unlock(&db->pool.lock);
	return rc;
}

void
wal_leave(struct sqlite_db *db)
{
	(void)pthread_mutex_lock(&db->pool.lock);
	db->users--;
	(void)pthread_mutex_unlock(&db->pool.lock);
}

/* One sync for everybody who has a ticket by now; the lock is held. */
static void
sync_lead(struct sqlite_db *db)
{
	uint64_t upto = db->tickets;
	struct fail why = {0};
	int rc;

	db->started = upto;
	db->started_at = when_clock();
	db->syncing++;
	(void)pthread_mutex_unlock(&db->pool.lock);
	fault_point("sync");
	rc = db->wal_file->pMethods->xSync(db->wal_file, SQLITE_SYNC_NORMAL);
	fault_point("synced");
	(void)pthread_mutex_lock(&db->pool.lock);
	db->syncing--;
	if (rc == SQLITE_OK && upto > db->synced && !db->broken)
		db->synced = upto;
	if (rc != SQLITE_OK) {
		(void)fail(&why, FAIL_BUSY, "db-sync",
		    "the database could not be synced to its disk");
		(void)fail_cause(
		    &why, "sync of %s-wal: SQLite code %d", db->path, rc);
		broken_is(db, &why);
	}
	(void)pthread_cond_broadcast(&db->pool.change);
}

static bool
sync_due(const struct sqlite_db *db, uint64_t ticket)
{
	return db->started < ticket &&
	       (db->syncing == 0 ||
		   (db->syncing < SYNCS_MOST &&
		       when_clock() - db->started_at >= SYNCS_APART));
}

int
wal_sync(struct sqlite_db *db, struct fail *why)
{
	uint64_t ticket;
	int rc = 0;

	(void)pthread_mutex_lock(&db->pool.lock);
	ticket = ++db->tickets;
	while (db->synced < ticket && !db->broken) {
		if (sync_due(db, ticket))
			sync_lead(db);
		else
			(void)pthread_cond_wait(
			    &db->pool.change, &db->pool.lock);
	}
	if (db->synced < ticket) {
		*why = db->broken_why;
		rc = -1;
	}
	(void)pthread_mutex_unlock(&db->pool.lock);
	return rc;
}

/*
 * Most of the WAL goes into the database while others write; the rest under
 * the lock, so that the WAL ends and starts anew.  A reader that holds on to
 * an old snapshot only puts that off.
 */
static void
checkpoint(struct sqlite_db *db)
{
	struct sqlite_conn *c = &db->keeper;
	struct fail why = {0};
	int rc;

	if (c->handle == NULL && sqlite_conn_open(c, db, 64, &why) != 0)
		return;
	rc = sqlite3_wal_checkpoint_v2(
	    c->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	fault_point("checkpoint");
	if (rc == SQLITE_OK &&
	    turn_take(&db->writing, when_clock() + WRITERS_WAIT)) {
		c->deadline = when_clock() + READERS_WAIT;
		rc = sqlite3_wal_checkpoint_v2(
		    c->handle, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
		fault_point("checkpointed");
		turn_give(&db->writing);
	}
	if (rc == SQLITE_OK) {
		__atomic_store_n(&db->frames, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&db->frames_due, 0, __ATOMIC_RELAXED);
	}
	if ((rc & 0xff) == SQLITE_IOERR) {
		(void)sqlite_fail(c, rc, "checkpoint", &why);
		wal_break(db, &why);
	}
}

static void *
keeper_run(void *arg)
{
	struct sqlite_db *db = arg;
	struct fail why = {0};

	(void)pthread_mutex_lock(&db->pool.lock);
	while (!db->keeper_stop) {
		if (!db->keeper_due) {
			(void)pthread_cond_wait(
			    &db->keeper_wake, &db->pool.lock);
			continue;
		}
		(void)pthread_mutex_unlock(&db->pool.lock);
		if (wal_enter(db, &why) == 0) {
			checkpoint(db);
			wal_leave(db);
		}
		(void)pthread_mutex_lock(&db->pool.lock);
		db->keeper_due = false;
	}
	(void)pthread_mutex_unlock(&db->pool.lock);
	return NULL;
}

/* Signals are for the program's own threads. */
static bool
keeper_start(struct sqlite_db *db)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int rc;

	(void)sigfillset(&all);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, KEEPER_STACK);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&db->keeper_thread, &attr, keeper_run, db);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void)pthread_attr_destroy(&attr);
	return rc == 0;
}

int
wal_length(void *arg, sqlite3 *handle, const char *schema, int frames)
{
	struct sqlite_db *db = arg;

	(void)handle;
	(void)schema;
	__atomic_store_n(&db->frames, frames, __ATOMIC_RELAXED);
	return SQLITE_OK;
}

void
wal_tend(struct sqlite_db *db)
{
	int frames = __atomic_load_n(&db->frames, __ATOMIC_RELAXED);

	if (frames < FRAMES_MOST ||
	    frames < __atomic_load_n(&db->frames_due, __ATOMIC_RELAXED))
		return;
	(void)pthread_mutex_lock(&db->pool.lock);
	if (!db->keeper_due && !db->keeper_stop) {
		__atomic_store_n(
		    &db->frames_due, frames + FRAMES_STEP, __ATOMIC_RELAXED);
		if (!db->keeper_on)
			db->keeper_on = keeper_start(db);
		db->keeper_due = db->keeper_on;
		(void)pthread_cond_signal(&db->keeper_wake);
	}
	(void)pthread_mutex_unlock(&db->pool.lock);
}

void
wal_stop(struct sqlite_db *db)
{
	(void)pthread_mutex_lock(&db->pool.lock);
	db->keeper_stop = true;
	(void)pthread_cond_signal(&db->keeper_wake);
	(void)pthread_mutex_unlock(&db->pool.lock);
	if (db->keeper_on)
		(void)pthread_join(db->keeper_thread, NULL);
	close_all(db);
}

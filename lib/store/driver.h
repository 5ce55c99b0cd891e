/*
 * driver - what a database does for the store.  Internal to lib/store.
 *
 * The store's rules and its SQL (sql.c) are written once; a driver opens
 * connections, begins and ends transactions, binds, steps and makes what was
 * committed durable.  A driver's own structs begin with struct db and struct
 * conn.  Every verb may fail with FAIL_BUSY "db-busy", "db-write",
 * "db-down", "db-corrupt", "db-sync", "disk-full" and FAIL_BROKEN "db-constraint".
 */
#ifndef MICROCA_DRIVER_H
#define MICROCA_DRIVER_H

#include "lib/base/bytes.h"
#include "lib/store/sql.h"

struct store_driver;

struct db {
	const struct store_driver *driver;
};
struct conn {
	const struct store_driver *driver;
	int64_t lane;      /* of the audit chain, that it appends to */
	struct conn *next; /* in the pool (pool.h) */
};

struct db_options {
	const char *place; /* what follows the scheme in the URL */
	bool create;
	unsigned connections;
	double wait;  /* s: for a lock, a connection; 0: DB_WAIT */
	bool full;    /* sync inside COMMIT: for comparison only */
	int64_t lane; /* of the audit chain; SQLite has lane 0 alone */
	bool grow;    /* bring an older schema to the present one: SQLite does
	               * so anyhow */
	int *was;     /* NULL, or gets the version that it grew from */
	bool alone;   /* the caller holds the lock of `alone` below */
};
#define DB_WAIT 10.0

enum db_use {
	DB_READ, /* a few rows */
	DB_SCAN, /* many rows: must not keep writers waiting */
	DB_WRITE /* a transaction, begun */
};

enum value_type { VALUE_NULL, VALUE_NUMBER, VALUE_TEXT, VALUE_OCTETS };
struct value {
	enum value_type type;
	int64_t number;
	struct span octets; /* borrowed until the statement's last step */
};

struct store_driver {
	const char *scheme; /* "sqlite:" */
	/* Others write at the same time: new numbers come from a sequence, and
	 * a transaction reads nothing that all others write. */
	bool many;
	int (*open)(
	    struct db **db, const struct db_options *o, struct fail *why);
	void (*close)(struct db *db);
	/* A connection for this thread alone, until commit or rollback. */
	int (*begin)(
	    struct conn **c, struct db *db, enum db_use use, struct fail *why);
	/* `durable`: returns when the disk has it.  Ends the use either way. */
	int (*commit)(struct conn *c, bool durable, struct fail *why);
	void (*rollback)(struct conn *c);
	/* Everything that was committed before the call, by anyone. */
	int (*sync)(struct db *db, struct fail *why);
	int (*state)(struct db *db, struct fail *why);
	/* Bind all parameters; then step: `row` says whether there is one.
	 * Columns count from 0 and are borrowed until the next step. */
	void (*bind)(
	    struct conn *c, enum sql id, const struct value *values, size_t n);
	int (*step)(struct conn *c, enum sql id, bool *row, struct fail *why);
	int64_t (*number)(struct conn *c, enum sql id, int column);
	const char *(*text)(struct conn *c, enum sql id, int column);
	struct span (*octets)(struct conn *c, enum sql id, int column);
	struct value (*value)(struct conn *c, enum sql id, int column);
	/* As store_copy() and the others of backup.h; NULL: row by row, and
	 * nothing to look at. */
	int (*copy)(struct db *db, const char *path, struct fail *why);
	int (*whole)(struct db *db, struct fail *why);
	int (*size)(struct db *db, int64_t *octets, struct fail *why);
	/* `lock` NULL: is it so now? */
	int (*alone)(int *lock, const char *place, struct fail *why);
	/* Folder whose file system fills up; NULL: not ours to watch. */
	const char *(*folder)(struct db *db);
};

extern const struct store_driver sqlite_driver, pgsql_driver;

struct value value_number(int64_t v);
struct value value_text(const char *s); /* NULL: SQL's NULL */
struct value value_octets(const void *p, size_t len);

MUST_CHECK int db_begin(
    struct conn **c, struct db *db, enum db_use use, struct fail *why);
MUST_CHECK int db_commit(struct conn *c, bool durable, struct fail *why);
void db_rollback(struct conn *c);
MUST_CHECK int db_sync(struct db *db, struct fail *why);
/*
 * One write transaction: `work`, then the commit.  `keep` is true before; where
 * `work` makes it false nothing is written, and what it read is synced.
 * `work` runs again when it met another's transaction (DB_AGAIN), until DB_WAIT
 * is over: what it gives out has to be the last run's alone.
 */
typedef int db_work(struct conn *c, void *arg, bool *keep, struct fail *why);
MUST_CHECK int db_write(
    struct db *db, bool durable, db_work *work, void *arg, struct fail *why);
#define DB_AGAIN "db-again" /* FAIL_BUSY, between driver and db_write() */
/* Bind and step once. */
MUST_CHECK int db_query(struct conn *c, enum sql id, bool *row,
    const struct value *values, size_t n, struct fail *why);
MUST_CHECK int db_step(
    struct conn *c, enum sql id, bool *row, struct fail *why);
/* A number alone, of the first row; 0 when there is none. */
MUST_CHECK int db_count(int64_t *out, struct conn *c, enum sql id,
    const struct value *values, size_t n, struct fail *why);
/* A statement by itself, from begin to rollback: each of its rows to `row`,
 * which keeps what it wants of it. */
typedef void db_row(struct conn *c, enum sql id, void *arg);
MUST_CHECK int db_rows(struct db *db, enum db_use use, enum sql id,
    const struct value *values, size_t n, db_row *row, void *arg,
    struct fail *why);
int64_t db_number(struct conn *c, enum sql id, int column);
const char *db_text(struct conn *c, enum sql id, int column);
struct span db_octets(struct conn *c, enum sql id, int column);

#define VALUES(...)                                                            \
	(const struct value[]){__VA_ARGS__},                                   \
	    sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value)

#endif

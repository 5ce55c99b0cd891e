/*
 * pgsql - the PostgreSQL driver's own structs.  Internal: pgsql.c (statements),
 * pgsql_open.c (connections), pgsql_schema.c, pgsql_use.c (transactions).
 *
 * Writers are SERIALIZABLE: what a race would break is refused by PostgreSQL
 * (40001, or a unique constraint's 23505) and db_write() runs it again.  There
 * are no locks of our own.  One connection of a process writes, its threads
 * take turns, for they append to one lane of the audit chain anyway.
 *
 * What a transaction committed is seen by others when it is on the disk, and on
 * the synchronous standby: so whatever was read may leave the box, and sync()
 * has nothing to do.  Sessions in which that is not so are refused.
 *
 * Round trips are what a transaction costs.  libpq's pipeline is on: BEGIN and
 * all that gives no row are sent along with the next thing whose answer is
 * wanted, the last of them along with COMMIT.  Their failures come then.
 */
#ifndef MICROCA_PGSQL_H
#define MICROCA_PGSQL_H

#include <libpq-fe.h>
#include <pthread.h>

#include "lib/store/driver.h"
#include "lib/store/pool.h"
#include "lib/store/turn.h"

/* Sent and not answered, at most: sockets' buffers are no place to wait. */
#define PGSQL_QUEUE 32

struct pgsql_conn {
	struct conn base;
	struct pgsql_db *db;
	PGconn *pg; /* NULL: not open */
	enum { NOT_PREPARED, PREPARE_SENT, PREPARED } prepared[SQL_COUNT];
	PGresult *result[SQL_COUNT];
	int row[SQL_COUNT]; /* of the result, the present one */
	/* enum sql; -1: no rows wanted; -2 - id: its PREPARE */
	int queue[PGSQL_QUEUE], queued;
	enum db_use use;
	bool begun;  /* BEGIN was sent */
	bool lost;   /* to be closed */
	bool unsure; /* COMMIT was sent */
	bool late;   /* a notice: committed here, perhaps not on the standby */
	struct fail failed; /* the first failure of this use, if any */
	double deadline;    /* when_clock() */
};

struct pgsql_db {
	struct db base;
	char *url;
	double wait;
	int64_t lane;
	bool grow; /* bring the schema to SQL_VERSION */
	bool create;
	int *was; /* see struct db_options; while it is opened */

	struct turn writing; /* who holds it owns `writer` */
	struct pgsql_conn writer;

	/* All below belongs to `pool.lock`; `pool.change` tells of any change. */
	struct pool pool;
	double retry_at; /* when_clock(): nobody tries to connect before */
	struct fail down;
};

/* pgsql.c */
/* Send without waiting: a text without parameters or rows. */
MUST_CHECK int pgsql_send(
    struct pgsql_conn *c, const char *text, struct fail *why);
/* Wait for all that was sent. */
MUST_CHECK int pgsql_collect(struct pgsql_conn *c, struct fail *why);
void pgsql_forget(struct pgsql_conn *c); /* results */
/* What an SQLSTATE stands for; returns -1. */
int pgsql_fail(struct pgsql_conn *c, const PGresult *res, const char *what,
    struct fail *why);
void pgsql_bind(
    struct conn *c, enum sql id, const struct value *values, size_t n);
MUST_CHECK int pgsql_step(
    struct conn *c, enum sql id, bool *row, struct fail *why);

/* pgsql_open.c */
MUST_CHECK int pgsql_open(
    struct db **db, const struct db_options *o, struct fail *why);
void pgsql_close(struct db *db);
/* Connected, fit for use, of our schema.  FAIL_BUSY "db-down"; FAIL_CONFIG
 * "db-schema", "db-unsafe". */
/* pgsql_connect(): not of our schema, perhaps, and no pipeline. */
struct pgsql_db *pgsql_db_new(const struct db_options *o);
MUST_CHECK int pgsql_connect(
    struct pgsql_conn *c, struct pgsql_db *db, struct fail *why);
MUST_CHECK int pgsql_conn_open(
    struct pgsql_conn *c, struct pgsql_db *db, struct fail *why);
void pgsql_conn_close(struct pgsql_conn *c);
/* Whatever it is, at once and before the pipeline: 0 and one row at most. */
MUST_CHECK int pgsql_ask(
    PGresult **res, struct pgsql_conn *c, const char *text, struct fail *why);

/* pgsql_schema.c: as sqlite_schema(), but it grows only where that is asked
 * for, as other nodes may still run what is older. */
MUST_CHECK int pgsql_schema(
    struct pgsql_conn *c, struct pgsql_db *db, struct fail *why);

/* pgsql_use.c: nobody tries to write, or to connect, for so long. */
void pgsql_down(struct pgsql_db *db, double seconds, const struct fail *why);

/* pgsql_use.c: verbs of the driver */
MUST_CHECK int pgsql_begin(
    struct conn **conn, struct db *db, enum db_use use, struct fail *why);
MUST_CHECK int pgsql_commit(struct conn *conn, bool durable, struct fail *why);
void pgsql_rollback(struct conn *conn);
MUST_CHECK int pgsql_state(struct db *db, struct fail *why);
MUST_CHECK int pgsql_size(struct db *db, int64_t *octets, struct fail *why);
MUST_CHECK int pgsql_alone(int *lock, const char *place, struct fail *why);

#endif

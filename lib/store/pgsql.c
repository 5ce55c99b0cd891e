#include "lib/store/pgsql.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"

/* Of PostgreSQL's pg_type.h; the server tells the others from the columns. */
#define BYTEA_OID 17
#define INT8_OID 20

#define PARAMETERS 32 /* of one statement */

static const struct {
	const char *state; /* SQLSTATE, or how it begins */
	enum fail_kind kind;
	const char *reason, *text;
} failures[] = {
    {"40001", FAIL_BUSY, DB_AGAIN, "another transaction was first"},
    {"40P01", FAIL_BUSY, DB_AGAIN, "another transaction was first"},
    {"23505", FAIL_BROKEN, DB_AGAIN, "another transaction was first"},
    {"23", FAIL_BROKEN, "db-constraint", "the database refused a row"},
    {"22", FAIL_BROKEN, "db-constraint", "the database refused a row"},
    {"25006", FAIL_BUSY, "db-down", "the database takes no writes"},
    {"08", FAIL_BUSY, "db-down", "the database cannot be reached"},
    {"57P", FAIL_BUSY, "db-down", "the database cannot be reached"},
    {"53100", FAIL_BUSY, "disk-full", "the disk is full"},
    {"53", FAIL_BUSY, "db-busy", "the database is busy"},
    {"55P03", FAIL_BUSY, "db-busy", "the database is busy"},
    {"57014", FAIL_BUSY, "db-busy", "the database is busy"},
    {"XX001", FAIL_BUSY, "db-corrupt", "the database is damaged"},
    {"XX002", FAIL_BUSY, "db-corrupt", "the database is damaged"},
    {"58030", FAIL_BUSY, "db-write", "the database could not be used"},
    {"", FAIL_BUSY, "db-write", "the database could not be used"},
};

#define RETRY 5 /* s: Retry-After, while there is no database */

static struct pgsql_conn *
conn_of(struct conn *c)
{
	return (struct pgsql_conn *)c;
}

/* The first line of what PostgreSQL says. */
static int
said(const char *message)
{
	return (int)strcspn(message, "\n");
}

static int
lost(struct pgsql_conn *c, const char *what, struct fail *why)
{
	const char *message = PQerrorMessage(c->pg);

	c->lost = true;
	(void)fail(why, FAIL_BUSY, "db-down", "the database cannot be reached");
	(void)fail_retry(why, RETRY);
	return fail_cause(why, "%s: %.*s", what, said(message), message);
}

int
pgsql_fail(struct pgsql_conn *c, const PGresult *res, const char *what,
    struct fail *why)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorMessage(res);
	size_t i = 0;

	if (state == NULL || PQstatus(c->pg) == CONNECTION_BAD)
		return lost(c, what, why);
	while (
	    strncmp(failures[i].state, state, strlen(failures[i].state)) != 0)
		i++;
	(void)fail(
	    why, failures[i].kind, failures[i].reason, "%s", failures[i].text);
	if (strcmp(failures[i].reason, "db-down") == 0) {
		c->lost = true;
		(void)fail_retry(why, RETRY);
	}
	return fail_cause(
	    why, "%s: %.*s (SQLSTATE %s)", what, said(message), message, state);
}

/* ---- the pipeline ---------------------------------------------------------- */

/* The first failure of a use is the one that counts.  What was lost before
 * COMMIT was sent has done nothing, and may run again. */
static int
failed(struct pgsql_conn *c, struct fail *why)
{
	*why = c->failed;
	if (c->use == DB_WRITE && !c->unsure &&
	    strcmp(why->reason, "db-down") == 0)
		why->reason = DB_AGAIN;
	return -1;
}

static void
push(struct pgsql_conn *c, int id)
{
	c->queue[c->queued++] = id;
}

/* Room for two more: a statement and its PREPARE. */
static int
room(struct pgsql_conn *c, struct fail *why)
{
	if (c->failed.kind != FAIL_NONE)
		return failed(c, why);
	if (c->queued + 2 > PGSQL_QUEUE)
		return pgsql_collect(c, why);
	return 0;
}

int
pgsql_send(struct pgsql_conn *c, const char *text, struct fail *why)
{
	if (room(c, why) != 0)
		return -1;
	if (PQsendQueryParams(c->pg, text, 0, NULL, NULL, NULL, NULL, 1) != 1) {
		(void)lost(c, text, &c->failed);
		return failed(c, why);
	}
	push(c, -1);
	return 0;
}

/* Until there is an answer; a database that gives none for too long is left. */
static int
await(struct pgsql_conn *c, struct fail *why)
{
	while (PQisBusy(c->pg) != 0) {
		struct pollfd p = {.fd = PQsocket(c->pg), .events = POLLIN};
		double left = c->deadline - when_clock();

		if (left <= 0) {
			c->lost = true;
			(void)fail(
			    why, FAIL_BUSY, "db-busy", "the database is busy");
			(void)fail_retry(why, RETRY);
			(void)fail_cause(why, "PostgreSQL gave no answer");
			pgsql_down(c->db, RETRY, why);
			return -1;
		}
		if (poll(&p, 1, (int)(left * 1000) + 1) < 0 && errno != EINTR)
			return lost(c, "poll", why);
		if (PQconsumeInput(c->pg) != 1)
			return lost(c, "the answer", why);
	}
	return 0;
}

static void
keep(struct pgsql_conn *c, int id, PGresult *res)
{
	if (id < -1 && PQresultStatus(res) == PGRES_COMMAND_OK)
		c->prepared[-2 - id] = PREPARED;
	if (id < 0 || PQresultStatus(res) != PGRES_TUPLES_OK) {
		PQclear(res);
		return;
	}
	PQclear(c->result[id]);
	c->result[id] = res;
	c->row[id] = -1;
}

/* All results of one statement; the first failure is kept. */
static int
one_answer(struct pgsql_conn *c, int id, struct fail *why)
{
	PGresult *res;

	for (;;) {
		if (await(c, why) != 0)
			return -1;
		if ((res = PQgetResult(c->pg)) == NULL)
			return 0;
		if (PQresultStatus(res) == PGRES_FATAL_ERROR &&
		    c->failed.kind == FAIL_NONE)
			(void)pgsql_fail(c, res,
			    id < 0 ? "a statement" : sql_text[id], &c->failed);
		/* COMMIT of what has failed says so. */
		if (c->unsure && strcmp(PQcmdStatus(res), "ROLLBACK") == 0 &&
		    c->failed.kind == FAIL_NONE)
			(void)fail(&c->failed, FAIL_BUSY, "db-write",
			    "the database could not be used");
		keep(c, id, res);
		if (PQstatus(c->pg) == CONNECTION_BAD)
			return lost(c, "the answer", why);
	}
}

static int
sync_answer(struct pgsql_conn *c, struct fail *why)
{
	PGresult *res;
	bool done = false;

	while (!done) {
		if (await(c, why) != 0)
			return -1;
		if ((res = PQgetResult(c->pg)) == NULL)
			return lost(c, "the answer", why);
		done = PQresultStatus(res) == PGRES_PIPELINE_SYNC;
		PQclear(res);
	}
	return 0;
}

/* What follows a failure in the pipeline is passed over, PREPARE as well. */
static void
unprepare(struct pgsql_conn *c)
{
	for (size_t i = 0; i < SQL_COUNT; i++)
		if (c->prepared[i] == PREPARE_SENT)
			c->prepared[i] = NOT_PREPARED;
}

int
pgsql_collect(struct pgsql_conn *c, struct fail *why)
{
	struct fail gone = {0};
	int rc = 0;

	if (c->lost)
		return failed(c, why);
	c->deadline = when_clock() + c->db->wait;
	if (PQpipelineSync(c->pg) != 1)
		rc = lost(c, "sending", &gone);
	for (int i = 0; i < c->queued && rc == 0; i++)
		rc = one_answer(c, c->queue[i], &gone);
	c->queued = 0;
	if (rc == 0)
		rc = sync_answer(c, &gone);
	if (rc != 0 && c->failed.kind == FAIL_NONE)
		c->failed = gone;
	if (c->failed.kind == FAIL_NONE)
		return 0;
	unprepare(c);
	return failed(c, why);
}

void
pgsql_forget(struct pgsql_conn *c)
{
	for (size_t i = 0; i < SQL_COUNT; i++) {
		PQclear(c->result[i]);
		c->result[i] = NULL;
	}
}

/* ---- statements ------------------------------------------------------------- */

static const char *
text_of(enum sql id)
{
	return sql_pgsql[id] != NULL ? sql_pgsql[id] : sql_text[id];
}

static bool
gives_rows(enum sql id)
{
	return strncmp(text_of(id), "SELECT", 6) == 0;
}

static bool
prepare(struct pgsql_conn *c, enum sql id, const char *name,
    const struct value *values, size_t n)
{
	Oid type[PARAMETERS] = {0};

	if (c->prepared[id] != NOT_PREPARED)
		return true;
	for (size_t i = 0; i < n; i++)
		type[i] = values[i].type == VALUE_NUMBER ? INT8_OID : 0;
	if (PQsendPrepare(c->pg, name, text_of(id), (int)n, type) != 1)
		return false;
	push(c, -2 - (int)id);
	c->prepared[id] = PREPARE_SENT;
	return true;
}

static bool
execute(struct pgsql_conn *c, enum sql id, const char *name,
    const struct value *values, size_t n)
{
	const char *at[PARAMETERS];
	int len[PARAMETERS], form[PARAMETERS];
	uint64_t number[PARAMETERS];

	for (size_t i = 0; i < n; i++) {
		const struct value *v = &values[i];

		form[i] = v->type != VALUE_TEXT;
		at[i] = v->type == VALUE_NULL ? NULL
		        : v->octets.len > 0   ? (const char *)v->octets.data
		                              : "";
		len[i] = (int)v->octets.len;
		if (v->type == VALUE_NUMBER) {
			number[i] = htobe64((uint64_t)v->number);
			at[i] = (const char *)&number[i];
			len[i] = 8;
		}
	}
	if (PQsendQueryPrepared(c->pg, name, (int)n, at, len, form, 1) != 1)
		return false;
	push(c, gives_rows(id) ? (int)id : -1);
	return true;
}

void
pgsql_bind(struct conn *conn, enum sql id, const struct value *values, size_t n)
{
	struct pgsql_conn *c = conn_of(conn);
	struct fail why;
	char name[16];

	PQclear(c->result[id]);
	c->result[id] = NULL;
	if (room(c, &why) != 0)
		return;
	(void)snprintf(name, sizeof(name), "s%d", (int)id);
	if (!prepare(c, id, name, values, n) ||
	    !execute(c, id, name, values, n))
		(void)lost(c, text_of(id), &c->failed);
}

int
pgsql_step(struct conn *conn, enum sql id, bool *row, struct fail *why)
{
	struct pgsql_conn *c = conn_of(conn);

	*row = false;
	if (c->failed.kind != FAIL_NONE)
		return failed(c, why);
	if (!gives_rows(id))
		return 0;
	if (c->result[id] == NULL && pgsql_collect(c, why) != 0)
		return -1;
	*row = ++c->row[id] < PQntuples(c->result[id]);
	return 0;
}

/* Binary: octets and text as they are, numbers big-endian. */
static struct span
cell(const struct pgsql_conn *c, enum sql id, int column)
{
	const PGresult *res = c->result[id];
	int row = c->row[id];

	if (res == NULL || row >= PQntuples(res) ||
	    PQgetisnull(res, row, column) != 0)
		return (struct span){NULL, 0};
	return (struct span){(const uint8_t *)PQgetvalue(res, row, column),
	    (size_t)PQgetlength(res, row, column)};
}

static struct span
pgsql_octets(struct conn *conn, enum sql id, int column)
{
	return cell(conn_of(conn), id, column);
}

static const char *
pgsql_text(struct conn *conn, enum sql id, int column)
{
	return (const char *)cell(conn_of(conn), id, column).data;
}

static int64_t
pgsql_number(struct conn *conn, enum sql id, int column)
{
	struct span s = cell(conn_of(conn), id, column);
	uint64_t n = s.len > 0 && (s.data[0] & 0x80) != 0 ? UINT64_MAX : 0;

	for (size_t i = 0; i < s.len && i < 8; i++)
		n = n << 8 | s.data[i];
	return (int64_t)n;
}

static struct value
pgsql_value(struct conn *conn, enum sql id, int column)
{
	const struct pgsql_conn *c = conn_of(conn);
	Oid type = PQftype(c->result[id], column);
	struct value v = {.octets = cell(c, id, column)};

	if (v.octets.data == NULL)
		v.type = VALUE_NULL;
	else if (type == INT8_OID)
		v = value_number(pgsql_number(conn, id, column));
	else
		v.type = type == BYTEA_OID ? VALUE_OCTETS : VALUE_TEXT;
	return v;
}

/* ---- what PostgreSQL does by itself -------------------------------------------- */

static int
pgsql_sync(struct db *db, struct fail *why)
{
	(void)db;
	(void)why;
	return 0;
}

static const char *
pgsql_folder(struct db *db)
{
	(void)db;
	return NULL;
}

const struct store_driver pgsql_driver = {
    .scheme = "postgresql:",
    .many = true,
    .open = pgsql_open,
    .close = pgsql_close,
    .begin = pgsql_begin,
    .commit = pgsql_commit,
    .rollback = pgsql_rollback,
    .sync = pgsql_sync,
    .state = pgsql_state,
    .size = pgsql_size,
    .alone = pgsql_alone,
    .bind = pgsql_bind,
    .step = pgsql_step,
    .number = pgsql_number,
    .text = pgsql_text,
    .octets = pgsql_octets,
    .value = pgsql_value,
    .folder = pgsql_folder,
};

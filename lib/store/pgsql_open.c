#include "lib/store/pgsql.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"

#define POOL_MOST 8 /* a server has 100 connections, and we have many nodes */

/* What is said where the URL does not say it, else libpq waits for ever. */
static const struct {
	const char *key, *value;
} settled[] = {
    {"connect_timeout", "5"},
    {"target_session_attrs", "read-write"},
    {"tcp_user_timeout", "10000"},
    {"keepalives_idle", "10"},
    {"keepalives_interval", "3"},
    {"keepalives_count", "3"},
    {"fallback_application_name", "microca"},
    {"client_encoding", "UTF8"},
};
#define SETTLED (sizeof(settled) / sizeof(settled[0]))

/*
 * No statement looks at all rows, whatever statistics there are or are not:
 * rows come in the order of an index, up to the limit, which a plan for any
 * parameters does not know.  Who is gone does not hold a row for long.
 */
static const char set_up[] =
    "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan;"
    " SET enable_bitmapscan = off;"
    " SET jit = off; SET standard_conforming_strings = on;"
    " SET idle_in_transaction_session_timeout = '60s';"
    " SET lock_timeout = '10s'";

/* ---- the URL -------------------------------------------------------------------- */

static int
url_check(const char *url, struct fail *why)
{
	char *message = NULL;
	PQconninfoOption *o = PQconninfoParse(url, &message);
	int rc = 0;

	if (o == NULL)
		rc = fail(why, FAIL_CONFIG, "db-url",
		    "the store's URL cannot be read: %.*s",
		    (int)strcspn(message, "\n"), message);
	/* It would be in the configuration, in "microca check", in logs. */
	for (size_t i = 0; rc == 0 && o[i].keyword != NULL; i++)
		if (strcmp(o[i].keyword, "password") == 0 && o[i].val != NULL)
			rc = fail(why, FAIL_CONFIG, "db-url",
			    "no password belongs in the store's URL: name a "
			    "passfile (postgresql://…?passfile=FILE), or a "
			    "service");
	PQconninfoFree(o);
	PQfreemem(message);
	return rc;
}

static bool
url_says(const PQconninfoOption *o, const char *key)
{
	for (size_t i = 0; o[i].keyword != NULL; i++)
		if (strcmp(o[i].keyword, key) == 0)
			return o[i].val != NULL;
	return false;
}

/* The URL itself first, as "dbname", what it lacks after it. */
static PGconn *
connect_to(const char *url)
{
	const char *key[SETTLED + 2], *value[SETTLED + 2];
	PQconninfoOption *o = PQconninfoParse(url, NULL);
	PGconn *pg;
	size_t n = 0;

	key[n] = "dbname";
	value[n++] = url;
	for (size_t i = 0; o != NULL && i < SETTLED; i++)
		if (!url_says(o, settled[i].key)) {
			key[n] = settled[i].key;
			value[n++] = settled[i].value;
		}
	key[n] = value[n] = NULL;
	pg = PQconnectdbParams(key, value, 1);
	PQconninfoFree(o);
	return pg;
}

/* ---- a connection ------------------------------------------------------------------ */

int
pgsql_ask(
    PGresult **res, struct pgsql_conn *c, const char *text, struct fail *why)
{
	int rc = 0;

	*res = PQexec(c->pg, text);
	if (PQresultStatus(*res) != PGRES_TUPLES_OK &&
	    PQresultStatus(*res) != PGRES_COMMAND_OK)
		rc = pgsql_fail(c, *res, text, why);
	if (rc != 0) {
		PQclear(*res);
		*res = NULL;
	}
	return rc;
}

/* "The transaction has already committed locally, but might not have been
 * replicated to the standby": SQLSTATE 01000, and the only one at COMMIT. */
static void
notice(void *arg, const PGresult *res)
{
	struct pgsql_conn *c = arg;
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

	if (c->unsure && state != NULL && strcmp(state, "01000") == 0)
		c->late = true;
}

static int
down(struct pgsql_conn *c, struct fail *why)
{
	const char *message = PQerrorMessage(c->pg);
	size_t len = strlen(message);

	while (len > 0 && message[len - 1] == '\n')
		len--;
	(void)fail(why, FAIL_BUSY, "db-down", "the database cannot be reached");
	(void)fail_retry(why, 5);
	return fail_cause(why, "PostgreSQL: %.*s", (int)len, message);
}

static int
unsafe(const char *key, const char *value, const char *wanted, struct fail *why)
{
	return fail(why, FAIL_CONFIG, "db-unsafe",
	    "PostgreSQL's %s is \"%s\": %s", key, value, wanted);
}

/* What a client received has to be on the disk, here and on the standby. */
static int
safe(struct pgsql_conn *c, struct fail *why)
{
	const char *sync, *standby;
	PGresult *res;
	int rc = 0;

	if (pgsql_ask(&res, c,
		"SELECT current_setting('synchronous_commit'),"
		" current_setting('fsync'), current_setting('server_encoding'),"
		" current_setting('synchronous_standby_names'),"
		" current_setting('full_page_writes')",
		why) != 0)
		return -1;
	sync = PQgetvalue(res, 0, 0);
	standby = PQgetvalue(res, 0, 3);
	if (strcmp(sync, "off") == 0)
		rc = unsafe("synchronous_commit", sync,
		    "certificates would be lost with the power", why);
	else if (strcmp(sync, "local") == 0 && standby[0] != '\0')
		rc = unsafe("synchronous_commit", sync,
		    "certificates would be lost with the primary", why);
	else if (strcmp(PQgetvalue(res, 0, 1), "on") != 0)
		rc = unsafe("fsync", PQgetvalue(res, 0, 1),
		    "certificates would be lost with the power", why);
	else if (strcmp(PQgetvalue(res, 0, 4), "on") != 0)
		rc = unsafe("full_page_writes", PQgetvalue(res, 0, 4),
		    "a power cut would damage it", why);
	else if (strcmp(PQgetvalue(res, 0, 2), "UTF8") != 0)
		rc = unsafe("server_encoding", PQgetvalue(res, 0, 2),
		    "wanted UTF8", why);
	PQclear(res);
	return rc;
}

int
pgsql_connect(struct pgsql_conn *c, struct pgsql_db *db, struct fail *why)
{
	PGresult *res;

	memset(c, 0, sizeof(*c));
	c->base.driver = db->base.driver;
	c->base.lane = db->lane;
	c->db = db;
	c->pg = connect_to(db->url);
	if (PQstatus(c->pg) != CONNECTION_OK)
		return down(c, why);
	(void)PQsetNoticeReceiver(c->pg, notice, c);
	if (pgsql_ask(&res, c, set_up, why) != 0)
		return -1;
	PQclear(res);
	return 0;
}

int
pgsql_conn_open(struct pgsql_conn *c, struct pgsql_db *db, struct fail *why)
{
	int rc = -1;

	if (pgsql_connect(c, db, why) == 0 && safe(c, why) == 0)
		rc = pgsql_schema(c, db, why);
	if (rc == 0 && PQenterPipelineMode(c->pg) != 1)
		rc = down(c, why);
	if (rc != 0)
		pgsql_conn_close(c);
	return rc;
}

void
pgsql_conn_close(struct pgsql_conn *c)
{
	pgsql_forget(c);
	PQfinish(c->pg);
	c->pg = NULL;
	c->lost = false;
	c->queued = 0;
	memset(c->prepared, 0, sizeof(c->prepared));
}

/* ---- the database --------------------------------------------------------------------- */

struct pgsql_db *
pgsql_db_new(const struct db_options *o)
{
	struct pgsql_db *db = mem_new(sizeof(*db));
	unsigned most;

	db->base.driver = &pgsql_driver;
	db->url = str_fmt("%s%s", pgsql_driver.scheme, o->place);
	db->wait = o->wait > 0 ? o->wait : DB_WAIT;
	db->lane = o->lane;
	db->create = o->create;
	db->grow = o->grow;
	db->was = o->was;
	db->writer.base.driver = &pgsql_driver;
	most = o->connections > 2 ? o->connections - 1 : 2;
	turn_init(&db->writing);
	pool_init(&db->pool, most < POOL_MOST ? most : POOL_MOST);
	return db;
}

/* A program starts without its database and says so to each request; but one
 * that will never do is refused. */
int
pgsql_open(struct db **out, const struct db_options *o, struct fail *why)
{
	struct pgsql_db *db;

	*out = NULL;
	db = pgsql_db_new(o);
	if (url_check(db->url, why) == 0 &&
	    (pgsql_conn_open(&db->writer, db, why) == 0 ||
		(why->kind == FAIL_BUSY && !o->create && !o->grow))) {
		db->create = db->grow = false;
		db->was = NULL;
		*out = &db->base;
		return 0;
	}
	pgsql_close(&db->base);
	return -1;
}

void
pgsql_close(struct db *base)
{
	struct pgsql_db *db = (struct pgsql_db *)base;
	struct pgsql_conn *c;

	if (db->writer.pg != NULL)
		pgsql_conn_close(&db->writer);
	while ((c = (struct pgsql_conn *)pool_drain(&db->pool)) != NULL) {
		if (c->pg != NULL)
			pgsql_conn_close(c);
		free(c);
	}
	turn_destroy(&db->writing);
	pool_destroy(&db->pool);
	free(db->url);
	free(db);
}

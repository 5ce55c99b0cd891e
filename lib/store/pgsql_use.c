#include "lib/store/pgsql.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"

static int
reader_take(struct pgsql_conn **c, struct pgsql_db *db, double deadline,
    struct fail *why)
{
	struct conn *idle;

	if (pool_take(&idle, &db->pool, deadline, why) != 0)
		return -1;
	*c = idle != NULL ? (struct pgsql_conn *)idle : mem_new(sizeof(**c));
	return 0;
}

static void
give_back(struct pgsql_conn *c, struct pgsql_db *db)
{
	if (c->pg != NULL && c->lost)
		pgsql_conn_close(c);
	if (c->pg != NULL)
		pgsql_forget(c);
	if (c == &db->writer)
		turn_give(&db->writing);
	else
		pool_give(&db->pool, &c->base);
}

/* A server that ended has said so by now, or closed the socket; it says hardly
 * anything else of itself. */
static bool
is_stale(const struct pgsql_conn *c)
{
	struct pollfd p = {.fd = PQsocket(c->pg), .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

void
pgsql_down(struct pgsql_db *db, double seconds, const struct fail *why)
{
	(void)pthread_mutex_lock(&db->pool.lock);
	db->down = *why;
	db->retry_at = when_clock() + seconds;
	(void)pthread_mutex_unlock(&db->pool.lock);
}

static int
is_down(struct pgsql_db *db, struct fail *why)
{
	int rc;

	(void)pthread_mutex_lock(&db->pool.lock);
	rc = when_clock() < db->retry_at ? -1 : 0;
	if (rc != 0)
		*why = db->down;
	(void)pthread_mutex_unlock(&db->pool.lock);
	return rc;
}

/* Who finds that there is no server, or one that does not commit, says so to
 * all others for a while. */
static int
connected(struct pgsql_conn *c, struct pgsql_db *db, enum db_use use,
    struct fail *why)
{
	if (c->pg != NULL && is_stale(c))
		pgsql_conn_close(c);
	if ((c->pg == NULL || use == DB_WRITE) && is_down(db, why) != 0)
		return -1;
	if (c->pg != NULL || pgsql_conn_open(c, db, why) == 0)
		return 0;
	pgsql_down(db, 1, why);
	return -1;
}

static int
take(struct pgsql_conn **c, struct pgsql_db *db, enum db_use use,
    struct fail *why)
{
	double deadline = when_clock() + db->wait;
	int rc = 0;

	if (use != DB_WRITE)
		rc = reader_take(c, db, deadline, why);
	else if (turn_take(&db->writing, deadline))
		*c = &db->writer;
	else
		rc = pool_busy(why);
	if (rc != 0)
		return -1;
	if (connected(*c, db, use, why) != 0) {
		give_back(*c, db);
		return -1;
	}
	return 0;
}

int
pgsql_begin(
    struct conn **conn, struct db *base, enum db_use use, struct fail *why)
{
	static const char *const begin[] = {
	    [DB_READ] = NULL,
	    [DB_SCAN] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
	    [DB_WRITE] = "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE",
	};
	struct pgsql_db *db = (struct pgsql_db *)base;
	struct pgsql_conn *c = NULL;

	*conn = NULL;
	if (take(&c, db, use, why) != 0)
		return -1;
	c->use = use;
	c->begun = c->unsure = c->late = false;
	memset(&c->failed, 0, sizeof(c->failed));
	if (begin[use] != NULL) {
		if (pgsql_send(c, begin[use], why) != 0) {
			give_back(c, db);
			return -1;
		}
		c->begun = true;
	}
	*conn = &c->base;
	return 0;
}

void
pgsql_rollback(struct conn *conn)
{
	struct pgsql_conn *c = (struct pgsql_conn *)conn;
	struct fail why = {0};

	if (!c->lost && (c->begun || c->queued > 0)) {
		memset(&c->failed, 0, sizeof(c->failed));
		if ((c->begun && pgsql_send(c, "ROLLBACK", &why) != 0) ||
		    pgsql_collect(c, &why) != 0)
			c->lost = true;
	}
	give_back(c, c->db);
}

/* Somebody cancelled the wait for the standby: PostgreSQL calls that done. */
static int
late(struct fail *why)
{
	(void)fail(why, FAIL_BUSY, "db-sync",
	    "the database could not be synced to its standby");
	return fail_retry(why, 5);
}

int
pgsql_commit(struct conn *conn, bool durable, struct fail *why)
{
	struct pgsql_conn *c = (struct pgsql_conn *)conn;
	int rc = 0;

	(void)durable; /* another's turn comes when it is: see pgsql.h */
	if (c->use != DB_WRITE) {
		pgsql_rollback(conn);
		return 0;
	}
	if (pgsql_send(c, "COMMIT", why) == 0) {
		c->unsure = true;
		rc = pgsql_collect(c, why);
	} else {
		rc = -1;
	}
	if (rc != 0) {
		pgsql_rollback(conn);
		return -1;
	}
	rc = c->late ? late(why) : 0;
	give_back(c, c->db);
	return rc;
}

/* ---- how it is -------------------------------------------------------------- */

int
pgsql_state(struct db *db, struct fail *why)
{
	struct conn *c;
	bool row;
	int rc;

	if (pgsql_begin(&c, db, DB_SCAN, why) != 0)
		return -1;
	rc = db_query(c, SQL_VERSION_OF, &row, NULL, 0, why);
	pgsql_rollback(c);
	return rc;
}

/* One text on a connection of its own. */
static int
one_ask(
    struct bytes *out, struct pgsql_db *db, const char *sql, struct fail *why)
{
	struct pgsql_conn c = {.db = db};
	PGresult *res;
	int rc = -1;

	out->len = 0;
	if (pgsql_connect(&c, db, why) == 0) {
		rc = pgsql_ask(&res, &c, sql, why);
		if (rc == 0) {
			bytes_adds(out,
			    PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
			PQclear(res);
		}
	}
	pgsql_conn_close(&c);
	return rc;
}

int
pgsql_size(struct db *db, int64_t *octets, struct fail *why)
{
	struct bytes text = {0};
	int rc = one_ask(&text, (struct pgsql_db *)db,
	    "SELECT pg_database_size(current_database())", why);

	*octets = rc == 0 ? strtoll((const char *)text.data, NULL, 10) : 0;
	bytes_free(&text);
	return rc;
}

/* Nothing keeps others from coming; who is there already is told. */
int
pgsql_alone(int *lock, const char *place, struct fail *why)
{
	const struct db_options o = {.place = place};
	struct bytes text = {0};
	struct pgsql_db *db = pgsql_db_new(&o);
	int rc = one_ask(&text, db,
	    "SELECT pid || ' (' || application_name || ')'"
	    " FROM pg_stat_activity WHERE datname = current_database()"
	    " AND backend_type = 'client backend'"
	    " AND pid <> pg_backend_pid() LIMIT 1",
	    why);

	if (lock != NULL)
		*lock = -1;
	if (rc == 0 && text.data[0] != '\0')
		rc = fail(why, FAIL_BUSY, "db-inuse",
		    "PostgreSQL's process %s has the database open: stop the "
		    "programs of all nodes first",
		    (const char *)text.data);
	bytes_free(&text);
	pgsql_close(&db->base);
	return rc;
}

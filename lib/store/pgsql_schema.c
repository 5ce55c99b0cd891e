#include "lib/store/pgsql.h"

#include <stdlib.h>
#include <string.h>

#include "lib/store/schema.h"

/* ---- SQLite's types to PostgreSQL's ------------------------------------------ */

/* In this order, for a longer one comes before what is a part of it.  Texts
 * compare by their octets, as they do in SQLite. */
static const struct {
	const char *from, *to;
} words[] = {
    {"STRICT, WITHOUT ROWID", ""},
    {"STRICT", ""},
    {"INTEGER", "BIGINT"},
    {"BLOB", "BYTEA"},
    {"TEXT", "TEXT COLLATE \"C\""},
    {SQL_PGSQL, ""},
};

static void
translate(struct bytes *out, const char *sql)
{
	while (*sql != '\0') {
		size_t i = 0, n = sizeof(words) / sizeof(words[0]);

		while (i < n &&
		       strncmp(sql, words[i].from, strlen(words[i].from)) != 0)
			i++;
		if (i < n) {
			bytes_adds(out, words[i].to);
			sql += strlen(words[i].from);
		} else {
			bytes_addc(out, *sql++);
		}
	}
}

/* ---- which version ----------------------------------------------------------- */

static int
version_read(int *out, struct pgsql_conn *c, struct fail *why)
{
	const char *name = PQdb(c->pg);
	PGresult *res;
	int rc;

	*out = SCHEMA_EMPTY;
	if (pgsql_ask(&res, c,
		"SELECT CASE WHEN count(*) = 0 THEN 'empty'"
		" WHEN count(*) FILTER (WHERE relname = 'meta') = 1 THEN 'ours'"
		" ELSE 'foreign' END FROM pg_catalog.pg_class"
		" WHERE relkind IN ('r', 'p', 'v', 'm')"
		" AND relnamespace = current_schema()::regnamespace",
		why) != 0)
		return -1;
	rc = strcmp(PQgetvalue(res, 0, 0), "empty") == 0 ? 0 : -1;
	if (rc != 0 && strcmp(PQgetvalue(res, 0, 0), "ours") != 0)
		(void)schema_foreign(name, why);
	else if (rc != 0)
		rc = 1;
	PQclear(res);
	if (rc <= 0)
		return rc;
	if (pgsql_ask(&res, c, sql_text[SQL_VERSION_OF], why) != 0)
		return -1;
	rc = schema_number(
	    out, name, PQntuples(res) == 1 ? PQgetvalue(res, 0, 0) : "", why);
	PQclear(res);
	return rc;
}

/* ---- growing ------------------------------------------------------------------ */

static int
run(struct pgsql_conn *c, const char *text, struct fail *why)
{
	PGresult *res;

	if (pgsql_ask(&res, c, text, why) != 0)
		return -1;
	PQclear(res);
	return 0;
}

static int
steps_run(struct pgsql_conn *c, int from, struct fail *why)
{
	struct bytes sql = {0};
	int rc = 0;

	for (int v = from; v < SQL_VERSION && rc == 0; v++)
		for (const char *const *s = sql_schema[v];
		     *s != NULL && rc == 0; s++) {
			sql.len = 0;
			translate(&sql, *s);
			rc = run(c, (const char *)sql.data, why);
		}
	bytes_free(&sql);
	return rc;
}

/* In the pipeline, as any other row. */
static int
tell(struct pgsql_conn *c, int from, struct fail *why)
{
	int rc;

	if (PQenterPipelineMode(c->pg) != 1)
		return fail(why, FAIL_BROKEN, "db-write", "no pipeline");
	rc = schema_tell(&c->base, from, why);
	if (rc == 0)
		rc = pgsql_collect(c, why);
	pgsql_forget(c);
	if (PQexitPipelineMode(c->pg) != 1 && rc == 0)
		rc = fail(why, FAIL_BROKEN, "db-write", "no pipeline");
	return rc;
}

/* Of many that come at once one does it; the others wait, and find it done. */
static int
bring(struct pgsql_conn *c, int from, struct fail *why)
{
	int rc = run(c, "BEGIN", why);

	if (rc == 0 && from != SCHEMA_EMPTY)
		rc = run(c, "LOCK TABLE meta IN ACCESS EXCLUSIVE MODE", why);
	if (rc == 0)
		rc = version_read(&from, c, why);
	if (rc == 0)
		rc = steps_run(c, from, why);
	if (rc == 0 && from != SCHEMA_EMPTY && from < SQL_VERSION)
		rc = tell(c, from, why);
	if (rc == 0)
		rc = run(c, "COMMIT", why);
	if (rc != 0)
		PQclear(PQexec(c->pg, "ROLLBACK"));
	return rc;
}

int
pgsql_schema(struct pgsql_conn *c, struct pgsql_db *db, struct fail *why)
{
	int version;

	if (version_read(&version, c, why) != 0)
		return -1;
	if (db->was != NULL)
		*db->was = version;
	if (version == SQL_VERSION)
		return 0;
	if (version == SCHEMA_EMPTY && !db->create)
		return fail(why, FAIL_CONFIG, "db-missing",
		    "the database %s is empty: \"microca init\" or \"microca "
		    "store copy\" fills it",
		    PQdb(c->pg));
	if (version != SCHEMA_EMPTY && !db->grow)
		return schema_older(PQdb(c->pg), version, why);
	if (bring(c, version, why) == 0)
		return 0;
	/* Whoever was faster made it; else it fails again. */
	if (version_read(&version, c, why) == 0 && version == SQL_VERSION)
		return 0;
	return bring(c, version, why);
}

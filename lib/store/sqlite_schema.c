#include "lib/store/sqlite.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/store/rows.h"

#define EMPTY 0 /* version of a database without tables */

static int
foreign(const struct sqlite_conn *c, struct fail *why)
{
	return fail(why, FAIL_CONFIG, "db-schema",
	    "%s is not a database of microca's (wanted: schema %d)",
	    c->db->path, SQL_VERSION);
}

static int
number_read(int *out, struct sqlite_conn *c, const char *text, struct fail *why)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end != '\0' || n < 1 || n > 1000000)
		return foreign(c, why);
	*out = (int)n;
	return 0;
}

static int
newer(const struct sqlite_conn *c, int version, struct fail *why)
{
	return fail(why, FAIL_CONFIG, "db-schema",
	    "%s has schema version %d, this program needs %d: a newer microca "
	    "has used it",
	    c->db->path, version, SQL_VERSION);
}

static int
version_read(int *out, struct sqlite_conn *c, struct fail *why)
{
	struct bytes text = {0};
	int rc = sqlite_ask(&text, c,
	    "SELECT CASE WHEN count(*) = 0 THEN 'empty'"
	    " WHEN sum(name = 'meta') = 1 THEN 'ours' ELSE 'foreign' END"
	    " FROM sqlite_schema",
	    why);

	*out = EMPTY;
	if (rc == 0 && strcmp((const char *)text.data, "ours") == 0) {
		rc = sqlite_ask(&text, c, sql_text[SQL_VERSION_OF], why);
		if (rc == 0)
			rc = number_read(out, c, (const char *)text.data, why);
	} else if (rc == 0 && strcmp((const char *)text.data, "empty") != 0) {
		rc = foreign(c, why);
	}
	bytes_free(&text);
	return rc == 0 && *out > SQL_VERSION ? newer(c, *out, why) : rc;
}

static int
steps_run(struct sqlite_conn *c, int from, struct fail *why)
{
	for (int v = from; v < SQL_VERSION; v++)
		for (const char *const *s = sql_schema[v]; *s != NULL; s++)
			if (sqlite_exec(c, *s, why) != 0)
				return -1;
	return 0;
}

/* A database that grows is a change of state like any other. */
static int
upgrade_tell(struct sqlite_conn *c, int from, struct fail *why)
{
	int64_t now_us = when_now_us();
	char *said = str_fmt("the database's schema went from version %d to %d",
	    from, SQL_VERSION);
	struct audit entry = {.event = "upgrade", .text = said};
	char *text = audit_text(&entry, now_us);
	int rc = audit_add(&c->base, &entry, text, now_us, why);

	sqlite_reset(c);
	free(text);
	free(said);
	return rc;
}

/* Of many that come at once one does it; the others wait, and find it done. */
static int
bring(struct sqlite_conn *c, struct fail *why)
{
	int from, rc;

	if (sqlite_exec(c, "BEGIN IMMEDIATE", why) != 0)
		return -1;
	rc = version_read(&from, c, why);
	if (rc == 0)
		rc = steps_run(c, from, why);
	if (rc == 0 && from != EMPTY && from < SQL_VERSION)
		rc = upgrade_tell(c, from, why);
	if (rc == 0)
		rc = sqlite_exec(c, "COMMIT", why);
	if (rc != 0)
		(void)sqlite3_exec(c->handle, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int
sqlite_schema(struct sqlite_conn *c, bool create, struct fail *why)
{
	int version;

	if (version_read(&version, c, why) != 0)
		return -1;
	if (version == SQL_VERSION)
		return 0;
	if (version == EMPTY && !create)
		return foreign(c, why);
	return bring(c, why);
}

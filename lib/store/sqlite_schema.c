#include "lib/store/sqlite.h"

#include <string.h>

#include "lib/store/schema.h"

static int
version_read(int *out, struct sqlite_conn *c, struct fail *why)
{
	struct bytes text = {0};
	int rc = sqlite_ask(&text, c,
	    "SELECT CASE WHEN count(*) = 0 THEN 'empty'"
	    " WHEN sum(name = 'meta') = 1 THEN 'ours' ELSE 'foreign' END"
	    " FROM sqlite_schema",
	    why);

	*out = SCHEMA_EMPTY;
	if (rc == 0 && strcmp((const char *)text.data, "ours") == 0) {
		rc = sqlite_ask(&text, c, sql_text[SQL_VERSION_OF], why);
		if (rc == 0)
			rc = schema_number(
			    out, c->db->path, (const char *)text.data, why);
	} else if (rc == 0 && strcmp((const char *)text.data, "empty") != 0) {
		rc = schema_foreign(c->db->path, why);
	}
	bytes_free(&text);
	return rc;
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
	if (rc == 0 && from != SCHEMA_EMPTY && from < SQL_VERSION)
		rc = schema_tell(&c->base, from, why);
	sqlite_reset(c);
	if (rc == 0)
		rc = sqlite_exec(c, "COMMIT", why);
	if (rc != 0)
		(void)sqlite3_exec(c->handle, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int
sqlite_schema(struct sqlite_conn *c, bool create, int *was, struct fail *why)
{
	int version;

	if (version_read(&version, c, why) != 0)
		return -1;
	if (was != NULL)
		*was = version;
	if (version == SQL_VERSION)
		return 0;
	if (version == SCHEMA_EMPTY && !create)
		return schema_foreign(c->db->path, why);
	return bring(c, why);
}

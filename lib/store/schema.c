#include "lib/store/schema.h"

#include <stdlib.h>

#include "lib/base/when.h"
#include "lib/store/rows.h"

int
schema_foreign(const char *database, struct fail *why)
{
	return fail(why, FAIL_CONFIG, "db-schema",
	    "%s is not a database of microca's (wanted: schema %d)", database,
	    SQL_VERSION);
}

int
schema_newer(const char *database, int version, struct fail *why)
{
	return fail(why, FAIL_CONFIG, "db-schema",
	    "%s has schema version %d, this program needs %d: a newer microca "
	    "has used it",
	    database, version, SQL_VERSION);
}

int
schema_older(const char *database, int version, struct fail *why)
{
	return fail(why, FAIL_CONFIG, "db-schema",
	    "%s has schema version %d, this program needs %d: \"microca store "
	    "upgrade\", when all nodes are stopped",
	    database, version, SQL_VERSION);
}

int
schema_number(
    int *out, const char *database, const char *text, struct fail *why)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end != '\0' || n < 1 || n > 1000000)
		return schema_foreign(database, why);
	*out = (int)n;
	return n > SQL_VERSION ? schema_newer(database, *out, why) : 0;
}

int
schema_tell(struct conn *c, int from, struct fail *why)
{
	char *said = str_fmt("the database's schema went from version %d to %d",
	    from, SQL_VERSION);
	struct audit entry = {.event = "upgrade", .text = said};
	int rc = audit_say(c, &entry, why);

	free(said);
	return rc;
}

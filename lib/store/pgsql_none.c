/* The driver of a program that was built without libpq. */
#include "lib/store/driver.h"

static int
none_open(struct db **db, const struct db_options *o, struct fail *why)
{
	(void)o;
	*db = NULL;
	return fail(why, FAIL_CONFIG, "db-url",
	    "this microca was built without PostgreSQL (configure found no "
	    "libpq, or was told --without-libpq): wanted sqlite:PATH");
}

static int
none_alone(int *lock, const char *place, struct fail *why)
{
	struct db *db;

	if (lock != NULL)
		*lock = -1;
	return none_open(&db, &(struct db_options){.place = place}, why);
}

const struct store_driver pgsql_driver = {
    .scheme = "postgresql:", .open = none_open, .alone = none_alone};

#include "tests/tools/bulk.h"

#include <stdio.h>
#include <stdlib.h>

sqlite3 *
bulk_open(const char *path)
{
	sqlite3 *db;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) !=
	    SQLITE_OK) {
		(void)fprintf(stderr, "%s: %s\n", path, sqlite3_errmsg(db));
		exit(1);
	}
	bulk_do(db, "PRAGMA cache_size=-3000000; PRAGMA synchronous=OFF");
	return db;
}

void
bulk_do(sqlite3 *db, const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &error) == SQLITE_OK)
		return;
	(void)fprintf(stderr, "%s: %s\n", sql, error);
	exit(1);
}

void
bulk_drop(sqlite3 *db, struct bytes *sql)
{
	struct bytes drop = {0};
	sqlite3_stmt *st = NULL;

	(void)sqlite3_prepare_v2(db,
	    "SELECT name, sql FROM sqlite_schema"
	    " WHERE type = 'index' AND sql IS NOT NULL",
	    -1, &st, NULL);
	while (sqlite3_step(st) == SQLITE_ROW) {
		bytes_addf(&drop, "DROP INDEX %s;", sqlite3_column_text(st, 0));
		bytes_addf(sql, "%s;", sqlite3_column_text(st, 1));
	}
	(void)sqlite3_finalize(st);
	bulk_do(db, (const char *)drop.data);
	bytes_free(&drop);
}

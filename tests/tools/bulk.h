/*
 * bulk - a database of SQLite made ready for very many rows.
 *
 * For fill and the benches.  Whatever fails ends the process.
 */
#ifndef MICROCA_TESTS_BULK_H
#define MICROCA_TESTS_BULK_H

#include <sqlite3.h>

#include "lib/base/bytes.h"

/* Of so many rows the last one should come when the indexes are there: one that
 * is made at once has its pages full, and each of them is split by the next row
 * in it.  So several fall on each page, as in a database that grew. */
#define BULK_LATE 30

/* With a large cache; to be closed with sqlite3_close(). */
sqlite3 *bulk_open(const char *path);
void bulk_do(sqlite3 *db, const char *sql);
/* Every index but the tables' own is dropped; `sql` makes them again. */
void bulk_drop(sqlite3 *db, struct bytes *sql);

#endif

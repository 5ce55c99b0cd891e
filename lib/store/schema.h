/*
 * schema - what drivers say of a database's schema.  Internal to lib/store.
 */
#ifndef MICROCA_SCHEMA_H
#define MICROCA_SCHEMA_H

#include "lib/store/driver.h"

#define SCHEMA_EMPTY 0 /* version of a database without tables */

/* FAIL_CONFIG "db-schema"; all return -1. */
int schema_foreign(const char *database, struct fail *why);
int schema_newer(const char *database, int version, struct fail *why);
int schema_older(const char *database, int version, struct fail *why);

/* The version that meta's text says. */
MUST_CHECK int schema_number(
    int *out, const char *database, const char *text, struct fail *why);

/* A database that grows is a change of state like any other: its audit row. */
MUST_CHECK int schema_tell(struct conn *c, int from, struct fail *why);

#endif

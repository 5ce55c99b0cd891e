/*
 * import - another product's configuration made into ours (microca
 * import-appviewx): what was found in its files, and what becomes of it.
 *
 * Names are looked up in a table: known ones become values by the table's own
 * name for them, known ones without a match are said with the reason, all
 * others are listed as not understood.
 */
#ifndef MICROCA_IMPORT_H
#define MICROCA_IMPORT_H

#include "bin/microca.h"

#define IMPORT_ENDPOINTS 100

/* One value of the files.  Owned. */
struct import_value {
	const char *name; /* the table's, static */
	int endpoint;     /* whose; -1: none's */
	char *text;
	char *path; /* where it was: "config.json: a.b" */
};

struct import {
	const char *config, *api; /* the files */
	struct import_value *value;
	size_t values;
	int endpoints;       /* how many were found */
	int known;           /* names that a table has */
	struct bytes report; /* lines for the operator */
};

/* NULL: not there. */
const char *import_value(const struct import *im, const char *name);
const char *import_of(const struct import *im, int endpoint, const char *name);
bool import_true(const struct import *im, const char *name);

/* A line of the report. */
void import_say(struct import *im, const char *kind, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* The two files, as far as they go by themselves; what is assumed on the way
 * is said.  FAIL_MALFORMED "import". */
MUST_CHECK int import_conf(
    struct bytes *conf, struct import *im, struct fail *why);
void import_profiles(struct bytes *profiles, struct import *im);

/* An endpoint's name, which is its profile's too: its own, or one made.  The
 * caller frees. */
char *import_endpoint_name(const struct import *im, int endpoint);

#endif

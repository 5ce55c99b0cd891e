/*
 * counts - the census, counted in the background and kept: a page never waits
 * for it but for the first time, and says how old it is.
 */
#ifndef MICROCA_COUNTS_H
#define MICROCA_COUNTS_H

#include "lib/ca/ca.h"
#include "lib/store/census.h"

#define COUNTS_AGE 60 /* s; older ones are counted anew */

/* FAIL_BUSY "db-…". */
MUST_CHECK int counts_now(
    struct census *census, struct ca *ca, int64_t now, struct fail *why);

#endif

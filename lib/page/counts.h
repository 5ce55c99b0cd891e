/*
 * counts - the census, counted in the background and kept: a page never waits
 * long for it, and says how old it is.
 */
#ifndef MICROCA_COUNTS_H
#define MICROCA_COUNTS_H

#include "lib/ca/ca.h"
#include "lib/store/census.h"

#define COUNTS_AGE 60      /* s; older ones are counted anew */
#define COUNTS_PAGE 0.020  /* s that a page waits for the first count … */
#define COUNTS_API 20.0    /* … and a program */
#define COUNTS_HERE (-1.0) /* not in the background: this process ends soon */

/* What was counted last, however old; census->when 0: nothing yet, though
 * `patience` (s) was waited for it.  Why it fails is in the log. */
void counts_now(
    struct census *census, struct ca *ca, int64_t now, double patience);

#endif

/*
 * pattern - an anchored pattern over a whole value: a POSIX extended regular
 * expression, compiled as ^(pattern)$ in the "C" locale: a non-ASCII character
 * is as many as it has octets.  A repetition of a repetition ("a++", which
 * POSIX leaves undefined) is refused, and so is what would be too large with
 * its repetitions written out.  Pure; one pattern may be used by all threads.
 */
#ifndef MICROCA_PATTERN_H
#define MICROCA_PATTERN_H

#include <stdbool.h>

#include "lib/base/bytes.h"

struct pattern;

/* Fails: FAIL_CONFIG "pattern".  The caller frees. */
MUST_CHECK int pattern_read(
    struct pattern **pattern, const char *text, struct fail *why);
void pattern_free(struct pattern *pattern);
/* NULL never matches. */
bool pattern_match(const struct pattern *pattern, const char *value);
const char *pattern_text(const struct pattern *pattern);

#endif

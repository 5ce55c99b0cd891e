/*
 * lint_ext - the extensions of a signed certificate, each exactly once, as
 * granted, and nothing besides (RFC 5280, 4.2).
 *
 * Inner part of lint.  Pure.
 */
#ifndef MICROCA_LINT_EXT_H
#define MICROCA_LINT_EXT_H

#include "lib/ca/lint.h"

/* FAIL_BROKEN "lint". */
MUST_CHECK int lint_extensions(const struct cert *cert,
    const struct authority *authority, const struct grant *grant,
    struct fail *why);

/* "the certificate failed our own check: RULE", -1. */
int lint_broken(struct fail *why, const char *rule);

#endif

/*
 * lint - the last look at a signed certificate (RFC 5280 and the profile).
 *
 * Reads the DER back by our own walk and compares it with what was granted,
 * so a fault in building or encoding is found before anybody gets it.  Pure.
 */
#ifndef MICROCA_LINT_H
#define MICROCA_LINT_H

#include "lib/ca/policy.h"

/* FAIL_BROKEN "lint" with the rule in the text. */
MUST_CHECK int lint_cert(const struct cert *cert,
    const struct authority *authority, const struct grant *grant, int64_t now,
    struct fail *why);

#endif

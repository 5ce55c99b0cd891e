/*
 * issue - ca_issue(): from a grant to a certificate that is recorded.
 *
 * Clock guard, repeat, serial, build, name constraints, sign in the token,
 * verify, lint, then one transaction of certificate, audit and outbox rows,
 * committed and synced; only then released.  What was never recorded never
 * leaves.
 */
#ifndef MICROCA_ISSUE_H
#define MICROCA_ISSUE_H

#include "lib/ca/policy.h"

/*
 * The certificate's DER, appended to `der`: a new one, or the recorded one
 * when the same request was answered within the repeat window.  Fails:
 * FAIL_BUSY ("clock", "issuer-time", "token-…", "db-…", "disk-full",
 * "random"), FAIL_DENIED ("name-taken", "quota", "name-constraint",
 * "validity"), FAIL_MALFORMED "key-reuse", FAIL_BROKEN ("lint", "sign-check",
 * "build").
 */
MUST_CHECK int ca_issue(struct bytes *der, struct ca *ca,
    const struct grant *grant, struct fail *why);

#endif

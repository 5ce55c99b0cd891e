/*
 * approval - requests that somebody has to approve of first (RFC 7030, 4.2.3).
 *
 * An endpoint's `approval` says which: none, first enrolments, or renewals
 * too.  A held request that passed identity, CSR and policy becomes a row
 * (lib/store/pending.h) and is answered 202; when it comes again after the
 * approval, identity, CSR and policy run again, and ca_issue() marks the row
 * in the transaction that records the certificate.
 *
 * ca_issue() asks this itself.  An operation with something costly to do
 * before it, like making a key (serverkeygen), asks first: so that nothing is
 * made for a request that is not approved.
 */
#ifndef MICROCA_APPROVAL_H
#define MICROCA_APPROVAL_H

#include "lib/ca/policy.h"

/* The administrator's own orders (`microca issue`) are held nowhere. */
bool ca_held(const struct grant *grant);

/*
 * 0: it may be issued, or `der` got the certificate that was issued for it
 * (never with grant->anew: such an answer is made again within the repeat
 * window without another approval).  Fails: FAIL_PENDING "approval";
 * FAIL_DENIED "approval-denied"; FAIL_LIMIT "pending-limit"; FAIL_BUSY
 * "disk-full", "db-…"; and as ca_issue() where the store would refuse the
 * certificate whatever the approver says ("name-taken", "key-reuse", …).
 */
MUST_CHECK int ca_approval(struct bytes *der, struct ca *ca,
    const struct grant *grant, struct fail *why);

/* What ca_approval() would find: nothing is written.  Fails as it does there,
 * but not with what the store says. */
MUST_CHECK int ca_approval_look(
    struct ca *ca, const struct grant *grant, struct fail *why);

#endif

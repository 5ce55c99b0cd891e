/*
 * pending_row - rows of requests that wait.  Internal to lib/store; called
 * inside a transaction.
 */
#ifndef MICROCA_PENDING_ROW_H
#define MICROCA_PENDING_ROW_H

#include "lib/store/driver.h"
#include "lib/store/pending.h"

/* From a row of one of the SELECTs of all columns. */
void pending_read(struct pending *p, struct conn *c, enum sql id);
MUST_CHECK int pending_insert(
    struct conn *c, const struct pending *p, struct fail *why);
/* State, changed, expires, certificate, decider, note. */
MUST_CHECK int pending_change(
    struct conn *c, const struct pending *p, struct fail *why);
/* An audit row about somebody's request, filled in from it. */
MUST_CHECK int pending_audit(struct conn *c, const struct audit *said,
    const struct pending *p, struct fail *why);

/* Was something else seen by who decides than what would be issued by now:
 * another profile, subject or subjectAltName? */
bool pending_outdated(const struct pending *p, const struct record *wanted);

/* `found`: a row of this request key that still means something.  An issued
 * one, with its certificate in p->der, does while that is good; when answers
 * are made anew, while another may be; one that is not, while it is not
 * outdated. */
MUST_CHECK int pending_look(struct pending *p, bool *found, struct conn *c,
    const uint8_t key[SHA256_LEN], const struct pending_rules *rules,
    struct fail *why);

/*
 * With rules->approval: may `r` be issued?  `id` is the approved row's, which
 * pending_use() then marks; `again` gets the certificate that somebody else
 * was just issued for the same request.  FAIL_PENDING "approval", FAIL_DENIED
 * "approval-denied".
 */
MUST_CHECK int pending_judge(int64_t *id, struct bytes *again, struct conn *c,
    const struct record *r, const struct store_rules *rules, struct fail *why);
MUST_CHECK int pending_use(struct conn *c, int64_t id, const struct record *r,
    const struct store_rules *rules, struct fail *why);
/* What `r` was issued for is approved still: nobody received `r`. */
MUST_CHECK int pending_give_back(
    struct conn *c, const struct record *r, struct fail *why);

#endif

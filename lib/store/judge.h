/*
 * judge - what the store itself says about an issuance, inside the write
 * transaction.  Internal to lib/store.
 *
 * Each rule looks at a bounded number of rows.  That is enough because every
 * row went through the same rules: the live certificates of a subject or of a
 * device all have one owner, those of a key one owner and one subject.
 */
#ifndef MICROCA_JUDGE_H
#define MICROCA_JUDGE_H

#include "lib/store/driver.h"
#include "lib/store/store.h"

/* store_repeat_find() in a transaction. */
MUST_CHECK int judge_repeat(struct bytes *der, struct conn *c,
    const struct store_repeat *asked, struct fail *why);

/* What can be said of a request before there is a certificate. */
MUST_CHECK int judge_wanted(struct conn *c, const struct record *r,
    const struct store_rules *rules, struct fail *why);
/* The clock and judge_wanted()'s rules, each looked at. */
void judge_explain(struct verdicts *v, struct conn *c, const struct record *r,
    const struct store_rules *rules);
/* The clock alone; `id` is the next row's. */
MUST_CHECK int judge_clock(int64_t *id, struct conn *c,
    const struct store_rules *rules, struct fail *why);
/* Clock, serial, renewed certificate, secret, key, name, device, quota; `id` is
 * the new row's, `newest` when the newest one was issued, where the driver has
 * `many`. */
MUST_CHECK int judge_issue(int64_t *id, struct conn *c, const struct record *r,
    const struct store_rules *rules, int64_t newest, struct fail *why);

#endif

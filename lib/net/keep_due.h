/*
 * keep_due - when a kept certificate is renewed, and when the next try is.
 * Pure: the clock and the dice are arguments.
 */
#ifndef MICROCA_KEEP_DUE_H
#define MICROCA_KEEP_DUE_H

#include "lib/base/bytes.h"

struct keep_rule {
	int64_t before; /* s before the end; 0: not by that */
	int percent;    /* of the lifetime gone; 0: not by that */
};

/*
 * When a certificate is to be renewed: the earlier of what the rule's two
 * parts say, two thirds of the lifetime when it says nothing or would have a
 * fresh certificate renewed at once; INT64_MAX: never (9999-12-31 by percent
 * alone).  A fleet enrolled in one hour is spread: up to a twentieth of what is
 * left by then, an hour to a day at most, earlier by the certificate's own
 * fingerprint.
 */
int64_t keep_renew_at(const struct keep_rule *rule, int64_t not_before,
    int64_t not_after, const uint8_t fingerprint[SHA256_LEN]);

/*
 * Seconds to the next try after `failures` in a row: 60 s doubled each time,
 * `most` at most, a quarter more or less by `dice`; never less than `retry`,
 * which the server asked for.  When the certificate in use ends before the
 * next eight tries (`left` s, negative: none or ended), they come closer,
 * 60 s at least.
 */
int64_t keep_backoff(
    int failures, int64_t most, int retry, int64_t left, uint32_t dice);
/* The same while a request waits for its approval: what the server asked for,
 * and up to a tenth more. */
int64_t keep_patience(int retry, uint32_t dice);

/* How much of its life a certificate has left, 0 to 100. */
int keep_life_left(int64_t not_before, int64_t not_after, int64_t now);

#endif

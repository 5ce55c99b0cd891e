/*
 * rows - the kinds of row: certificate, audit, outbox, secret.  Internal to
 * lib/store; called inside a transaction.
 */
#ifndef MICROCA_ROWS_H
#define MICROCA_ROWS_H

#include "lib/store/driver.h"
#include "lib/store/outbox.h"
#include "lib/store/store.h"

/*
 * A row of the audit has one key for the lane of the chain and its number in
 * there: SQLite writes to lane 0, where the two are the same, a PostgreSQL node
 * to its own.
 */
#define LANE_BITS 40
static inline int64_t
lane_low(int64_t lane)
{
	return lane == 0 ? INT64_MIN : lane << LANE_BITS;
}
static inline int64_t
lane_high(int64_t lane)
{
	return ((lane + 1) << LANE_BITS) - 1;
}
static inline int64_t
seq_of(int64_t key)
{
	return key < 0 ? key : key & (((int64_t)1 << LANE_BITS) - 1);
}
static inline int64_t
lane_of(int64_t key)
{
	return key < 0 ? 0 : key >> LANE_BITS;
}
static inline int64_t
lane_key(int64_t lane, int64_t seq)
{
	return (lane << LANE_BITS) + seq;
}

/* First 8 octets, big-endian: what the indexes hold of a hash. */
int64_t hash_head(const uint8_t hash[SHA256_LEN]);

/* A column of SHA256_LEN octets; anything else gives zeros. */
void hash_read(
    uint8_t out[SHA256_LEN], struct conn *c, enum sql id, int column);

/* record.c: from a row of one of the SELECTs of all columns. */
void record_read(struct record *r, struct conn *c, enum sql id);
MUST_CHECK int record_insert(
    struct conn *c, const struct record *r, int64_t id, struct fail *why);

/* audit.c: append to the chain. */
MUST_CHECK int audit_add(struct conn *c, const struct audit *entry,
    const char *text, int64_t when_us, struct fail *why);

/* … one that is not timed yet: now. */
MUST_CHECK int audit_say(
    struct conn *c, const struct audit *entry, struct fail *why);

/* history.c: the lanes there are, LANES at most; and the rows of all, for a
 * chain has no gaps: its last number is its length. */
#define LANES 64
/* In meta: a database that was copied, and numbers were left out in it. */
#define GAPS "gaps"
MUST_CHECK int audit_lanes(
    int64_t lane[LANES], size_t *n, struct conn *c, struct fail *why);
MUST_CHECK int audit_rows(int64_t *rows, struct conn *c, struct fail *why);
/* The last row of a lane; `row` false: none. */
MUST_CHECK int audit_end(int64_t *seq, uint8_t hash[SHA256_LEN], bool *row,
    struct conn *c, int64_t lane, struct fail *why);
/* history.c: the first row of the chain at `when` (us) or later, as rows are in
 * order of time but for a clock that was put back; behind the last: none. */
MUST_CHECK int audit_first_at(
    int64_t *seq, struct conn *c, int64_t lane, int64_t when, struct fail *why);

/* outbox.c: what is to be told about a device, in the order of `seq`. */
MUST_CHECK int outbox_add(struct conn *c, enum outbox_kind kind,
    const struct record *r, int64_t id, int64_t now_us, struct fail *why);

/* revoke.c: the row, the audit and the outbox, whatever it was before. */
MUST_CHECK int revoke_rows(struct conn *c, const struct record *r,
    const struct store_revocation *revocation, const struct audit *entry,
    struct fail *why);

/* replaced.c: number `id` renews; what it renewed is to be looked at. */
MUST_CHECK int replaced_add(struct conn *c, const struct store_rules *rules,
    int64_t id, struct fail *why);

/* secret.c: is rules->secret still open?  FAIL_ANONYMOUS "auth".  And: the
 * certificate `r` used it up. */
MUST_CHECK int secret_judge(
    struct conn *c, const struct store_rules *rules, struct fail *why);
MUST_CHECK int secret_use(struct conn *c, const struct record *r,
    const struct store_rules *rules, struct fail *why);
/* `r`, which used up number `id`, reached nobody: it is open again. */
MUST_CHECK int secret_give_back(
    struct conn *c, int64_t id, const struct record *r, struct fail *why);

#endif

/*
 * rows - the kinds of row: certificate, audit, outbox, secret.  Internal to
 * lib/store; called inside a transaction.
 */
#ifndef MICROCA_ROWS_H
#define MICROCA_ROWS_H

#include "lib/store/driver.h"
#include "lib/store/outbox.h"
#include "lib/store/store.h"

/* SQLite has one lane of the audit chain; a PostgreSQL node its own. */
#define LANE 0

/* First 8 octets, big-endian: what the indexes hold of a hash. */
int64_t hash_head(const uint8_t hash[SHA256_LEN]);

/* A column of SHA256_LEN octets; anything else gives zeros. */
void hash_read(
    uint8_t out[SHA256_LEN], struct conn *c, enum sql id, int column);

/* record.c: from a row of one of the SELECTs of all columns. */
void record_read(struct record *r, struct conn *c, enum sql id);
MUST_CHECK int record_insert(
    struct conn *c, const struct record *r, int64_t id, struct fail *why);
/* Neither revoked nor expired; a held one still holds its name. */
bool record_live(enum store_status status, int64_t not_after, int64_t now);

/* audit.c: append to the chain. */
MUST_CHECK int audit_add(struct conn *c, const struct audit *entry,
    const char *text, int64_t when_us, struct fail *why);

/* history.c: the first row of the chain at `when` (us) or later, as rows are in
 * order of time but for a clock that was put back; behind the last: none. */
MUST_CHECK int audit_first_at(
    int64_t *seq, struct conn *c, int64_t when, struct fail *why);

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

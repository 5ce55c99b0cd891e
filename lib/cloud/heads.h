/*
 * heads - the signed heads of this CA's own audit: made, kept, told, read.
 *
 * A head (checkpoint.h) says how far the audit had come, and its hash there,
 * signed by the key that issues at that time.  It is kept in state/heads/EDGE
 * (headfile.h; EDGE is cloud.edge, or "local" without one), syslog has it, and
 * a connector, so that somebody else can tell what was here.
 *
 * state/heads has other files after a restored backup: EDGE.TIME, whose heads
 * tell of records that are lost.
 */
#ifndef MICROCA_HEADS_H
#define MICROCA_HEADS_H

#include "lib/ca/audit_verify.h"
#include "lib/ca/ca.h"
#include "lib/ca/counter.h"
#include "lib/cloud/checkpoint.h"
#include "lib/store/trail.h"

#define HEADS_LOCAL "local"

/* cloud.edge, or HEADS_LOCAL; borrowed. */
const char *heads_edge(const struct settings *settings);

/*
 * Sign where the audit is now, and keep it; needs CA_STORE | CA_KEY.  `added`
 * false: nothing was recorded since the last one, which `cp` is then, and
 * nothing is signed.  checkpoint_free() what succeeded.  FAIL_CONFLICT
 * "head-back", "head-fork": the audit is not what the last head tells of,
 * FAIL_BUSY "db-behind": … or the token, heads_gap(); as ca_signer(),
 * ca_key_ok(), key_lend(), store_trail_end(), headfile_add().
 */
MUST_CHECK int heads_make(struct checkpoint *cp, bool *added, struct ca *ca,
    int64_t now, struct fail *why);
/* The token keeps where that one ends (counter.h), if it does not yet: not for
 * each head, of which an upload may make one every few minutes.  A token that
 * keeps nothing is logged and no failure.  FAIL_BUSY "db-behind". */
MUST_CHECK int heads_count(
    struct ca *ca, const struct checkpoint *cp, struct fail *why);
/* One line to syslog: "audit head " and checkpoint_write()'s text. */
void heads_log(const struct checkpoint *cp);
/* The newest that is kept, by its file alone: neither store nor token is
 * opened.  checkpoint_free() what was found. */
MUST_CHECK int heads_last(struct checkpoint *cp, bool *found,
    const struct settings *settings, struct fail *why);
/* The same as the token keeps it (counter.h).  FAIL_BROKEN "head". */
MUST_CHECK int heads_counter(
    struct counter *counter, const struct checkpoint *cp, struct fail *why);
/* When heads_make() last found the newest to be so, Unix s; 0: never. */
int64_t heads_looked(const struct settings *settings);
/* Does it tell of these very ends?  NULL does not. */
bool heads_is_at(const struct checkpoint *cp, const struct trail_ends *ends);
/* Tell the connector of the newest, once; with cloud.mode "connector" only.  As
 * connector_open(), connector_head(). */
MUST_CHECK int heads_tell(const struct settings *settings, struct fail *why);

/*
 * An older database was put back: a "gap" record tells which records are lost,
 * as far as heads know, and their file is set aside, so that verifying forgives
 * them and new heads are made.  So with the counter of the token that `key` is
 * in (counter.h), which begins anew; NULL: it is not looked at.  `gap` false:
 * neither tells of more than is here.  For microca restore, right after it.
 */
MUST_CHECK int heads_gap(bool *gap, const struct settings *settings,
    struct store *store, struct key *key, const char *requester, int64_t now,
    struct fail *why);

/* Those who may have signed: the issuing certificates of all generations,
 * those that are over and those of peers, too. */
MUST_CHECK int heads_signers(STACK_OF(X509) * *signers,
    const struct settings *settings, struct fail *why);

/* ---- reading all of them (heads_read.c) ------------------------------------- */

struct heads; /* one thread */

/* What is in state/heads now, and in `more` files of lines with a head each,
 * as a connector or syslog has them.  `signers` is borrowed. */
MUST_CHECK int heads_open(struct heads **heads, const struct settings *settings,
    const char *const *more, size_t n, const STACK_OF(X509) * signers,
    struct fail *why);
void heads_close(struct heads *heads);
/* From the first on, what they tell of that lane alone: FAIL_CONFIG "file" where one
 * is no file.  Without it: of each head's first lane. */
MUST_CHECK int heads_lane(struct heads *heads, int64_t lane, struct fail *why);
/* The next by `seq`; the mark says what is wrong with it.  `cp`, when not NULL,
 * is the head itself, checkpoint_free(); contents all zero when it cannot be
 * read. */
MUST_CHECK int heads_next(struct heads *heads, struct audit_mark *mark,
    struct checkpoint *cp, bool *more, struct fail *why);
/* For audit_verify(). */
struct audit_marks heads_marks(struct heads *heads);

#endif

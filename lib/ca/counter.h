/*
 * counter - how far the audit had come, kept in the token of the CA's key.
 *
 * Where an image of the disk brings an older database back, heads and lists come
 * back with it; what the token keeps does not, if the token is a thing of its
 * own.  It is a note (note.h) with the last number and hash of each lane,
 * written by microca audit head and never taken back but by heads_gap().  Its
 * label has the name of ca.key and the node's number, so that several CAs and
 * nodes may share a token:
 *
 *	microca audit issuer 0
 *
 *	microca.counter/1 2026-11-23T15:00:00Z
 *	0 41 64 lower hex
 *
 * The token is read once for each opening of the key and each reading of the
 * configuration.  What it said is in state/counter, for those who open no token,
 * and for the looks in between: whoever changes the one changes the other.  Of
 * the two the later one counts: a PKCS#11 module may show what was there when
 * it was opened.
 *
 * A token that keeps no such thing stops nothing: the other guards go on.
 */
#ifndef MICROCA_COUNTER_H
#define MICROCA_COUNTER_H

#include "lib/ca/settings.h"
#include "lib/key/key.h"
#include "lib/store/trail.h"

#define GUARD_BEHIND "db-behind" /* guard.h */

struct ca;

struct counter_lane {
	int64_t lane, seq;
	uint8_t hash[SHA256_LEN];
};

struct counter {
	int64_t time; /* Unix s; of the head */
	struct counter_lane lane[TRAIL_LANES];
	size_t n;
};

/* Is one wanted, and is the key in a token? */
bool counter_wanted(const struct settings *settings);

/* The token's own, now.  `found` false: none yet.  Fails: as key_notes();
 * FAIL_BUSY "data-object" when it is none of ours. */
MUST_CHECK int counter_read(struct counter *counter, bool *found,
    const struct settings *settings, struct key *key, struct fail *why);

/* What it said last, by state/counter; false: nothing. */
bool counter_file(struct counter *counter, const struct settings *settings);
/* It is not there any more: a loss was accepted, and recorded. */
MUST_CHECK int counter_forget(
    const struct settings *settings, struct fail *why);

/* Is the record that it tells of here? */
MUST_CHECK int counter_lane_fits(bool *fits, const struct counter_lane *lane,
    struct store *store, struct fail *why);
/* All of them, and as state/counter has it: FAIL_BUSY "db-behind"; as
 * store_trail_find().  None is no failure. */
MUST_CHECK int counter_fits(
    const struct counter *counter, struct store *store, struct fail *why);
MUST_CHECK int counter_file_fits(
    const struct settings *settings, struct store *store, struct fail *why);

/*
 * What the token keeps becomes `counter`, unless it is further already.
 * Nothing is written that is there.  Fails: FAIL_BUSY "db-behind" when what it
 * keeps is not in the store; counter_read(), key_note_write(); "locked".
 */
MUST_CHECK int counter_advance(const struct settings *settings,
    struct store *store, struct key *key, const struct counter *counter,
    struct fail *why);
/* The same, whatever it keeps: a loss was accepted, and recorded. */
MUST_CHECK int counter_begin(const struct settings *settings,
    struct store *store, struct key *key, int64_t now, struct fail *why);

/*
 * For those who sign: the token that was opened since the last look is read,
 * before anything is signed with it.  Nothing to do is the rule, and costs
 * nothing.  FAIL_BUSY "db-behind" alone: what else goes wrong is logged.
 */
MUST_CHECK int counter_look(struct ca *ca, struct fail *why);

#endif

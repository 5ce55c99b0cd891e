/*
 * headfile - the audit heads of one edge, in a file that only grows:
 * state/heads/EDGE.
 *
 * A line is JSON: what the edge sent (checkpoint.h), "at", and "result":
 * "accepted", with "verified", or "head-back" or "head-fork" with "text".  A
 * line that was cut by a loss of power counts for nothing.  A line is on the
 * disk before it is answered.
 */
#ifndef MICROCA_HEADFILE_H
#define MICROCA_HEADFILE_H

#include "lib/cloud/checkpoint.h"

/*
 * `added`: it is a line now; false: the last one said the same.  FAIL_CONFLICT
 * "head-back" (a lane's number went back, or the lane is gone), "head-fork" (at
 * the same number another hash): the file has a mark, once for the same head.
 * FAIL_BUSY "locked"; FAIL_BROKEN "file".
 */
MUST_CHECK int headfile_add(bool *added, const char *state,
    const struct checkpoint *cp, bool verified, int64_t now, struct fail *why);

/* The last one that was accepted, checkpoint_free(); `found` false: none. */
MUST_CHECK int headfile_last(struct checkpoint *cp, bool *found,
    const char *state, const char *edge, struct fail *why);

#endif

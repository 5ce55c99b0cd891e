/*
 * keep_status - FOLDER/status.json: what happened last, for monitoring and for
 * the next run.
 *
 * One object, one member a line, snake_case, times RFC 3339.  It is read back
 * by us alone, in the form that we write; one that is missing or mangled counts
 * as no history, so that nothing waits for ever on it.
 */
#ifndef MICROCA_KEEP_STATUS_H
#define MICROCA_KEEP_STATUS_H

#include "lib/net/keep.h"

/* The history alone: tried, succeeded, next_try, pending_since, failures,
 * reason, text, and the state of the last try.  Never fails. */
void keep_history_read(struct keep_status *status, const char *folder);
/* What is in use, and the state that both make at `now`. */
void keep_status_judge(struct keep_status *status, const struct keep_plan *plan,
    const struct keep_pair *pair, int64_t now);
/* FAIL_BROKEN "file". */
MUST_CHECK int keep_status_write(const struct keep_status *status,
    const struct keep_plan *plan, struct fail *why);
/* As the file has it, without an end of line when `lines` is false. */
void keep_status_text(struct bytes *out, const struct keep_status *status,
    const char *name, bool lines);

#endif

/*
 * batches - the ids of an edge's last batches: one that comes back with another
 * body is a fault on its side.
 *
 * The last BATCHES_KEPT of an edge are in a small file of the state folder,
 * with the SHA-256 of their bodies.  For that alone: what is done twice does no
 * harm, so the file is not synced, and may be removed.
 */
#ifndef MICROCA_BATCHES_H
#define MICROCA_BATCHES_H

#include "lib/base/bytes.h"

#define BATCHES_KEPT 64

/* FAIL_CONFLICT "batch-reused"; FAIL_BROKEN "file", FAIL_BUSY "locked": nothing
 * is known of it, and the batch may go on. */
MUST_CHECK int batches_note(const char *state, const char *edge,
    const char *batch, struct span body, struct fail *why);

#endif

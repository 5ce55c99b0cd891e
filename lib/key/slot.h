/*
 * slot - who may wait for the token, and when the others should come back.
 *
 * A hardware TPM signs some 20 times a second and a fleet comes back all at
 * once.  At most `most` callers of a process wait; the next is told a reserved
 * slot.  The token's measured rate and its next free slot live in a small
 * locked file in the state folder, shared by all signing programs and touched
 * only when refusing, and once a second for ten seconds after.  The arithmetic
 * is in book.h.
 */
#ifndef MICROCA_SLOT_H
#define MICROCA_SLOT_H

#include <stdbool.h>

#include "lib/base/fail.h"

struct slots; /* thread-safe */

/* FAIL_CONFIG "file" when the file cannot be made. */
MUST_CHECK int slots_open(
    struct slots **slots, const char *path, unsigned most, struct fail *why);
void slots_free(struct slots *slots);
/* Admitted, or FAIL_BUSY "token-busy" with a reserved Retry-After. */
MUST_CHECK int slots_enter(struct slots *slots, struct fail *why);
void slots_leave(struct slots *slots, bool signed_one);

#endif

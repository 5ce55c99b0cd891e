/*
 * devicelock - one at a time for a device, over all threads and processes of a
 * connector.
 *
 * Locks on ranges of one file (fcntl(2), open file descriptions): nothing is
 * left behind by who was killed, and no device needs a file.  Two devices may
 * share a range; then they wait for each other.
 */
#ifndef MICROCA_DEVICELOCK_H
#define MICROCA_DEVICELOCK_H

#include "lib/base/bytes.h"

/* All of them or none; `wait` s at most.  Closing `fd` lets go.  FAIL_BUSY
 * "device-busy"; FAIL_BROKEN "file". */
MUST_CHECK int devicelock_take(int *fd, const char *state,
    const char *const *devices, size_t n, double wait, struct fail *why);

#endif

/*
 * pending - requests that wait for approval, as `pending`, `approve` and
 * `deny` find and show them.
 */
#ifndef MICROCA_BIN_PENDING_H
#define MICROCA_BIN_PENDING_H

#include "bin/microca.h"
#include "lib/store/pending.h"

/* At least so many hex digits of a CSR's SHA-256 name it. */
#define PREFIX_LEAST 8

/* Bounds of what begins with these hex digits, either case.  FAIL_CONFIG
 * "usage". */
MUST_CHECK int prefix_read(uint8_t from[SHA256_LEN], uint8_t to[SHA256_LEN],
    const char *text, struct fail *why);

/* The row, the request decoded, and what its endpoint's profile makes of it
 * by now. */
void pending_text(struct bytes *out, const struct pending *p,
    const struct settings *settings, int64_t now);
/* "EC P-256"; what serverkeygen makes, and what cannot be read, says so. */
const char *pending_key(char out[32], const struct pending *p);
/* "5m", "3h", "2d": whole units. */
void age_write(char out[24], int64_t seconds);

#endif

/*
 * attempts - secrets that were wrong, counted.
 *
 * A secret has 128 random bits: nobody guesses one.  What is limited is the
 * noise of those who try.  After ATTEMPTS_NAME failures for a device name from
 * an address, or ATTEMPTS_ADDRESS from an address for whatever name, that
 * address is told to wait until ATTEMPTS_WINDOW has passed since the first of
 * them.  Failures from elsewhere keep nobody out: neither a device whose name
 * others misuse, nor one that has moved.
 *
 * The counts are in a small file in the state folder, shared by all programs:
 * two tables of 2048 places.  Where a count goes is decided by a hash with a
 * salt of the file's own, and an older count makes room for a newer one: who
 * has very many addresses may make the table forget, which costs us nothing
 * but the noise.
 */
#ifndef MICROCA_ATTEMPTS_H
#define MICROCA_ATTEMPTS_H

#include "lib/base/bytes.h"

#define ATTEMPTS_NAME 10
#define ATTEMPTS_ADDRESS 30
#define ATTEMPTS_WINDOW 600 /* s */

struct attempts; /* thread-safe */

/* FAIL_CONFIG "file" when the file cannot be made. */
MUST_CHECK int attempts_open(
    struct attempts **attempts, const char *path, struct fail *why);
void attempts_free(struct attempts *attempts); /* NULL is fine */

/* May one more be tried?  `peer`: an address as text; of IPv6 the /64 counts.
 * FAIL_LIMIT "auth-limit" with Retry-After. */
MUST_CHECK int attempts_ok(struct attempts *attempts, const char *name,
    const char *peer, int64_t now, struct fail *why);
/* One was wrong.  A file that cannot be written counts nothing. */
void attempts_count(
    struct attempts *attempts, const char *name, const char *peer, int64_t now);

#endif

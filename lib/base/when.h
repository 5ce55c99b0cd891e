/*
 * when - time is int64_t Unix seconds, everywhere; texts are RFC 3339, UTC.
 *
 * No time_t is used for dates, so 9999-12-31 works where time_t has 32 bits.
 */
#ifndef MICROCA_WHEN_H
#define MICROCA_WHEN_H

#include <stdint.h>

#include "lib/base/fail.h"

#define WHEN_LEN 21                 /* "2026-01-02T03:04:05Z" and a NUL */
#define WHEN_FOREVER 253402300799LL /* 9999-12-31T23:59:59Z */

struct when_parts {
	int year, month, day, hour, minute, second; /* month, day from 1 */
};

int64_t when_now(void);
int64_t when_now_us(void); /* Unix time in microseconds */
double when_clock(void);   /* s, monotonic: for intervals */

void when_split(struct when_parts *parts, int64_t when); /* years 1 to 9999 */
int64_t when_join(const struct when_parts *parts);
/* "2026-01-02T03:04:05Z". */
void when_write(char out[WHEN_LEN], int64_t when);
/* The same form, or "YYYYMMDDHHMMSSZ", or "99991231".  FAIL_MALFORMED. */
MUST_CHECK int when_read(int64_t *when, const char *text, struct fail *why);

/* "90d", "1y6d", "5m", "0": s m h d w y (365 d).  FAIL_MALFORMED. */
MUST_CHECK int duration_read(
    int64_t *seconds, const char *text, struct fail *why);
/* "64k", "1G" or plain octets: k M G, powers of 1024.  FAIL_MALFORMED. */
MUST_CHECK int size_read(int64_t *octets, const char *text, struct fail *why);

#endif

/*
 * fuzz - what the harnesses share.
 *
 * A harness is one parser of foreign bytes: LLVMFuzzerTestOneInput() gives it
 * any octets, and what it says does not matter, only that it comes back, with
 * nothing leaked or read that is not there.  What it accepts is used, as the
 * programs do, since a bad value may hurt only then.  README.md.
 */
#ifndef MICROCA_FUZZ_H
#define MICROCA_FUZZ_H

#include "lib/base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The octets as a C string, in memory of their own length: cut at the first
 * NUL, as every variable of CGI is.  The caller frees. */
static inline char *
fuzz_text(const uint8_t *data, size_t size)
{
	return mem_dup(data, size);
}

/* How many values were taken: a harness that refuses all of its seeds tries
 * nothing, and fuzz.sh says so. */
__attribute__((weak)) size_t fuzz_taken;

/* A value that the compiler cannot do without. */
static inline void
fuzz_use(const void *p, size_t len)
{
	const volatile uint8_t *octet = p;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum ^ octet[i]);
	(void)sum;
}

#endif

#include "lib/cloud/guid.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>

void
guid_write(char out[GUID_LEN])
{
	unsigned char r[16];
	size_t n = 0;

	if (RAND_bytes(r, sizeof(r)) != 1)
		abort();
	/* RFC 9562, 4.1 and 4.2: variant 10, version 4 */
	r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
	r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(r); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[n++] = '-';
		n += (size_t)snprintf(out + n, GUID_LEN - n, "%02x", r[i]);
	}
}

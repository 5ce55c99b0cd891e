/* A certs-only answer, and the certificates in it. */
#include "tests/fuzz/fuzz.h"

#include "lib/wire/cert.h"
#include "lib/wire/certsonly.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span certs[CERTSONLY_MAX];
	struct fail why = {0};
	size_t n = 0;

	if (certsonly_read(certs, &n, (struct span){data, size}, &why) != 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		struct cert *cert = NULL;

		if (cert_read(&cert, certs[i], &why) == 0) {
			fuzz_taken++;
			cert_free(cert);
		}
	}
	return 0;
}

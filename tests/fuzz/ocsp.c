/* An OCSP request, and what is looked at in it. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "lib/wire/ocsp.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ocsp *ocsp = NULL;
	struct fail why = {0};
	struct bytes out = {0};

	if (ocsp_read(&ocsp, (struct span){data, size}, &why) != 0) {
		ocsp_write_error(&out, &why);
		bytes_free(&out);
		return 0;
	}
	fuzz_taken++;
	for (size_t i = 0; i < ocsp->n; i++)
		free(ocsp_serial(ocsp->asked[i]));
	ocsp_free(ocsp);
	return 0;
}

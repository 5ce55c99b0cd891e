/* The body of an enrolment: base64, PEM or DER, as strict and as lenient. */
#include "tests/fuzz/fuzz.h"

#include "lib/wire/csr.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span body = {data, size};

	for (int lenient = 0; lenient < 2; lenient++) {
		struct bytes der = {0};
		struct fail why = {0};
		struct csr *csr = NULL;

		if (csr_body_read(&der, body, lenient, &why) == 0 &&
		    csr_read_unproven(&csr, span_of(&der), &why) == 0) {
			fuzz_taken++;
			csr_free(csr);
		}
		bytes_free(&der);
	}
	return 0;
}

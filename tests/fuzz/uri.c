/* A PKCS#11 URI (RFC 7512). */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "lib/key/pkcs11uri.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct pkcs11uri *uri = NULL;
	struct fail why = {0};

	if (pkcs11uri_read(&uri, text, &why) == 0) {
		fuzz_taken++;
		pkcs11uri_free(uri);
	}
	free(text);
	return 0;
}

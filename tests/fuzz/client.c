/* A client certificate: the forms of the web servers, DER, the leaf's checks. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "lib/ca/leaf.h"

static void
leaf(struct span der)
{
	struct leaf l = {0};
	struct fail why = {0};

	if (leaf_read(&l, der, &why) == 0) {
		fuzz_taken++;
		free(leaf_text(&l));
	}
	leaf_free(&l);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum cert_form forms[] = {
	    CERT_PEM, CERT_PEM_ESCAPED, CERT_DER_BASE64};
	char *text = fuzz_text(data, size);

	leaf((struct span){data, size});
	for (size_t i = 0; i < 3; i++) {
		struct bytes der = {0};
		struct fail why = {0};

		if (cert_text_read(&der, text, forms[i], &why) == 0)
			leaf(span_of(&der));
		bytes_free(&der);
	}
	free(text);
	return 0;
}

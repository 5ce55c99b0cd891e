/* PKCS#10 in DER: the walk, and what is made of what passes. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "lib/wire/csr.h"
#include "lib/wire/name.h"
#include "lib/wire/san.h"

static void
use(struct csr *csr)
{
	char *subject = name_text(csr->subject), *san = san_text(csr->san);
	uint8_t hash[SHA256_LEN];

	fuzz_taken++;
	name_hash(hash, csr->subject);
	for (size_t i = 0; i < csr->ext_key_usages; i++)
		fuzz_use(csr->ext_key_usage[i].data, csr->ext_key_usage[i].len);
	for (size_t i = 0; i < csr->unknowns; i++)
		fuzz_use(csr->unknown[i].oid.data, csr->unknown[i].oid.len);
	free(subject);
	free(san);
	csr_free(csr);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span der = {data, size};
	struct fail why = {0};
	struct csr *csr = NULL;

	if (csr_read(&csr, der, &why) == 0)
		use(csr);
	/* Without possession to prove mutations come further. */
	csr = NULL;
	if (csr_read_unproven(&csr, der, &why) == 0)
		use(csr);
	return 0;
}

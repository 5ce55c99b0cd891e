/* CsrAttrs of another server (RFC 8951, RFC 9908). */
#include "tests/fuzz/fuzz.h"

#include "lib/wire/csrattrs.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct csrattrs_wishes wishes;
	struct fail why = {0};

	if (csrattrs_read(&wishes, (struct span){data, size}, &why) != 0)
		return 0;
	fuzz_taken++;
	for (size_t i = 0; i < wishes.names; i++)
		fuzz_use(wishes.name[i].value.data, wishes.name[i].value.len);
	for (size_t i = 0; i < wishes.extensions; i++)
		fuzz_use(wishes.extension[i].value.data,
		    wishes.extension[i].value.len);
	return 0;
}

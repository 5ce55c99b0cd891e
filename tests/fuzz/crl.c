/* A published list, which a backup may have brought. */
#include "tests/fuzz/fuzz.h"

#include "lib/wire/crl.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct crl_info info = {0};
	struct fail why = {0};

	if (crl_read(&info, (struct span){data, size}, &why) == 0) {
		fuzz_taken++;
		fuzz_use(info.entries.data, info.entries.len);
	}
	return 0;
}

/* An archive that is to be restored. */
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/tar.h"

static void
members(struct tar *tar)
{
	struct tar_entry entry;
	struct fail why = {0};
	uint8_t hash[SHA256_LEN];
	uint8_t part[512];
	bool found = false;
	size_t got;

	while (tar_next(tar, &entry, &found, &why) == 0 && found) {
		if (tar_read(tar, &got, part, sizeof(part), &why) != 0 ||
		    tar_read_close(tar, hash, &why) != 0)
			return;
		fuzz_taken++;
		fuzz_use(part, got);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tar tar = {.fd = memfd_create("tar", MFD_CLOEXEC)};

	if (tar.fd >= 0 && write(tar.fd, data, size) == (ssize_t)size &&
	    lseek(tar.fd, 0, SEEK_SET) == 0)
		members(&tar);
	tar_free(&tar);
	if (tar.fd >= 0)
		(void)close(tar.fd);
	return 0;
}

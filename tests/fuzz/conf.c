/* Configuration: the first octet says which file it is. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/ca/settings.h"
#include "lib/cloud/edges.h"

/* libconfig 1.5 forgets what it has of a string that does not end. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static void
read_as(int kind, const char *path)
{
	struct profiles *profiles = NULL;
	struct settings *settings = NULL;
	struct edges *edges = NULL;
	struct fail why = {0};

	if (kind % 3 == 0 && profiles_read(&profiles, path, &why) == 0) {
		fuzz_taken++;
		profiles_free(profiles);
	}
	if (kind % 3 == 1 && settings_read(&settings, path, &why) == 0) {
		fuzz_taken++;
		settings_free(settings);
	}
	if (kind % 3 == 2 && edges_read(&edges, path, &why) == 0) {
		fuzz_taken++;
		edges_free(edges);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64];
	int fd;

	if (size < 2)
		return 0;
	fd = memfd_create("conf", MFD_CLOEXEC);
	/* What anybody may write is not read at all. */
	if (fd < 0 || fchmod(fd, 0600) != 0 ||
	    write(fd, data + 1, size - 1) != (ssize_t)(size - 1))
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_as(data[0], path);
	(void)close(fd);
	return 0;
}

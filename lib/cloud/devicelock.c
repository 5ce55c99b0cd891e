#include "lib/cloud/devicelock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"

static off_t
range_of(const char *device)
{
	uint8_t sha[SHA256_LEN];
	uint32_t at;

	sha256(sha, span_str(device));
	memcpy(&at, sha, sizeof(at));
	return (off_t)(at & INT32_MAX); /* where off_t has 32 bits, too */
}

static int
by_place(const void *a, const void *b)
{
	const off_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int
lock(int fd, off_t at, double until, struct fail *why)
{
	struct flock range = {
	    .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	while (fcntl(fd, F_OFD_SETLK, &range) != 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
			fail(why, FAIL_BROKEN, "file", "cannot lock");
			return fail_errno(why, "fcntl");
		}
		if (when_clock() >= until) {
			fail(why, FAIL_BUSY, "device-busy",
			    "another request is at work on this device");
			return fail_retry(why, 10);
		}
		(void)poll(NULL, 0, 5);
	}
	return 0;
}

int
devicelock_take(int *fd, const char *state, const char *const *devices,
    size_t n, double wait, struct fail *why)
{
	char *path = file_path(state, "devices.lock");
	off_t *ranges = mem_new((n + 1) * sizeof(*ranges));
	double until = when_clock() + wait;
	int rc = 0;

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0) {
		rc = fail(why, FAIL_BROKEN, "file", "cannot open %s", path);
		fail_errno(why, "open");
	}
	/* In one order for all, so that nobody waits in a circle. */
	for (size_t i = 0; i < n; i++)
		ranges[i] = range_of(devices[i]);
	qsort(ranges, n, sizeof(*ranges), by_place);
	for (size_t i = 0; i < n && rc == 0; i++)
		if (i == 0 || ranges[i] != ranges[i - 1])
			rc = lock(*fd, ranges[i], until, why);
	if (rc != 0 && *fd >= 0) {
		(void)close(*fd);
		*fd = -1;
	}
	free(ranges);
	free(path);
	return rc;
}

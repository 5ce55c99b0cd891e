/* Built with --enable-fault-points only. */
#include "lib/base/fault.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void
wait_ms(long ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

	(void)nanosleep(&ts, NULL);
}

void(fault_point)(const char *place)
{
	const char *path = getenv("MICROCA_FAULT");
	char line[128] = "", where[64], what[16];
	long ms = 0;
	int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read(fd, line, sizeof(line) - 1) < 0)
		line[0] = '\0';
	(void)close(fd);
	if (sscanf(line, "%63s %15s %ld", where, what, &ms) < 2 ||
	    strcmp(where, place) != 0)
		return;
	if (strcmp(what, "wait") == 0)
		wait_ms(ms);
	else if (unlink(path) == 0)
		(void)raise(SIGKILL);
}

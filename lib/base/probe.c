#include "lib/base/probe.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"

char *
probe_path(const char *run, const char *ticket)
{
	uint8_t hash[SHA256_LEN];
	char name[2 * SHA256_LEN + 1];

	sha256(hash, (struct span){(const uint8_t *)ticket, strlen(ticket)});
	hex_write(name, (struct span){hash, sizeof(hash)}, false);
	return str_fmt("%s/probe-%s", run, name);
}

int
probe_begin(
    char ticket[PROBE_TICKET_LEN + 1], const char *run, struct fail *why)
{
	uint8_t secret[PROBE_TICKET_LEN / 2];
	char *path;
	int rc;

	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return fail(why, FAIL_BROKEN, "random", "no random numbers");
	hex_write(ticket, (struct span){secret, sizeof(secret)}, false);
	path = probe_path(run, ticket);
	rc = file_write(path, (struct span){NULL, 0}, 0600, why);
	free(path);
	return rc;
}

void
probe_end(const char *run, const char *ticket)
{
	char *path = probe_path(run, ticket);

	(void)unlink(path);
	free(path);
}

bool
probe_good(const char *run, const char *ticket)
{
	char *path;
	struct stat st;
	bool good;

	if (ticket == NULL || strlen(ticket) != PROBE_TICKET_LEN)
		return false;
	path = probe_path(run, ticket);
	good = lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid() && (st.st_mode & 077) == 0 &&
	       st.st_mtime + PROBE_LIFE > when_now();
	free(path);
	return good;
}

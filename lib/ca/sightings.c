#include "lib/ca/sightings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"

#define WAYS 4      /* that one may be at */
#define PLACES 4096 /* of so many */
#define PLACE (WAYS * SHA256_LEN)
#define OWNER_ONLY 0600

static const uint8_t nothing[SHA256_LEN];
static int held = -1; /* sightings_hold() */

bool
sightings_wanted(const struct settings *settings)
{
	const struct conf_list *list;

	if (settings->profiles == NULL)
		return false;
	list = &settings->profiles->list;
	for (size_t i = 0; i < list->n; i++) {
		const struct profile *p =
		    (const struct profile *)list->item + i;

		if (p->revoke_replaced == REPLACED_IN_USE)
			return true;
	}
	return false;
}

static int
trouble(const char *path, const char *call, struct fail *why)
{
	fail(why, FAIL_BROKEN, "file", "cannot use %s", path);
	return fail_errno(why, "%s", call);
}

static off_t
place_of(const uint8_t hash[SHA256_LEN])
{
	return (off_t)(((unsigned)hash[0] << 8 | hash[1]) % PLACES) * PLACE;
}

/* The first is the newest.  Two that write at once may lose one of them. */
static bool
place_add(uint8_t place[PLACE], const uint8_t hash[SHA256_LEN])
{
	size_t i = 0;

	while (i < WAYS - 1 &&
	       memcmp(place + i * SHA256_LEN, hash, SHA256_LEN) != 0 &&
	       memcmp(place + i * SHA256_LEN, nothing, SHA256_LEN) != 0)
		i++;
	if (i == 0 && memcmp(place, hash, SHA256_LEN) == 0)
		return false;
	memmove(place + SHA256_LEN, place, i * SHA256_LEN);
	memcpy(place, hash, SHA256_LEN);
	return true;
}

static char *
path_of(const struct settings *settings)
{
	return file_path(settings->run, "sightings");
}

static int
file_open(const char *path)
{
	return open(
	    path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, OWNER_ONLY);
}

void
sightings_hold(const struct settings *settings)
{
	char *path = path_of(settings);

	if (held < 0)
		held = file_open(path);
	free(path);
}

int
sightings_note(
    const struct settings *settings, struct span der, struct fail *why)
{
	char *path = path_of(settings);
	uint8_t hash[SHA256_LEN], place[PLACE] = {0};
	int fd = held >= 0 ? held : file_open(path);
	int rc = 0;

	sha256(hash, der);
	if (fd < 0)
		rc = trouble(path, "open", why);
	else if (pread(fd, place, PLACE, place_of(hash)) < 0)
		rc = trouble(path, "read", why);
	else if (place_add(place, hash) &&
		 pwrite(fd, place, PLACE, place_of(hash)) != PLACE)
		rc = trouble(path, "write", why);
	if (fd >= 0 && fd != held)
		(void)close(fd);
	free(path);
	return rc;
}

/* ---- taking them --------------------------------------------------------- */

struct taking {
	int fd;
	const char *path;
	int (*each)(const uint8_t sha256[SHA256_LEN], void *arg);
	void *arg;
};

static int
place_take(const struct taking *t, off_t at, struct fail *why)
{
	uint8_t place[PLACE] = {0};
	bool any = false;

	if (pread(t->fd, place, PLACE, at) < 0)
		return trouble(t->path, "read", why);
	for (size_t i = 0; i < WAYS; i++) {
		const uint8_t *hash = place + i * SHA256_LEN;
		int rc;

		if (memcmp(hash, nothing, SHA256_LEN) == 0)
			continue;
		any = true;
		rc = t->each(hash, t->arg);
		if (rc != 0)
			return rc;
	}
	if (!any)
		return 0;
	memset(place, 0, sizeof(place));
	if (pwrite(t->fd, place, PLACE, at) != PLACE)
		return trouble(t->path, "write", why);
	return 0;
}

int
sightings_take(const struct settings *settings,
    int (*each)(const uint8_t sha256[SHA256_LEN], void *arg), void *arg,
    struct fail *why)
{
	char *path = path_of(settings);
	struct taking t = {.fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW),
	    .path = path,
	    .each = each,
	    .arg = arg};
	int rc = 0;

	if (t.fd < 0 && errno != ENOENT)
		rc = trouble(path, "open", why);
	for (off_t i = 0; t.fd >= 0 && rc == 0 && i < PLACES; i++)
		rc = place_take(&t, i * PLACE, why);
	if (t.fd >= 0)
		(void)close(t.fd);
	free(path);
	return rc;
}

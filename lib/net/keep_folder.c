#include "lib/net/keep_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

#define NAME_LEN 6 /* digits */

/* ---- names -------------------------------------------------------------- */

char *
keep_generation(const char *folder, unsigned n)
{
	return str_fmt("%s/%06u", folder, n);
}

char *
keep_file(const char *folder, unsigned n, const char *name)
{
	return str_fmt("%s/%06u/%s", folder, n, name);
}

bool
keep_has(const char *folder, unsigned n, const char *name)
{
	char *path = keep_file(folder, n, name);
	bool has = access(path, F_OK) == 0;

	free(path);
	return has;
}

/* Exactly six digits, else 0. */
static unsigned
number_of(const char *name)
{
	if (strlen(name) != NAME_LEN || strspn(name, "0123456789") != NAME_LEN)
		return 0;
	return (unsigned)strtoul(name, NULL, 10);
}

/* ---- writing ------------------------------------------------------------ */

static int
path_failed(const char *call, const char *path, struct fail *why)
{
	int e = errno;

	fail(why, FAIL_BROKEN, "file", "cannot change %s", path);
	errno = e;
	return fail_errno(why, "%s", call);
}

/* What happened to its entries is durable only when the folder is synced. */
static int
folder_sync(const char *path, struct fail *why)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0 || fsync(fd) != 0)
		rc = path_failed("fsync", path, why);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int
keep_folder_open(int *lock, const char *folder, struct fail *why)
{
	char *path = file_path(folder, "lock");
	int rc = 0;

	*lock = -1;
	if (mkdir(folder, 0755) != 0 && errno != EEXIST)
		rc = path_failed("mkdir", folder, why);
	else if ((rc = file_closed(folder, why)) == 0)
		rc = file_lock(lock, path, 0, why);
	free(path);
	return rc;
}

int
keep_put(const char *folder, unsigned n, const char *name, struct span in,
    mode_t mode, struct fail *why)
{
	char *path = keep_file(folder, n, name);
	int rc = file_write(path, in, mode, why);

	free(path);
	return rc;
}

void
keep_remove(const char *folder, unsigned n, const char *name)
{
	char *path = keep_file(folder, n, name);
	char *dir = keep_generation(folder, n);
	struct fail ignored = {0};

	if (unlink(path) == 0)
		(void)!folder_sync(dir, &ignored);
	free(dir);
	free(path);
}

/* ---- links -------------------------------------------------------------- */

int
keep_link_read(
    unsigned *n, const char *folder, const char *link, struct fail *why)
{
	char *path = file_path(folder, link), name[NAME_LEN + 2];
	ssize_t len = readlink(path, name, sizeof(name) - 1);
	int rc = 0;

	*n = 0;
	if (len >= 0) {
		name[len] = '\0';
		*n = number_of(name);
	}
	if (len < 0 && errno != ENOENT)
		rc = fail_errno(why, "readlink");
	if (rc != 0 || (len >= 0 && *n == 0))
		rc = fail(why, FAIL_BROKEN, "pair",
		    "%s is not a link to a folder beside it", path);
	free(path);
	return rc;
}

int
keep_link_set(
    const char *folder, const char *link, unsigned n, struct fail *why)
{
	char *path = file_path(folder, link);
	char *tmp = str_fmt("%s.new", path);
	char name[16];
	int rc = 0;

	(void)snprintf(name, sizeof(name), "%06u", n);
	(void)unlink(tmp);
	if (symlink(name, tmp) != 0 || rename(tmp, path) != 0) {
		rc = path_failed("rename", path, why);
		(void)unlink(tmp);
	} else {
		rc = folder_sync(folder, why);
	}
	free(tmp);
	free(path);
	return rc;
}

/* ---- generations -------------------------------------------------------- */

/* Calls `see` for each entry.  FAIL_BROKEN "file". */
static int
each_entry(const char *path, void (*see)(void *arg, const char *name),
    void *arg, struct fail *why)
{
	DIR *dir = opendir(path);
	const struct dirent *e;

	if (dir == NULL)
		return path_failed("opendir", path, why);
	while ((e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			see(arg, e->d_name);
	(void)closedir(dir);
	return 0;
}

static void
newest_see(void *arg, const char *name)
{
	unsigned *newest = arg, n = number_of(name);

	if (n > *newest)
		*newest = n;
}

int
keep_waiting(
    unsigned *n, const char *folder, unsigned current, struct fail *why)
{
	unsigned newest = 0;

	*n = 0;
	if (each_entry(folder, newest_see, &newest, why) != 0)
		return -1;
	/* One that has its certificate and no request was in use once: somebody
	 * went back to the pair before it. */
	if (newest > current && (keep_has(folder, newest, KEEP_CSR) ||
				    !keep_has(folder, newest, KEEP_CERT)))
		*n = newest;
	return 0;
}

int
keep_generation_new(unsigned *n, const char *folder, struct fail *why)
{
	unsigned newest = 0;
	char *path;
	int rc;

	*n = 0;
	if (each_entry(folder, newest_see, &newest, why) != 0)
		return -1;
	if (newest == KEEP_LAST)
		return fail(why, FAIL_BROKEN, "pair",
		    "%s: no number is left after %06u", folder, newest);
	path = keep_generation(folder, newest + 1);
	rc = mkdir(path, 0755) != 0 ? path_failed("mkdir", path, why)
	                            : folder_sync(folder, why);
	if (rc == 0)
		*n = newest + 1;
	free(path);
	return rc;
}

static void
drop_see(void *arg, const char *name)
{
	char *path = file_path(arg, name);

	(void)unlink(path);
	free(path);
}

void
keep_generation_drop(const char *folder, unsigned n)
{
	char *path = keep_generation(folder, n);
	struct fail ignored = {0};

	(void)!each_entry(path, drop_see, path, &ignored);
	(void)rmdir(path);
	(void)!folder_sync(folder, &ignored);
	free(path);
}

struct sweep {
	const char *folder;
	unsigned keep[3];
};

/* file_write() and key_generate() finish under another name first. */
static bool
is_debris(const char *name)
{
	static const char *const ours[] = {
	    "status.json.", "current.new", "previous.new"};
	size_t i;

	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strncmp(name, ours[i], strlen(ours[i])) == 0)
			return true;
	return false;
}

static void
sweep_see(void *arg, const char *name)
{
	const struct sweep *sweep = arg;
	unsigned n = number_of(name);

	if (n != 0 && n != sweep->keep[0] && n != sweep->keep[1] &&
	    n != sweep->keep[2])
		keep_generation_drop(sweep->folder, n);
	else if (n == 0 && is_debris(name))
		drop_see((void *)sweep->folder, name);
}

/* In a generation: only what a pair and a request are made of. */
static void
tidy_see(void *arg, const char *name)
{
	static const char *const known[] = {KEEP_KEY, KEEP_URI, KEEP_CERT,
	    KEEP_CHAIN, KEEP_CSR, KEEP_SINCE, KEEP_UNUSED};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(name, known[i]) == 0)
			return;
	drop_see(arg, name);
}

void
keep_sweep(const char *folder, unsigned a, unsigned b, unsigned c)
{
	struct sweep sweep = {folder, {a, b, c}};
	struct fail ignored = {0};
	size_t i;

	(void)!each_entry(folder, sweep_see, &sweep, &ignored);
	for (i = 0; i < 3; i++) {
		char *path = keep_generation(folder, sweep.keep[i]);

		if (sweep.keep[i] != 0)
			(void)!each_entry(path, tidy_see, path, &ignored);
		free(path);
	}
}

#include "lib/base/work.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/file.h"

#define TAIL ".XXXXXX"
#define LOCK ".lock"
#define YOUNG 60 /* s: it may not be locked yet */

static int
entry_remove(
    const char *path, const struct stat *st, int type, struct FTW *place)
{
	(void)st;
	(void)type;
	(void)place;
	(void)remove(path);
	return 0;
}

static void
tree_remove(const char *path)
{
	(void)nftw(path, entry_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static bool
is_ours(const char *entry, const char *name)
{
	size_t len = strlen(name);

	return strlen(entry) == len + sizeof(TAIL) - 1 &&
	       strncmp(entry, name, len) == 0 && entry[len] == '.';
}

/* Whoever made it is gone: nobody holds its lock. */
static void
stale_remove(const char *path)
{
	char *lock = file_path(path, LOCK);
	struct stat st;
	int fd;

	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == geteuid() && time(NULL) - st.st_ctime > YOUNG) {
		fd = open(lock, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
			tree_remove(path);
		if (fd >= 0)
			(void)close(fd);
	}
	free(lock);
}

static void
stale_find(const char *folder, const char *name)
{
	DIR *dir = opendir(folder);
	const struct dirent *e;

	if (dir == NULL)
		return;
	while ((e = readdir(dir)) != NULL) {
		char *path;

		if (!is_ours(e->d_name, name))
			continue;
		path = file_path(folder, e->d_name);
		stale_remove(path);
		free(path);
	}
	(void)closedir(dir);
}

int
work_make(
    struct work *work, const char *folder, const char *name, struct fail *why)
{
	char *lock;
	int rc;

	*work = (struct work){.lock = -1};
	stale_find(folder, name);
	work->path = str_fmt("%s/%s%s", folder, name, TAIL);
	if (mkdtemp(work->path) == NULL) {
		(void)fail(why, FAIL_BROKEN, "folder",
		    "cannot make a folder in %s", folder);
		(void)fail_errno(why, "mkdtemp");
		free(work->path);
		work->path = NULL;
		return -1;
	}
	lock = file_path(work->path, LOCK);
	rc = file_lock(&work->lock, lock, 0, why);
	free(lock);
	if (rc != 0)
		work_remove(work);
	return rc;
}

void
work_remove(struct work *work)
{
	if (work->path == NULL)
		return;
	tree_remove(work->path);
	free(work->path);
	work->path = NULL;
	if (work->lock >= 0)
		(void)close(work->lock);
}

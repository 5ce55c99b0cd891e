/*
 * power-shim - keeps a journal of what a process does to its files, and of what
 * it says to others.  Loaded by LD_PRELOAD.
 *
 *	POWER_JOURNAL=FILE  the journal (power.h), of all processes
 *	POWER_ROOT=FOLDER   files elsewhere are nobody's business
 *
 * The database is followed write by write, any other file is taken whole when
 * it is synced or gets another name.  A write is told after it was done, an
 * answer before: a cut in between is the worse one.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "power.h"

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

static void
tell(enum power_op op, uint64_t inode, uint64_t at, const char *path,
    const char *other, const void *data, size_t len)
{
	const char *name = getenv("POWER_JOURNAL");
	int error = errno, fd;
	struct power_head head = {.magic = POWER_MAGIC,
	    .op = op,
	    .inode = inode,
	    .at = at,
	    .path_len = (uint32_t)strlen(path),
	    .other_len = (uint32_t)strlen(other),
	    .data_len = (uint32_t)len};
	struct iovec iov[] = {{&head, sizeof(head)},
	    {(void *)path, head.path_len}, {(void *)other, head.other_len},
	    {(void *)data, len}};
	ssize_t want =
	    (ssize_t)(sizeof(head) + head.path_len + head.other_len + len);

	if (name == NULL)
		return;
	fd = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || writev(fd, iov, 4) != want)
		abort();
	(void)close(fd);
	errno = error;
}

static bool
ours(const char *path)
{
	const char *root = getenv("POWER_ROOT");

	return root != NULL && strncmp(path, root, strlen(root)) == 0;
}

/* A file or folder of ours that is open. */
static bool
open_path(char path[512], struct stat *st, int fd)
{
	char link[32];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, 511);
	if (n <= 0)
		return false;
	path[n] = '\0';
	return ours(path) && fstat(fd, st) == 0;
}

static bool
is_database(const char *path)
{
	const char *name = strrchr(path, '/') + 1;

	return strcmp(name, "microca.db") == 0 ||
	       strcmp(name, "microca.db-wal") == 0;
}

static void
whole(int fd, const char *path, const struct stat *st, bool synced)
{
	void *map = st->st_size == 0 ? NULL
	                             : mmap(NULL, (size_t)st->st_size,
					   PROT_READ, MAP_PRIVATE, fd, 0);

	if (map == MAP_FAILED)
		abort();
	tell(POWER_WHOLE, st->st_ino, synced, path, "", map,
	    (size_t)st->st_size);
	if (map != NULL)
		(void)munmap(map, (size_t)st->st_size);
}

/* ---- the database ------------------------------------------------------------- */

static void
wrote(int fd, const void *p, ssize_t n, off64_t at)
{
	char path[512];
	struct stat st;

	if (n > 0 && open_path(path, &st, fd) && is_database(path))
		tell(POWER_WRITE, st.st_ino, (uint64_t)at, path, "", p,
		    (size_t)n);
}

ssize_t
pwrite(int fd, const void *p, size_t len, off_t at)
{
	ssize_t n = REAL(pwrite)(fd, p, len, at);

	wrote(fd, p, n, at);
	return n;
}

ssize_t
pwrite64(int fd, const void *p, size_t len, off64_t at)
{
	ssize_t n = REAL(pwrite64)(fd, p, len, at);

	wrote(fd, p, n, at);
	return n;
}

static void
cut_short(int fd, int rc, off64_t len)
{
	char path[512];
	struct stat st;

	if (rc == 0 && open_path(path, &st, fd) && is_database(path))
		tell(POWER_LENGTH, st.st_ino, (uint64_t)len, path, "", "", 0);
}

int
ftruncate(int fd, off_t len)
{
	int rc = REAL(ftruncate)(fd, len);

	cut_short(fd, rc, len);
	return rc;
}

int
ftruncate64(int fd, off64_t len)
{
	int rc = REAL(ftruncate64)(fd, len);

	cut_short(fd, rc, len);
	return rc;
}

/* ---- syncs ---------------------------------------------------------------------- */

static int
synced(int fd, int (*real)(int))
{
	static uint32_t syncs;
	uint64_t number = (uint64_t)getpid() << 32 |
	                  __atomic_add_fetch(&syncs, 1, __ATOMIC_SEQ_CST);
	char path[512];
	struct stat st;
	bool mine = open_path(path, &st, fd), database;
	int rc;

	database = mine && S_ISREG(st.st_mode) && is_database(path);
	if (database)
		tell(POWER_BEGIN, st.st_ino, number, path, "", "", 0);
	rc = real(fd);
	if (rc != 0 || !mine)
		return rc;
	if (database)
		tell(POWER_END, st.st_ino, number, path, "", "", 0);
	else if (S_ISDIR(st.st_mode))
		tell(POWER_FOLDER, st.st_ino, 0, path, "", "", 0);
	else if (S_ISREG(st.st_mode))
		whole(fd, path, &st, true);
	return rc;
}

int
fsync(int fd)
{
	return synced(fd, REAL(fsync));
}

int
fdatasync(int fd)
{
	return synced(fd, REAL(fdatasync));
}

/* ---- names ------------------------------------------------------------------------ */

/* What goes by another name: as it is now, synced or not. */
static void
looked(const char *path)
{
	int fd = ours(path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    !is_database(path))
		whole(fd, path, &st, false);
	if (fd >= 0)
		(void)close(fd);
}

static uint64_t
inode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

int
rename(const char *from, const char *to)
{
	uint64_t inode = inode_of(from);
	int rc;

	looked(from);
	rc = REAL(rename)(from, to);
	if (rc == 0 && ours(to))
		tell(POWER_RENAME, inode, 0, from, to, "", 0);
	return rc;
}

int
renameat2(
    int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	uint64_t inode = inode_of(from);
	int rc;

	looked(from);
	rc = REAL(renameat2)(from_fd, from, to_fd, to, flags);
	if (rc == 0 && ours(to))
		tell(POWER_RENAME, inode, 0, from, to, "", 0);
	return rc;
}

int
link(const char *from, const char *to)
{
	int rc;

	looked(from);
	rc = REAL(link)(from, to);
	if (rc == 0 && ours(to))
		tell(POWER_LINK, inode_of(from), 0, from, to, "", 0);
	return rc;
}

int
unlink(const char *path)
{
	uint64_t inode = inode_of(path);
	int rc = REAL(unlink)(path);

	if (rc == 0 && ours(path))
		tell(POWER_UNLINK, inode, 0, path, "", "", 0);
	return rc;
}

/* ---- what is said ------------------------------------------------------------------- */

ssize_t
write(int fd, const void *p, size_t len)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
		tell(POWER_SAID, 0, 0, "", "", p, len);
	return REAL(write)(fd, p, len);
}

#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "lib/base/when.h"

static int
fd_read(
    struct bytes *out, int fd, const char *path, size_t max, struct fail *why)
{
	uint8_t chunk[4096];
	size_t start = out->len;
	ssize_t n;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fail(why, FAIL_BROKEN, "file", "cannot read %s", path);
			return fail_errno(why, "read");
		}
		if (out->len - start + (size_t)n > max)
			return fail(why, FAIL_SIZE, "too-large",
			    "%s is larger than %zu octets", path, max);
		bytes_add(out, chunk, (size_t)n);
	}
	OPENSSL_cleanse(chunk, sizeof(chunk));
	return 0;
}

static int
fd_open(int *fd, const char *path, int flags, struct fail *why)
{
	*fd = open(path, flags | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return 0;
	fail(why, errno == ENOENT ? FAIL_ABSENT : FAIL_BROKEN, "file",
	    "cannot open %s", path);
	return fail_errno(why, "open");
}

int
file_read(struct bytes *out, const char *path, size_t max, struct fail *why)
{
	int fd, rc;

	if (fd_open(&fd, path, O_RDONLY, why) != 0)
		return -1;
	rc = fd_read(out, fd, path, max, why);
	(void)close(fd);
	return rc;
}

int
file_read_secret(
    struct bytes *out, const char *path, size_t max, struct fail *why)
{
	struct stat st;
	int fd, rc;

	if (fd_open(&fd, path, O_RDONLY | O_NOCTTY, why) != 0)
		return -1;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    (st.st_uid != geteuid() && st.st_uid != 0) ||
	    (st.st_mode & 077) != 0) {
		(void)close(fd);
		return fail(why, FAIL_CONFIG, "file-mode",
		    "%s must be a regular file of its reader, mode 0400 or "
		    "0600",
		    path);
	}
	rc = fd_read(out, fd, path, max, why);
	(void)close(fd);
	return rc;
}

static int
fd_write(int fd, struct span in)
{
	while (in.len > 0) {
		ssize_t n = write(fd, in.data, in.len);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			in.data += n;
			in.len -= (size_t)n;
		}
	}
	return 0;
}

/* A rename is durable only when its folder is. */
static int
folder_sync(const char *path)
{
	char *dir = str_dup(path), *slash = strrchr(dir, '/');
	int fd, rc = -1;

	if (slash != NULL)
		slash[slash == dir ? 1 : 0] = '\0';
	fd = open(slash != NULL ? dir : ".", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		rc = fsync(fd);
		(void)close(fd);
	}
	free(dir);
	return rc;
}

static int
cannot_write(const char *path, struct fail *why)
{
	int error = errno;

	fail(why, FAIL_BROKEN, "file", "cannot write %s", path);
	errno = error;
	return fail_errno(why, "write");
}

/* A device, a pipe, a socket: nothing that another file may replace. */
static bool
is_special(const struct stat *st)
{
	return !S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode) &&
	       !S_ISDIR(st->st_mode);
}

int
file_write(const char *path, struct span in, mode_t mode, struct fail *why)
{
	struct stat st;
	char *tmp;
	int fd, rc = -1;

	if (lstat(path, &st) == 0 && is_special(&st))
		return fail(why, FAIL_BROKEN, "file",
		    "%s is not a regular file and is not replaced", path);
	tmp = str_fmt("%s.XXXXXX", path);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd >= 0 && fchmod(fd, mode) == 0 && fd_write(fd, in) == 0 &&
	    fsync(fd) == 0 && rename(tmp, path) == 0 && folder_sync(path) == 0)
		rc = 0;
	else
		(void)cannot_write(path, why);
	if (fd >= 0) {
		(void)close(fd);
		if (rc != 0)
			(void)unlink(tmp);
	}
	free(tmp);
	return rc;
}

/* Into what is open behind the name. */
static int
write_through(const char *path, struct span in, struct fail *why)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_NOCTTY | O_CLOEXEC);
	int rc = fd >= 0 ? fd_write(fd, in) : -1;

	if (rc != 0)
		(void)cannot_write(path, why);
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int
file_put(const char *path, struct span in, mode_t mode, struct fail *why)
{
	struct stat named, meant;
	char *real;
	int rc;

	if (lstat(path, &named) != 0)
		return file_write(path, in, mode, why);
	if (stat(path, &meant) != 0)
		return cannot_write(path, why);
	if (is_special(&meant))
		return write_through(path, in, why);
	if (!S_ISLNK(named.st_mode))
		return file_write(path, in, mode, why);
	/* None: a descriptor's link, /dev/stdout, whose file has no name. */
	real = realpath(path, NULL);
	rc = real != NULL ? file_write(real, in, mode, why)
	                  : write_through(path, in, why);
	free(real);
	return rc;
}

static int
not_closed(const char *path, struct fail *why)
{
	return fail(why, FAIL_CONFIG, "file-mode",
	    "%s: anybody may write it; chmod o-w it", path);
}

int
file_closed(const char *path, struct fail *why)
{
	const char *slash = strrchr(path, '/');
	struct stat st;
	char *dir;
	int rc = 0;

	if (stat(path, &st) != 0)
		return cannot_write(path, why);
	if ((st.st_mode & S_IWOTH) != 0 &&
	    (!S_ISDIR(st.st_mode) || (st.st_mode & S_ISVTX) == 0))
		return not_closed(path, why);
	if (S_ISDIR(st.st_mode))
		return 0;
	dir = slash == NULL   ? str_dup(".")
	      : slash == path ? str_dup("/")
	                      : mem_dup(path, (size_t)(slash - path));
	rc = file_closed(dir, why);
	free(dir);
	return rc;
}

static int
fd_lock(int *fd, const char *path, double wait, struct fail *why)
{
	double until = when_clock() + wait;

	while (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EINTR && when_clock() >= until) {
			(void)close(*fd);
			*fd = -1;
			return fail(why, FAIL_BUSY, "locked",
			    "%s is locked by another process", path);
		}
		(void)usleep(2000);
	}
	return 0;
}

int
file_lock(int *fd, const char *path, double wait, struct fail *why)
{
	if (fd_open(fd, path, O_RDWR | O_CREAT, why) != 0)
		return -1;
	return fd_lock(fd, path, wait, why);
}

int
file_lock_folder(int *fd, const char *path, double wait, struct fail *why)
{
	if (fd_open(fd, path, O_RDONLY | O_DIRECTORY, why) != 0)
		return -1;
	return fd_lock(fd, path, wait, why);
}

char *
file_path(const char *dir, const char *name)
{
	if (name[0] == '/' || dir == NULL || dir[0] == '\0')
		return str_dup(name);
	return str_fmt("%s/%s", dir, name);
}

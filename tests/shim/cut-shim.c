/*
 * cut-shim - a process that is cut off, or whose disk is full, at a chosen
 * call.  Loaded by LD_PRELOAD.
 *
 *	CUT_AT=N    the process is killed instead of its Nth change of names or
 *	            sync: rename, renameat2, link, unlink, mkdir, fsync, fdatasync
 *	FULL_AT=N   from its Nth write on there is no room: write, pwrite,
 *	            ftruncate, posix_fallocate
 *	IO_FAULT=FILE while FILE says "write EIO", "sync EIO", "write ENOSPC",
 *	            "write EROFS": each pwrite, or sync, of a database fails so
 *	RANDOM_FAULT=FILE while it is there, OpenSSL has no random octets
 *	CLOCK_FAULT=FILE the clock stands as many s ahead as FILE says, or behind
 *	CUT_LOG=FILE gets a line for each change that was counted
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

static long
wanted(const char *name)
{
	const char *text = getenv(name);

	return text != NULL ? atol(text) : 0;
}

static void
change(const char *call, const char *path)
{
	static long n;
	const char *log = getenv("CUT_LOG");
	long at = __atomic_add_fetch(&n, 1, __ATOMIC_SEQ_CST);

	if (log != NULL) {
		char line[512];
		int len = snprintf(
		    line, sizeof(line), "%ld %s %.400s\n", at, call, path);
		int fd =
		    open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

		(void)!REAL(write)(fd, line, (size_t)len);
		(void)close(fd);
	}
	if (at == wanted("CUT_AT"))
		(void)raise(SIGKILL);
}

static int
full(void)
{
	static long n;
	long at = wanted("FULL_AT");

	if (at == 0 || __atomic_add_fetch(&n, 1, __ATOMIC_SEQ_CST) < at)
		return 0;
	errno = ENOSPC;
	return 1;
}

static int
is_database(int fd)
{
	char link[32], path[512];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return 0;
	path[n] = '\0';
	return strstr(path, ".db") != NULL;
}

/* Does IO_FAULT say that this fails?  errno is set then. */
static int
faulty(int fd, const char *call)
{
	const char *file = getenv("IO_FAULT");
	char text[64] = "", what[16], how[16];
	int at = file == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);

	if (at < 0)
		return 0;
	(void)!read(at, text, sizeof(text) - 1);
	(void)close(at);
	if (sscanf(text, "%15s %15s", what, how) != 2 ||
	    strcmp(what, call) != 0 || !is_database(fd))
		return 0;
	errno = strcmp(how, "ENOSPC") == 0  ? ENOSPC
	        : strcmp(how, "EROFS") == 0 ? EROFS
	                                    : EIO;
	return 1;
}

int RAND_bytes(unsigned char *out, int len);
int
RAND_bytes(unsigned char *out, int len)
{
	const char *file = getenv("RANDOM_FAULT");

	if (file != NULL && access(file, F_OK) == 0)
		return 0;
	return REAL(RAND_bytes)(out, len);
}

static long
clock_ahead(void)
{
	const char *file = getenv("CLOCK_FAULT");
	char text[32] = "";
	int at = file == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);

	if (at < 0)
		return 0;
	(void)!read(at, text, sizeof(text) - 1);
	(void)close(at);
	return atol(text);
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	int rc = REAL(clock_gettime)(clock, ts);

	if (rc == 0 && clock == CLOCK_REALTIME)
		ts->tv_sec += clock_ahead();
	return rc;
}

time_t
time(time_t *out)
{
	time_t now = REAL(time)(NULL) + clock_ahead();

	if (out != NULL)
		*out = now;
	return now;
}

int
rename(const char *from, const char *to)
{
	change("rename", to);
	return REAL(rename)(from, to);
}

int
renameat2(
    int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	change("renameat2", to);
	return REAL(renameat2)(from_fd, from, to_fd, to, flags);
}

int
link(const char *from, const char *to)
{
	change("link", to);
	return REAL(link)(from, to);
}

int
unlink(const char *path)
{
	change("unlink", path);
	return REAL(unlink)(path);
}

int
mkdir(const char *path, mode_t mode)
{
	change("mkdir", path);
	return REAL(mkdir)(path, mode);
}

int
fsync(int fd)
{
	change("fsync", "");
	return faulty(fd, "sync") ? -1 : REAL(fsync)(fd);
}

int
fdatasync(int fd)
{
	change("fdatasync", "");
	return faulty(fd, "sync") ? -1 : REAL(fdatasync)(fd);
}

/* What is said is not cut. */
static int
is_file(int fd)
{
	struct stat st;

	return fd > STDERR_FILENO && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

ssize_t
write(int fd, const void *p, size_t len)
{
	return is_file(fd) && full() ? -1 : REAL(write)(fd, p, len);
}

ssize_t
pwrite(int fd, const void *p, size_t len, off_t at)
{
	return full() || faulty(fd, "write") ? -1
	                                     : REAL(pwrite)(fd, p, len, at);
}

ssize_t
pwrite64(int fd, const void *p, size_t len, off64_t at)
{
	return full() || faulty(fd, "write") ? -1
	                                     : REAL(pwrite64)(fd, p, len, at);
}

int
ftruncate(int fd, off_t len)
{
	return full() ? -1 : REAL(ftruncate)(fd, len);
}

int
ftruncate64(int fd, off64_t len)
{
	return full() ? -1 : REAL(ftruncate64)(fd, len);
}

int
posix_fallocate(int fd, off_t at, off_t len)
{
	return full() ? ENOSPC : REAL(posix_fallocate)(fd, at, len);
}

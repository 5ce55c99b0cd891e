/*
 * memory-shim - memory is not to be had, now and then.  Loaded by LD_PRELOAD.
 *
 *	MEMORY_FAULT=FILE  while FILE says N, one in N allocations fails, by
 *	                   chance; it is looked at again every 50 ms
 *	MEMORY_ROOT=PATH   programs elsewhere have what they want
 *	MEMORY_LOG=FILE    gets one octet for each that failed
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static void *(*real_reallocarray)(void *, size_t, size_t);

static unsigned chance; /* one in so many; 0: none */
static long looked;     /* 50 ms */
static bool ready;

static void
look(void)
{
	const char *file = getenv("MEMORY_FAULT");
	char text[16] = "";
	int fd = file == NULL ? -1 : open(file, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		(void)!read(fd, text, sizeof(text) - 1);
		(void)close(fd);
	}
	__atomic_store_n(&chance, (unsigned)atoi(text), __ATOMIC_RELAXED);
}

static void
tell(void)
{
	const char *log = getenv("MEMORY_LOG");
	int fd =
	    log == NULL
		? -1
		: open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd >= 0) {
		(void)!write(fd, ".", 1);
		(void)close(fd);
	}
}

/* What is loaded behind us may not be called before it has begun. */
__attribute__((constructor)) static void
begin(void)
{
	const char *root = getenv("MEMORY_ROOT");
	char path[512];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));

	ready = root != NULL && n >= (ssize_t)strlen(root) &&
	        memcmp(path, root, strlen(root)) == 0;
}

static bool
fails(void)
{
	static __thread uint64_t dice;
	static __thread bool inside;
	struct timespec now;
	long at;
	unsigned n;

	if (!ready || inside)
		return false;
	inside = true;
	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	at = now.tv_sec * 20 + now.tv_nsec / 50000000 + 1;
	if (at != __atomic_exchange_n(&looked, at, __ATOMIC_RELAXED))
		look();
	if (dice == 0)
		dice = ((uint64_t)now.tv_nsec << 20 ^ (uint64_t)getpid() ^
			   (uintptr_t)&dice) |
		       1;
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	n = __atomic_load_n(&chance, __ATOMIC_RELAXED);
	if (n != 0 && dice % n == 0)
		tell();
	else
		n = 0;
	inside = false;
	if (n != 0)
		errno = ENOMEM;
	return n != 0;
}

#define FIND(name)                                                             \
	if (real_##name == NULL)                                               \
	real_##name = (typeof(real_##name))dlsym(RTLD_NEXT, #name)

void *
malloc(size_t size)
{
	FIND(malloc);
	return fails() ? NULL : real_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	FIND(calloc);
	return fails() ? NULL : real_calloc(n, size);
}

void *
realloc(void *p, size_t size)
{
	FIND(realloc);
	return size != 0 && fails() ? NULL : real_realloc(p, size);
}

void *
reallocarray(void *p, size_t n, size_t size)
{
	FIND(reallocarray);
	return n * size != 0 && fails() ? NULL : real_reallocarray(p, n, size);
}

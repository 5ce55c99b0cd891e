#include "lib/key/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/base/bytes.h"
#include "lib/base/when.h"
#include "lib/key/book.h"

#define LOCK_TRIES 100 /* of 0.5 ms: a book that is stuck stops nobody */

struct slots {
	pthread_mutex_t lock;
	struct gate gate;
	unsigned short seed[3];
	int fd;
};

int
slots_open(
    struct slots **slots, const char *path, unsigned most, struct fail *why)
{
	int64_t now = when_now_us();
	struct slots *s;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	*slots = NULL;
	if (fd < 0) {
		fail(why, FAIL_CONFIG, "file", "cannot open %s", path);
		return fail_errno(why, "open");
	}
	s = mem_new(sizeof(*s));
	pthread_mutex_init(&s->lock, NULL);
	s->gate.most = most > 0 ? most : 1;
	s->seed[0] = (unsigned short)now;
	s->seed[1] = (unsigned short)(now >> 16);
	s->seed[2] = (unsigned short)getpid();
	s->fd = fd;
	*slots = s;
	return 0;
}

void
slots_free(struct slots *slots)
{
	if (slots == NULL)
		return;
	(void)close(slots->fd);
	pthread_mutex_destroy(&slots->lock);
	free(slots);
}

static bool
book_lock(int fd)
{
	int tries;

	for (tries = 0; tries < LOCK_TRIES; tries++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		if (errno != EINTR)
			(void)usleep(500);
	}
	return false;
}

/* Tell the book our rate; with `reserve` also take a slot.  Seconds. */
static int
book_use(struct slots *slots, double now, bool reserve)
{
	struct book book = {0};
	int wait = 0;

	slots->gate.published = now;
	if (!book_lock(slots->fd))
		return 1 + (int)(erand48(slots->seed) * 4);
	if (pread(slots->fd, &book, sizeof(book), 0) != (ssize_t)sizeof(book))
		book.magic[0] = '\0';
	book_check(&book);
	book_publish(&book, &slots->gate, getpid(), now);
	if (reserve)
		wait = book_reserve(&book, now, erand48(slots->seed));
	if (pwrite(slots->fd, &book, sizeof(book), 0) != (ssize_t)sizeof(book))
		wait += (int)(erand48(slots->seed) * 4); /* nothing reserved */
	(void)flock(slots->fd, LOCK_UN);
	return wait;
}

int
slots_enter(struct slots *slots, struct fail *why)
{
	int wait = 0;
	double now;

	pthread_mutex_lock(&slots->lock);
	now = when_clock();
	if (!gate_enter(&slots->gate, now))
		wait = book_use(slots, now, true);
	pthread_mutex_unlock(&slots->lock);
	if (wait == 0)
		return 0;
	fail(why, FAIL_BUSY, "token-busy",
	    "more devices wait for the token than it can sign for now");
	return fail_retry(why, wait);
}

void
slots_leave(struct slots *slots, bool signed_one)
{
	double now;

	pthread_mutex_lock(&slots->lock);
	now = when_clock();
	if (gate_leave(&slots->gate, now, signed_one))
		(void)book_use(slots, now, false);
	pthread_mutex_unlock(&slots->lock);
}

#include "lib/key/watch.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fail.h"
#include "lib/base/log.h"
#include "lib/base/when.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static struct watch *watches;
static double limit = 60;
static double last_end; /* when a call came back, last */
static bool running;    /* the thread, in this process */
static bool idle;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
end_if_late(const struct watch *watch, double now)
{
	double since = watch->since > last_end ? watch->since : last_end;

	if (now - since < limit)
		return;
	log_write(LOG_LEVEL_ERROR,
	    "token-module: %s has not come back for %g s: this process ends "
	    "to be replaced",
	    watch->what, limit);
	_exit(fail_exit(FAIL_BUSY));
}

/*
 * Sleeps a quarter of the limit at a time, and for good only after finding nothing to
 * watch, so that a call costs no wake-up of this thread.
 */
static void *
watch_run(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	for (;;) {
		const struct watch *w;
		struct timespec t;

		idle = watches == NULL;
		while (idle)
			pthread_cond_wait(&wake, &lock);
		for (w = watches; w != NULL; w = w->next)
			end_if_late(w, when_clock());
		t.tv_sec = (time_t)(limit / 4);
		t.tv_nsec = (long)((limit / 4 - (double)t.tv_sec) * 1e9);
		pthread_mutex_unlock(&lock);
		(void)nanosleep(&t, NULL);
		pthread_mutex_lock(&lock);
	}
	return NULL;
}

/* A child has neither the thread nor what that had hold of: to signal a
 * condition that it waits for there would wait for ever. */
static void
child_begin(void)
{
	pthread_mutex_init(&lock, NULL);
	pthread_cond_init(&wake, NULL);
	watches = NULL;
	running = idle = false;
}

static void
children_mind(void)
{
	(void)pthread_atfork(NULL, NULL, child_begin);
}

static void
watcher_start(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (running)
		return;
	(void)pthread_once(&once, children_mind);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 128 * 1024);
	running = pthread_create(&thread, &attr, watch_run, NULL) == 0;
	pthread_attr_destroy(&attr);
}

void
watch_begin(struct watch *watch, const char *what)
{
	watch->what = what;
	watch->since = when_clock();
	pthread_mutex_lock(&lock);
	watcher_start();
	watch->next = watches;
	watch->link = &watches;
	if (watches != NULL)
		watches->link = &watch->next;
	watches = watch;
	if (idle) {
		idle = false;
		pthread_cond_signal(&wake);
	}
	pthread_mutex_unlock(&lock);
}

void
watch_end(struct watch *watch)
{
	pthread_mutex_lock(&lock);
	last_end = when_clock();
	*watch->link = watch->next;
	if (watch->next != NULL)
		watch->next->link = watch->link;
	pthread_mutex_unlock(&lock);
}

void
watch_limit(double seconds)
{
	limit = seconds;
}

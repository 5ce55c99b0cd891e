#include "lib/page/counts.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/log.h"
#include "lib/base/when.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static struct census kept; /* under lock, like these */
static bool counting;

/* `counting` is set by who calls for it, and cleared here. */
static void
count(struct ca *ca)
{
	struct census census;
	struct fail why = {0};
	int rc = store_census(ca->store, &census, when_now(), &why);

	if (rc != 0)
		log_fail("certificates are not counted", &why);
	(void)pthread_mutex_lock(&lock);
	if (rc == 0)
		kept = census;
	counting = false;
	(void)pthread_cond_broadcast(&change);
	(void)pthread_mutex_unlock(&lock);
}

static void *
count_aside(void *arg)
{
	struct ca *ca = arg;

	count(ca);
	ca_drop(ca);
	return NULL;
}

static void
begin_aside(struct ca *ca)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)ca_hold(ca);
	rc = pthread_create(&thread, &attr, count_aside, ca);
	(void)pthread_attr_destroy(&attr);
	if (rc != 0) {
		counting = false;
		ca_drop(ca);
	}
}

static struct timespec
in_seconds(double seconds)
{
	struct timespec t;
	long whole = (long)seconds;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += whole;
	t.tv_nsec += (long)((seconds - (double)whole) * 1e9);
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

static bool
stale(int64_t now)
{
	return now - kept.when > COUNTS_AGE || now < kept.when;
}

void
counts_now(struct census *census, struct ca *ca, int64_t now, double patience)
{
	const struct timespec until = in_seconds(patience);
	bool mine;
	int rc = 0;

	(void)pthread_mutex_lock(&lock);
	mine = !counting && stale(now);
	if (mine)
		counting = true;
	if (mine && patience != COUNTS_HERE)
		begin_aside(ca);
	(void)pthread_mutex_unlock(&lock);
	if (mine && patience == COUNTS_HERE)
		count(ca);
	(void)pthread_mutex_lock(&lock);
	while (kept.when == 0 && counting && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&change, &lock, &until);
	*census = kept;
	(void)pthread_mutex_unlock(&lock);
}

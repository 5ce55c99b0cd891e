#include "lib/page/counts.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/when.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static struct census kept; /* under lock, like these */
static bool counting;

/* Somebody counts: `counting` is set, and cleared here. */
static int
count(struct census *census, struct ca *ca, struct fail *why)
{
	int rc = store_census(ca->store, census, when_now(), why);

	(void)pthread_mutex_lock(&lock);
	if (rc == 0)
		kept = *census;
	counting = false;
	(void)pthread_cond_broadcast(&change);
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

static void *
count_aside(void *arg)
{
	struct ca *ca = arg;
	struct census census;
	struct fail why = {0};

	if (count(&census, ca, &why) != 0)
		log_fail("certificates are not counted", &why);
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

int
counts_now(struct census *census, struct ca *ca, int64_t now, struct fail *why)
{
	bool first;

	(void)pthread_mutex_lock(&lock);
	while (kept.when == 0 && counting)
		(void)pthread_cond_wait(&change, &lock);
	first = kept.when == 0;
	*census = kept;
	if (first) {
		counting = true;
	} else if (!counting &&
		   (now - kept.when > COUNTS_AGE || now < kept.when)) {
		counting = true;
		begin_aside(ca);
	}
	(void)pthread_mutex_unlock(&lock);
	return first ? count(census, ca, why) : 0;
}

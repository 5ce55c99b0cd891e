#include "lib/cloud/hub_pace.h"

#include <stdlib.h>
#include <time.h>

#include <openssl/rand.h>

#include "lib/base/when.h"

#define SLICE 0.25 /* s until a stop is noticed */
#define THROTTLED_LEAST 10.0
#define THROTTLED_MOST 60.0
#define TRANSIENT_MOST 30.0

static bool
stopped(const struct hub_pace *pace)
{
	return pace->stop != NULL && *pace->stop != 0;
}

bool
pace_open(const struct hub_pace *pace)
{
	return !stopped(pace) &&
	       (pace->deadline == 0 || when_now() < pace->deadline);
}

bool
pace_sleep(const struct hub_pace *pace, double seconds)
{
	double until = when_clock() + seconds, left;

	if (seconds <= 0)
		return pace_open(pace);
	if (!pace->wait ||
	    (pace->deadline != 0 &&
		(double)when_now() + seconds > (double)pace->deadline))
		return false;
	while (!stopped(pace) && (left = until - when_clock()) > 0) {
		struct timespec t = {0};

		t.tv_nsec = (long)((left < SLICE ? left : SLICE) * 1e9);
		(void)nanosleep(&t, NULL);
	}
	return !stopped(pace);
}

double
bucket_take(struct bucket *bucket, int rate, unsigned cost, double now)
{
	double each, burst, wait;

	if (rate <= 0)
		return 0;
	each = 60.0 / rate;
	burst = each * (rate / 10);
	if (bucket->full < now)
		bucket->full = now;
	wait = bucket->full - burst - now;
	bucket->full += each * cost;
	return wait > 0 ? wait : 0;
}

static double
doubled(double base, unsigned failures, double most)
{
	while (failures > 1 && base < most) {
		base *= 2;
		failures--;
	}
	return base < most ? base : most;
}

double
pace_throttled(unsigned failures, int64_t retry_after, double dice)
{
	double most = doubled(2 * THROTTLED_LEAST, failures, THROTTLED_MOST);
	double wait = THROTTLED_LEAST + dice * (most - THROTTLED_LEAST);

	/* A server that names a time knows better than we do. */
	if (retry_after >= 0)
		wait = (double)retry_after + dice;
	return wait;
}

double
pace_transient(unsigned failures, double dice)
{
	return dice * doubled(1, failures, TRANSIENT_MOST);
}

double
pace_dice(void)
{
	uint32_t n;

	if (RAND_bytes((unsigned char *)&n, sizeof(n)) != 1)
		abort();
	return n / 4294967296.0;
}

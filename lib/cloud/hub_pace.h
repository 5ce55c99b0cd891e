/*
 * hub_pace - how fast, and how long in all.
 *
 * What IoT Hub allows in a minute is not used up by one edge; what it refuses
 * is asked again later, each time a bit later and never at the same time as
 * everybody else.
 */
#ifndef MICROCA_HUB_PACE_H
#define MICROCA_HUB_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* Of the caller, who may change it between two calls. */
struct hub_pace {
	int rate;         /* identity operations a minute; 0: no limit */
	int64_t deadline; /* Unix s; after it nothing new is begun; 0: none */
	bool wait;        /* else what would have to wait is deferred */
	/* Set to end early; may be NULL. */
	const volatile int *stop;
};

/* Is there time for something new? */
bool pace_open(const struct hub_pace *pace);
/* Sleep, if that is allowed and ends before the deadline: else false, at once
 * or when stopped. */
bool pace_sleep(const struct hub_pace *pace, double seconds);

/* Operations at a steady rate with a burst of a tenth of a minute's.  Pure but
 * for its own state. */
struct bucket {
	double full; /* when (when_clock()) all that was taken is paid */
};
/* Take `cost`; how long to wait before using it, s. */
double bucket_take(struct bucket *bucket, int rate, unsigned cost, double now);

/* Seconds until the next try after `failures` (from 1) of the same kind; `dice`
 * in [0, 1).  Throttled: ten seconds at least, sixty at most, but always what
 * the server asked for (`retry_after`, -1: nothing).  Transient: 1, 2, 4 …
 * with full jitter. */
double pace_throttled(unsigned failures, int64_t retry_after, double dice);
double pace_transient(unsigned failures, double dice);
/* Even in [0, 1). */
double pace_dice(void);

#endif

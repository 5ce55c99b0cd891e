/*
 * watch - calls that may never come back.
 *
 * A PKCS#11 module that hangs holds its thread for ever and cannot be left
 * behind in one process.  So the process says so, ends with the exit status of
 * FAIL_BUSY, and its spawner starts another.  A slow token is none that hangs:
 * calls may wait in turn for minutes, as long as one comes back now and then.
 */
#ifndef MICROCA_WATCH_H
#define MICROCA_WATCH_H

/* On the caller's stack, from watch_begin() to watch_end(). */
struct watch {
	const char *what; /* static */
	double since;
	struct watch *next, **link;
};

void watch_begin(struct watch *watch, const char *what);
void watch_end(struct watch *watch);
/* Seconds in which no call comes back; 60 unless told.  Before the first watch_begin(). */
void watch_limit(double seconds);

#endif

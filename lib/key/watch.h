/*
 * watch - calls that may never come back.
 *
 * A PKCS#11 module that hangs holds its thread for ever and cannot be left
 * behind in one process.  So the process says so, ends with the exit status of
 * FAIL_BUSY, and its spawner starts another.
 */
#ifndef MICROCA_WATCH_H
#define MICROCA_WATCH_H

/* On the caller's stack, from watch_begin() to watch_end(). */
struct watch {
	const char *what; /* static */
	double until;
	struct watch *next, **link;
};

void watch_begin(struct watch *watch, const char *what);
void watch_end(struct watch *watch);
/* 60 s unless told.  Before the first watch_begin(). */
void watch_limit(double seconds);

#endif

/*
 * turn - a lock that is fair when it matters.  Internal to lib/store.
 *
 * A running thread may take the lock again before a sleeping one wakes up:
 * that is what makes short transactions fast.  But who has waited for 2 ms is
 * next, in the order of coming, so nobody starves as with a plain mutex.
 */
#ifndef MICROCA_TURN_H
#define MICROCA_TURN_H

#include <pthread.h>
#include <stdbool.h>

struct turn_waiter;

struct turn {
	pthread_mutex_t lock;
	bool held;
	struct turn_waiter *first, **last;
};

void turn_init(struct turn *t);
void turn_destroy(struct turn *t);
bool turn_try(struct turn *t);
/* Until when_clock() is `deadline`: then false. */
bool turn_take(struct turn *t, double deadline);
void turn_give(struct turn *t);

#endif

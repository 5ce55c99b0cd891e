#include "lib/store/turn.h"

#include <stddef.h>
#include <time.h>

#include "lib/base/when.h"

#define PATIENCE 0.002 /* s */

struct turn_waiter {
	pthread_cond_t wake;
	bool granted, nudged;
	double since;
	struct turn_waiter *next;
};

void
turn_init(struct turn *t)
{
	(void)pthread_mutex_init(&t->lock, NULL);
	t->held = false;
	t->first = NULL;
	t->last = &t->first;
}

void
turn_destroy(struct turn *t)
{
	(void)pthread_mutex_destroy(&t->lock);
}

bool
turn_try(struct turn *t)
{
	bool got;

	(void)pthread_mutex_lock(&t->lock);
	got = !t->held && t->first == NULL;
	t->held = t->held || got;
	(void)pthread_mutex_unlock(&t->lock);
	return got;
}

static void
join(struct turn *t, struct turn_waiter *w)
{
	*t->last = w;
	t->last = &w->next;
}

static void
leave(struct turn *t, struct turn_waiter *w)
{
	struct turn_waiter **p = &t->first;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	if (t->last == &w->next)
		t->last = p;
}

/* Asleep in the queue, the lock held; false: the time is over. */
static bool
wait_for(struct turn *t, struct turn_waiter *w, double deadline)
{
	struct timespec ts = {(time_t)deadline, 0};
	bool first;
	int rc = 0;

	ts.tv_nsec = (long)((deadline - (double)ts.tv_sec) * 1e9);
	while (!w->granted && (t->held || t->first != w) && rc == 0) {
		w->nudged = false;
		rc = pthread_cond_timedwait(&w->wake, &t->lock, &ts);
	}
	if (w->granted)
		return true;
	first = t->first == w;
	leave(t, w);
	if (!first || t->held)
		return false;
	t->held = true;
	return true;
}

bool
turn_take(struct turn *t, double deadline)
{
	struct turn_waiter w = {.since = when_clock()};
	pthread_condattr_t attr;
	bool got = true;

	(void)pthread_mutex_lock(&t->lock);
	if (t->held) {
		(void)pthread_condattr_init(&attr);
		(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
		(void)pthread_cond_init(&w.wake, &attr);
		(void)pthread_condattr_destroy(&attr);
		join(t, &w);
		got = wait_for(t, &w, deadline);
		(void)pthread_cond_destroy(&w.wake);
	} else {
		t->held = true;
	}
	(void)pthread_mutex_unlock(&t->lock);
	return got;
}

void
turn_give(struct turn *t)
{
	struct turn_waiter *w;

	(void)pthread_mutex_lock(&t->lock);
	w = t->first;
	t->held = false;
	if (w != NULL && when_clock() - w->since >= PATIENCE) {
		leave(t, w);
		t->held = w->granted = true;
	}
	if (w != NULL && !w->nudged) {
		w->nudged = true;
		(void)pthread_cond_signal(&w->wake);
	}
	(void)pthread_mutex_unlock(&t->lock);
}

#include "lib/store/pool.h"

#include <stddef.h>
#include <time.h>

void
pool_init(struct pool *pool, unsigned most)
{
	pthread_condattr_t attr;

	pool->idle = NULL;
	pool->n = 0;
	pool->most = most;
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&pool->change, &attr);
	(void)pthread_condattr_destroy(&attr);
}

void
pool_destroy(struct pool *pool)
{
	(void)pthread_mutex_destroy(&pool->lock);
	(void)pthread_cond_destroy(&pool->change);
}

int
pool_busy(struct fail *why)
{
	(void)fail(why, FAIL_BUSY, "db-busy", "the database is busy");
	return fail_cause(why, "no connection became free in time");
}

int
pool_take(struct conn **c, struct pool *pool, double deadline, struct fail *why)
{
	struct timespec ts = {.tv_sec = (time_t)deadline};
	bool room = false;
	int rc = 0;

	ts.tv_nsec = (long)((deadline - (double)ts.tv_sec) * 1e9);
	(void)pthread_mutex_lock(&pool->lock);
	while (pool->idle == NULL && pool->n >= pool->most && rc == 0)
		rc = pthread_cond_timedwait(&pool->change, &pool->lock, &ts);
	*c = pool_drain(pool);
	if (*c == NULL && pool->n < pool->most) {
		pool->n++;
		room = true;
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return *c != NULL || room ? 0 : pool_busy(why);
}

void
pool_give(struct pool *pool, struct conn *c)
{
	(void)pthread_mutex_lock(&pool->lock);
	if (pool->idle == NULL && pool->n >= pool->most)
		(void)pthread_cond_broadcast(&pool->change);
	c->next = pool->idle;
	pool->idle = c;
	(void)pthread_mutex_unlock(&pool->lock);
}

void
pool_lose(struct pool *pool)
{
	(void)pthread_mutex_lock(&pool->lock);
	pool->n--;
	(void)pthread_mutex_unlock(&pool->lock);
}

struct conn *
pool_drain(struct pool *pool)
{
	struct conn *c = pool->idle;

	if (c != NULL)
		pool->idle = c->next;
	return c;
}

/*
 * pool - connections that threads take and give back.  Internal to lib/store.
 *
 * The lock is the database's: what else it guards, the driver knows.
 */
#ifndef MICROCA_POOL_H
#define MICROCA_POOL_H

#include <pthread.h>

#include "lib/store/driver.h"

/* All of it belongs to `lock`; `change` tells of any change, and counts by
 * CLOCK_MONOTONIC. */
struct pool {
	pthread_mutex_t lock;
	pthread_cond_t change;
	struct conn *idle; /* through conn.next */
	unsigned n, most;  /* made, to be made at most */
};

void pool_init(struct pool *pool, unsigned most);
/* Nobody has one any more; the caller has closed those that are idle. */
void pool_destroy(struct pool *pool);

/* One that is idle.  NULL: there is room for another, which is the caller's to
 * make, or pool_lose().  Until when_clock() is `deadline`: FAIL_BUSY
 * "db-busy". */
MUST_CHECK int pool_take(
    struct conn **c, struct pool *pool, double deadline, struct fail *why);
void pool_give(struct pool *pool, struct conn *c);
void pool_lose(struct pool *pool);
/* The lock is held: one that is idle, out of the pool; NULL: none. */
struct conn *pool_drain(struct pool *pool);

int pool_busy(struct fail *why); /* "db-busy" */

#endif

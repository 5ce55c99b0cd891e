#include "lib/cloud/events.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/when.h"
#include "lib/cloud/devicelock.h"

#define LOCK_WAIT 5.0    /* s */
#define RETRY 60         /* s, when nothing else is said */
#define RETRY_BROKEN 300 /* … when a hand is needed here */

struct round {
	const struct events *ev;
	struct contract_batch *batch;
	struct cloud_result *results;
	bool open[CONTRACT_ITEMS]; /* still to be done */
	struct fail *stop;         /* kind: nothing more in this request */
};

/* ---- who may say what ---------------------------------------------------- */

static int
site_take(struct wanted *w, const struct edge_rule *rule, struct fail *why)
{
	if (rule->site == NULL)
		return 0;
	if (w->site == NULL)
		w->site = str_dup(rule->site);
	if (strcmp(w->site, rule->site) == 0)
		return 0;
	return fail(why, FAIL_DENIED, "site-not-allowed",
	    "this edge's devices are at another site");
}

static int
admit(struct wanted *w, const struct fail *bad, const struct edge_rule *rule,
    struct fail *why)
{
	if (bad->kind != FAIL_NONE) {
		*why = *bad;
		return -1;
	}
	if (!edge_admits(rule, w->device))
		return fail(why, FAIL_DENIED, "id-not-allowed",
		    "this edge may not tell of this device");
	return site_take(w, rule, why);
}

/* ---- what became of it --------------------------------------------------- */

/* What is wrong with our own identity or configuration is the operator's to
 * know, and passes. */
static void
later(struct cloud_result *r, const struct fail *why)
{
	int retry = why->retry > 0 ? why->retry : RETRY;

	if (r->outcome != CLOUD_UNKNOWN)
		r->outcome = CLOUD_DEFERRED;
	if (why->kind == FAIL_BUSY) {
		r->why = *why;
	} else {
		(void)fail(&r->why, FAIL_BUSY, "hub-unavailable",
		    "the connector cannot write to the hub now");
		retry = RETRY_BROKEN;
	}
	r->why.retry = retry;
}

/* A result that waits has a reason and a time. */
static void
settle(struct cloud_result *r, const struct fail *why)
{
	struct fail its = r->why;

	if (r->outcome != CLOUD_DEFERRED && r->outcome != CLOUD_UNKNOWN)
		return;
	later(r, its.kind != FAIL_NONE ? &its : why);
}

static bool
in_time(struct round *rd)
{
	if (rd->stop->kind == FAIL_NONE && when_now() >= rd->ev->deadline) {
		(void)fail(rd->stop, FAIL_BUSY, "cloud-budget",
		    "no time is left in this request");
		rd->stop->retry = 1;
	}
	return rd->stop->kind == FAIL_NONE;
}

static double
lock_wait(const struct round *rd)
{
	double left = (double)(rd->ev->deadline - when_now());

	return left < 0 ? 0 : left < LOCK_WAIT ? left : LOCK_WAIT;
}

/* ---- one, and many ------------------------------------------------------- */

static void
one(struct round *rd, size_t i)
{
	struct cloud_result *r = &rd->results[i];
	const struct wanted *w = &rd->batch->items[i];
	const char *device = w->device;
	struct fail why = {0};
	int fd;

	rd->open[i] = false;
	r->outcome = CLOUD_DEFERRED;
	if (!in_time(rd)) {
		later(r, rd->stop);
		return;
	}
	if (devicelock_take(
		&fd, rd->ev->state, &device, 1, lock_wait(rd), &why) != 0) {
		later(r, &why);
		if (why.kind != FAIL_BUSY)
			*rd->stop = why;
		return;
	}
	if (hub_apply(rd->ev->hub, r, w, &why) != 0)
		*rd->stop = why;
	(void)close(fd);
	settle(r, &why);
}

static bool
alone(const struct round *rd, size_t at)
{
	const struct contract_batch *b = rd->batch;

	for (size_t i = 0; i < b->n; i++)
		if (i != at && rd->open[i] &&
		    strcmp(b->items[i].device, b->items[at].device) == 0)
			return false;
	return true;
}

/* Those that are likely new, at once; a device that is told of twice has its
 * turn later, in order. */
static void
many(struct round *rd)
{
	const struct wanted *wanted[CONTRACT_ITEMS];
	const char *devices[CONTRACT_ITEMS];
	size_t at[CONTRACT_ITEMS], n = 0;
	struct cloud_result *results;
	struct fail why = {0};
	int fd;

	for (size_t i = 0; i < rd->batch->n && n < HUB_BULK; i++)
		if (rd->open[i] && alone(rd, i) &&
		    rd->batch->items[i].event == CLOUD_ISSUED) {
			wanted[n] = &rd->batch->items[i];
			devices[n] = wanted[n]->device;
			at[n++] = i;
		}
	/* Those that cannot be had together are tried one by one. */
	if (n < 2 || !in_time(rd) ||
	    devicelock_take(
		&fd, rd->ev->state, devices, n, lock_wait(rd), &why) != 0)
		return;
	results = mem_new(n * sizeof(*results));
	if (hub_apply_many(rd->ev->hub, results, wanted, n, &why) != 0)
		*rd->stop = why;
	(void)close(fd);
	for (size_t k = 0; k < n; k++) {
		settle(&results[k], &why);
		rd->results[at[k]] = results[k];
		rd->open[at[k]] = false;
	}
	free(results);
}

void
events_apply(struct cloud_result *results, struct contract_batch *batch,
    const struct events *events, struct fail *trouble)
{
	struct round rd = {events, batch, results, {0}, trouble};

	memset(results, 0, batch->n * sizeof(*results));
	for (size_t i = 0; i < batch->n; i++) {
		rd.open[i] = admit(&batch->items[i], &batch->bad[i],
				 events->rule, &results[i].why) == 0;
		if (!rd.open[i])
			results[i].outcome = CLOUD_REJECTED;
	}
	if (events->rule->hub->azure.bulk)
		many(&rd);
	for (size_t i = 0; i < batch->n; i++)
		if (rd.open[i])
			one(&rd, i);
}

#include "lib/ca/replaced.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/ca/revoke.h"
#include "lib/ca/sightings.h"
#include "lib/store/replaced.h"

struct run {
	struct ca *ca;
	struct replaced_report *report;
	const struct audit *entry;
	int64_t now;
	struct fail *why;
};

static int64_t
plus(int64_t now, int64_t delay)
{
	return delay < WHEN_FOREVER - now ? now + delay : WHEN_FOREVER;
}

int64_t
replaced_due(const struct profile *profile, int64_t now)
{
	switch ((enum replaced_rule)profile->revoke_replaced) {
	case REPLACED_AFTER:
		return plus(now, profile->revoke_delay);
	case REPLACED_IN_USE:
		return WHEN_FOREVER;
	case REPLACED_NEVER:
		break;
	}
	return 0;
}

/* The rule of today: it may be another than at the renewal. */
static enum replaced_rule
rule_of(const struct run *run, const struct record *r, int64_t *delay)
{
	const struct profile *p =
	    profiles_find(run->ca->settings->profiles, r->profile);

	*delay = p != NULL ? p->revoke_delay : 0;
	return p != NULL ? (enum replaced_rule)p->revoke_replaced
	                 : REPLACED_NEVER;
}

/* ---- who was seen -------------------------------------------------------- */

static int
seen_one(const uint8_t sha256[SHA256_LEN], void *arg)
{
	struct run *run = arg;
	struct record r = {0};
	int64_t delay;
	bool found, changed = false;
	int rc = store_find(run->ca->store, &r, &found, sha256, run->why);

	if (rc == 0 && found && rule_of(run, &r, &delay) == REPLACED_IN_USE)
		rc = store_replaced_due(run->ca->store, &changed, r.id,
		    plus(run->now, delay), run->why);
	if (rc == 0 && changed)
		run->report->seen++;
	record_free(&r);
	return rc;
}

/* ---- what is due --------------------------------------------------------- */

enum verdict {
	DROP,  /* nothing to do, now or later */
	LATER, /* not while things are as they are */
	REVOKE
};

static enum verdict
judge(const struct run *run, const struct replaced *r)
{
	int64_t delay;

	if (r->old.status != STORE_GOOD || r->old.not_after < run->now ||
	    rule_of(run, &r->successor, &delay) == REPLACED_NEVER)
		return DROP;
	/* Nobody has it, or nobody may use it: the old one is what there is. */
	if (r->successor.status == STORE_REVOKED ||
	    r->successor.not_after < run->now)
		return DROP;
	return r->successor.status == STORE_HELD ? LATER : REVOKE;
}

static int
revoke_one(struct run *run, const struct replaced *r)
{
	const struct revoke_wish wish = {.reason = REASON_SUPERSEDED};
	char *text = str_fmt("replaced by %s", r->successor.serial);
	struct audit entry = *run->entry;
	bool changed;
	int rc;

	entry.text = text;
	rc = revoke_act(
	    &changed, run->ca, &r->old, &wish, run->now, &entry, run->why);
	free(text);
	if (rc == 0 && changed)
		run->report->revoked++;
	return rc;
}

static int
due_one(const struct replaced *r, void *arg)
{
	struct run *run = arg;
	enum verdict verdict = judge(run, r);

	if (verdict == LATER)
		return 0;
	if (verdict == REVOKE && revoke_one(run, r) != 0)
		return -1;
	return store_replaced_drop(run->ca->store, r->id, run->why);
}

int
replaced_revoke(struct replaced_report *report, struct ca *ca,
    const struct audit *entry, int64_t now, struct fail *why)
{
	struct run run = {
	    .ca = ca, .report = report, .entry = entry, .now = now, .why = why};

	memset(report, 0, sizeof(*report));
	if (sightings_wanted(ca->settings) &&
	    sightings_take(ca->settings, seen_one, &run, why) != 0)
		return -1;
	return store_replaced_each(ca->store, now, due_one, &run, why);
}

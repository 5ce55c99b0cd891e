/*
 * refusals - what strangers may make us write.  Internal to lib/store.
 *
 * Refusals without a validated identity get a row of their own up to 60 a
 * minute per reason and peer network (IPv4 /24, IPv6 /48); the rest is counted
 * and becomes one row with `count` when the next minute's first refusal comes,
 * or at the end.  32 pairs of reason and network are told apart in a minute;
 * further ones share one account, network "*".
 */
#ifndef MICROCA_REFUSALS_H
#define MICROCA_REFUSALS_H

#include "lib/store/audit.h"

#define REFUSALS_A_MINUTE 60

struct refusals;

/* What one row stands for. */
struct refusal_sum {
	char reason[32], network[64];
	int64_t count;
};

struct refusals *refusals_new(void);
void refusals_free(struct refusals *r);
/* May this one have its own row?  If not, it has been counted. */
bool refusals_admit(struct refusals *r, const struct audit *entry, int64_t now);
/* Count one that had to be dropped for want of disk. */
void refusals_drop(struct refusals *r, const char *reason);
/* A finished sum, taken out; false: none.  `all`: unfinished ones too. */
bool refusals_take(
    struct refusals *r, struct refusal_sum *sum, int64_t now, bool all);
/* It could not be written: keep it for the next time. */
void refusals_give_back(struct refusals *r, const struct refusal_sum *sum);

#endif

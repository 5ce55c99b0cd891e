/*
 * replaced - the old certificate's revocation after a renewal, for profiles
 * that want it (revoke_replaced, revoke_delay).
 *
 * RFC 7030, 4.2.2 leaves the old one valid, and so do we, until its successor
 * was shown to us ("in-use": sightings.h) or some time has passed since it was
 * issued ("after").  It is then revoked as superseded (RFC 5280, 5.3.1) by the
 * same act as any other.  One whose successor is revoked or on hold stays: it
 * may be all that the device has.
 */
#ifndef MICROCA_REPLACED_RULE_H
#define MICROCA_REPLACED_RULE_H

#include "lib/ca/ca.h"

/* When what a renewal at `now` replaces is to be looked at; 0: never. */
int64_t replaced_due(const struct profile *profile, int64_t now);

struct replaced_report {
	int64_t seen;    /* successors that were shown since the last run */
	int64_t revoked; /* certificates */
};

/*
 * Revoke what is due; needs CA_STORE.  `entry` says who, and is completed.
 * What was done before a failure stays done, the next run goes on.  Fails as
 * revoke_act(), sightings_take() and the store do.
 */
MUST_CHECK int replaced_revoke(struct replaced_report *report, struct ca *ca,
    const struct audit *entry, int64_t now, struct fail *why);

#endif

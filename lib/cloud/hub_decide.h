/*
 * hub_decide - what to do next with a device: out of what is wanted and what
 * was read.  Pure.
 *
 * Inner part of hub.
 */
#ifndef MICROCA_HUB_DECIDE_H
#define MICROCA_HUB_DECIDE_H

#include "lib/cloud/hub.h"

enum hub_act {
	HUB_CREATE,     /* there is none */
	HUB_TAG,        /* the tag is another */
	HUB_IDENTITY,   /* status, type or thumbprints are others */
	HUB_DONE,       /* all is as wanted */
	HUB_SUPERSEDED, /* there is something newer */
	HUB_UNSETTLED,  /* … and the identity is neither */
	HUB_FOREIGN,    /* not ours, and not to be taken over */
	HUB_LATE        /* a tag that we do not understand */
};

/* `there` NULL: the hub knows none. */
enum hub_act hub_decide(const struct wanted *wanted,
    const struct hub_device *there, const struct azure_settings *azure);
/* Is the tag newer than what is wanted?  Of the same edge by seq, else by the
 * certificate's notBefore. */
bool hub_is_newer(const struct wanted *tag, const struct wanted *wanted);

#endif

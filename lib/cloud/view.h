/*
 * view - what a connector says of things, as JSON: one device, its own health,
 * what became of a head (microca.cc/1).  Pure.  The texts are the caller's to
 * free.
 */
#ifndef MICROCA_VIEW_H
#define MICROCA_VIEW_H

#include "lib/cloud/hub.h"

/* GET /v1/devices/ID: our tag, null where there is none, and the identity. */
char *view_device(const struct hub_device *device);
/* GET /v1/health: `until` is when the token ends, 0: not known; `why`
 * FAIL_NONE: all is well. */
char *view_health(
    const char *edge, const char *hub, int64_t until, const struct fail *why);
/* POST /v1/audit-heads: `added` false: it was there already. */
char *view_head(const char *edge, bool added, bool verified);

#endif

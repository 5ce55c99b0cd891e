/*
 * viewed - what a connector says of one device (GET /v1/devices/ID of
 * microca.cc/1), as far as the edge compares it.  Pure.
 */
#ifndef MICROCA_VIEWED_H
#define MICROCA_VIEWED_H

#include "lib/ca/settings_cloud.h"
#include "lib/cloud/hub.h"

/* hub_device_free() it.  FAIL_BUSY "cloud-answer": it is no such view. */
MUST_CHECK int viewed_read(
    struct hub_device *device, const char *text, struct fail *why);
/* Does it say what is wanted?  Which kind of identity the hub has is the
 * connector's own setting. */
bool viewed_fits(const struct hub_device *device, const struct wanted *wanted);

#endif

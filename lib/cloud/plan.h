/*
 * plan - from a device's certificates to what its entry should say.
 *
 * The newest two that are good are told, newest first; what is older is not,
 * for there are two places.  With none that is good, the newest of all decides:
 * revoked or held, the device is; expired, nothing changes, for nobody takes
 * it any more.  Pure.
 */
#ifndef MICROCA_PLAN_H
#define MICROCA_PLAN_H

#include "lib/ca/settings_cloud.h"
#include "lib/cloud/wanted.h"
#include "lib/store/outbox.h"

/* wanted_free() it. */
void plan_make(struct wanted *wanted, const struct outbox_device *device,
    const struct cloud_settings *cloud);
/* A good certificate for which there is no place. */
bool plan_leaves_out(const struct outbox_device *device);

#endif

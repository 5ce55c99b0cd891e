/*
 * way - how the cloud is told: straight to the IoT Hub, or by a connector.
 */
#ifndef MICROCA_WAY_H
#define MICROCA_WAY_H

#include "lib/ca/settings.h"
#include "lib/cloud/connector.h"
#include "lib/cloud/hub.h"

#define WAY_ITEMS 100

struct way; /* one thread */

/* `settings`, whose cloud.mode is not "off", and `pace` are borrowed while it
 * is open.  Nothing is sent.  Fails as hub_open() and connector_open(). */
MUST_CHECK int way_open(struct way **way, const struct settings *settings,
    const struct hub_pace *pace, struct fail *why);
void way_close(struct way *way);
struct hub *way_hub(struct way *way);             /* NULL: not that way */
struct connector *way_connector(struct way *way); /* NULL: not that way */

/*
 * Bring devices to what is wanted, WAY_ITEMS at most; `fresh` says which were
 * never confirmed: many of these go at once.  -1 as hub_apply() and
 * connector_apply(): nothing more can be done in this run; results that are
 * CLOUD_APPLIED, CLOUD_UNCHANGED, CLOUD_SUPERSEDED or CLOUD_REJECTED count all
 * the same.
 */
MUST_CHECK int way_apply(struct way *way, struct cloud_result *results,
    const struct wanted *const *wanted, const bool *fresh, size_t n,
    struct fail *why);

#endif

/*
 * hub - Azure IoT Hub's identity registry and device twins over REST
 * (api-version 2021-04-12), as far as certificates are concerned.
 *
 * hub_apply() reads, compares and writes conditionally, so that a repeat is
 * harmless, an older state never replaces a newer one, and what is not ours
 * stays.  What is not seen confirmed does not count as done.
 */
#ifndef MICROCA_HUB_H
#define MICROCA_HUB_H

#include "lib/cloud/credential.h"
#include "lib/cloud/wanted.h"

struct hub; /* one thread */

/* How fast, and how long in all.  Unix s; sleeping is done here. */
struct hub_pace {
	int rate;         /* identity operations a minute; 0: no limit */
	int64_t deadline; /* after it nothing new is begun: CLOUD_DEFERRED */
	bool wait;        /* else what would have to wait is deferred */
	/* Set to end early; may be NULL. */
	const volatile int *stop;
};

MUST_CHECK int hub_open(struct hub **hub, const struct azure_settings *azure,
    const struct hub_pace *pace, const char *state, struct fail *why);
void hub_close(struct hub *hub);

/*
 * Bring one device to what is wanted.  0: `result` tells.  -1: nothing more can
 * be done in this run: FAIL_DENIED "cloud-auth", "cloud-token"; FAIL_BUSY
 * "cloud-net", "cloud-throttled", "cloud-budget"; FAIL_CONFIG "cloud-tier".
 */
MUST_CHECK int hub_apply(struct hub *hub, struct cloud_result *result,
    const struct wanted *wanted, struct fail *why);
/* Many that are likely new: bulk creation, 100 at most; each is then confirmed
 * by reading.  Those that existed are applied one by one. */
MUST_CHECK int hub_apply_many(struct hub *hub, struct cloud_result *results,
    const struct wanted *const *wanted, size_t n, struct fail *why);

/* What is there.  hub_device_free(). */
struct hub_device {
	char *id, *etag, *twin_etag, *status, *status_reason, *type;
	char primary[THUMBPRINT_LEN + 1], secondary[THUMBPRINT_LEN + 1];
	bool ours; /* has our tag */
	struct wanted tag;
};
MUST_CHECK int hub_find(struct hub *hub, struct hub_device *device, bool *found,
    const char *id, struct fail *why);
void hub_device_free(struct hub_device *device);
/* Every device that carries our tag with this edge, until `each` returns
 * non-zero.  The hub's query lags some seconds behind. */
MUST_CHECK int hub_list(struct hub *hub, const char *edge,
    int (*each)(const struct hub_device *device, void *arg), void *arg,
    struct fail *why);

#endif

/*
 * hub - Azure IoT Hub's identity registry and device twins over REST
 * (api-version 2021-04-12), as far as certificates are concerned.
 *
 * hub_apply() reads, compares and writes conditionally, so that a repeat is
 * harmless, an older state never replaces a newer one, and what is not ours
 * stays.  What is not seen confirmed does not count as done.
 *
 * Of an entry that is there the tag is written first, the identity then.  The
 * tag's seq only grows (it is written with If-Match), and an identity is
 * written only with an etag that was read before its tag was seen or set; so
 * of two writers the one with the older state loses either at the tag or, when
 * it is late, at the identity.  The other order would let it replace the newer
 * thumbprints in between.
 *
 * A revoked device that the hub does not know is created disabled: without an
 * entry that bears the seq, a run that was late would create it enabled.
 */
#ifndef MICROCA_HUB_H
#define MICROCA_HUB_H

#include "lib/cloud/credential.h"
#include "lib/cloud/hub_pace.h"
#include "lib/cloud/wanted.h"

#define HUB_BULK 100 /* devices in one bulk creation */

struct hub; /* one thread */

/* Nothing is sent.  All is borrowed while the hub is open; what `pace` says may
 * be changed between two calls.  `state` as for credential_open().
 * FAIL_CONFIG. */
MUST_CHECK int hub_open(struct hub **hub, const struct azure_settings *azure,
    const struct hub_pace *pace, const char *state, struct fail *why);
void hub_close(struct hub *hub);
/* For health: when the present token ends; 0: there is none. */
int64_t hub_token_until(const struct hub *hub);
/* Have a token: whether the identity is accepted.  As credential_show(). */
MUST_CHECK int hub_token(struct hub *hub, struct fail *why);

/*
 * Bring one device to what is wanted.  0: `result` tells:
 *   CLOUD_DEFERRED   FAIL_BUSY "cloud-race" (others write there, too)
 *   CLOUD_UNKNOWN    FAIL_BUSY "cloud-net", "cloud-server", "cloud-answer"
 *                    (written perhaps), "cloud-unsettled" (a newer tag, and
 *                    an identity that is not it)
 *   CLOUD_REJECTED   FAIL_DENIED "cloud-id", "cloud-foreign", "cloud-refused",
 *                    "cloud-size", "cloud-tag" (of a later microca)
 * -1: nothing more can be done in this run, and the result is CLOUD_DEFERRED,
 * or CLOUD_UNKNOWN when something was sent: FAIL_DENIED "cloud-auth",
 * "cloud-token", "cloud-clock", "cloud-tls"; FAIL_BUSY "cloud-net",
 * "cloud-server", "cloud-answer", "cloud-throttled", "cloud-quota",
 * "cloud-budget" (no time left, or told to stop); FAIL_CONFIG "cloud-tier",
 * "cloud-version", "cloud-credential".
 */
MUST_CHECK int hub_apply(struct hub *hub, struct cloud_result *result,
    const struct wanted *wanted, struct fail *why);
/* Many that are likely new: bulk creation, HUB_BULK at most; each is then
 * confirmed by reading.  Those that existed are applied one by one.  At -1 the
 * results that are not CLOUD_DEFERRED or CLOUD_UNKNOWN count all the same. */
MUST_CHECK int hub_apply_many(struct hub *hub, struct cloud_result *results,
    const struct wanted *const *wanted, size_t n, struct fail *why);

/* What is there.  hub_device_free(). */
struct hub_device {
	char *id, *etag, *twin_etag, *status, *status_reason, *type;
	char primary[THUMBPRINT_LEN + 1], secondary[THUMBPRINT_LEN + 1];
	bool ours; /* has our tag */
	bool late; /* … of a version that we do not know */
	struct wanted tag;
};
/* As hub_apply() with -1. */
MUST_CHECK int hub_find(struct hub *hub, struct hub_device *device, bool *found,
    const char *id, struct fail *why);
void hub_device_free(struct hub_device *device);
/* Every device that carries our tag with this edge, until `each` returns
 * non-zero, which is returned.  The hub's query lags some seconds behind.  -1
 * as hub_find(), and FAIL_CONFIG "cloud-tier" without tags. */
MUST_CHECK int hub_list(struct hub *hub, const char *edge,
    int (*each)(const struct hub_device *device, void *arg), void *arg,
    struct fail *why);

/* Would the identity be as wanted?  For who compares. */
bool hub_identity_fits(const struct wanted *wanted,
    const struct hub_device *device, const struct azure_settings *azure);

#endif

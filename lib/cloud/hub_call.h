/*
 * hub_call - one request to IoT Hub and what came of it.
 *
 * Inner part of hub.  Tokens, rate, throttling and tries of what only reads
 * are seen to here.
 */
#ifndef MICROCA_HUB_CALL_H
#define MICROCA_HUB_CALL_H

#include "lib/cloud/hub.h"
#include "lib/cloud/hub_error.h"
#include "lib/cloud/line.h"

#define HUB_API "?api-version=2021-04-12"
#define HUB_DEVICE_MAX (128 * 1024) /* octets of a twin or identity */

struct hub {
	const struct azure_settings *azure;
	const struct hub_pace *pace;
	struct credential *credential;
	struct line *line;
	struct bucket bucket;
	unsigned failures; /* transient ones in a row */
	bool no_bulk;      /* not allowed, as the hub told */
};

struct hub_call {
	const char *method;
	char *path;          /* with its query */
	const char *etag;    /* for If-Match, bare; NULL: none */
	struct json *body;   /* or NULL */
	const char *more[3]; /* headers, then NULL */
	unsigned cost;       /* identity operations */
	size_t answer_max;   /* octets */
};
/* Frees path and body, which are the call's. */
void hub_call_free(struct hub_call *call);
/* "/devices/ID?…" or another folder, percent-encoded. */
char *hub_path(const char *folder, const char *id);

struct hub_reply {
	enum hub_verdict verdict; /* never HUB_THROTTLED, _DENIED, _STOP */
	struct json *json;        /* of HUB_OK never NULL but with 204 */
	char *continuation;       /* x-ms-continuation */
};
void hub_reply_free(struct hub_reply *reply);

/*
 * 0: the verdict tells, and `why` of what is not HUB_OK.  A GET is never
 * HUB_TRANSIENT: it is asked again, a few times.  -1 as hub_apply().
 */
MUST_CHECK int hub_send(struct hub_reply *reply, struct hub *hub,
    const struct hub_call *call, struct fail *why);

/* hub_apply(), of a device that was just written (`wrote`), perhaps. */
MUST_CHECK int hub_apply_one(struct hub *hub, struct cloud_result *result,
    const struct wanted *wanted, bool wrote, struct fail *why);

#endif

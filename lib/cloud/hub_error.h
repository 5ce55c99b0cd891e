/*
 * hub_error - what an answer of IoT Hub means for us: tables of its codes.
 * Pure.
 *
 * Inner part of hub.  The code is the header iothub-errorcode; without it the
 * body tells, in one of two envelopes: {"Message":"ErrorCode:NAME;…"} and
 * {"errorCode":NUMBER or NAME,…}.  An answer without any is not IoT Hub's:
 * nobody's device is given up for it.  The 400 of a bulk creation that was
 * done in part has none either, but a list (isSuccessful): HUB_OK.
 */
#ifndef MICROCA_HUB_ERROR_H
#define MICROCA_HUB_ERROR_H

#include "lib/base/json.h"

enum hub_verdict {
	HUB_OK,
	HUB_ABSENT,    /* no such device */
	HUB_CONFLICT,  /* it exists already, or is not what it was */
	HUB_REJECT,    /* never, for this device */
	HUB_TRANSIENT, /* perhaps done, perhaps not */
	HUB_THROTTLED, /* not done, later */
	HUB_DENIED,    /* whom we are is not accepted */
	HUB_STOP       /* nothing more in this run */
};

/* `code`: the header's, or NULL; `body`: or NULL.  `why` is filled unless
 * HUB_OK. */
enum hub_verdict hub_verdict_of(
    int status, const char *code, const struct json *body, struct fail *why);

#endif

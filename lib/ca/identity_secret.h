/*
 * identity_secret - who shows a one-time secret (RFC 7030, 3.2.3; RFC 7617).
 *
 * Inner part of identity.  The name of HTTP Basic is the device's, the
 * password its secret.  The secret is found by its SHA-256 alone and has to be
 * this endpoint's and this device's, neither expired nor revoked; a used one
 * lets its holder fetch the answer that it got before, and nothing else.
 * Whatever is wrong, the requester hears the same, after the same time.
 *
 * The identity is the device: CN and serialNumber are its name, and so are
 * the names it may ask for.  It owns them by endpoint and name, not by secret:
 * a device that is enrolled again with a new secret keeps its name.
 */
#ifndef MICROCA_IDENTITY_SECRET_H
#define MICROCA_IDENTITY_SECRET_H

#include "lib/ca/identity.h"

/*
 * Fails: FAIL_ANONYMOUS "auth-none" (nothing shown), "auth"; FAIL_LIMIT
 * "auth-limit"; FAIL_BUSY "attempts"; and what the store says.
 */
MUST_CHECK int identity_secret(struct identity **who, struct ca *ca,
    const struct request *rq, struct fail *why);

/* Who a good secret of that device would be, for `microca explain`; its
 * `secret` is -1, which no secret has.  FAIL_ANONYMOUS "auth-none", "auth". */
MUST_CHECK int identity_device(struct identity **who,
    const struct endpoint *endpoint, const char *device, struct fail *why);

/* Basic beside a certificate that is accepted: the name is the certificate's
 * own, the secret is not looked at.  FAIL_DENIED "auth-mismatch";
 * FAIL_ANONYMOUS "auth": no credentials at all. */
MUST_CHECK int identity_secret_beside(
    const struct identity *who, const struct request *rq, struct fail *why);

/* A device's name: 1 to 64 characters, none of them a control character, an
 * invisible one or a colon, no blank at either end. */
bool identity_device_ok(const char *name);

#endif

/*
 * guard - acts are the operator's own, not those of a page elsewhere that his
 * browser was led to: Fetch Metadata, Origin (RFC 6454) and a token that is
 * bound to his certificate and to the time.
 *
 * The token is an HMAC under a secret of this installation,
 * state/inventory.secret, made when it is not there; so it holds over a
 * restart and for every process.
 */
#ifndef MICROCA_GUARD_H
#define MICROCA_GUARD_H

#include "lib/ca/operators.h"

#define GUARD_LIFE 3600 /* s that a token is good for */
#define GUARD_TOKEN 90  /* octets with its NUL */

struct guard {
	uint8_t secret[32];
};

/* FAIL_CONFIG "file-mode", FAIL_BROKEN "file". */
MUST_CHECK int guard_open(
    struct guard *guard, const struct settings *settings, struct fail *why);

void guard_token(char token[GUARD_TOKEN], const struct guard *guard,
    const struct operator_seen *who, int64_t now);
/* May this request act?  `env` is its environment, `token` what it brought or
 * NULL.  FAIL_DENIED "operator-role", "csrf". */
MUST_CHECK int guard_check(const struct guard *guard,
    const struct operator_seen *who, const char *token, char *const *env,
    int64_t now, struct fail *why);

#endif

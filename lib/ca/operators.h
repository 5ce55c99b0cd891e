/*
 * operators - who may look at the inventory, who may act.
 *
 * A client certificate with a path to the operators' own anchor (RFC 5280, 6),
 * which the configuration names by fingerprint, or by issuer and subject.
 * Never one of this CA, however it is configured: who enrols a device must not
 * become an operator by it.  So an anchor that is one of our issuing
 * certificates or has its key is refused, and so is, at each request, a
 * certificate that one of our keys issued or that the store knows.
 */
#ifndef MICROCA_OPERATORS_H
#define MICROCA_OPERATORS_H

#include "lib/ca/ca.h"

struct operators; /* thread-safe; one reading of the configuration */

/* One who was let in; operator_free(). */
struct operator_seen {
	int role;   /* enum role */
	char *name; /* as configured, else the subject's CN or text */
	char *who;  /* "operator:CN=…", as the audit names it */
	/* Also of who is not let in: a certificate was shown, this is its. */
	bool shown;
	uint8_t sha256[SHA256_LEN];
};
void operator_free(struct operator_seen *who); /* contents, then zero */

/* Are the anchors there, and none of them in this CA's own chain?  `issuers`
 * may be NULL.  FAIL_CONFIG "config". */
MUST_CHECK int operators_check(const struct settings *settings,
    const struct issuers *issuers, struct fail *why);

/* `ca` is borrowed for the life of it.  FAIL_CONFIG "config": no anchors, or
 * an anchor of this CA's. */
MUST_CHECK int operators_open(
    struct operators **operators, const struct ca *ca, struct fail *why);
void operators_free(struct operators *operators);

/*
 * Who shows this certificate (DER; empty: none)?  Fails: FAIL_DENIED
 * "auth-none", "client-cert", "operator-own" (of this CA),
 * "operator-unknown"; what trust_check() says; FAIL_BUSY "db-…".
 */
MUST_CHECK int operators_find(struct operator_seen *who,
    struct operators *operators, struct span der, struct fail *why);

#endif

/*
 * identity - who is asking (RFC 7030, 3.3.2, 3.7).
 *
 * The web server proves that the client holds its certificate's key.  Whether
 * that certificate is worth anything here is decided here, per endpoint: path
 * to a rule's own anchor with intermediates from configuration only, time,
 * purpose, CRLs; and for our own certificates the store holds exactly this
 * one, its profile is one the rule names, and it is not revoked.  Verdicts
 * are remembered for at most 10 minutes; revocation is looked up every time.
 *
 * Where the endpoint's auth says so, HTTP Basic with a one-time secret will do
 * instead (identity_secret.h).  With "either", a certificate that is accepted
 * here decides; beside it Basic may only bear the certificate's own name, and
 * no secret is used up.  One that is not accepted is like none when a name and
 * a secret come with it: a device whose certificate has ended can be let in
 * anew, behind every web server.
 */
#ifndef MICROCA_IDENTITY_H
#define MICROCA_IDENTITY_H

#include "lib/ca/ca.h"
#include "lib/wire/request.h"

/* Shared by all requests of the same client while its verdict is remembered:
 * nobody changes one. */
struct identity {
	unsigned refs;
	char *requester; /* "own:CN=… serial …", "foreign:CN=…", "ra:CN=…",
	                    "secret:DEVICE" */
	char *owner;     /* what holds the names it is given (store.h) */
	const struct allow
	    *allow;         /* borrowed from the ca: the rule that fits */
	X509_NAME *subject; /* of the certificate; a secret's device */
	GENERAL_NAMES *san; /* NULL: none */
	uint8_t sha256[SHA256_LEN];
	uint8_t spki_sha256[SHA256_LEN];
	bool own;      /* this CA issued it: */
	char *profile; /* … under this profile */
	char *serial;  /* … with this serial */
	int64_t not_before, not_after;
	int64_t secret;   /* by a one-time secret: its id; else 0 */
	char *device;     /* … for this device */
	bool secret_used; /* … which may fetch its answer again, no more */
};

/*
 * Fails: FAIL_DENIED "auth-none", "auth-config", "client-expired",
 * "client-notyet", "client-revoked", "client-untrusted", "client-label",
 * "client-usage", "client-isca", "client-cert", "client-path", "client-name",
 * "client-unknown", "auth-mismatch"; FAIL_ANONYMOUS "auth-none", "auth";
 * FAIL_LIMIT "auth-limit"; FAIL_BUSY "client-crl" (a rule's CRL is absent, unreadable
 * or too old), "issuer-absent", and what the store says.  The caller frees.
 *
 * "client-label": trusted here, but by no rule of this endpoint for this
 * endpoint.  "client-untrusted": by no rule of any.
 */
MUST_CHECK int identity_of(struct identity **who, struct ca *ca,
    const struct request *rq, struct fail *why);
void identity_free(struct identity *who);

/*
 * The trust anchors of all rules and the remembered verdicts.  `issuers`
 * (NULL: none yet) are copied.  Fails: FAIL_CONFIG for a rule's files.
 */
MUST_CHECK int identity_cache_new(struct identity_cache **cache,
    const struct settings *settings, const struct issuers *issuers,
    struct fail *why);
void identity_cache_free(struct identity_cache *cache);

/* The administrator at the box, for `microca issue`: names "any". */
MUST_CHECK int identity_operator(struct identity **who, struct fail *why);

#endif

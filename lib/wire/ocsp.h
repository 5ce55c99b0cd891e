/*
 * ocsp - requests and answers of the Online Certificate Status Protocol (RFC
 * 6960; nonces: RFC 9654).  Pure but for producedAt, which is the time of the
 * signature.
 *
 * A signature on a request is not looked at: who asks is nobody's concern.
 */
#ifndef MICROCA_OCSP_H
#define MICROCA_OCSP_H

#include <openssl/ocsp.h>

#include "lib/base/bytes.h"

#define OCSP_REQUEST_MOST 20480 /* octets */
#define OCSP_ASKED_MOST 16      /* certificates in a request */
#define OCSP_NONCE_MOST 128     /* octets: RFC 9654, 2.1 */

/* ocsp_free(). */
struct ocsp {
	OCSP_REQUEST *request;
	OCSP_CERTID *asked[OCSP_ASKED_MOST]; /* borrowed from it */
	size_t n;                            /* at least 1 */
	bool nonce;
};

/* DER throughout.  Fails: FAIL_MALFORMED "ocsp", "ocsp-nonce"; FAIL_DENIED
 * "ocsp-many".  The caller frees. */
MUST_CHECK int ocsp_read(struct ocsp **ocsp, struct span der, struct fail *why);
void ocsp_free(struct ocsp *ocsp);

/* Does it ask for a certificate of that issuer?  Name and key are compared, by
 * SHA-1 or SHA-256; another hash is nobody's. */
bool ocsp_is_of(OCSP_CERTID *asked, const X509 *issuer);
/* Upper hex, as the store has it; NULL when no certificate can have it (RFC
 * 5280, 4.1.2.2).  The caller frees. */
char *ocsp_serial(OCSP_CERTID *asked);

/* What is said of one of them. */
struct ocsp_status {
	OCSP_CERTID *asked; /* borrowed; comes back as it was asked */
	int status;         /* V_OCSP_CERTSTATUS_GOOD, … */
	int64_t revoked;    /* Unix s */
	int reason;         /* RFC 5280, 5.3.1; 0 is left out */
	int64_t archive;    /* Unix s, RFC 6960, 4.4.4; 0: none */
};

/* Borrowed. */
struct ocsp_answer {
	const struct ocsp_status *status;
	size_t n;
	int64_t this_update, next_update; /* Unix s */
	const struct ocsp *nonce; /* whose nonce goes along; NULL: none */
	X509 *responder;          /* goes along; its key names the responder */
	EVP_PKEY *key;            /* the responder's */
};
/* A successful OCSPResponse, signed, verified; appended.  FAIL_BROKEN "sign",
 * "sign-check". */
MUST_CHECK int ocsp_write(
    struct bytes *out, const struct ocsp_answer *answer, struct fail *why);
/* An unsigned one that says why there is no other (RFC 6960, 2.3); appended. */
void ocsp_write_error(struct bytes *out, const struct fail *why);

#endif

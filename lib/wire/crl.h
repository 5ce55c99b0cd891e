/*
 * crl - a CertificateList, version 2 (RFC 5280, 5), written entry by entry.
 * Pure.
 *
 * One buffer holds it: what stands before the entries is put there at the end,
 * into room that was left, so that a million of them cost their own octets and
 * no more.
 */
#ifndef MICROCA_CRL_H
#define MICROCA_CRL_H

#include <openssl/x509.h>

#include "lib/base/bytes.h"

/* Borrowed; what is said of the whole. */
struct crl_head {
	X509 *issuer;          /* has a subject key identifier */
	struct span algorithm; /* AlgorithmIdentifier, DER: crl_algorithm() */
	int64_t number;        /* RFC 5280, 5.2.3; above 0 */
	int64_t this_update, next_update; /* Unix s */
};

/* crl_free(). */
struct crl {
	struct bytes octets;
	size_t begin; /* where what is written begins */
	size_t first; /* of the entries */
	struct bytes fields, tail;
	size_t n;
};

/* The AlgorithmIdentifier of a signature by `key` with `hash` (NULL: the key's
 * own, as key_sign()); appended.  FAIL_CONFIG "key-type". */
MUST_CHECK int crl_algorithm(struct bytes *out, const EVP_PKEY *key,
    const EVP_MD *hash, struct fail *why);

/* FAIL_CONFIG "issuer-cert": no key identifier, or keyUsage without cRLSign
 * (RFC 5280, 4.2.1.3). */
MUST_CHECK int crl_begin(
    struct crl *crl, const struct crl_head *head, struct fail *why);
/* One certificate's.  Unix s. */
struct crl_entry {
	const char *serial; /* hex, as the store has it */
	int64_t revoked;
	int reason;      /* 0 is left out (RFC 5280, 5.3.1) */
	int64_t invalid; /* invalidityDate (5.3.2); 0: none */
};
/* FAIL_BROKEN "serial". */
MUST_CHECK int crl_add(
    struct crl *crl, const struct crl_entry *entry, struct fail *why);
/* What is to be signed: the TBSCertList, borrowed until the next call. */
struct span crl_tbs(struct crl *crl);
/* All of it, likewise. */
struct span crl_finish(
    struct crl *crl, struct span algorithm, struct span signature);
void crl_free(struct crl *crl);

/* The entries alone, borrowed until the next call. */
struct span crl_entries(const struct crl *crl);

/* What a list says of itself; `entries` borrowed from it. */
struct crl_info {
	int64_t number;                   /* 0: it has none */
	int64_t this_update, next_update; /* Unix s */
	struct span entries;              /* not looked at */
};
/* A CertificateList in DER, with nextUpdate.  FAIL_MALFORMED "crl". */
MUST_CHECK int crl_read(
    struct crl_info *info, struct span der, struct fail *why);

#endif

/*
 * madecert - certificates made on the spot, self-signed with a P-256 key of
 * their own.  Include it before cmocka.h.
 */
#ifndef MICROCA_TEST_MADECERT_H
#define MICROCA_TEST_MADECERT_H

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "lib/wire/cert.h"

struct made {
	const char *cn;
	long serial;
	bool v1;           /* no extensions */
	int64_t not_after; /* 0: in 2040 */
};

static inline void
made_extension(X509 *x509, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, x509, x509, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (ext == NULL || X509_add_ext(x509, ext, -1) != 1)
		abort();
	X509_EXTENSION_free(ext);
}

static inline struct bytes
made_cert(const struct made *made)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x509 = X509_new();
	X509_NAME *name = X509_get_subject_name(x509);
	struct bytes der = {0};

	if (X509_set_version(x509, made->v1 ? 0 : 2) != 1 ||
	    ASN1_INTEGER_set(X509_get_serialNumber(x509), made->serial) != 1 ||
	    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
		(const uint8_t *)made->cn, -1, -1, 0) != 1 ||
	    X509_set_issuer_name(x509, name) != 1 ||
	    X509_set_pubkey(x509, key) != 1 ||
	    !cert_time_set(X509_getm_notBefore(x509), 1600000000) ||
	    !cert_time_set(X509_getm_notAfter(x509),
		made->not_after != 0 ? made->not_after : 2209000000))
		abort();
	if (!made->v1) {
		made_extension(
		    x509, NID_basic_constraints, "critical,CA:FALSE");
		made_extension(
		    x509, NID_key_usage, "critical,digitalSignature");
		made_extension(x509, NID_ext_key_usage, "clientAuth");
		made_extension(x509, NID_subject_key_identifier, "hash");
		made_extension(x509, NID_subject_alt_name, "DNS:a.example");
	}
	if (X509_sign(x509, key, EVP_sha256()) <= 0)
		abort();
	cert_der_add(&der, x509);
	X509_free(x509);
	EVP_PKEY_free(key);
	return der;
}

#endif

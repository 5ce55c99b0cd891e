/*
 * made - keys and DER made on the spot, for tests of requests.  Include it
 * before cmocka.h.
 */
#ifndef MICROCA_TEST_MADE_H
#define MICROCA_TEST_MADE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/x509.h>

#include "lib/wire/der.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MADE __attribute__((unused)) static

#define OID_EC "1.2.840.10045.2.1"
#define OID_P256 "1.2.840.10045.3.1.7"
#define OID_RSA "1.2.840.113549.1.1.1"
#define OID_ECDSA_SHA256 "1.2.840.10045.4.3.2"
#define OID_RSA_SHA256 "1.2.840.113549.1.1.11"
#define OID_RSA_PSS "1.2.840.113549.1.1.10"
#define OID_SHA256 "2.16.840.1.101.3.4.2.1"
#define OID_SHA1 "1.3.14.3.2.26"
#define OID_MGF1 "1.2.840.113549.1.1.8"

MADE void
put_hex(struct bytes *out, const char *hex)
{
	if (!hex_read(out, hex))
		abort();
}

MADE void
put_oid(struct bytes *out, const char *dotted)
{
	if (!der_put_oid(out, dotted))
		abort();
}

/* Everything in `out` becomes the content of one element. */
MADE void
wrap(struct bytes *out, unsigned tag)
{
	struct bytes inner = *out;

	*out = (struct bytes){0};
	der_put(out, tag, span_of(&inner));
	bytes_free(&inner);
}

/* Append `part` and free it. */
MADE void
put_part(struct bytes *out, struct bytes *part)
{
	bytes_add(out, part->data, part->len);
	bytes_free(part);
}

MADE void
put_bits(struct bytes *out, struct span octets)
{
	struct bytes b = {0};

	bytes_addc(&b, '\0');
	bytes_add(&b, octets.data, octets.len);
	wrap(&b, DER_BITS);
	put_part(out, &b);
}

/* A number of 0 or above as INTEGER. */
MADE void
put_number(struct bytes *out, const BIGNUM *n)
{
	struct bytes b = {0};
	uint8_t octets[4096];
	int len = BN_bn2bin(n, octets);

	if (BN_num_bits(n) % 8 == 0)
		bytes_addc(&b, '\0');
	bytes_add(&b, octets, (size_t)len);
	wrap(&b, DER_INTEGER);
	put_part(out, &b);
}

/* AlgorithmIdentifier; parameters as hex of whole elements. */
MADE void
put_algorithm(struct bytes *out, const char *oid, const char *parameters)
{
	struct bytes b = {0};

	put_oid(&b, oid);
	put_hex(&b, parameters);
	wrap(&b, DER_SEQUENCE);
	put_part(out, &b);
}

MADE void
put_spki(
    struct bytes *out, const char *oid, const char *parameters, struct span key)
{
	struct bytes b = {0};

	put_algorithm(&b, oid, parameters);
	put_bits(&b, key);
	wrap(&b, DER_SEQUENCE);
	put_part(out, &b);
}

MADE void
put_rsa_spki(struct bytes *out, const BIGNUM *n, const BIGNUM *e)
{
	struct bytes key = {0};

	put_number(&key, n);
	put_number(&key, e);
	wrap(&key, DER_SEQUENCE);
	put_spki(out, OID_RSA, "0500", span_of(&key));
	bytes_free(&key);
}

MADE void
put_key_spki(struct bytes *out, EVP_PKEY *key)
{
	uint8_t *der = NULL;
	int len = i2d_PUBKEY(key, &der);

	if (len <= 0)
		abort();
	bytes_add(out, der, (size_t)len);
	OPENSSL_free(der);
}

/* CN=test */
#define SUBJECT_HEX "300f310d300b06035504030c0474657374"

/* CertificationRequestInfo; `attributes` are whole elements. */
MADE void
put_info(struct bytes *out, const char *subject_hex, EVP_PKEY *key,
    struct span attributes)
{
	struct bytes b = {0};

	put_hex(&b, "020100");
	put_hex(&b, subject_hex);
	put_key_spki(&b, key);
	der_put(&b, DER_CONTEXT_CONS(0), attributes);
	wrap(&b, DER_SEQUENCE);
	put_part(out, &b);
}

MADE void
put_signature(
    struct bytes *out, EVP_PKEY *key, const EVP_MD *md, struct span data)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[1024];
	size_t len = sizeof(signature);

	if (EVP_DigestSignInit(ctx, NULL, md, NULL, key) != 1 ||
	    EVP_DigestSign(ctx, signature, &len, data.data, data.len) != 1)
		abort();
	bytes_add(out, signature, len);
	EVP_MD_CTX_free(ctx);
}

/* CertificationRequest of its three parts. */
MADE void
put_request(struct bytes *out, struct span info, const char *oid,
    const char *parameters, struct span signature)
{
	struct bytes b = {0};

	bytes_add(&b, info.data, info.len);
	put_algorithm(&b, oid, parameters);
	put_bits(&b, signature);
	wrap(&b, DER_SEQUENCE);
	put_part(out, &b);
}

/* `info` signed by a P-256 key with SHA-256. */
MADE void
put_signed(struct bytes *out, struct span info, EVP_PKEY *p256)
{
	struct bytes signature = {0};

	put_signature(&signature, p256, EVP_sha256(), info);
	put_request(out, info, OID_ECDSA_SHA256, "", span_of(&signature));
	bytes_free(&signature);
}

#endif

#include "lib/wire/pkcs8.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>

#include "lib/wire/der.h"

#define ROOM 8192        /* more than any key we make takes */
#define INTEGER_MAX 1025 /* RSA 8192 and the sign's octet */

static const struct span zero = DER_LITERAL("\x00");
static const struct span one = DER_LITERAL("\x01");

static int
unreadable(struct fail *why)
{
	fail(why, FAIL_BROKEN, "openssl", "a private key cannot be read");
	return fail_openssl(why, "pkcs8");
}

/* Append `content` and wipe it. */
static void
wrap(struct bytes *out, unsigned tag, struct bytes *content)
{
	der_put(out, tag, span_of(content));
	bytes_wipe(content);
}

/* An INTEGER, or with `len` an OCTET STRING of that length. */
static int
number_put(struct bytes *out, EVP_PKEY *key, const char *name, int len,
    struct fail *why)
{
	uint8_t octets[INTEGER_MAX] = {0};
	struct span content = {octets, 0};
	BIGNUM *bn = NULL;
	bool good = EVP_PKEY_get_bn_param(key, name, &bn) == 1 &&
	            BN_num_bytes(bn) < INTEGER_MAX && len < INTEGER_MAX;

	if (good && len > 0) {
		good = BN_bn2binpad(bn, octets, len) == len;
		content.len = (size_t)len;
		der_put(out, DER_OCTETS, content);
	} else if (good) {
		bool sign = BN_num_bits(bn) % 8 == 0; /* 0: one octet of 0 */

		content.len = (size_t)BN_bn2bin(bn, octets + sign) + sign;
		der_put(out, DER_INTEGER, content);
	}
	BN_clear_free(bn);
	OPENSSL_cleanse(octets, sizeof(octets));
	return good ? 0 : unreadable(why);
}

/* RFC 5915, 3: ECPrivateKey; its parameters stand outside. */
static int
ec_put(struct bytes *out, EVP_PKEY *key, const struct pubkey *public,
    struct fail *why)
{
	struct bytes body = {0}, bits = {0};
	int rc;

	bytes_room(&body, ROOM);
	der_put(&body, DER_INTEGER, one);
	rc = number_put(
	    &body, key, OSSL_PKEY_PARAM_PRIV_KEY, (public->bits + 7) / 8, why);
	bytes_addc(&bits, 0);
	bytes_add(&bits, public->key.data, public->key.len);
	if (rc == 0) {
		struct bytes point = {0};

		wrap(&point, DER_BITS, &bits);
		wrap(&body, DER_CONTEXT_CONS(1), &point);
		wrap(out, DER_SEQUENCE, &body);
	}
	bytes_wipe(&bits);
	bytes_wipe(&body);
	return rc;
}

/* RFC 8017, A.1.2: RSAPrivateKey of two primes. */
static int
rsa_put(struct bytes *out, EVP_PKEY *key, struct fail *why)
{
	static const char *const name[] = {OSSL_PKEY_PARAM_RSA_N,
	    OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
	    OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
	    OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
	    OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
	struct bytes body = {0};
	int rc = 0;

	bytes_room(&body, ROOM);
	der_put(&body, DER_INTEGER, zero);
	for (size_t i = 0; i < sizeof(name) / sizeof(name[0]) && rc == 0; i++)
		rc = number_put(&body, key, name[i], 0, why);
	if (rc == 0)
		wrap(out, DER_SEQUENCE, &body);
	bytes_wipe(&body);
	return rc;
}

/* RFC 8410, 7: CurvePrivateKey, an OCTET STRING within the other. */
static int
edwards_put(struct bytes *out, EVP_PKEY *key, struct fail *why)
{
	uint8_t seed[57];
	size_t len = sizeof(seed);
	int rc = 0;

	if (EVP_PKEY_get_raw_private_key(key, seed, &len) == 1)
		der_put(out, DER_OCTETS, (struct span){seed, len});
	else
		rc = unreadable(why);
	OPENSSL_cleanse(seed, sizeof(seed));
	return rc;
}

int
pkcs8_write(struct bytes *out, EVP_PKEY *key, const struct pubkey *public,
    struct fail *why)
{
	struct bytes inner = {0}, body = {0};
	int rc;

	bytes_room(&inner, ROOM);
	bytes_room(&body, ROOM);
	bytes_room(out, ROOM);
	if (public->type == PUBKEY_EC)
		rc = ec_put(&inner, key, public, why);
	else if (public->type == PUBKEY_RSA)
		rc = rsa_put(&inner, key, why);
	else
		rc = edwards_put(&inner, key, why);
	if (rc == 0) {
		der_put(&body, DER_INTEGER, zero);
		bytes_add(&body, public->algorithm.data, public->algorithm.len);
		wrap(&body, DER_OCTETS, &inner);
		wrap(out, DER_SEQUENCE, &body);
	}
	bytes_wipe(&inner);
	bytes_wipe(&body);
	return rc;
}

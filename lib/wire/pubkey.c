#include "lib/wire/pubkey.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include "lib/wire/der.h"
#include "lib/wire/weakrsa.h"

#define SPKI_DEPTH 8
#define RSA_MIN_BITS 2048
#define RSA_MAX_EXPONENT 32 /* octets */
#define UNCOMPRESSED 4

static const struct algorithm {
	struct span oid;
	enum pubkey_type type;
} algorithms[] = {
    {DER_LITERAL("\x2a\x86\x48\xce\x3d\x02\x01"), PUBKEY_EC},
    {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"), PUBKEY_RSA},
    {DER_LITERAL("\x2b\x65\x70"), PUBKEY_ED25519},
    {DER_LITERAL("\x2b\x65\x71"), PUBKEY_ED448},
};

static const struct curve {
	struct span oid;
	int nid, bits;
	const char *group, *text;
} curves[] = {
    {DER_LITERAL("\x2a\x86\x48\xce\x3d\x03\x01\x07"), NID_X9_62_prime256v1, 256,
	"prime256v1", "EC P-256"},
    {DER_LITERAL("\x2b\x81\x04\x00\x22"), NID_secp384r1, 384, "secp384r1",
	"EC P-384"},
    {DER_LITERAL("\x2b\x81\x04\x00\x23"), NID_secp521r1, 521, "secp521r1",
	"EC P-521"},
};
#define CURVES (sizeof(curves) / sizeof(curves[0]))

/* What OpenSSL makes slowly is made once: the parameters of each curve. */
static struct {
	pthread_once_t once;
	EVP_PKEY *curve[CURVES];
} template = {.once = PTHREAD_ONCE_INIT};

/* The parts of a SubjectPublicKeyInfo. */
struct parts {
	struct span oid, parameters, algorithm, key;
};

static int
openssl_broken(struct fail *why, const char *what)
{
	(void)fail(why, FAIL_BROKEN, "openssl", "internal error");
	return fail_openssl(why, "%s", what);
}

static void
templates_make(void)
{
	for (size_t i = 0; i < CURVES; i++) {
		OSSL_PARAM params[] = {
		    OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
			(char *)(uintptr_t)curves[i].group, 0),
		    OSSL_PARAM_construct_end()};
		EVP_PKEY_CTX *ctx =
		    EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

		if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
		    EVP_PKEY_fromdata(ctx, &template.curve[i],
			EVP_PKEY_KEY_PARAMETERS, params) <= 0)
			template.curve[i] = NULL;
		EVP_PKEY_CTX_free(ctx);
	}
}

/* RFC 5280, 4.1: SEQUENCE { algorithm, subjectPublicKey BIT STRING }. */
static int
parts_read(struct parts *parts, struct span spki, struct fail *why)
{
	struct span body, algorithm, bits;

	if (!der_deep_ok(spki, SPKI_DEPTH) ||
	    !der_take(&spki, DER_SEQUENCE, &body, NULL) ||
	    !der_take(&body, DER_SEQUENCE, &algorithm, &parts->algorithm) ||
	    !der_take(&algorithm, DER_OID, &parts->oid, NULL) ||
	    !der_take(&body, DER_BITS, &bits, NULL) || body.len != 0)
		return fail(why, FAIL_MALFORMED, "der",
		    "RFC 5280, 4.1.2.7: no DER subjectPublicKeyInfo");
	if (bits.data[0] != 0)
		return fail(why, FAIL_MALFORMED, "der",
		    "RFC 5280, 4.1.2.7: subjectPublicKey has unused bits");
	parts->parameters = algorithm;
	parts->key = (struct span){bits.data + 1, bits.len - 1};
	return 0;
}

static int
type_read(enum pubkey_type *type, struct span oid, struct fail *why)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (span_equal(oid, algorithms[i].oid)) {
			*type = algorithms[i].type;
			return 0;
		}
	return fail(why, FAIL_MALFORMED, "key-alg",
	    "the key's algorithm is none of EC, RSA, Ed25519, Ed448");
}

static const struct curve *
curve_find(struct span parameters)
{
	struct span oid;

	if (!der_take(&parameters, DER_OID, &oid, NULL) || parameters.len != 0)
		return NULL;
	for (size_t i = 0; i < CURVES; i++)
		if (span_equal(oid, curves[i].oid))
			return &curves[i];
	return NULL;
}

/* A copy of the curve's parameters that takes the point: OpenSSL checks that
 * the coordinates are below p and on the curve. */
static int
ec_make(struct pubkey *key, const struct curve *curve, struct fail *why)
{
	EVP_PKEY *from;

	(void)pthread_once(&template.once, templates_make);
	from = template.curve[curve - curves];
	if (from == NULL || (key->evp = EVP_PKEY_dup(from)) == NULL)
		return openssl_broken(why, curve->group);
	ERR_set_mark();
	if (EVP_PKEY_set1_encoded_public_key(
		key->evp, key->key.data, key->key.len) <= 0) {
		ERR_pop_to_mark();
		return fail(why, FAIL_MALFORMED, "key",
		    "RFC 5480, 2.2: the point is not on the curve");
	}
	ERR_clear_last_mark();
	return 0;
}

static int
ec_read(struct pubkey *key, struct span parameters, struct fail *why)
{
	const struct curve *curve = curve_find(parameters);
	size_t field;

	/* RFC 5480, 2.1.1: namedCurve; implicitCurve, specifiedCurve never. */
	if (curve == NULL)
		return fail(why, FAIL_MALFORMED, "curve",
		    "RFC 5480, 2.1.1: the curve is not one of P-256, P-384, "
		    "P-521 by name");
	key->curve = curve->nid;
	key->bits = curve->bits;
	field = ((size_t)curve->bits + 7) / 8;
	/* RFC 5480, 2.2: hybrid never; compressed is optional, we do not. */
	if (key->key.len != 1 + 2 * field || key->key.data[0] != UNCOMPRESSED)
		return fail(why, FAIL_MALFORMED, "key",
		    "RFC 5480, 2.2: not an uncompressed point of the curve");
	return ec_make(key, curve, why);
}

/* Significant octets of a positive INTEGER; empty for zero and below. */
static struct span
positive(struct span integer)
{
	if (integer.len > 0 && integer.data[0] == 0) {
		integer.data++;
		integer.len--;
	} else if (integer.len > 0 && (integer.data[0] & 0x80) != 0)
		integer.len = 0;
	return integer;
}

static int
span_bits(struct span number)
{
	int bits = (int)number.len * 8;

	for (uint8_t top = 0x80; bits > 0 && (number.data[0] & top) == 0;
	     top >>= 1)
		bits--;
	return bits;
}

static int
rsa_modulus_ok(struct span n, struct fail *why)
{
	if (n.len > WEAKRSA_MAX_BITS / 8)
		return fail(why, FAIL_MALFORMED, "key-size",
		    "the RSA modulus is longer than %d bits", WEAKRSA_MAX_BITS);
	if (span_bits(n) < RSA_MIN_BITS)
		return fail(why, FAIL_MALFORMED, "weak-key",
		    "the RSA modulus is shorter than %d bits", RSA_MIN_BITS);
	if ((n.data[n.len - 1] & 1) == 0)
		return fail(
		    why, FAIL_MALFORMED, "weak-key", "the RSA modulus is even");
	return 0;
}

static int
rsa_exponent_ok(struct span e, struct fail *why)
{
	if (e.len == 0 || (e.data[e.len - 1] & 1) == 0)
		return fail(why, FAIL_MALFORMED, "weak-key",
		    "the RSA exponent is not odd and positive");
	if (span_bits(e) < 17)
		return fail(why, FAIL_MALFORMED, "weak-key",
		    "the RSA exponent is below 65537");
	if (e.len > RSA_MAX_EXPONENT)
		return fail(why, FAIL_MALFORMED, "weak-key",
		    "the RSA exponent is longer than %d bits",
		    RSA_MAX_EXPONENT * 8);
	return 0;
}

static int
rsa_make(struct pubkey *key, const BIGNUM *n, const BIGNUM *e, struct fail *why)
{
	uint8_t nn[WEAKRSA_MAX_BITS / 8], ee[RSA_MAX_EXPONENT];
	size_t n_len = (size_t)BN_num_bytes(n), e_len = (size_t)BN_num_bytes(e);
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, nn, n_len),
	    OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, ee, e_len),
	    OSSL_PARAM_construct_end()};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	int rc = 0;

	if (ctx == NULL || BN_bn2nativepad(n, nn, (int)n_len) < 0 ||
	    BN_bn2nativepad(e, ee, (int)e_len) < 0 ||
	    EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &key->evp, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		rc = openssl_broken(why, "RSA key");
	EVP_PKEY_CTX_free(ctx);
	return rc;
}

static int
rsa_judge(struct pubkey *key, struct span n, struct span e, struct fail *why)
{
	BIGNUM *nn = BN_bin2bn(n.data, (int)n.len, NULL);
	BIGNUM *ee = BN_bin2bn(e.data, (int)e.len, NULL);
	int rc;

	if (nn == NULL || ee == NULL)
		rc = openssl_broken(why, "RSA key");
	else if ((rc = weakrsa_check(nn, why)) == 0)
		rc = rsa_make(key, nn, ee, why);
	BN_free(nn);
	BN_free(ee);
	return rc;
}

static int
rsa_read(struct pubkey *key, struct span parameters, struct fail *why)
{
	struct span rest = key->key, body, n, e, null;

	/* RFC 3279, 2.3.1; RFC 4055, 1.2: the parameters field is NULL. */
	if (!der_take(&parameters, DER_NULL, &null, NULL) ||
	    parameters.len != 0)
		return fail(why, FAIL_MALFORMED, "key-alg",
		    "RFC 3279, 2.3.1: an RSA key's parameters are not NULL");
	if (!der_take(&rest, DER_SEQUENCE, &body, NULL) || rest.len != 0 ||
	    !der_take(&body, DER_INTEGER, &n, NULL) || !der_integer_ok(n) ||
	    !der_take(&body, DER_INTEGER, &e, NULL) || !der_integer_ok(e) ||
	    body.len != 0)
		return fail(why, FAIL_MALFORMED, "der",
		    "RFC 3279, 2.3.1: no DER RSAPublicKey");
	n = positive(n);
	e = positive(e);
	key->bits = span_bits(n);
	if (rsa_modulus_ok(n, why) < 0 || rsa_exponent_ok(e, why) < 0)
		return -1;
	return rsa_judge(key, n, e, why);
}

static int
edwards_read(struct pubkey *key, struct span parameters, struct fail *why)
{
	bool small = key->type == PUBKEY_ED25519;

	if (parameters.len != 0)
		return fail(why, FAIL_MALFORMED, "key-alg",
		    "RFC 8410, 3: the key's algorithm has parameters");
	key->bits = small ? 255 : 448;
	/* RFC 8032, 5.1.5 and 5.2.5: 32 or 57 octets */
	if (key->key.len != (small ? 32 : 57))
		return fail(why, FAIL_MALFORMED, "key",
		    "RFC 8410, 4: the public key has a wrong length");
	key->evp = EVP_PKEY_new_raw_public_key(
	    small ? EVP_PKEY_ED25519 : EVP_PKEY_ED448, NULL, key->key.data,
	    key->key.len);
	return key->evp != NULL ? 0 : openssl_broken(why, "Edwards key");
}

int
pubkey_type_read(enum pubkey_type *type, struct span spki, struct fail *why)
{
	struct parts parts;

	if (parts_read(&parts, spki, why) < 0)
		return -1;
	return type_read(type, parts.oid, why);
}

int
pubkey_read(struct pubkey *key, struct span spki, struct fail *why)
{
	struct parts parts;
	int rc;

	memset(key, 0, sizeof(*key));
	if (parts_read(&parts, spki, why) < 0 ||
	    type_read(&key->type, parts.oid, why) < 0)
		return -1;
	key->spki = spki;
	key->algorithm = parts.algorithm;
	key->key = parts.key;
	if (key->type == PUBKEY_EC)
		rc = ec_read(key, parts.parameters, why);
	else if (key->type == PUBKEY_RSA)
		rc = rsa_read(key, parts.parameters, why);
	else
		rc = edwards_read(key, parts.parameters, why);
	if (rc < 0)
		pubkey_free(key);
	else
		sha256(key->sha256, spki);
	return rc;
}

void
pubkey_free(struct pubkey *key)
{
	EVP_PKEY_free(key->evp);
	key->evp = NULL;
}

const char *
pubkey_text(const struct pubkey *key, char out[32])
{
	switch (key->type) {
	case PUBKEY_EC:
		for (size_t i = 0; i < CURVES; i++)
			if (curves[i].nid == key->curve)
				return curves[i].text;
		break;
	case PUBKEY_RSA:
		(void)snprintf(out, 32, "RSA %d", key->bits);
		return out;
	case PUBKEY_ED25519:
		return "Ed25519";
	case PUBKEY_ED448:
		return "Ed448";
	}
	return "unknown";
}

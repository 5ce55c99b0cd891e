#include "lib/wire/sigalg.h"

#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "lib/wire/der.h"

#define SIGALG_DEPTH 8
#define PSS_SALT_DEFAULT 20

/* What an algorithm's OID says.  PSS says the rest in its parameters. */
static const struct known {
	struct span oid;
	enum pubkey_type key;
	int hash;
	bool pss;
} known[] = {
    {DER_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x02"), PUBKEY_EC, NID_sha256,
	false},
    {DER_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x03"), PUBKEY_EC, NID_sha384,
	false},
    {DER_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x04"), PUBKEY_EC, NID_sha512,
	false},
    {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), PUBKEY_RSA,
	NID_sha256, false},
    {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"), PUBKEY_RSA,
	NID_sha384, false},
    {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"), PUBKEY_RSA,
	NID_sha512, false},
    {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"), PUBKEY_RSA, NID_undef,
	true},
    {DER_LITERAL("\x2b\x65\x70"), PUBKEY_ED25519, NID_undef, false},
    {DER_LITERAL("\x2b\x65\x71"), PUBKEY_ED448, NID_undef, false},
};

static const struct {
	struct span oid;
	const char *text;
} weak[] = {
    {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x02"), "MD2"},
    {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x03"), "MD4"},
    {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"), "MD5"},
    {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"), "SHA-1"},
    {DER_LITERAL("\x2b\x0e\x03\x02\x1d"), "SHA-1"}, /* OIW's own OID */
    {DER_LITERAL("\x2a\x86\x48\xce\x3d\x04\x01"), "SHA-1"},
};

static const struct {
	struct span oid;
	int nid, len;
} hashes[] = {
    {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x01"), NID_sha256, 32},
    {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x02"), NID_sha384, 48},
    {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x03"), NID_sha512, 64},
};

static const struct span oid_sha1 = DER_LITERAL("\x2b\x0e\x03\x02\x1a");
static const struct span oid_mgf1 =
    DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08");
static const struct span oid_no_signature =
    DER_LITERAL("\x2b\x06\x01\x05\x05\x07\x06\x02");

/* RSASSA-PSS-params; the hashes as OIDs. */
struct pss {
	struct span hash, mask_hash;
	int64_t salt, trailer;
};

static bool
null_or_absent(struct span parameters)
{
	struct span null;

	return parameters.len == 0 ||
	       (der_take(&parameters, DER_NULL, &null, NULL) &&
		   parameters.len == 0);
}

/* AlgorithmIdentifier { hash OID, NULL or nothing }, the whole of `in`. */
static bool
hash_oid(struct span *oid, struct span in)
{
	struct span body;

	return der_take(&in, DER_SEQUENCE, &body, NULL) && in.len == 0 &&
	       der_take(&body, DER_OID, oid, NULL) && null_or_absent(body);
}

static bool
mask_hash_oid(struct span *oid, struct span in)
{
	struct span body, mgf;

	return der_take(&in, DER_SEQUENCE, &body, NULL) && in.len == 0 &&
	       der_take(&body, DER_OID, &mgf, NULL) &&
	       span_equal(mgf, oid_mgf1) && hash_oid(oid, body);
}

static bool
number(int64_t *value, struct span in)
{
	struct span content;

	return der_take(&in, DER_INTEGER, &content, NULL) && in.len == 0 &&
	       der_small(content, value);
}

/* RFC 4055, 3.1: four fields, [0] to [3] EXPLICIT, each with a DEFAULT. */
static bool
pss_read(struct pss *pss, struct span in)
{
	struct span body, field;

	pss->hash = pss->mask_hash = oid_sha1;
	pss->salt = PSS_SALT_DEFAULT;
	pss->trailer = 1;
	if (!der_take(&in, DER_SEQUENCE, &body, NULL) || in.len != 0)
		return false;
	if (der_take(&body, DER_CONTEXT_CONS(0), &field, NULL) &&
	    !hash_oid(&pss->hash, field))
		return false;
	if (der_take(&body, DER_CONTEXT_CONS(1), &field, NULL) &&
	    !mask_hash_oid(&pss->mask_hash, field))
		return false;
	if (der_take(&body, DER_CONTEXT_CONS(2), &field, NULL) &&
	    !number(&pss->salt, field))
		return false;
	if (der_take(&body, DER_CONTEXT_CONS(3), &field, NULL) &&
	    !number(&pss->trailer, field))
		return false;
	return body.len == 0;
}

static int
sigalg_refused(struct fail *why, const char *text)
{
	return fail(why, FAIL_MALFORMED, "sigalg", "%s", text);
}

static int
weak_hash(struct fail *why, const char *hash)
{
	return fail(why, FAIL_MALFORMED, "weak-hash",
	    "RFC 6194, 3; RFC 6151, 2: a signature with %s proves nothing",
	    hash);
}

static int
pss_judge(struct sigalg *alg, struct span parameters, struct fail *why)
{
	struct pss pss;
	int len = 0;

	if (!pss_read(&pss, parameters))
		return sigalg_refused(
		    why, "RFC 4055, 3.1: no proper RSASSA-PSS parameters");
	if (span_equal(pss.hash, oid_sha1))
		return weak_hash(why, "SHA-1");
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (span_equal(pss.hash, hashes[i].oid)) {
			alg->hash = hashes[i].nid;
			len = hashes[i].len;
		}
	if (len == 0)
		return sigalg_refused(
		    why, "the hash is none of SHA-256, SHA-384, SHA-512");
	if (!span_equal(pss.hash, pss.mask_hash))
		return sigalg_refused(
		    why, "RFC 4055, 3.1: the mask's hash is not the message's");
	if (pss.salt < 1 || pss.salt > len)
		return sigalg_refused(
		    why, "RFC 4055, 3.1: the salt is empty or over-long");
	if (pss.trailer != 1)
		return sigalg_refused(why, "RFC 4055, 3.1: trailer is not 1");
	alg->salt = (int)pss.salt;
	return 0;
}

/* RFC 4055, 5: NULL for RSA, and its absence is to be accepted; RFC 5758, 3.2
 * and RFC 8410, 3: absent. */
static int
parameters_judge(struct sigalg *alg, struct span parameters, struct fail *why)
{
	if (alg->pss)
		return pss_judge(alg, parameters, why);
	if (alg->key == PUBKEY_RSA ? null_or_absent(parameters)
				   : parameters.len == 0)
		return 0;
	return sigalg_refused(why,
	    "RFC 5758, 3.2; RFC 8410, 3; RFC 4055, 5: the signature "
	    "algorithm has parameters");
}

static const struct known *
known_find(struct span oid)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (span_equal(oid, known[i].oid))
			return &known[i];
	return NULL;
}

int
sigalg_read(struct sigalg *alg, struct span algorithm, enum pubkey_type key,
    struct fail *why)
{
	struct span body, oid;
	const struct known *k;

	if (!der_deep_ok(algorithm, SIGALG_DEPTH) ||
	    !der_take(&algorithm, DER_SEQUENCE, &body, NULL) ||
	    !der_take(&body, DER_OID, &oid, NULL))
		return sigalg_refused(
		    why, "RFC 5280, 4.1.1.2: no DER AlgorithmIdentifier");
	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
		if (span_equal(oid, weak[i].oid))
			return weak_hash(why, weak[i].text);
	if (span_equal(oid, oid_no_signature))
		return fail(why, FAIL_MALFORMED, "pop",
		    "RFC 6402, C.1: id-alg-noSignature is no signature");
	if ((k = known_find(oid)) == NULL)
		return sigalg_refused(
		    why, "the signature algorithm is not supported");
	if (k->key != key)
		return sigalg_refused(
		    why, "the signature algorithm is not one of the key's");
	*alg = (struct sigalg){k->key, k->hash, k->pss, 0};
	return parameters_judge(alg, body, why);
}

/* RFC 3279, 2.2.3: SEQUENCE { r, s }, both above zero. */
static bool
ecdsa_form_ok(struct span signature)
{
	struct span body, number;

	if (!der_take(&signature, DER_SEQUENCE, &body, NULL) ||
	    signature.len != 0)
		return false;
	for (int i = 0; i < 2; i++)
		if (!der_take(&body, DER_INTEGER, &number, NULL) ||
		    !der_integer_ok(number) || (number.data[0] & 0x80) != 0 ||
		    (number.len == 1 && number.data[0] == 0))
			return false;
	return body.len == 0;
}

static const EVP_MD *
digest(uint8_t out[SHA512_DIGEST_LENGTH], size_t *len, int hash, struct span in)
{
	switch (hash) {
	case NID_sha256:
		*len = SHA256_DIGEST_LENGTH;
		SHA256(in.data, in.len, out);
		return EVP_sha256();
	case NID_sha384:
		*len = SHA384_DIGEST_LENGTH;
		SHA384(in.data, in.len, out);
		return EVP_sha384();
	default:
		*len = SHA512_DIGEST_LENGTH;
		SHA512(in.data, in.len, out);
		return EVP_sha512();
	}
}

static bool
rsa_set(EVP_PKEY_CTX *ctx, const struct sigalg *alg, const EVP_MD *md)
{
	int padding = alg->pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;

	return EVP_PKEY_CTX_set_rsa_padding(ctx, padding) > 0 &&
	       EVP_PKEY_CTX_set_signature_md(ctx, md) > 0 &&
	       (!alg->pss ||
		   (EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) > 0 &&
		       EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, alg->salt) > 0));
}

/* Over a digest of our own making: OpenSSL 3.0's would fetch it by name. */
static bool
hashed_verify(const struct sigalg *alg, EVP_PKEY *key, struct span data,
    struct span signature)
{
	uint8_t hash[SHA512_DIGEST_LENGTH];
	size_t len;
	const EVP_MD *md = digest(hash, &len, alg->hash, data);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool good;

	good =
	    ctx != NULL && EVP_PKEY_verify_init(ctx) > 0 &&
	    (alg->key != PUBKEY_RSA || rsa_set(ctx, alg, md)) &&
	    EVP_PKEY_verify(ctx, signature.data, signature.len, hash, len) == 1;
	EVP_PKEY_CTX_free(ctx);
	return good;
}

static bool
edwards_verify(EVP_PKEY *key, struct span data, struct span signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good;

	good = ctx != NULL &&
	       EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) > 0 &&
	       EVP_DigestVerify(ctx, signature.data, signature.len, data.data,
		   data.len) == 1;
	EVP_MD_CTX_free(ctx);
	return good;
}

bool
sigalg_verify(const struct sigalg *alg, EVP_PKEY *key, struct span data,
    struct span signature)
{
	bool good;

	if (alg->key == PUBKEY_EC && !ecdsa_form_ok(signature))
		return false;
	ERR_set_mark();
	if (alg->key == PUBKEY_EC || alg->key == PUBKEY_RSA)
		good = hashed_verify(alg, key, data, signature);
	else
		good = edwards_verify(key, data, signature);
	ERR_pop_to_mark();
	return good;
}

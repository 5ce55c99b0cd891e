#include "lib/cloud/detached.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>

#include "lib/base/json.h"
#include "lib/cloud/escape.h"
#include "lib/wire/cert.h"

/* RFC 7518, 3.1. */
static const struct alg {
	const char *name;
	int type; /* EVP_PKEY_EC, EVP_PKEY_RSA */
	int bits; /* of an EC key */
	const char *hash;
	size_t half; /* octets of r and of s */
	bool pss;
} algs[] = {
    {"ES256", EVP_PKEY_EC, 256, "SHA256", 32, false},
    {"ES384", EVP_PKEY_EC, 384, "SHA384", 48, false},
    {"ES512", EVP_PKEY_EC, 521, "SHA512", 66, false},
    {"RS256", EVP_PKEY_RSA, 0, "SHA256", 0, false},
    {"PS256", EVP_PKEY_RSA, 0, "SHA256", 0, true},
};
#define ALGS (sizeof(algs) / sizeof(algs[0]))

static bool
fits(const struct alg *alg, const EVP_PKEY *key)
{
	return EVP_PKEY_get_base_id(key) == alg->type &&
	       (alg->bits == 0 || EVP_PKEY_get_bits(key) == alg->bits);
}

static void
thumbprint(struct bytes *out, const X509 *cert)
{
	struct bytes der = {0};
	uint8_t sha[SHA256_LEN];

	cert_der_add(&der, cert);
	sha256(sha, span_of(&der));
	base64url_write(out, (struct span){sha, sizeof(sha)});
	bytes_free(&der);
}

/* RFC 7515, 5.1: ASCII(BASE64URL(header) "." BASE64URL(payload)). */
static void
input_write(struct bytes *out, struct span header, struct span payload)
{
	bytes_add(out, header.data, header.len);
	bytes_addc(out, '.');
	base64url_write(out, payload);
}

/* RFC 8017, 9.1: the salt is as long as the hash (RFC 7518, 3.5). */
static bool
padding_set(EVP_PKEY_CTX *ctx, const struct alg *alg)
{
	return !alg->pss ||
	       (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0 &&
		   EVP_PKEY_CTX_set_rsa_pss_saltlen(
		       ctx, RSA_PSS_SALTLEN_DIGEST) > 0);
}

/* ---- signing ------------------------------------------------------------- */

/* RFC 7518, 3.4: r and s, each as long as the curve is. */
static bool
raw_of(struct bytes *raw, const uint8_t *der, size_t len, size_t half)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
	uint8_t both[2 * 66];
	bool ok =
	    sig != NULL &&
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), both, (int)half) == (int)half &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), both + half, (int)half) ==
		(int)half;

	if (ok)
		bytes_add(raw, both, 2 * half);
	ECDSA_SIG_free(sig);
	return ok;
}

static bool
sign(struct bytes *raw, const struct alg *alg, EVP_PKEY *key, struct span in)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx = NULL;
	uint8_t *sig = NULL;
	size_t len = 0;
	bool ok = md != NULL &&
	          EVP_DigestSignInit(md, &ctx, EVP_get_digestbyname(alg->hash),
		      NULL, key) == 1 &&
	          padding_set(ctx, alg) &&
	          EVP_DigestSign(md, NULL, &len, in.data, in.len) == 1;

	if (ok) {
		sig = mem_new(len);
		ok = EVP_DigestSign(md, sig, &len, in.data, in.len) == 1;
	}
	if (ok && alg->half > 0)
		ok = raw_of(raw, sig, len, alg->half);
	else if (ok)
		bytes_add(raw, sig, len);
	free(sig);
	EVP_MD_CTX_free(md);
	return ok;
}

static void
header_write(struct bytes *out, const struct alg *alg, const X509 *cert)
{
	struct json *j = json_new_object();
	struct bytes x5t = {0};
	char *text;

	thumbprint(&x5t, cert);
	json_str(j, "alg", alg->name);
	json_str(j, "x5t#S256", (const char *)x5t.data);
	text = json_text(j, 0);
	base64url_write(out, span_str(text));
	free(text);
	json_free(j);
	bytes_free(&x5t);
}

int
detached_sign(char **text, struct span payload, EVP_PKEY *key, X509 *cert,
    struct fail *why)
{
	struct bytes header = {0}, input = {0}, raw = {0}, out = {0};
	size_t i = 0;
	int rc = 0;

	*text = NULL;
	while (i < ALGS && !fits(&algs[i], key))
		i++;
	if (i == ALGS)
		return fail(why, FAIL_CONFIG, "key-type",
		    "RFC 7518, 3.1: there is no name for signatures of this "
		    "key");
	header_write(&header, &algs[i], cert);
	input_write(&input, span_of(&header), payload);
	if (sign(&raw, &algs[i], key, span_of(&input))) {
		bytes_addf(&out, "%s..", (const char *)header.data);
		base64url_write(&out, span_of(&raw));
		*text = (char *)out.data;
	} else {
		rc = fail(why, FAIL_BROKEN, "sign", "nothing was signed");
		fail_openssl(why, "EVP_DigestSign");
	}
	bytes_free(&header);
	bytes_free(&input);
	bytes_free(&raw);
	return rc;
}

/* ---- verifying ----------------------------------------------------------- */

/* RFC 4648, 5, without padding. */
static bool
base64url_read(struct bytes *out, struct span in)
{
	struct bytes text = {0};
	struct fail ignored = {0};
	bool ok = in.len > 0 && in.len % 4 != 1;

	for (size_t i = 0; i < in.len && ok; i++) {
		char c = (char)in.data[i];

		ok = c == '-' || c == '_' || (c >= '0' && c <= '9') ||
		     (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		bytes_addc(&text, c == '-' ? '+' : c == '_' ? '/' : c);
	}
	while (ok && text.len % 4 != 0)
		bytes_addc(&text, '=');
	ok = ok && base64_read(out, span_of(&text), &ignored) == 0;
	bytes_free(&text);
	return ok;
}

static bool
der_of(struct bytes *der, const struct bytes *raw, size_t half)
{
	ECDSA_SIG *sig;
	uint8_t *p = NULL;
	BIGNUM *r, *s;
	int len;

	if (raw->len != 2 * half)
		return false;
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(raw->data, (int)half, NULL);
	s = BN_bin2bn(raw->data + half, (int)half, NULL);
	if (sig == NULL || r == NULL || s == NULL ||
	    ECDSA_SIG_set0(sig, r, s) != 1)
		abort(); /* out of memory */
	len = i2d_ECDSA_SIG(sig, &p);
	if (len > 0)
		bytes_add(der, p, (size_t)len);
	OPENSSL_free(p);
	ECDSA_SIG_free(sig);
	return len > 0;
}

static bool
verify(const struct alg *alg, EVP_PKEY *key, const struct bytes *raw,
    struct span in)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_PKEY_CTX *ctx = NULL;
	struct bytes der = {0};
	bool ok = alg->half == 0 || der_of(&der, raw, alg->half);
	const struct bytes *sig = alg->half == 0 ? raw : &der;

	ok = ok && md != NULL &&
	     EVP_DigestVerifyInit(
		 md, &ctx, EVP_get_digestbyname(alg->hash), NULL, key) == 1 &&
	     padding_set(ctx, alg) &&
	     EVP_DigestVerify(md, sig->data, sig->len, in.data, in.len) == 1;
	bytes_free(&der);
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return ok;
}

static X509 *
signer_find(const STACK_OF(X509) * signers, const char *x5t)
{
	X509 *found = NULL;

	for (int i = 0; i < sk_X509_num(signers) && found == NULL; i++) {
		struct bytes its = {0};

		thumbprint(&its, sk_X509_value(signers, i));
		if (strcmp((const char *)its.data, x5t) == 0)
			found = sk_X509_value(signers, i);
		bytes_free(&its);
	}
	return found;
}

static int
no_signature(struct fail *why)
{
	return fail(why, FAIL_MALFORMED, "signature",
	    "RFC 7515, 7.1: this is no signature with the payload left out");
}

/* What the header says: which algorithm, whose key. */
static int
header_read(const struct alg **alg, X509 **signer, struct span text,
    const STACK_OF(X509) * signers, struct fail *why)
{
	struct bytes header = {0};
	struct fail ignored = {0};
	struct json *j = NULL;
	const char *name = NULL, *x5t = NULL;
	int rc = 0;

	if (!base64url_read(&header, text) ||
	    strlen((const char *)header.data) != header.len ||
	    json_read(&j, (const char *)header.data, &ignored) != 0 ||
	    (name = json_str_of(j, "alg")) == NULL ||
	    (x5t = json_str_of(j, "x5t#S256")) == NULL ||
	    /* RFC 7515, 4.1.11; RFC 7797, 3 */
	    json_of(j, "crit") != NULL || json_of(j, "b64") != NULL)
		rc = no_signature(why);
	for (size_t i = 0; rc == 0 && i < ALGS; i++)
		if (strcmp(algs[i].name, name) == 0)
			*alg = &algs[i];
	if (rc == 0 && (*signer = signer_find(signers, x5t)) == NULL)
		rc = fail(why, FAIL_DENIED, "signer",
		    "RFC 7515, 4.1.8: x5t#S256 names no signer known here");
	json_free(j);
	bytes_free(&header);
	return rc;
}

int
detached_verify(const char *text, struct span payload,
    const STACK_OF(X509) * signers, struct fail *why)
{
	const char *dots = strstr(text, "..");
	struct bytes input = {0}, raw = {0};
	const struct alg *alg = NULL;
	struct span header;
	X509 *signer = NULL;
	EVP_PKEY *key;
	bool ok;

	if (dots == NULL || strlen(text) > DETACHED_MAX ||
	    !base64url_read(&raw, span_str(dots + 2))) {
		bytes_free(&raw);
		return no_signature(why);
	}
	header = (struct span){(const uint8_t *)text, (size_t)(dots - text)};
	if (header_read(&alg, &signer, header, signers, why) != 0) {
		bytes_free(&raw);
		return -1;
	}
	key = X509_get0_pubkey(signer);
	input_write(&input, header, payload);
	/* RFC 7518, 3.1: the key says which algorithm, not the header. */
	ok = alg != NULL && key != NULL && fits(alg, key) &&
	     verify(alg, key, &raw, span_of(&input));
	bytes_free(&input);
	bytes_free(&raw);
	return ok ? 0
	          : fail(why, FAIL_DENIED, "signature",
			"RFC 7515, 5.2: the signature is not over this text");
}

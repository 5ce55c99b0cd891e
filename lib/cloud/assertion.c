#include "lib/cloud/assertion.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "lib/base/json.h"
#include "lib/cloud/escape.h"
#include "lib/cloud/guid.h"
#include "lib/key/job.h"
#include "lib/wire/cert.h"

#define LIFETIME 600 /* s */
#define RSA_BITS_MIN 2048
#define SIGNATURE_MAX 1024 /* octets: RSA with 8192 bits */

/* ---- RFC 7518, 3.3 and 3.5: the signature -------------------------------- */

struct signing {
	struct span in;
	uint8_t out[SIGNATURE_MAX];
	size_t len;
	bool pss;
};

/* RFC 7518, 3.5: MGF1 with the same hash, a salt of its length. */
static bool
padding_set(EVP_PKEY_CTX *ctx, bool pss)
{
	return !pss ||
	       (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		   EVP_PKEY_CTX_set_rsa_pss_saltlen(
		       ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
}

static int
token_sign(void *what, EVP_PKEY *key, const EVP_MD *hash)
{
	struct signing *s = what;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	int ok;

	s->len = sizeof(s->out);
	ok = ctx != NULL &&
	     EVP_DigestSignInit(ctx, &pctx, hash, NULL, key) == 1 &&
	     padding_set(pctx, s->pss) &&
	     EVP_DigestSign(ctx, s->out, &s->len, s->in.data, s->in.len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static int
token_verify(void *what, EVP_PKEY *key)
{
	const struct signing *s = what;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx;
	int ok;

	ok = ctx != NULL &&
	     EVP_DigestVerifyInit(ctx, &pctx, EVP_sha256(), NULL, key) == 1 &&
	     padding_set(pctx, s->pss) &&
	     EVP_DigestVerify(ctx, s->out, s->len, s->in.data, s->in.len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

/* ---- the token ----------------------------------------------------------- */

static void
thumbprint_add(
    struct json *header, const char *name, X509 *cert, const EVP_MD *hash)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct bytes text = {0};

	if (X509_digest(cert, hash, digest, &len) != 1)
		abort();
	base64url_write(&text, (struct span){digest, len});
	json_str(header, name, (char *)text.data);
	bytes_free(&text);
}

static void
part_add(struct bytes *out, struct json *part)
{
	char *text = json_text(part, 0);

	base64url_write(out, span_str(text));
	free(text);
	json_free(part);
}

static void
header_add(struct bytes *out, const struct assertion *a, bool pss)
{
	struct json *header = json_new_object();

	json_str(header, "alg", a->algorithm);
	json_str(header, "typ", "JWT");
	if (pss)
		thumbprint_add(header, "x5t#S256", a->cert, EVP_sha256());
	else
		thumbprint_add(header, "x5t", a->cert, EVP_sha1());
	part_add(out, header);
}

static void
claims_add(struct bytes *out, const struct assertion *a)
{
	struct json *claims = json_new_object();
	char id[GUID_LEN];

	guid_write(id);
	json_str(claims, "aud", a->audience);
	json_str(claims, "iss", a->client_id);
	json_str(claims, "sub", a->client_id);
	json_str(claims, "jti", id);
	json_int(claims, "nbf", a->now);
	json_int(claims, "iat", a->now);
	json_int(claims, "exp", a->now + LIFETIME);
	part_add(out, claims);
}

/* What Entra would refuse anyway, in words that say more. */
static int
check(const struct assertion *a, struct fail *why)
{
	EVP_PKEY *public = NULL;
	struct cert *cert = NULL;
	struct bytes der = {0};
	int rc = -1;

	cert_der_add(&der, a->cert);
	if (key_public(&public, a->key, why) != 0 ||
	    cert_read(&cert, span_of(&der), why) != 0)
		goto out;
	if (EVP_PKEY_eq(public, X509_get0_pubkey(a->cert)) != 1)
		(void)fail(why, FAIL_CONFIG, "cloud-credential",
		    "the certificate for Entra is not its key's");
	else if (EVP_PKEY_get_base_id(public) != EVP_PKEY_RSA ||
		 EVP_PKEY_get_bits(public) < RSA_BITS_MIN)
		(void)fail(why, FAIL_CONFIG, "cloud-credential",
		    "Entra takes RSA keys of 2048 bits and more only");
	else if (a->now > cert->not_after)
		(void)fail(why, FAIL_CONFIG, "cloud-credential",
		    "the certificate for Entra has expired");
	else
		rc = 0;
out:
	EVP_PKEY_free(public);
	cert_free(cert);
	bytes_free(&der);
	return rc;
}

int
assertion_write(
    struct bytes *out, const struct assertion *assertion, struct fail *why)
{
	struct bytes text = {0};
	struct signing s = {.pss = strcmp(assertion->algorithm, "PS256") == 0};
	struct job job = {token_sign, token_verify, &s, EVP_sha256()};
	int rc;

	if (check(assertion, why) != 0)
		return -1;
	header_add(&text, assertion, s.pss);
	bytes_addc(&text, '.');
	claims_add(&text, assertion);
	s.in = span_of(&text);
	rc = key_do(assertion->key, &job, why);
	if (rc == 0) {
		bytes_add(out, text.data, text.len);
		bytes_addc(out, '.');
		base64url_write(out, (struct span){s.out, s.len});
	} else if (s.pss && why->kind == FAIL_BROKEN) {
		(void)fail_cause(why, "a token that makes no RSA-PSS needs "
				      "algorithm = \"RS256\"");
	}
	OPENSSL_cleanse(&s, sizeof(s));
	bytes_wipe(&text);
	return rc;
}

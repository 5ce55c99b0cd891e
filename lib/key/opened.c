#include "lib/key/opened.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "lib/base/when.h"
#include "lib/key/p11.h"
#include "lib/key/watch.h"

#define ENTER_WAIT 2.0 /* s */

const EVP_MD *
opened_hash(const EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_ED25519:
	case EVP_PKEY_ED448:
		return NULL; /* RFC 8410: the scheme has its own */
	case EVP_PKEY_EC:
		/* RFC 5480, 4: a hash as strong as the curve. */
		if (EVP_PKEY_get_bits(key) > 384)
			return EVP_sha512();
		return EVP_PKEY_get_bits(key) > 256 ? EVP_sha384()
		                                    : EVP_sha256();
	default:
		return EVP_sha256();
	}
}

static int
self_sign(uint8_t *sig, size_t *len, struct span text, EVP_PKEY *private,
    const EVP_MD *hash)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	struct watch watch;
	int ok;

	watch_begin(&watch, "the token's first signature");
	ok = ctx != NULL &&
	     EVP_DigestSignInit(ctx, NULL, hash, NULL, private) == 1 &&
	     EVP_DigestSign(ctx, sig, len, text.data, text.len) == 1;
	watch_end(&watch);
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -1;
}

static bool
self_verify(const uint8_t *sig, size_t len, struct span text, EVP_PKEY *public,
    const EVP_MD *hash)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL &&
	          EVP_DigestVerifyInit(ctx, NULL, hash, NULL, public) == 1 &&
	          EVP_DigestVerify(ctx, sig, len, text.data, text.len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

/* A key that cannot sign, or is not the public key's, is told at once. */
static int
self_test(EVP_PKEY *private, EVP_PKEY *public, struct fail *why)
{
	uint8_t text[32], sig[1024];
	size_t len = sizeof(sig);
	struct span in = {text, sizeof(text)};
	const EVP_MD *hash = opened_hash(public);

	if (RAND_bytes(text, sizeof(text)) != 1)
		return fail(why, FAIL_BUSY, "random", "no random octets");
	ERR_clear_error();
	if (self_sign(sig, &len, in, private, hash) != 0) {
		fail(why, FAIL_BUSY, p11_error_word(),
		    "the private key does not sign");
		return fail_openssl(why, "first signature");
	}
	if (!self_verify(sig, len, in, public, hash)) {
		fail(why, FAIL_BROKEN, "sign-check",
		    "what the private key signs is not the public key's");
		return fail_openssl(why, "first signature");
	}
	return 0;
}

/* A file's own public half, decoded once, apart from the private one. */
static EVP_PKEY *
public_half(EVP_PKEY *key)
{
	unsigned char *der = NULL;
	const unsigned char *in;
	int len = i2d_PUBKEY(key, &der);
	EVP_PKEY *half;

	if (len <= 0)
		return NULL;
	in = der;
	half = d2i_PUBKEY(NULL, &in, len);
	OPENSSL_free(der);
	return half;
}

static int
open_file(struct opened *o, const struct place *place, struct fail *why)
{
	if (place_read_file(&o->file, place, why) != 0)
		return -1;
	o->public = public_half(o->file);
	if (o->public == NULL)
		return fail(why, FAIL_BUSY, "token-key",
		    "the key file's key has no public half");
	return self_test(o->file, o->public, why);
}

static int
open_token(struct opened *o, const struct place *place, struct fail *why)
{
	struct token_place at = place_token(place);
	int rc;

	if (token_open(&o->token, &at, true, why) != 0)
		return -1;
	if (!tokens_enter(when_clock() + ENTER_WAIT))
		return fail(why, FAIL_BUSY, "token-session",
		    "another token is being opened");
	if (!token_alive(o->token)) {
		rc = fail(why, FAIL_BUSY, "token-session",
		    "the token was closed meanwhile");
	} else {
		o->public = token_public(o->token);
		(void)EVP_PKEY_up_ref(o->public);
		rc = self_test(token_private(o->token), o->public, why);
	}
	tokens_leave();
	return rc;
}

int
opened_make(struct opened *opened, const struct place *place, struct fail *why)
{
	struct opened o = {0};
	int rc = place->uri != NULL ? open_token(&o, place, why)
	                            : open_file(&o, place, why);

	if (rc != 0) {
		opened_close(&o);
		place_hint(place, why);
		if (why->kind != FAIL_BROKEN ||
		    strcmp(why->reason, "file") == 0)
			fail_hide(why, "the CA's key cannot be opened");
		why->kind = why->kind == FAIL_BROKEN ? FAIL_BROKEN : FAIL_BUSY;
	}
	*opened = o;
	return rc;
}

bool
opened_alive(const struct opened *opened)
{
	return opened->token == NULL || token_alive(opened->token);
}

EVP_PKEY *
opened_private(const struct opened *opened)
{
	return opened->token != NULL ? token_private(opened->token)
	                             : opened->file;
}

void
opened_close(struct opened *opened)
{
	token_close(opened->token);
	EVP_PKEY_free(opened->file);
	EVP_PKEY_free(opened->public);
	*opened = (struct opened){0};
}

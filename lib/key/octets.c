#include "lib/key/job.h"
#include "lib/key/opened.h"

#define SIGNATURE_MOST 1024 /* RSA of 8192 bits */

struct octets {
	struct span in;
	const EVP_MD *hash;
	uint8_t out[SIGNATURE_MOST];
	size_t len;
};

static int
octets_sign(void *what, EVP_PKEY *key, const EVP_MD *hash)
{
	struct octets *o = what;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok;

	o->hash = hash;
	o->len = sizeof(o->out);
	ok = ctx != NULL &&
	     EVP_DigestSignInit(ctx, NULL, hash, NULL, key) == 1 &&
	     EVP_DigestSign(ctx, o->out, &o->len, o->in.data, o->in.len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

static int
octets_verify(void *what, EVP_PKEY *key)
{
	struct octets *o = what;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok =
	    ctx != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, o->hash, NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, o->out, o->len, o->in.data, o->in.len) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

int
key_sign_octets(struct bytes *signature, struct key *key, struct span in,
    const EVP_MD *hash, struct fail *why)
{
	struct octets o = {.in = in};
	struct job job = {octets_sign, octets_verify, &o, hash};

	if (key_do(key, &job, why) != 0)
		return -1;
	bytes_add(signature, o.out, o.len);
	return 0;
}

const EVP_MD *
key_hash(const EVP_PKEY *public)
{
	return opened_hash(public);
}

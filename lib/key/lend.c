/* libp11 needs the old methods too, and there is no other way to sign for
 * OpenSSL without a provider of one's own. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <pthread.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "lib/key/job.h"

/* What hangs on the RSA or EC_KEY that is lent. */
struct lent {
	struct key *key;
	struct fail why;
};

/* One raw signature. */
struct raw {
	const unsigned char *in;
	size_t in_len;
	unsigned char *out;
	size_t out_len, out_size;
	int padding; /* RSA */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static RSA_METHOD *rsa_method;
static EC_KEY_METHOD *ec_method;
static int rsa_index, ec_index;

/* ---- the job ------------------------------------------------------------- */

static int
raw_sign(void *what, EVP_PKEY *key, const EVP_MD *hash)
{
	struct raw *raw = what;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	int ok;

	(void)hash;
	raw->out_len = raw->out_size;
	ok = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1 &&
	     (raw->padding == 0 ||
		 EVP_PKEY_CTX_set_rsa_padding(ctx, raw->padding) == 1) &&
	     EVP_PKEY_sign(
		 ctx, raw->out, &raw->out_len, raw->in, raw->in_len) == 1;
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static int
ec_verify(void *what, EVP_PKEY *key)
{
	const struct raw *raw = what;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	int ok = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
	         EVP_PKEY_verify(
		     ctx, raw->out, raw->out_len, raw->in, raw->in_len) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

/* The public operation gives back what went in. */
static int
rsa_verify(void *what, EVP_PKEY *key)
{
	const struct raw *raw = what;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	unsigned char back[1024 + 1];
	size_t len = sizeof(back);
	int ok = ctx != NULL && EVP_PKEY_verify_recover_init(ctx) == 1 &&
	         EVP_PKEY_CTX_set_rsa_padding(ctx, raw->padding) == 1 &&
	         EVP_PKEY_get_size(key) < (int)sizeof(back) &&
	         EVP_PKEY_verify_recover(
		     ctx, back, &len, raw->out, raw->out_len) == 1 &&
	         len == raw->in_len && memcmp(back, raw->in, len) == 0;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static int
lent_do(struct lent *lent, struct raw *raw,
    int (*verify)(void *what, EVP_PKEY *key))
{
	struct job job = {raw_sign, verify, raw, NULL};

	lent->why = (struct fail){0};
	return key_do(lent->key, &job, &lent->why);
}

/* ---- as OpenSSL calls it ------------------------------------------------- */

static int
rsa_private(
    int len, const unsigned char *in, unsigned char *out, RSA *rsa, int padding)
{
	struct raw raw = {
	    in, (size_t)len, out, 0, (size_t)RSA_size(rsa), padding};

	if (lent_do(RSA_get_ex_data(rsa, rsa_index), &raw, rsa_verify) != 0)
		return -1;
	return (int)raw.out_len;
}

static int
ec_private(int type, const unsigned char *in, int len, unsigned char *out,
    unsigned *out_len, const BIGNUM *kinv, const BIGNUM *r, EC_KEY *ec)
{
	struct raw raw = {in, (size_t)len, out, 0, (size_t)ECDSA_size(ec), 0};

	(void)type;
	(void)kinv;
	(void)r;
	if (lent_do(EC_KEY_get_ex_data(ec, ec_index), &raw, ec_verify) != 0)
		return 0;
	*out_len = (unsigned)raw.out_len;
	return 1;
}

static void
lent_free(void *parent, void *lent, CRYPTO_EX_DATA *data, int index, long argl,
    void *argp)
{
	(void)parent;
	(void)data;
	(void)index;
	(void)argl;
	(void)argp;
	OPENSSL_free(lent);
}

static void
methods_make(void)
{
	rsa_index = RSA_get_ex_new_index(0, NULL, NULL, NULL, lent_free);
	ec_index = EC_KEY_get_ex_new_index(0, NULL, NULL, NULL, lent_free);
	rsa_method = RSA_meth_dup(RSA_get_default_method());
	ec_method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
	if (rsa_index < 0 || ec_index < 0 || rsa_method == NULL ||
	    ec_method == NULL ||
	    RSA_meth_set_priv_enc(rsa_method, rsa_private) != 1)
		abort();
	EC_KEY_METHOD_set_sign(ec_method, ec_private, NULL, NULL);
}

/* ---- the key that is lent ------------------------------------------------ */

static struct lent *
lent_new(struct key *key)
{
	struct lent *lent = OPENSSL_zalloc(sizeof(*lent));

	if (lent == NULL)
		abort();
	lent->key = key;
	return lent;
}

static bool
rsa_make(EVP_PKEY *lent, const EVP_PKEY *public, struct key *key)
{
	BIGNUM *n = NULL, *e = NULL;
	RSA *rsa = RSA_new();
	bool ok =
	    rsa != NULL &&
	    EVP_PKEY_get_bn_param(public, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
	    EVP_PKEY_get_bn_param(public, OSSL_PKEY_PARAM_RSA_E, &e) == 1 &&
	    RSA_set0_key(rsa, n, e, NULL) == 1;

	if (ok) {
		n = e = NULL;
		ok = RSA_set_method(rsa, rsa_method) == 1 &&
		     RSA_set_ex_data(rsa, rsa_index, lent_new(key)) == 1 &&
		     EVP_PKEY_set1_RSA(lent, rsa) == 1;
	}
	RSA_free(rsa);
	BN_free(n);
	BN_free(e);
	return ok;
}

static EC_KEY *
ec_of(const EVP_PKEY *public)
{
	char group[64];
	unsigned char point[256];
	size_t len;
	EC_KEY *ec;

	if (EVP_PKEY_get_group_name(public, group, sizeof(group), NULL) != 1 ||
	    EVP_PKEY_get_octet_string_param(public, OSSL_PKEY_PARAM_PUB_KEY,
		point, sizeof(point), &len) != 1)
		return NULL;
	ec = EC_KEY_new_by_curve_name(OBJ_txt2nid(group));
	if (ec != NULL && EC_KEY_oct2key(ec, point, len, NULL) != 1) {
		EC_KEY_free(ec);
		ec = NULL;
	}
	return ec;
}

static bool
ec_make(EVP_PKEY *lent, const EVP_PKEY *public, struct key *key)
{
	EC_KEY *ec = ec_of(public);
	bool ok = ec != NULL && EC_KEY_set_method(ec, ec_method) == 1 &&
	          EC_KEY_set_ex_data(ec, ec_index, lent_new(key)) == 1 &&
	          EVP_PKEY_set1_EC_KEY(lent, ec) == 1;

	EC_KEY_free(ec);
	return ok;
}

int
key_lend(EVP_PKEY **lent, struct key *key, struct fail *why)
{
	EVP_PKEY *public, *copy = EVP_PKEY_new();
	bool ok = false;

	*lent = NULL;
	(void)pthread_once(&once, methods_make);
	if (copy == NULL)
		abort();
	if (key_public(&public, key, why) != 0) {
		EVP_PKEY_free(copy);
		return -1;
	}
	if (EVP_PKEY_get_base_id(public) == EVP_PKEY_RSA)
		ok = rsa_make(copy, public, key);
	else if (EVP_PKEY_get_base_id(public) == EVP_PKEY_EC)
		ok = ec_make(copy, public, key);
	EVP_PKEY_free(public);
	if (ok) {
		*lent = copy;
		return 0;
	}
	EVP_PKEY_free(copy);
	fail(why, FAIL_CONFIG, "key-type",
	    "only RSA and EC keys can be used for TLS");
	return fail_openssl(why, "key");
}

int
key_lent_state(EVP_PKEY *lent, struct fail *why)
{
	struct lent *l =
	    EVP_PKEY_get_base_id(lent) == EVP_PKEY_RSA
		? RSA_get_ex_data(EVP_PKEY_get0_RSA(lent), rsa_index)
		: EC_KEY_get_ex_data(EVP_PKEY_get0_EC_KEY(lent), ec_index);

	if (l->why.reason == NULL)
		return 0;
	*why = l->why;
	l->why = (struct fail){0};
	return -1;
}

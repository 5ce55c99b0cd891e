#include "lib/key/fresh.h"

#include <string.h>

#include <openssl/ec.h>
#include <openssl/rsa.h>

static const struct {
	const char *word, *algorithm, *curve;
	size_t bits;
} types[] = {
    {"p256", "EC", "P-256", 0},
    {"p384", "EC", "P-384", 0},
    {"p521", "EC", "P-521", 0},
    {"rsa2048", "RSA", NULL, 2048},
    {"rsa3072", "RSA", NULL, 3072},
    {"rsa4096", "RSA", NULL, 4096},
    {"ed25519", "ED25519", NULL, 0},
    {"ed448", "ED448", NULL, 0},
};

static EVP_PKEY *
make(const char *word)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i].word, word) != 0)
			continue;
		if (types[i].curve != NULL)
			return EVP_EC_gen(types[i].curve);
		if (types[i].bits != 0)
			return EVP_RSA_gen(types[i].bits);
		return EVP_PKEY_Q_keygen(NULL, NULL, types[i].algorithm);
	}
	return NULL;
}

int
fresh_key(EVP_PKEY **key, const char *type, struct fail *why)
{
	*key = make(type);
	if (*key != NULL)
		return 0;
	fail(why, FAIL_BROKEN, "openssl", "no key can be made");
	return fail_openssl(why, "key of type %s", type);
}

/*
 * job - one private-key operation, as key.c runs all of them: with a key that
 * stays valid, judged by the public half, once more after a token's error.  And
 * what else is done in a token that is open.
 */
#ifndef MICROCA_JOB_H
#define MICROCA_JOB_H

#include "lib/key/key.h"

/* Something to sign; both as X509_sign() and X509_verify() answer. */
struct job {
	int (*sign)(void *what, EVP_PKEY *key, const EVP_MD *hash);
	int (*verify)(void *what, EVP_PKEY *key);
	void *what;
	const EVP_MD *hash; /* NULL: the key's own */
};

/* Fails as key_sign_cert(). */
MUST_CHECK int key_do(struct key *key, const struct job *job, struct fail *why);

/*
 * Something else in the key's token, which is logged in and is not closed
 * meanwhile: `step` gets a CK_FUNCTION_LIST * and the token's slot.  Fails: as
 * key_ready(), and `step`; FAIL_CONFIG "data-object" for a key in a file.
 */
MUST_CHECK int key_in_token(struct key *key,
    int (*step)(
	void *what, void *functions, unsigned long slot, struct fail *why),
    void *what, struct fail *why);

#endif

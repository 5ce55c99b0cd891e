/*
 * opened - one opening of a key, in a token or a file, proven to sign.
 */
#ifndef MICROCA_OPENED_H
#define MICROCA_OPENED_H

#include "lib/key/place.h"

struct opened {
	struct token *token;
	EVP_PKEY *file;   /* or this */
	EVP_PKEY *public; /* of neither: stays good after a close */
};

/*
 * Open, sign something and verify that.  Fails: FAIL_BUSY with the words of
 * key_ready(), FAIL_BROKEN "sign-check"; `opened` is then all zero.
 */
MUST_CHECK int opened_make(
    struct opened *opened, const struct place *place, struct fail *why);
void opened_close(struct opened *opened);

/* Between tokens_enter() and tokens_leave() only. */
bool opened_alive(const struct opened *opened);
EVP_PKEY *opened_private(const struct opened *opened); /* borrowed */

/* The hash that goes with a public key; NULL for EdDSA. */
const EVP_MD *opened_hash(const EVP_PKEY *public);

#endif

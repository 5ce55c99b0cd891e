/*
 * token - a PKCS#11 token held open by a process of many threads.
 *
 * C_Initialize and C_Finalize are the process's, not ours alone: closing one
 * token ends every other that this process has in the same module.  Those are
 * closed with it and token_alive() says so; their owners open again.
 */
#ifndef MICROCA_TOKEN_H
#define MICROCA_TOKEN_H

#include <openssl/evp.h>

#include "lib/key/pkcs11uri.h"

struct token;

/* Borrowed during the call. */
struct token_place {
	const struct pkcs11uri *uri;
	const char *module;   /* absolute path */
	const char *pin_file; /* NULL: no login */
	const char *state;    /* folder of the lock file and the PIN's mark */
};

/*
 * Any number of threads use keys between enter and leave; opening and closing
 * is done alone.  False when `until` (when_clock()) comes first.
 */
MUST_CHECK bool tokens_enter(double until);
void tokens_leave(void);

/*
 * Open under the lock file token.lock, with five tries (SoftHSM fails when
 * programs open it in the same moment).  With `pick` the one private key that
 * the URI names is looked up; without, the lock is kept until the close.
 * Fails: as p11_open().
 */
MUST_CHECK int token_open(struct token **token, const struct token_place *place,
    bool pick, struct fail *why);
void token_close(struct token *token); /* NULL is fine */

/* The rest only between enter and leave, and only of a token alive. */
bool token_alive(const struct token *token);
EVP_PKEY *token_private(const struct token *token); /* borrowed */
EVP_PKEY *token_public(const struct token *token);  /* may be kept by ref */
/* The module's functions, a CK_FUNCTION_LIST *, and the token's slot. */
void *token_functions(const struct token *token, unsigned long *slot);

#endif

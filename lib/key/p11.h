/*
 * p11 - one opening of a PKCS#11 token through libp11, and one key in it.
 *
 * The only code that knows libp11 0.4.12 and its traps.  It waits for ever
 * when C_OpenSession fails: tried first through the module's own functions.
 * PKCS11_CTX_unload() after a failed load crashes: not done.  It lists no keys
 * at all when one is of a type that it does not know: the message says so.
 * After any error only a full close and reopen helps, so a token is opened
 * once, used, and closed, never mended.  No locks here: token.h has them.
 */
#ifndef MICROCA_P11_H
#define MICROCA_P11_H

#include <openssl/evp.h>

#include "lib/key/pkcs11uri.h"

struct p11;

struct p11_wish {
	const struct pkcs11uri *uri;
	const char *module; /* absolute path */
	const char *pin;    /* NULL: no login */
	bool pick;          /* find the one private key that the URI names */
};

/* What the token said of the PIN. */
enum p11_pin {
	P11_PIN_FINE, /* nothing */
	P11_PIN_REFUSED,
	P11_PIN_LOCKED /* it looks at none for now, the right one neither */
};

/*
 * One try.  `p11` is set, also after a failure, and wants a close.  Fails:
 * FAIL_BUSY "token-absent", "token-pin", "token-key", "token-module",
 * "token-session".
 */
MUST_CHECK int p11_open(struct p11 **p11, const struct p11_wish *wish,
    enum p11_pin *said, struct fail *why);
/* True when C_Finalize was called: it ended all that this process has in the
 * same module. */
bool p11_close(struct p11 *p11);

/* Borrowed: the key for signing, and its public half free of libp11. */
EVP_PKEY *p11_private(const struct p11 *p11);
EVP_PKEY *p11_public(const struct p11 *p11);
/* The module's functions, a CK_FUNCTION_LIST *, and the token's slot. */
void *p11_functions(const struct p11 *p11, unsigned long *slot);
/* "token-absent", "token-key" or "token-session" by OpenSSL's error queue. */
const char *p11_error_word(void);
/* Was it what we wanted signed that has no encoding, and not the token? */
bool p11_error_is_ours(void);

#endif

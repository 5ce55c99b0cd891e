/*
 * place - a struct key_place read, checked and owned.
 */
#ifndef MICROCA_PLACE_H
#define MICROCA_PLACE_H

#include "lib/key/key.h"
#include "lib/key/pkcs11uri.h"
#include "lib/key/token.h"

struct place {
	struct pkcs11uri *uri; /* NULL: a PEM file */
	char *text;            /* the URI, or the file's path */
	char *module, *pin_file, *state;
};

/*
 * The URI's own module and PIN file go before those of `from`.  Fails:
 * FAIL_CONFIG "pkcs11-uri", "pkcs11-module", "file-mode".
 */
MUST_CHECK int place_read(
    struct place **place, const struct key_place *from, struct fail *why);
void place_free(struct place *place); /* NULL is fine */
bool place_equal(const struct place *a, const struct place *b);
struct token_place place_token(const struct place *place); /* borrowed */
/* A TPM's module says little: add to the cause what to look at. */
void place_hint(const struct place *place, struct fail *why);

/* A PEM file's private key.  FAIL_BUSY "token-absent", "token-key". */
MUST_CHECK int place_read_file(
    EVP_PKEY **key, const struct place *place, struct fail *why);

#endif

/*
 * pkcs11uri - RFC 7512 URIs that name one private key, strictly.  Pure.
 *
 * Refused: an attribute twice, an unknown path attribute, pin-value, a
 * pin-source that is not file:, a module-path that is not absolute, slot-id
 * (slot numbers move).  Unknown query attributes are ignored (RFC 7512, 2.4).
 */
#ifndef MICROCA_PKCS11URI_H
#define MICROCA_PKCS11URI_H

#include "lib/base/bytes.h"

struct pkcs11uri {
	char *token, *serial, *model, *manufacturer; /* of the token; or NULL */
	char *object;                                /* CKA_LABEL; or NULL */
	struct bytes id;                             /* CKA_ID; may be empty */
	char *pin_file;                              /* or NULL */
	char *module;                                /* or NULL */
};

/* FAIL_CONFIG "pkcs11-uri".  token or serial, and object or id, are needed. */
MUST_CHECK int pkcs11uri_read(
    struct pkcs11uri **uri, const char *text, struct fail *why);
void pkcs11uri_free(struct pkcs11uri *uri);
/* Does `text` start with "pkcs11:"? */
bool pkcs11uri_is(const char *text);

#endif

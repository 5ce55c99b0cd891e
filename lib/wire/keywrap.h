/*
 * keywrap - which algorithms encrypt a key for a client, out of those that it
 * lists (SMIMECapabilities, RFC 8551, 2.5.2; RFC 7030, 4.4.1).  Pure.
 *
 * RSA: RSAES-OAEP (RFC 8017, A.2.1) with SHA-1, SHA-256, SHA-384 or SHA-512,
 * or PKCS #1 v1.5.  EC: ephemeral-static Diffie-Hellman with a SHA-2 KDF (RFC
 * 5753, 7.1.4) and AES key wrap (RFC 3565).  Content: AES-CBC.
 */
#ifndef MICROCA_KEYWRAP_H
#define MICROCA_KEYWRAP_H

#include <stdbool.h>

#include "lib/base/bytes.h"

struct keywrap {
	int oaep;    /* NID of its hash; NID_undef: PKCS #1 v1.5 (RSA) */
	int kdf;     /* NID of its hash (EC) */
	int wrap;    /* NID of the key wrap (EC) */
	int content; /* NID of the cipher */
};

/*
 * `capabilities` is the content of SMIMECapabilities; `ec`: the recipient has
 * an EC key, else RSA.  The first that we know of those listed, which the
 * client prefers; the content cipher is AES-256, or the strongest AES listed
 * when any is.  FAIL_MALFORMED "csr-attrs" (no SMIMECapabilities), "key-wrap"
 * (none that we know and that fits the key).
 */
MUST_CHECK int keywrap_choose(
    struct keywrap *wrap, struct span capabilities, bool ec, struct fail *why);

#endif

/*
 * keypackage - a private key signed by who made it and encrypted for who asked
 * (RFC 7030, 4.4.2; RFC 5958, 2; RFC 5652, 5 and 6).
 *
 * AsymmetricKeyPackage in SignedData in EnvelopedData.  The encrypted content
 * is the SignedData itself, as its type id-signedData says, without a
 * ContentInfo around it.
 */
#ifndef MICROCA_KEYPACKAGE_H
#define MICROCA_KEYPACKAGE_H

#include <openssl/x509.h>

#include "lib/base/bytes.h"
#include "lib/wire/keywrap.h"

struct keypackage {
	struct span pkcs8;      /* PrivateKeyInfo */
	X509 *recipient;        /* whose key decrypts: RSA or EC */
	struct keywrap wrap;    /* how */
	X509 *signer;           /* who made the key … */
	EVP_PKEY *key;          /* … and its own */
	STACK_OF(X509) * above; /* sent along: from the signer's issuer on */
};

/*
 * Append the DER of the ContentInfo.  The recipient is named by its subject
 * key identifier when its certificate has one, else by issuer and serial
 * number.  What held the key in clear is wiped.  FAIL_BROKEN "openssl".
 */
MUST_CHECK int keypackage_write(
    struct bytes *out, const struct keypackage *package, struct fail *why);

#endif

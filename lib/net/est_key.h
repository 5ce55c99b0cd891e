/*
 * est_key - the private key in a serverkeygen answer (RFC 7030, 4.4.2): a
 * PKCS#8 PrivateKeyInfo, plain, or as an AsymmetricKeyPackage (RFC 5958) in a
 * SignedData in an EnvelopedData (RFC 5652) for a key of ours.
 *
 * Recipients: key transport (RSA) and key agreement (EC).  The signature
 * inside is verified (est_signed.h).
 */
#ifndef MICROCA_EST_KEY_H
#define MICROCA_EST_KEY_H

#include "lib/net/est.h"
#include "lib/wire/multipart.h"

/*
 * The PrivateKeyInfo's DER (a secret: bytes_wipe()) of a part, compared with
 * the certificate.  FAIL_MALFORMED "up-type", "up-body"; FAIL_DENIED "up-key":
 * it cannot be decrypted, is not signed as it should be, is not the certificate's, or is weak.
 */
MUST_CHECK int est_key_read(struct bytes *key,
    const struct multipart_body *part, const struct est_decrypt *with,
    X509 *leaf, struct fail *why);

/* Is that a part's type for keys? */
bool est_key_is(const struct multipart_body *part);

#endif

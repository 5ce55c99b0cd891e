/*
 * staple - the OCSP response that a server sends along with its certificate
 * (RFC 6066, 8; RFC 6960).
 *
 * "Revoked" is believed of whoever may say so, however old.  No response, one
 * that is not about the certificate or by nobody who may speak, says nothing,
 * unless the certificate promises one (RFC 7633): then it has to be there, to
 * say "good", and to be of these days.  Nobody else is asked, and the CAs above
 * are not looked at.
 */
#ifndef MICROCA_STAPLE_H
#define MICROCA_STAPLE_H

#include <openssl/ssl.h>

#include "lib/base/bytes.h"

/* After the chain was verified.  `der` NULL: nothing came.  FAIL_DENIED
 * "up-tls". */
MUST_CHECK int staple_check(const unsigned char *der, long len,
    STACK_OF(X509) * chain, X509_STORE *store, struct fail *why);

#endif

/*
 * est_signed - who made a key that comes encrypted (RFC 7030, 4.4.2): the
 * signature between envelope and key, by a certificate of the CA's.
 *
 * Encryption keeps the key from whoever stands between client and generator;
 * only the signature keeps them from putting one of theirs in its place.
 */
#ifndef MICROCA_EST_SIGNED_H
#define MICROCA_EST_SIGNED_H

#include "lib/net/est.h"

/*
 * `content` is SignedData, in a ContentInfo or without.  The signer's
 * certificate ends in an anchor, may sign, and is for nothing else: no
 * extKeyUsage, or one of a key generation or registration authority (RFC 9483,
 * 4.1.6.3; RFC 6402, 2.10).  FAIL_DENIED "up-key", also when nobody has signed.
 */
MUST_CHECK int est_signed_check(
    struct span content, const struct est_decrypt *with, struct fail *why);

#endif

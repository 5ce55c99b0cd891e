/*
 * status - OCSP over HTTP (RFC 6960, appendix A; RFC 5019): what the program
 * `ocsp` does.
 *
 * POST, or GET with the request in the path.  The store is asked each time, so
 * a revocation shows at once; only signatures are saved: an answer is known by
 * what it says.  A serial that we never issued is `unknown`; another CA's
 * certificate is `unauthorized`, for the whole request.
 *
 * Signing has a share of the time (ocsp.share), answers with a nonce a smaller
 * one (ocsp.nonce_share).  When that is used up the answer comes without the
 * nonce (RFC 6960, 4.4.1 leaves it open), when all of it is, tryLater.
 */
#ifndef MICROCA_STATUS_H
#define MICROCA_STATUS_H

#include "lib/web/serve.h"

/* operation.run */
MUST_CHECK int status_run(struct ca *ca, const struct request *rq,
    struct reply *rp, struct fail *why);

#endif

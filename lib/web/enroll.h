/*
 * enroll - what simpleenroll, simplereenroll and serverkeygen have in common:
 * one straight line from a request to a recorded certificate (RFC 7030, 4.2,
 * 4.4).
 */
#ifndef MICROCA_ENROLL_H
#define MICROCA_ENROLL_H

#include "lib/web/serve.h"

/* `renewal`: only a renewal will do (simplereenroll); else one is recognised
 * when it comes through simpleenroll. */
MUST_CHECK int enroll(struct ca *ca, const struct request *rq, struct reply *rp,
    const char *operation, bool renewal, struct fail *why);

/* serverkeygen: the key is made here, and sent before the certificate. */
MUST_CHECK int enroll_made(struct ca *ca, const struct request *rq,
    struct reply *rp, const char *operation, struct fail *why);
/* Nobody got the answer, so nobody has the key: its certificate is revoked,
 * cessationOfOperation.  For struct operation's `lost`. */
void enroll_lost(
    struct ca *ca, const struct request *rq, const struct trace *trace);

#endif

/*
 * enroll - what simpleenroll and simplereenroll have in common: one straight
 * line from a request to a recorded certificate (RFC 7030, 4.2).
 */
#ifndef MICROCA_ENROLL_H
#define MICROCA_ENROLL_H

#include "lib/web/serve.h"

/* `renewal`: only a renewal will do (simplereenroll); else one is recognised
 * when it comes through simpleenroll. */
MUST_CHECK int enroll(struct ca *ca, const struct request *rq, struct reply *rp,
    const char *operation, bool renewal, struct fail *why);

#endif

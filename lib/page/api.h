/*
 * api - what /api/v1/ answers (docs/inventory.yaml), and what the pages share
 * with it: finding one certificate, acts, exports.
 */
#ifndef MICROCA_API_H
#define MICROCA_API_H

#include "lib/page/front.h"
#include "lib/page/views.h"

int api_list(struct ask *ask, struct sheet *sheet, struct fail *why);
int api_one(struct ask *ask, struct sheet *sheet, struct fail *why);
int api_history(struct ask *ask, struct sheet *sheet, struct fail *why);
int api_pending(struct ask *ask, struct sheet *sheet, struct fail *why);
int api_statistics(struct ask *ask, struct sheet *sheet, struct fail *why);
int api_session(struct ask *ask, struct sheet *sheet, struct fail *why);
int api_act(struct ask *ask, struct sheet *sheet, struct fail *why);
int api_decide(struct ask *ask, struct sheet *sheet, struct fail *why);
/* PEM and DER, for API and pages. */
int api_pem(struct ask *ask, struct sheet *sheet, struct fail *why);
int api_der(struct ask *ask, struct sheet *sheet, struct fail *why);
/* Everything that a query asks for, streamed in constant memory. */
int api_export_csv(struct ask *ask, struct sheet *sheet, struct fail *why);
int api_export_json(struct ask *ask, struct sheet *sheet, struct fail *why);

/* By its fingerprint, ask->segment[0].  FAIL_MALFORMED "query", FAIL_ABSENT
 * "unknown-certificate".  record_free() in any case. */
MUST_CHECK int ask_record(
    struct record *r, const struct ask *ask, struct fail *why);

/* acts.c: what somebody may do with a certificate, and doing it.  `act` is
 * "revoke", "hold" or "release"; the form has "reason" and "note", and "confirm" has to
 * be "yes" (or true).  FAIL_ABSENT "path": there is no such act;
 * FAIL_MALFORMED "confirm", "reason"; as revoke_act(). */
bool act_is(const char *act);
bool act_decides(const char *act);
MUST_CHECK int act_certificate(bool *changed, const struct ask *ask,
    const struct record *r, const char *act, struct fail *why);
/* "approve" or "deny", of the request with this number (decimal).  As
 * store_pending_decide(). */
MUST_CHECK int act_request(bool *changed, const struct ask *ask,
    const char *number, const char *act, struct fail *why);

#endif

/*
 * est_handle - what is inside a struct est, for the files that make it up.
 */
#ifndef MICROCA_EST_HANDLE_H
#define MICROCA_EST_HANDLE_H

#include "lib/net/challenge.h"
#include "lib/net/est.h"
#include "lib/net/http.h"
#include "lib/net/origin.h"

#define EST_PKCS7 "application/pkcs7-mime"

struct est {
	struct est_server server;
	struct est_auth auth;
	struct origin origin;
	char *base; /* URL up to the operation, with its slash */
	struct http *http;
	EVP_PKEY *lent;             /* auth.key as TLS sees it */
	struct challenge challenge; /* answered from now on */
	bool password_refused;
	bool knows_wishes, wants_link; /* csrattrs was read; it lists
					  challengePassword */
};

/*
 * Ask for an operation: a POST when `body` has data.  A 401 is answered, a
 * redirect followed as far as RFC 7030 allows; any other status is the
 * caller's to judge, and `answer` its to free in any case.
 */
MUST_CHECK int est_exchange(struct http_answer *answer, struct est *est,
    const char *operation, struct span body, struct fail *why);

#endif

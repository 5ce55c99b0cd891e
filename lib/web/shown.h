/*
 * shown - what a client shows through the web server: its certificate, its
 * body.
 */
#ifndef MICROCA_SHOWN_H
#define MICROCA_SHOWN_H

#include "lib/web/edge.h"

/*
 * The client certificate (DER, appended), in the variable and form that the
 * front end (enum frontend) is known to use, or the one that MICROCA_FRONTEND
 * names where it may be any; nothing is added when none was
 * shown, or with `hidden` when the web server refused it.  Whether it is worth
 * anything is for others to say; here the web server's statements have to agree
 * with each other.  FAIL_CONFIG "config"; FAIL_DENIED "auth-config",
 * "client-expired", "client-notyet", "client-untrusted".
 */
MUST_CHECK int shown_read(struct bytes *der, int frontend, bool hidden,
    char *const *env, struct fail *why);

/*
 * To the end of the stream, whatever the length says (-1: nothing), within
 * `seconds`.  FAIL_SIZE "too-large"; FAIL_TIMEOUT "timeout"; FAIL_MALFORMED
 * "body-short", "body-long", "aborted" (and e->broken).
 */
MUST_CHECK int shown_body(struct bytes *body, struct edge *e, int64_t length,
    size_t max, int64_t seconds, struct fail *why);

#endif

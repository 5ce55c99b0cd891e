/*
 * intake - from a CGI environment and a body to a struct request.
 *
 * The order of the checks: the environment is complete, path (404), method
 * (405), the presence of credentials (a client certificate and what the web
 * server says about it: 403; HTTP Basic where the endpoint takes it, whose text
 * is wiped from the environment: 401), media type (415), length and size (413), the body's end
 * (408), its length (400).  RFC 7030, 3.2; RFC 9110; design section 12.
 */
#ifndef MICROCA_INTAKE_H
#define MICROCA_INTAKE_H

#include "lib/web/edge.h"
#include "lib/web/serve.h"

/* 64 KiB are ample for a CSR; counted while reading. */
#define BODY_MAX 65536

/*
 * Fill `rq` (zeroed; request_free() afterwards even on failure).  Its id is
 * there in any case, endpoint and peer as far as the checks came.  Strings
 * are borrowed from `e`.  Fails: FAIL_CONFIG "config"; FAIL_ABSENT "path";
 * FAIL_METHOD "method"; FAIL_ANONYMOUS "auth-none"; FAIL_DENIED "auth-none", "auth-config",
 * "client-expired", "client-notyet", "client-untrusted"; FAIL_TYPE "type",
 * "encoding"; FAIL_SIZE "too-large"; FAIL_TIMEOUT "timeout"; FAIL_MALFORMED
 * "length", "body-short", "body-long", "aborted" (and e->broken).
 */
MUST_CHECK int intake(struct request *rq, const struct operation *op,
    const struct settings *settings, struct edge *e, struct fail *why);

#endif

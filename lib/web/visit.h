/*
 * visit - from a CGI environment and a body to a struct visit (attend.h).
 */
#ifndef MICROCA_VISIT_H
#define MICROCA_VISIT_H

#include "lib/web/attend.h"
#include "lib/web/edge.h"

/*
 * visit_free() afterwards even on failure.  `route` (borrowed of `routes`) is
 * there as far as the checks came.  FAIL_CONFIG "config"; FAIL_ABSENT "path";
 * FAIL_METHOD "method"; FAIL_TYPE "type", "encoding"; FAIL_MALFORMED "length",
 * "body-nul"; what shown_read(), edges_find() and shown_body() say.
 */
MUST_CHECK int visit_take(struct visit *v, const struct route **route,
    const struct route *routes, const struct edges *edges, struct edge *e,
    struct fail *why);
void visit_free(struct visit *v);

#endif

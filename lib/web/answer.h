/*
 * answer - a reply or a failure made into octets, a log line, an audit row.
 *
 * The form is the one that every known EST client accepts: header names in
 * their usual capitals, a header block far below 1 KiB, Content-Length, base64
 * in the form the request used, an empty body with 401, 202 and 204.  An error
 * body is one line, "REASON: sentence (request ID)" (RFC 7030, 4.2.3).
 */
#ifndef MICROCA_ANSWER_H
#define MICROCA_ANSWER_H

#include "lib/web/serve.h"

/* Append header and body; HEAD gets the header alone.  Pure. */
void answer_reply(
    struct bytes *out, const struct request *rq, const struct reply *rp);
void answer_fail(struct bytes *out, const struct operation *op,
    const struct request *rq, const struct fail *why);

/* A refusal's log line, and its audit row where there is a store. */
void answer_record(const struct operation *op, struct ca *ca,
    const struct request *rq, const struct trace *trace,
    const struct fail *why);

void trace_free(struct trace *trace); /* what it owns, not the struct */

#endif

/*
 * line - one server in the cloud, or an identity endpoint of this machine,
 * that answers in JSON.
 *
 * The server is judged by its name and by the anchors' or the system's trust
 * (RFC 9525, 6; RFC 5280, 6).  What went wrong is told in words of lib/cloud.
 */
#ifndef MICROCA_LINE_H
#define MICROCA_LINE_H

#include "lib/base/json.h"
#include "lib/net/http.h"

/* Copied. */
struct line_place {
	const char *url;        /* "https://HOST[:PORT][/PATH]" */
	const char *connect_to; /* "HOST:PORT" instead; or NULL */
	const char *anchors;    /* PEM file; NULL: the system's */
	bool plain; /* "http://" it may be: identity endpoints only */
	int64_t timeout;
	/* Shown to it, borrowed while the line is open; or NULL. */
	const STACK_OF(X509) * certs;
	EVP_PKEY *key;
};

struct line; /* one thread */

/* Nothing is sent.  FAIL_CONFIG. */
MUST_CHECK int line_open(
    struct line **line, const struct line_place *place, struct fail *why);
void line_close(struct line *line);

/*
 * One exchange: `request->url` is what follows the place's URL, its connect_to
 * and plain are the place's.  FAIL_BUSY "cloud-net", and "cloud-answer" (it is
 * not HTTP, or too much); FAIL_DENIED "cloud-tls".
 */
MUST_CHECK int line_ask(struct http_answer *answer, struct line *line,
    const struct http_request *request, struct fail *why);
/* A refusal with a clock that is wrong: FAIL_DENIED "cloud-clock" instead; 0:
 * the clock is well. */
int line_clock(const struct line *line, struct fail *why);

/* The body.  FAIL_BUSY "cloud-answer". */
MUST_CHECK int line_json(
    struct json **json, const struct http_answer *answer, struct fail *why);

#endif

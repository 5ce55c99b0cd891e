/*
 * request - one HTTP request as the programs see it (RFC 3875; RFC 7030, 3.2).
 *
 * Built from a CGI environment.  Identity is taken only from the variables
 * that the endpoint's front end is known to set itself; HTTP_* is a client's
 * word (design section 12).  Pure: the environment is an array of "NAME=value".
 */
#ifndef MICROCA_REQUEST_H
#define MICROCA_REQUEST_H

#include "lib/wire/basic.h"

struct endpoint; /* lib/ca/settings.h */

/* The TLS session that a request came on, as the web server knows it. */
struct channel {
	const char *unique;   /* base64 of tls-unique (RFC 5929, 3) */
	const char *exporter; /* base64 of tls-exporter (RFC 9266, 2) */
	bool tls13;           /* it has no tls-unique (RFC 9266, 1) */
};

struct request {
	char id[17];        /* 16 lower hex digits: log, audit, answer */
	const char *method; /* borrowed from the environment, as all here */
	const char *path;   /* raw path, or "" */
	const char *content_type;     /* or NULL */
	const char *content_encoding; /* or NULL */
	const char *if_none_match;    /* or NULL */
	const char *peer;             /* REMOTE_ADDR, or "" */
	bool has_user_agent;
	bool local;             /* from this very machine (lib/web/local.h) */
	bool wants_json;        /* RFC 9110, 12.5.1: Accept names it */
	int64_t content_length; /* -1: not said */
	const struct endpoint *endpoint; /* by MICROCA_ENDPOINT and the label */
	int frontend; /* enum frontend: of the port, whatever the label says */
	struct bytes client_cert; /* DER; empty: none presented */
	struct channel channel;   /* what the endpoint takes of it, else NULL */
	struct basic basic;       /* where the endpoint takes secrets */
	struct bytes body;
	bool body_wrapped; /* the body's base64 came in lines */
};

/* The value of a variable, NULL when there is none or it is empty.  `twice`
 * (may be NULL) says whether the name occurs more than once. */
const char *env_find(char *const *env, const char *name, bool *twice);

/*
 * The route: `operation` is the program's own; the path must be
 * /.well-known/est[/LABEL]/OPERATION, raw, no query.  Any '%', "//" or dot
 * segment, a label that is not [A-Za-z0-9._-]{1,64}: false (404).  `label`
 * gets the label, "" when there is none.
 */
MUST_CHECK bool request_route(
    char label[65], const char *path, const char *operation);

/*
 * REQUEST_URI cut at '?', without it SCRIPT_NAME + PATH_INFO, into `out`.
 * False when there is neither.
 */
MUST_CHECK bool request_path(struct bytes *out, char *const *env);

/* CONTENT_LENGTH, strict decimal; unset, "" and "-1" give -1.
 * FAIL_MALFORMED "length". */
MUST_CHECK int request_length(
    int64_t *length, char *const *env, struct fail *why);

/* Is `value` the media type `type` ("application/pkcs10")?  Without regard to
 * case, parameters ignored, lists refused. */
bool media_type_is(const char *value, const char *type);

void request_free(struct request *rq); /* what it owns, not the struct */

#endif

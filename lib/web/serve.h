/*
 * serve - the main() of every FastCGI program; as plain CGI the same.
 *
 * Reads requests, calls the program's one operation, and is alone in choosing
 * status, headers, body, log line and audit row of an answer.  Stops cleanly
 * on SIGTERM; reads configuration and certificates anew when they change or
 * on SIGHUP, without losing a request.
 */
#ifndef MICROCA_SERVE_H
#define MICROCA_SERVE_H

#include "lib/ca/ca.h"
#include "lib/wire/request.h"

/* What an operation fills in; all zero is an empty 200. */
struct reply {
	int status;        /* 0: 200 */
	const char *type;  /* Content-Type, static; NULL: none */
	bool base64;       /* the body is sent as base64 with its CTE */
	struct bytes body; /* before base64 */
};

struct operation {
	const char *name;         /* path segment, program name */
	const char *allow;        /* "GET, HEAD" or "POST": Allow header */
	const char *request_type; /* media type a POST must have, or NULL */
	unsigned need;            /* enum ca_need bits */
	bool est; /* routed under /.well-known/est; else any path */
	/* 0, or -1 with `why`: serve answers for it. */
	int (*run)(struct ca *ca, const struct request *rq, struct reply *rp,
	    struct fail *why);
};

/* main(): returns an exit status. */
int serve(const struct operation *op, int argc, char **argv);

#endif

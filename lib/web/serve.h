/*
 * serve - the main() of every FastCGI program; as plain CGI the same.
 *
 * Reads requests, calls the program's one operation, and is alone in choosing
 * status, headers, body, log line and audit row of an answer.  Stops cleanly
 * on SIGTERM: the requests in work are finished.  Reads configuration and
 * certificates anew when they change or on SIGHUP, without losing a request;
 * what cannot be read leaves the old in force.
 *
 * Refuses to start: as root, set-user-ID, on a socket that is not a Unix
 * socket or that everybody may write to, as plain CGI without allow_cgi.
 */
#ifndef MICROCA_SERVE_H
#define MICROCA_SERVE_H

#include "lib/ca/ca.h"
#include "lib/web/edge.h"
#include "lib/wire/request.h"

/* What an operation learns about its request, for log and audit. */
struct trace {
	char *requester; /* a validated identity, or NULL */
	char *subject;   /* as asked for, or NULL */
	char *serial;    /* of what is lost with the answer, or NULL */
	int64_t secret;  /* id of the one that it was made for; 0: none */
	bool has_csr, has_key;
	uint8_t csr_sha256[SHA256_LEN];
	uint8_t spki_sha256[SHA256_LEN];
};

/* What an operation fills in; all zero is an empty 200. */
struct reply {
	int status;         /* 0: 200 */
	int retry;          /* s, for Retry-After; 0: none */
	const char *type;   /* Content-Type, static or … ; NULL: none */
	char type_made[80]; /* … this one, made for the answer */
	bool base64;        /* the body is sent as base64 with its CTE */
	struct bytes cache; /* header lines about caching; none: no-store */
	struct bytes body;  /* before base64; wiped in the end */
	struct trace trace;
	const struct bytes
	    *loaded; /* given: what the operation's load() made */
};

struct operation {
	const char *name;         /* path segment, program name */
	const char *allow;        /* "GET, HEAD" or "POST": Allow header */
	const char *request_type; /* media type a POST must have, or NULL:
	                             no body is read */
	unsigned need;            /* enum ca_need bits */
	bool est;         /* routed under /.well-known/est; else any path */
	bool certificate; /* a client certificate is needed, or a secret where
	                     the endpoint takes one */
	bool writes;      /* it writes files, though it has no store */
	bool bare_absent; /* 404 without a body: known clients want that */
	/* Once per reading of the configuration, or NULL: what all requests
	 * share.  A failure is the answer to each of them. */
	int (*load)(struct bytes *out, const struct ca *ca, struct fail *why);
	/* Or NULL.  FAIL_BUSY: nothing is run; looked at when the configuration
	 * is read, and every PULSE_LOOK s.  Other failures say nothing. */
	int (*guard)(struct ca *ca, struct fail *why);
	/* 0, or -1 with `why`: serve answers for it. */
	int (*run)(struct ca *ca, const struct request *rq, struct reply *rp,
	    struct fail *why);
	/* What run() made was not delivered, as far as that can be seen: the
	 * web server took no answer.  Or NULL. */
	void (*lost)(
	    struct ca *ca, const struct request *rq, const struct trace *trace);
	/* Instead of run(): the whole request, read and answered, with what
	 * open() made of each reading of the configuration, whose failure to
	 * do so is `trouble` (FAIL_NONE: none). */
	int (*open)(void **own, struct ca *ca, struct fail *why);
	void (*close)(void *own);
	void (*answer)(void *own, struct ca *ca, const struct fail *trouble,
	    struct edge *e);
};

/* main(): returns an exit status. */
int serve(const struct operation *op, int argc, char **argv);

#endif

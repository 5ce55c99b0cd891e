/*
 * edge - where one request comes from and its answer goes: a FastCGI
 * connection (fcgi.h) or plain CGI (cgi.h).
 */
#ifndef MICROCA_EDGE_H
#define MICROCA_EDGE_H

#include <sys/types.h>

#include "lib/base/bytes.h"
#include "lib/base/fail.h"

#define EDGE_ID 17 /* with its 0 */

struct edge {
	char *const *env; /* "NAME=value", NULL-terminated */
	/*
	 * Body octets, `size` at most: how many, 0 at the end of the stream,
	 * -1 with errno: ETIMEDOUT when `until` (when_clock()) has passed,
	 * anything else: the stream broke off.
	 */
	ssize_t (*read)(struct edge *e, void *buf, size_t size, double until);
	/* The whole answer at once; -1 when it cannot be delivered. */
	int (*write)(struct edge *e, struct span answer);
	/* A part of it, for what does not fit into memory; write() is then the
	 * last of it.  -1: nobody takes it. */
	int (*part)(struct edge *e, struct span part);
	bool broken;       /* nobody is there to be answered */
	bool once;         /* the process ends with this request */
	struct bytes path; /* the request's raw path, for intake */
};

/* What a request is called in log, audit and answer: 16 hex digits, random. */
void edge_id(char id[EDGE_ID]);
/* The web server does not set `name`, which it has to: FAIL_CONFIG "config". */
int edge_not_set(struct fail *why, const char *name);

#endif

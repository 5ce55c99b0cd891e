/*
 * attend - the main() of a program that answers for a desk (lib/cloud/desk.h):
 * the Cloud Connector.  As plain CGI the same.
 *
 * Each request is met in this order: path (404), method (405), the client
 * certificate and whose it is (403), media type (415), length and size (413),
 * the body's end (408, 400).  What is refused is {"error":{code,message}}.
 * Stops, reads its files anew and refuses to start as serve() does.
 */
#ifndef MICROCA_ATTEND_H
#define MICROCA_ATTEND_H

#include "lib/cloud/desk.h"

/* One request of an edge. */
struct visit {
	char id[17];                      /* 16 lower hex digits: log, answer */
	const char *method, *path, *peer; /* borrowed from the environment */
	struct bytes rest; /* of the path, decoded, behind a route's */
	struct bytes body; /* a text: no NUL in it */
	const struct edge_rule *edge;
	int64_t deadline; /* Unix s; after it nothing new is begun */
};

struct route {
	const char *path;  /* "/v1/health"; with a final "/" one segment more */
	const char *allow; /* "GET, HEAD" or "POST" */
	size_t body_max;   /* octets; 0: there is no body */
	/* JSON, the caller frees; or -1 with `why`. */
	int (*run)(struct desk *desk, const struct visit *v, char **json,
	    struct fail *why);
};

/* `routes` ends with a path of NULL.  Returns an exit status. */
int attend(const char *name, const struct route *routes, int argc, char **argv);

#endif

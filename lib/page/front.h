/*
 * front - the inventory's requests: who, where, what; and the answers' headers.
 *
 * Each request is met in this order: the configuration (500, 503), the
 * operator's certificate (403: who is nobody learns nothing of paths), path
 * (404), method (405), query (400), for an act the form (415, 413, 408, 400),
 * its token and origin (403).  Style, script and icon alone are everybody's, so
 * that a refusal can be read as well.  Under /api/ a refusal is
 * {"error":{code,message,request}}, elsewhere a page.
 */
#ifndef MICROCA_FRONT_H
#define MICROCA_FRONT_H

#include "lib/page/fields.h"
#include "lib/page/guard.h"
#include "lib/web/serve.h"

#define FRONT_BODY 16384 /* octets of a form */
#define FRONT_QUERY 8192 /* … of a query */
#define FRONT_SEGMENTS 2 /* in a route's pattern */

/* One reading of the configuration. */
struct front {
	struct operators *operators;
	struct guard guard;
};

struct ask {
	char id[17]; /* 16 lower hex digits: log, audit, answer */
	const char *method, *path, *peer; /* borrowed from the environment */
	bool head, api;
	char segment[FRONT_SEGMENTS][65]; /* what `{}` stood for */
	struct fields query, form;
	struct operator_seen who;
	char token[GUARD_TOKEN]; /* for forms */
	const char *program;     /* the site's name */
	struct ca *ca;
	struct edge *edge;
	int64_t now;
};

struct sheet {
	int status;       /* 0: 200 */
	const char *type; /* static */
	struct bytes body;
	char *location;    /* with 303; owned */
	char filename[96]; /* to be saved under; "": none */
	char etag[72];     /* with its quotes; "": none, and not cached */
	bool sent;         /* run() streamed it */
};

struct front_route {
	const char *method;  /* "GET" (and HEAD) or "POST" */
	const char *pattern; /* "/api/v1/pending/{}/{}" */
	/* 0, or -1 with `why`. */
	int (*run)(struct ask *ask, struct sheet *sheet, struct fail *why);
};

/* For struct operation. */
MUST_CHECK int front_open(void **own, struct ca *ca, struct fail *why);
void front_close(void *own);
/* One request by `routes`, which end with a method of NULL.  `refuse` writes
 * the page of a refusal outside /api/; NULL: JSON for all. */
struct front_site {
	const char *name; /* of the program, for the audit */
	const struct front_route *routes;
	const struct front_route *pages; /* more of them, or NULL */
	const struct front_route *files; /* for everybody, or NULL */
	bool local; /* who asks from this very machine need be nobody */
	void (*refuse)(
	    struct bytes *out, const struct ask *ask, const struct fail *why);
};
/* `own` NULL without a `trouble`: nobody is an operator here. */
void front_answer(const struct front_site *site, void *own, struct ca *ca,
    const struct fail *trouble, struct edge *e);

/* Header of an answer without a length, whose body follows in parts. */
void front_head(
    struct bytes *out, const struct ask *ask, const struct sheet *sheet);

#endif

/*
 * check_url - `microca check --url`: what a web server makes of requests, seen
 * from both of its sides.
 */
#ifndef MICROCA_CHECK_URL_H
#define MICROCA_CHECK_URL_H

#include "bin/microca.h"
#include "lib/base/json.h"
#include "lib/base/probe.h"
#include "lib/net/origin.h"

struct url_wish {
	const char *url;
	const char *anchors;    /* PEM file, or NULL: the CA's own chain */
	const char *cert, *key; /* one that is accepted there, or NULL */
	bool json;
};

/* 0, EXIT_DIFFERENCE; -1 when it could not be tried. */
MUST_CHECK int check_url(
    struct tool *tool, const struct url_wish *wish, struct fail *why);

/* ---- check_ask.c ---- */
/* Are wish->cert and wish->key a pair?  0, EXIT_DIFFERENCE; -1: unreadable. */
MUST_CHECK int check_pair(const struct url_wish *wish, struct fail *why);

/* What somebody shows. */
struct shown_pair {
	X509 *cert; /* or NULL */
	EVP_PKEY *key;
};

struct look {
	const struct settings *settings;
	const struct url_wish *wish;
	struct origin origin;
	STACK_OF(X509) * anchors;
	char ticket[PROBE_TICKET_LEN + 1];
	char mark[33];
	struct shown_pair stranger, given;
	const struct endpoint *endpoint;
	int frontend;
	struct json *tests;
	bool differs;
};

/* What came of a request; seen_free(). */
struct seen {
	int status;         /* 0: none came */
	struct json *facts; /* or NULL: no program answered the ticket */
	char *trouble;
	struct bytes exporter, unique; /* the connection's, in base64 */
	STACK_OF(X509_NAME) * asked;   /* or NULL: for no certificate */
};

void seen_free(struct seen *s);
/* With the ticket, spoofed headers and an Authorization; `octets` of a body,
 * < 0: GET. */
void ask(struct seen *seen, const struct look *l, const char *path,
    const struct shown_pair *pair, int octets);
/* The Authorization that ask() sends; the caller frees. */
char *authorization_make(const struct look *l);
/* A certificate that nobody issued, into l->stranger; FAIL_BROKEN. */
MUST_CHECK int stranger_make(struct look *l, struct fail *why);
/* wish->cert and ->key, if any. */
MUST_CHECK int given_read(
    struct shown_pair *given, const struct url_wish *wish, struct fail *why);
void pair_free(struct shown_pair *pair);

/* ---- check_change.c ---- */
enum url_fault {
	FAULT_ENDPOINT,
	FAULT_CERTIFICATE,
	FAULT_BUNDLE,
	FAULT_STRANGER,
	FAULT_DEMANDED,
	FAULT_AUTHORIZATION,
	FAULT_SPOOFED,
	FAULT_BINDING,
	FAULT_BODY,
	FAULT_TLS
};
/* The line that cures it there (enum frontend), static. */
const char *check_change(int frontend, enum url_fault fault);

#endif

/*
 * http - HTTPS to one server, one exchange at a time (RFC 9110, RFC 9112), by
 * libcurl: its only reader.
 *
 * TLS 1.2 at least, HTTP/1.1, https only (but for `plain`).  Nothing is sent
 * before the judge has approved the server's certificate, and neither a list
 * that we were given (above.h) nor its stapled OCSP response, if one came
 * (staple.h), says "revoked".  No redirects are
 * followed, no cookies kept, no contents decoded, no credentials added.  No
 * proxy, no .netrc: of the environment only what OpenSSL's default store reads
 * is honoured (SSL_CERT_FILE, SSL_CERT_DIR), and only with `system`.  Sessions
 * are not resumed.
 */
#ifndef MICROCA_HTTP_H
#define MICROCA_HTTP_H

#include <openssl/x509.h>

#include "lib/base/bytes.h"
#include "lib/wire/above.h"

/* How the server is judged, and what it is shown.  Borrowed while the struct
 * http lives. */
struct http_tls {
	const STACK_OF(X509) * anchors; /* need not be self-signed */
	bool system;                    /* the system's store as well */
	bool anyone; /* no server is refused, and no judge asked */
	const struct above *above; /* lists of its CAs; NULL: none */
	/* After RFC 5280's path validation, before anything is sent: `chain` is
	 * leaf first. */
	int (*judge)(void *arg, STACK_OF(X509) * chain, struct fail *why);
	void *arg;
	const STACK_OF(X509) * certs; /* ours, leaf first; NULL: none */
	EVP_PKEY *key;                /* its private key */
};

struct http;

/* Load what the libraries below would load later: for a program that gives that
 * up (confine.h). */
void http_prepare(void);

/* Nothing is sent.  `timeout`: s for an exchange, all of it. */
MUST_CHECK int http_open(struct http **http, const struct http_tls *tls,
    double timeout, struct fail *why);
void http_close(struct http *http);
/* Only TLS 1.2 from now on (or any again): an open connection is left. */
void http_only_tls12(struct http *http, bool only);

struct http_request {
	const char *url;           /* its path is sent as it is */
	const char *method;        /* NULL: GET, with a body POST */
	struct span body;          /* data NULL: none */
	const char *type;          /* the body's Content-Type */
	const char *authorization; /* the header's value, or NULL */
	const char *const
	    *headers;    /* more, "Name: value", then NULL; or NULL */
	size_t body_max; /* octets of an answer with 200 */
	bool whole;      /* … with any status */
	/* "HOST:PORT" that is connected to, while the URL names and the judge
	 * looks for its own host; or NULL. */
	const char *connect_to;
	bool plain; /* http://, too: for identity endpoints of this machine */
};

/* http_answer_free(). */
struct http_answer {
	int status;
	struct bytes body; /* of a status other than 200 only the beginning,
	                      unless `whole` */
	struct bytes head; /* http_header() */
	char *type;        /* Content-Type; NULL: none */
	char *location;
	char *challenges;    /* all WWW-Authenticate, joined by "," */
	int64_t retry_after; /* s from now; -1: none, or unreadable */
	bool fresh;          /* it came on a new connection */
};

/*
 * FAIL_BUSY "up-net"; FAIL_DENIED "up-tls" and whatever the judge says;
 * FAIL_MALFORMED "up-proto", "up-body" (too long, cut, wrong chunks).
 */
MUST_CHECK int http_ask(struct http_answer *answer, struct http *http,
    const struct http_request *request, struct fail *why);
void http_answer_free(struct http_answer *answer);
/* The value of the first header of that name; NULL: there is none.  The caller
 * frees. */
char *http_header(const struct http_answer *answer, const char *name);
/* RFC 9110, 5.6.7: Unix s; -1: it is no date. */
int64_t http_date(const char *text);

/* RFC 5929, 3: tls-unique of the newest connection; len 0 with TLS 1.3. */
struct span http_unique(const struct http *http);
/* RFC 9266, 2: its tls-exporter; len 0: it has none. */
struct span http_exporter(const struct http *http);
/* The CAs that it was asked for a certificate of; NULL: it was asked for none. */
const STACK_OF(X509_NAME) * http_asked(const struct http *http);

/* `location` as seen from `url`, absolute; NULL: it is no URL.  The caller
 * frees. */
char *http_join(const char *url, const char *location);

#endif

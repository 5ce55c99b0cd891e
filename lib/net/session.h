/*
 * session - the TLS half of http.h: who the server is, what it is shown, and
 * what a session is known by.
 */
#ifndef MICROCA_SESSION_H
#define MICROCA_SESSION_H

#include <openssl/ssl.h>

#include "lib/net/http.h"

#define SESSION_UNIQUE_MAX 64
#define SESSION_EXPORTER_LEN 32 /* RFC 9266, 2 */

struct session {
	struct http_tls tls;
	X509_STORE *store;
	struct fail refused; /* why the server's certificate was */
	/* RFC 5929, 3: tls-unique of the newest connection. */
	uint8_t unique[SESSION_UNIQUE_MAX];
	size_t unique_len;
	/* RFC 9266, 2: its tls-exporter. */
	uint8_t exporter[SESSION_EXPORTER_LEN];
	size_t exporter_len;
	/* The CAs whose certificates the newest server asked for; NULL: it
	 * asked for none. */
	STACK_OF(X509_NAME) * asked;
};

void session_open(struct session *session, const struct http_tls *tls);
void session_close(struct session *session);
/* Make a new SSL_CTX ours.  False: our certificate or key is of no use. */
MUST_CHECK bool session_prepare(struct session *session, SSL_CTX *ctx);

#endif

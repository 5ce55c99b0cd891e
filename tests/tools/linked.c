/*
 * linked - an EST client that names its TLS session as it is told to (RFC
 * 7030, 3.5; RFC 5929, 3; RFC 9266, 2), in sessions that are resumed too.
 *
 * usage: linked PORT CA CERT KEY CN VERSION WHAT [OPTION...]
 *
 * VERSION 1.2 or 1.3; WHAT the challengePassword: unique, exporter, none,
 * bent (the right one but for a bit) or earlier (with `resume`: what the
 * session before had).  OPTIONs: resume; noems (without the extended master
 * secret, RFC 7627).  Asks https://localhost:PORT for simpleenroll and prints
 * "VERSION full|resumed STATUS", and the answer's body when it is not 200.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#define VALUE_MAX 64

static SSL_SESSION *kept; /* of the connection before */

struct value {
	unsigned char octet[VALUE_MAX];
	size_t len;
};

static void
must(long done, const char *what)
{
	if (done == 1)
		return;
	fprintf(stderr, "linked: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static int
session_new(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(kept);
	kept = session;
	return 1;
}

static SSL *
dial(SSL_CTX *ctx, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct timeval wait = {20, 0};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	SSL *ssl = SSL_new(ctx);

	must(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0,
	    "connect");
	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0,
	    "timeout");
	must(SSL_set_fd(ssl, fd), "descriptor");
	must(SSL_set1_host(ssl, "localhost"), "host");
	must(SSL_set_tlsext_host_name(ssl, "localhost"), "name");
	if (kept != NULL)
		must(SSL_set_session(ssl, kept), "session");
	must(SSL_connect(ssl), "handshake");
	return ssl;
}

static void
hang_up(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);

	(void)SSL_shutdown(ssl);
	SSL_free(ssl);
	(void)close(fd);
}

/* Send it, and have the whole answer, which ends with the connection. */
static char *
ask(SSL *ssl, const char *request)
{
	static char answer[65536];
	int n, len = 0;

	must(SSL_write(ssl, request, (int)strlen(request)) > 0, "write");
	while ((n = SSL_read(
		    ssl, answer + len, (int)sizeof(answer) - 1 - len)) > 0)
		len += n;
	answer[len] = '\0';
	return answer;
}

/* RFC 5929, 3.1: the first Finished is the server's in a resumed session. */
static void
unique(struct value *v, SSL *ssl)
{
	v->len = SSL_session_reused(ssl)
	             ? SSL_get_peer_finished(ssl, v->octet, VALUE_MAX)
	             : SSL_get_finished(ssl, v->octet, VALUE_MAX);
}

static void
exporter(struct value *v, SSL *ssl)
{
	v->len = 32;
	must(SSL_export_keying_material(ssl, v->octet, v->len,
		 "EXPORTER-Channel-Binding", 24, (const unsigned char *)"", 0,
		 1),
	    "exporter");
}

/* What VERSION's session has that is compared, unless it is said. */
static void
value_of(struct value *v, SSL *ssl, const char *what)
{
	bool tls13 = SSL_version(ssl) == TLS1_3_VERSION;

	if (strcmp(what, "exporter") == 0 ||
	    (tls13 && strcmp(what, "unique") != 0))
		exporter(v, ssl);
	else
		unique(v, ssl);
	if (strcmp(what, "bent") == 0)
		v->octet[v->len - 1] ^= 1;
}

static void
challenge_add(X509_REQ *req, const struct value *v)
{
	unsigned char text[2 * VALUE_MAX];
	int len = EVP_EncodeBlock(text, v->octet, (int)v->len);

	must(X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword,
		 V_ASN1_PRINTABLESTRING, text, len),
	    "challengePassword");
}

/* The request's base64; the caller frees. */
static char *
request_make(const char *cn, const struct value *v)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	char *text;
	int len;

	must(X509_REQ_set_version(req, X509_REQ_VERSION_1), "request");
	must(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN",
		 MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0),
	    "name");
	must(X509_REQ_set_pubkey(req, key), "key");
	if (v != NULL)
		challenge_add(req, v);
	must(X509_REQ_sign(req, key, EVP_sha256()) > 0, "signature");
	len = i2d_X509_REQ(req, &der);
	must(len > 0, "DER");
	text = malloc((size_t)len * 2 + 4);
	must(text != NULL, "memory");
	(void)EVP_EncodeBlock((unsigned char *)text, der, len);
	OPENSSL_free(der);
	X509_REQ_free(req);
	EVP_PKEY_free(key);
	return text;
}

static void
enrol(SSL *ssl, const char *cn, const struct value *v)
{
	char *csr = request_make(cn, v), *body;
	static char request[8192];
	const char *answer;

	(void)snprintf(request, sizeof(request),
	    "POST /.well-known/est/simpleenroll HTTP/1.1\r\n"
	    "Host: localhost\r\nConnection: close\r\n"
	    "Content-Type: application/pkcs10\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    strlen(csr), csr);
	answer = ask(ssl, request);
	printf("%s %s %.3s\n", SSL_get_version(ssl),
	    SSL_session_reused(ssl) ? "resumed" : "full",
	    strlen(answer) > 12 ? answer + 9 : "none");
	body = strstr(answer, "\r\n\r\n");
	if (body != NULL && strncmp(answer + 9, "200", 3) != 0)
		printf("%s\n", body + 4);
	free(csr);
}

static SSL_CTX *
context(char **argv, bool noems)
{
	int version =
	    strcmp(argv[6], "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	must(SSL_CTX_set_min_proto_version(ctx, version), "version");
	must(SSL_CTX_set_max_proto_version(ctx, version), "version");
	must(SSL_CTX_load_verify_file(ctx, argv[2]), argv[2]);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	must(SSL_CTX_use_certificate_chain_file(ctx, argv[3]), argv[3]);
	must(SSL_CTX_use_PrivateKey_file(ctx, argv[4], SSL_FILETYPE_PEM),
	    argv[4]);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
	SSL_CTX_sess_set_new_cb(ctx, session_new);
	if (noems)
		SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	return ctx;
}

int
main(int argc, char **argv)
{
	struct value value = {0};
	bool resume = false, noems = false, earlier;
	SSL_CTX *ctx;
	SSL *ssl;

	must(argc >= 8, "usage: linked PORT CA CERT KEY CN VERSION WHAT ...");
	for (int i = 8; i < argc; i++) {
		resume |= strcmp(argv[i], "resume") == 0;
		noems |= strcmp(argv[i], "noems") == 0;
	}
	earlier = strcmp(argv[7], "earlier") == 0;
	ctx = context(argv, noems);
	ssl = dial(ctx, atoi(argv[1]));
	if (resume) {
		(void)ask(ssl, "GET /.well-known/est/cacerts HTTP/1.1\r\n"
			       "Host: localhost\r\nConnection: close\r\n\r\n");
		value_of(&value, ssl, argv[7]);
		hang_up(ssl);
		must(kept != NULL, "no session to resume");
		ssl = dial(ctx, atoi(argv[1]));
	}
	if (!earlier)
		value_of(&value, ssl, argv[7]);
	enrol(ssl, argv[5], strcmp(argv[7], "none") == 0 ? NULL : &value);
	hang_up(ssl);
	SSL_SESSION_free(kept);
	SSL_CTX_free(ctx);
	return 0;
}

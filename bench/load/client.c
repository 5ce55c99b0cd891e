#include "bench/load/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "lib/base/when.h"

#define ANSWER_MAX (256 * 1024)

void
die(const char *fmt, ...)
{
	va_list ap;

	(void)fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	ERR_print_errors_fp(stderr);
	exit(2);
}

/* With TLS 1.3 a session worth keeping comes as a ticket, later. */
static int
session_new(SSL *ssl, SSL_SESSION *session)
{
	struct client *c = SSL_get_app_data(ssl);

	SSL_SESSION_free(c->session);
	c->session = session;
	return 1;
}

SSL_CTX *
client_context(const struct options *o, const char *cert, const char *key)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int version = 0;

	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (o->resume) {
		SSL_CTX_set_session_cache_mode(
		    ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(ctx, session_new);
	}
	if (o->cacert != NULL && !SSL_CTX_load_verify_file(ctx, o->cacert))
		die("cannot load %s", o->cacert);
	SSL_CTX_set_verify(
	    ctx, o->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	if (cert != NULL &&
	    (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
		SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1))
		die("cannot load %s and %s", cert, key);
	if (o->tls != NULL)
		version = strcmp(o->tls, "1.2") == 0 ? TLS1_2_VERSION
		                                     : TLS1_3_VERSION;
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	return ctx;
}

void
client_init(struct client *c, const struct options *o, SSL_CTX *ctx)
{
	memset(c, 0, sizeof(*c));
	c->o = o;
	c->ctx = ctx;
	c->fd = -1;
}

void
client_close(struct client *c)
{
	if (c->ssl != NULL) {
		(void)SSL_shutdown(c->ssl);
		SSL_free(c->ssl);
		c->ssl = NULL;
	}
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
	c->requests = 0;
	ERR_clear_error();
}

/* Addresses do not change during a run: they are looked up once. */
static const struct addrinfo *
address_of(const struct options *o)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct addrinfo *found;
	struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_family = AF_INET};

	(void)pthread_mutex_lock(&lock);
	if (found == NULL && getaddrinfo(o->host, o->port, &hints, &found) != 0)
		die("no address for %s port %s", o->host, o->port);
	(void)pthread_mutex_unlock(&lock);
	return found;
}

static int
tcp_open(struct client *c)
{
	const struct addrinfo *ai = address_of(c->o);
	struct timeval tv = {.tv_sec = (time_t)c->o->timeout};
	int one = 1;

	c->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -1;
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	return connect(c->fd, ai->ai_addr, ai->ai_addrlen);
}

static void
name_expect(SSL *ssl, const char *host)
{
	unsigned char ip[16];

	if (inet_pton(AF_INET, host, ip) == 1)
		(void)X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
	else
		(void)SSL_set1_host(ssl, host);
}

static int
client_open(struct client *c)
{
	double start = when_clock();

	if (tcp_open(c) != 0)
		return TROUBLE_CONNECT + 1;
	c->ssl = SSL_new(c->ctx);
	SSL_set_app_data(c->ssl, c);
	if (c->cert != NULL && (SSL_use_certificate(c->ssl, c->cert) != 1 ||
				   SSL_use_PrivateKey(c->ssl, c->key) != 1))
		die("cannot use a device's certificate and key");
	(void)SSL_set_tlsext_host_name(c->ssl, c->o->host);
	if (!c->o->insecure)
		name_expect(c->ssl, c->o->host);
	if (c->o->resume && c->session != NULL) {
		/* A copy: a session once used with TLS 1.3 is marked so. */
		SSL_SESSION *copy = SSL_SESSION_dup(c->session);

		(void)SSL_set_session(c->ssl, copy);
		SSL_SESSION_free(copy);
	}
	if (SSL_set_fd(c->ssl, c->fd) != 1 || SSL_connect(c->ssl) != 1)
		return TROUBLE_TLS + 1;
	c->resumed = SSL_session_reused(c->ssl) == 1;
	c->connect_s = when_clock() - start;
	return 0;
}

/* The value of a header in the block of `len` octets, or NULL. */
static const char *
header_find(const struct client *c, size_t len, const char *name)
{
	const char *p = (const char *)c->in.data, *end = p + len, *eol;
	size_t n = strlen(name);

	while ((eol = memmem(p, (size_t)(end - p), "\r\n", 2)) != NULL) {
		if ((size_t)(eol - p) > n && p[n] == ':' &&
		    strncasecmp(p, name, n) == 0) {
			for (p += n + 1; *p == ' '; p++)
				;
			return p;
		}
		p = eol + 2;
	}
	return NULL;
}

/* Is the whole answer there?  1 yes, 0 no, -1 not HTTP. */
static int
answer_whole(struct client *c)
{
	const char *start = (const char *)c->in.data, *end, *v;
	size_t head, body;

	if (c->in.len == 0 ||
	    (end = memmem(start, c->in.len, "\r\n\r\n", 4)) == NULL)
		return 0;
	head = (size_t)(end - start) + 4;
	if (strncmp(start, "HTTP/1.", 7) != 0)
		return -1;
	c->status = atoi(start + 9);
	v = header_find(c, head, "Content-Length");
	body = v != NULL ? strtoul(v, NULL, 10) : 0;
	if (v == NULL && c->status != 204)
		return -1;
	if (c->in.len < head + body)
		return 0;
	c->body = (struct span){c->in.data + head, body};
	v = header_find(c, head, "Retry-After");
	c->retry_after = v != NULL ? atoi(v) : 0;
	v = header_find(c, head, "Connection");
	c->closing = v != NULL && strncasecmp(v, "close", 5) == 0;
	return 1;
}

static int
answer_read(struct client *c)
{
	uint8_t chunk[8192];
	int n, whole;

	c->in.len = 0;
	while ((whole = answer_whole(c)) == 0) {
		n = SSL_read(c->ssl, chunk, sizeof(chunk));
		if (n <= 0)
			return TROUBLE_IO + 1;
		bytes_add(&c->in, chunk, (size_t)n);
		if (c->in.len > ANSWER_MAX)
			return TROUBLE_PROTOCOL + 1;
	}
	return whole < 0 ? TROUBLE_PROTOCOL + 1 : 0;
}

int
client_send(struct client *c, const struct shot *shot)
{
	int trouble = 0;

	c->connect_s = 0;
	if (c->ssl == NULL)
		trouble = client_open(c);
	if (trouble == 0 &&
	    SSL_write(c->ssl, shot->bytes.data, (int)shot->bytes.len) <= 0)
		trouble = TROUBLE_IO + 1;
	if (trouble == 0)
		trouble = answer_read(c);
	c->requests++;
	if (trouble == 0 && c->o->check && c->status == 200 &&
	    !answer_ok(c->body, shot->key))
		trouble = TROUBLE_CHECK + 1;
	if (trouble != 0 || !c->o->keep || c->closing ||
	    (c->o->per_connection > 0 && c->requests >= c->o->per_connection))
		client_close(c);
	return trouble;
}

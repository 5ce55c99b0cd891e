/*
 * load - a load generator for any EST server (RFC 7030).
 *
 * One thread a connection, straight-line blocking code.  Closed loop (as fast
 * as answers come), open loop (--rate, latency counted from the moment a
 * request was due, so that a stalled server is not flattered), or a storm
 * (--storm: every device starts at once, obeys Retry-After, and stops when it
 * has its certificate).  CSRs are made before the clock starts.
 */
#ifndef MICROCA_LOAD_H
#define MICROCA_LOAD_H

#include <pthread.h>

#include <openssl/ssl.h>

#include "lib/base/bytes.h"

enum trouble {
	TROUBLE_CONNECT,
	TROUBLE_TLS,
	TROUBLE_IO,
	TROUBLE_PROTOCOL,
	TROUBLE_CHECK,
	TROUBLES
};

struct options {
	const char *url, *method, *body, *type, *cacert, *cert, *key, *user;
	const char *alg, *cn, *prefix, *tls, *pairs, *out;
	struct bytes headers; /* further request headers, with line ends */
	char host[256], port[16], path[1024];
	int connections, pool, keys, pin;
	unsigned per_connection;
	int64_t requests;
	double seconds, warmup, rate, timeout;
	bool keep, resume, check, san, oneline, json, storm, insecure;
};

/* A request ready to be sent. */
struct shot {
	struct bytes bytes;
	EVP_PKEY *key; /* the CSR's, borrowed from the pool; or NULL */
};

struct pool {
	struct shot *shot;
	size_t shots;
	EVP_PKEY **key;
	size_t keys;
};

/* csr.c: the requests.  All end the program when they cannot. */
void pool_make(struct pool *pool, const struct options *o);
void pool_free(struct pool *pool);
/* The body is a certs-only answer with a certificate for `key`. */
bool answer_ok(struct span body, EVP_PKEY *key);
/* A request for one device, whose key stays the caller's. */
void shot_for(
    struct shot *shot, const struct options *o, EVP_PKEY *key, const char *cn);
void shot_free(struct shot *shot);
/* The certificate of an answer; NULL: there is none.  The caller's to free. */
X509 *answer_cert(struct span body);
/* The certificate of an answer and its key, as DIR/N.pem and DIR/N.key. */
void pair_write(const char *dir, size_t n, struct span body, EVP_PKEY *key);

/* One connection and the answer on it. */
struct client {
	const struct options *o;
	SSL_CTX *ctx;
	SSL *ssl;
	SSL_SESSION *session;
	X509 *cert; /* shown instead of the context's, with `key`; borrowed */
	EVP_PKEY *key;
	int fd;
	unsigned requests; /* on this connection */
	double connect_s;  /* of the last connect and handshake */
	bool resumed;
	struct bytes in;
	int status, retry_after;
	struct span body;
	bool closing;
};

/* client.c */
SSL_CTX *client_context(
    const struct options *o, const char *cert, const char *key);
void client_init(struct client *c, const struct options *o, SSL_CTX *ctx);
/* Connect if need be, send, read the whole answer: 0, or a trouble + 1. */
int client_send(struct client *c, const struct shot *shot);
void client_close(struct client *c);

/* stats.c: what the threads counted, put together. */
struct stats {
	pthread_mutex_t lock;
	float *latency, *connect; /* ms */
	size_t latencies, connects, latency_size, connect_size;
	int64_t status[600], trouble[TROUBLES], ok, bad, resumed, reconnects;
	double first, last; /* when_clock() */
};
void stats_connect(struct stats *s, double seconds, bool resumed);
void stats_answer(struct stats *s, double seconds, int status, int trouble);
void stats_print(struct stats *s, const struct options *o, double seconds);

/* client.c: what went wrong, by the program's name. */
__attribute__((noreturn)) void die(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif

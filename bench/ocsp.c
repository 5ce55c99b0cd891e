/*
 * ocsp - how many answers a responder gives, and signatures its key.
 *
 *	ocsp rate HOST PORT REQUESTS CONNECTIONS SECONDS
 *	    REQUESTS, a file with one in DER or several one after the other, are
 *	    POSTed to /ocsp over kept connections, by chance
 *	ocsp requests ISSUER FILE [nonce]
 *	    makes such a FILE, a request for each serial in hex that comes from
 *	    standard input; ISSUER is its certificate in PEM
 *	ocsp key FILE SECONDS
 *	    one thread signs, and signs and verifies, with a P-256 key in PEM
 */
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>

#include "lib/base/file.h"
#include "lib/base/when.h"

#define ANSWER_MOST 65536 /* octets */
#define THREADS_MOST 256
#define FILE_MOST (64 * 1024 * 1024)

struct counts {
	long answers, nonces, later, other;
};

static struct {
	struct addrinfo *to;
	struct bytes *request; /* of HTTP */
	size_t requests;
	double end;
} job;

__attribute__((noreturn)) static void
die(const char *what)
{
	(void)fprintf(stderr, "ocsp: %s\n", what);
	exit(2);
}

/* ---- asking ------------------------------------------------------------------ */

static int
dial(void)
{
	int fd = socket(job.to->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, job.to->ai_addr, job.to->ai_addrlen) != 0)
		die("cannot connect");
	return fd;
}

/* The body of the next answer within `in`; false: the connection ended. */
static bool
answer_read(int fd, char *in, const char **body, size_t *len)
{
	size_t have = 0;
	char *end = NULL, *field;
	ssize_t n;

	for (;;) {
		if (have == ANSWER_MOST - 1 ||
		    (n = read(fd, in + have, ANSWER_MOST - 1 - have)) <= 0)
			return false;
		have += (size_t)n;
		in[have] = '\0';
		if (end == NULL && (end = strstr(in, "\r\n\r\n")) == NULL)
			continue;
		field = strcasestr(in, "\r\nContent-Length:");
		if (field == NULL || field > end)
			die("an answer without length");
		*len = strtoul(field + 17, NULL, 10);
		*body = end + 4;
		if (have >= (size_t)(*body - in) + *len)
			return true;
	}
}

/* SEQUENCE { ENUMERATED { responseStatus }, … */
static void
answer_count(struct counts *c, const char *body, size_t len)
{
	static const char nonce[] = "\x2b\x06\x01\x05\x05\x07\x30\x01\x02";
	const char *status = memmem(body, len < 8 ? len : 8, "\x0a\x01", 2);

	if (status == NULL || (status[2] != 0 && status[2] != 3)) {
		c->other++;
	} else if (status[2] == 3) {
		c->later++;
	} else {
		c->answers++;
		if (memmem(body, len, nonce, sizeof(nonce) - 1) != NULL)
			c->nonces++;
	}
}

static void *
client(void *arg)
{
	struct counts *c = arg;
	char *in = mem_new(ANSWER_MOST);
	unsigned seed = (unsigned)(uintptr_t)c;
	int fd = dial();

	while (when_clock() < job.end) {
		const struct bytes *rq =
		    &job.request[(size_t)rand_r(&seed) % job.requests];
		const char *body;
		size_t len;

		if (write(fd, rq->data, rq->len) != (ssize_t)rq->len ||
		    !answer_read(fd, in, &body, &len)) {
			(void)close(fd);
			fd = dial();
			continue;
		}
		answer_count(c, body, len);
	}
	(void)close(fd);
	free(in);
	return NULL;
}

static void
requests_read(const char *host, const char *path)
{
	struct bytes file = {0};
	struct fail why = {0};
	const uint8_t *p, *der;

	if (file_read(&file, path, FILE_MOST, &why) != 0)
		die(why.text);
	for (p = file.data; p < file.data + file.len;) {
		struct bytes *rq;
		OCSP_REQUEST *one;

		der = p;
		one = d2i_OCSP_REQUEST(
		    NULL, &p, (long)(file.data + file.len - p));
		if (one == NULL)
			die("not a request");
		OCSP_REQUEST_free(one);
		job.request = mem_grow(
		    job.request, job.requests + 1, sizeof(*job.request));
		rq = &job.request[job.requests++];
		memset(rq, 0, sizeof(*rq));
		bytes_addf(rq,
		    "POST /ocsp HTTP/1.1\r\nHost: %s\r\nContent-Type: "
		    "application/ocsp-request\r\nContent-Length: %zu\r\n\r\n",
		    host, (size_t)(p - der));
		bytes_add(rq, der, (size_t)(p - der));
	}
	bytes_free(&file);
	if (job.requests == 0)
		die("no request");
}

static void
rate(char **argv)
{
	static pthread_t thread[THREADS_MOST];
	static struct counts counts[THREADS_MOST];
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct counts all = {0};
	int n = atoi(argv[3]);
	double begin, took;

	if (n < 1 || n > THREADS_MOST ||
	    getaddrinfo(argv[0], argv[1], &hints, &job.to) != 0)
		die("no such host, or not 1 to 256 connections");
	requests_read(argv[0], argv[2]);
	begin = when_clock();
	job.end = begin + atof(argv[4]);
	for (int i = 0; i < n; i++)
		if (pthread_create(&thread[i], NULL, client, &counts[i]) != 0)
			die("no thread");
	for (int i = 0; i < n; i++) {
		(void)pthread_join(thread[i], NULL);
		all.answers += counts[i].answers;
		all.nonces += counts[i].nonces;
		all.later += counts[i].later;
		all.other += counts[i].other;
	}
	took = when_clock() - begin;
	printf("%.1f answers/s, %.1f of them with a nonce, %.1f tryLater/s, "
	       "%.1f others/s\n",
	    (double)all.answers / took, (double)all.nonces / took,
	    (double)all.later / took, (double)all.other / took);
	freeaddrinfo(job.to);
	for (size_t i = 0; i < job.requests; i++)
		bytes_free(&job.request[i]);
	free(job.request);
}

/* ---- requests made ------------------------------------------------------------- */

static void
request_write(FILE *to, X509 *issuer, const char *serial, bool nonce)
{
	OCSP_REQUEST *rq = OCSP_REQUEST_new();
	ASN1_INTEGER *number = NULL;
	BIGNUM *bn = NULL;
	uint8_t *der = NULL;
	int len;

	if (BN_hex2bn(&bn, serial) == 0 ||
	    (number = BN_to_ASN1_INTEGER(bn, NULL)) == NULL ||
	    OCSP_request_add0_id(
		rq, OCSP_cert_id_new(EVP_sha1(), X509_get_subject_name(issuer),
			X509_get0_pubkey_bitstr(issuer), number)) == NULL ||
	    (nonce && OCSP_request_add1_nonce(rq, NULL, -1) != 1) ||
	    (len = i2d_OCSP_REQUEST(rq, &der)) <= 0 ||
	    fwrite(der, (size_t)len, 1, to) != 1)
		die("cannot make a request");
	OPENSSL_free(der);
	ASN1_INTEGER_free(number);
	BN_free(bn);
	OCSP_REQUEST_free(rq);
}

static void
requests(const char *issuer, const char *path, bool nonce)
{
	FILE *file = fopen(issuer, "r"), *to = fopen(path, "w");
	X509 *cert =
	    file == NULL ? NULL : PEM_read_X509(file, NULL, NULL, NULL);
	char line[64];

	if (cert == NULL || to == NULL)
		die("no such issuer, or the file cannot be written");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		request_write(to, cert, line, nonce);
	}
	if (fclose(to) != 0)
		die("the file cannot be written");
	(void)fclose(file);
	X509_free(cert);
}

/* ---- the key ------------------------------------------------------------------- */

static void
sign(EVP_PKEY *key, bool verify)
{
	static const uint8_t octets[256];
	unsigned char signature[256];
	size_t len = sizeof(signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(ctx, signature, &len, octets, sizeof(octets)) != 1)
		die("cannot sign");
	if (verify &&
	    (EVP_MD_CTX_reset(ctx) != 1 ||
		EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
		EVP_DigestVerify(ctx, signature, len, octets, sizeof(octets)) !=
		    1))
		die("cannot verify");
	EVP_MD_CTX_free(ctx);
}

static double
signs(EVP_PKEY *key, bool verify, double seconds)
{
	double begin = when_clock();
	long n = 0;

	for (; when_clock() < begin + seconds; n++)
		sign(key, verify);
	return (double)n / (when_clock() - begin);
}

static void
key_rate(const char *path, double seconds)
{
	FILE *file = fopen(path, "r");
	EVP_PKEY *key =
	    file == NULL ? NULL : PEM_read_PrivateKey(file, NULL, NULL, NULL);

	if (key == NULL)
		die("no such key");
	(void)fclose(file);
	printf("%.0f signatures/s, %.0f verified ones/s\n",
	    signs(key, false, seconds), signs(key, true, seconds));
	EVP_PKEY_free(key);
}

int
main(int argc, char **argv)
{
	if (argc == 7 && strcmp(argv[1], "rate") == 0)
		rate(argv + 2);
	else if ((argc == 4 || argc == 5) && strcmp(argv[1], "requests") == 0)
		requests(argv[2], argv[3], argc == 5);
	else if (argc == 4 && strcmp(argv[1], "key") == 0)
		key_rate(argv[2], atof(argv[3]));
	else
		die("see bench/ocsp.c");
	return 0;
}

/*
 * pipeline - CPU of one simpleenroll inside the program, request in, reply
 * out, without the store; beside it the bare cryptography of the same work:
 * one verify of the CSR, one sign, one verify of the result, on parsed keys.
 *
 *	pipeline CONF ENDPOINT CLIENT-CERT.pem [ROUNDS]
 *
 * The client certificate has been seen before, as a fleet's registration
 * authority has.  Both are measured in turn, several times in one run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/pem.h>

#include "lib/base/when.h"
#include "lib/ca/issue.h"
#include "lib/wire/certsonly.h"

#define TURNS 9
#define REQUESTS 64

static struct fail why;

static void
must(int rc, const char *what)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "pipeline: %s: %s: %s (%s)\n", what,
	    why.reason != NULL ? why.reason : "?", why.text, why.cause);
	exit(1);
}

static double
cpu_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* A request as serve hands it over: body still base64. */
static void
request_make(struct request *rq, const struct endpoint *e, struct span cert,
    EVP_PKEY *key, int i)
{
	X509_REQ *req = X509_REQ_new();
	X509_NAME *name = X509_NAME_new();
	char *cn = str_fmt("pipeline-%d", i);
	uint8_t *der = NULL;
	int len;

	memset(rq, 0, sizeof(*rq));
	(void)snprintf(rq->id, sizeof(rq->id), "%016d", i);
	rq->method = "POST";
	rq->path = "/.well-known/est/simpleenroll";
	rq->peer = "127.0.0.1";
	rq->endpoint = e;
	bytes_add(&rq->client_cert, cert.data, cert.len);
	(void)X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_UTF8, (uint8_t *)cn, -1, -1, 0);
	(void)X509_REQ_set_subject_name(req, name);
	(void)X509_REQ_set_pubkey(req, key);
	(void)X509_REQ_sign(req, key, EVP_sha256());
	len = i2d_X509_REQ(req, &der);
	base64_write(&rq->body, (struct span){der, (size_t)len}, 64);
	OPENSSL_free(der);
	X509_NAME_free(name);
	X509_REQ_free(req);
	free(cn);
}

static void
enroll_once(struct ca *ca, const struct request *rq)
{
	struct identity *who = NULL;
	struct bytes der = {0}, reply = {0}, text = {0};
	struct csr *csr = NULL;
	struct grant *grant = NULL;
	struct cert *cert = NULL;
	struct span leaf;

	must(identity_of(&who, ca, rq, &why), "identity");
	must(csr_body_read(&der, span_of(&rq->body), false, &why), "body");
	must(csr_read(&csr, span_of(&der), &why), "csr");
	must(
	    policy_grant(&grant, who, rq, "simpleenroll", csr, &why), "policy");
	must(ca_certify(&cert, ca, grant, when_now(), &why), "certify");
	leaf = span_of(&cert->der);
	certsonly_write(&reply, &leaf, 1);
	base64_write(&text, span_of(&reply), 64);
	bytes_free(&text);
	bytes_free(&reply);
	cert_free(cert);
	grant_free(grant);
	csr_free(csr);
	bytes_free(&der);
	identity_free(who);
}

static double
pipeline_turn(struct ca *ca, const struct request *rq, int rounds)
{
	double start = cpu_us();

	for (int i = 0; i < rounds; i++)
		enroll_once(ca, &rq[i % REQUESTS]);
	return (cpu_us() - start) / rounds;
}

static double
bare_turn(EVP_PKEY *key, int rounds)
{
	uint8_t data[400] = {1}, sig[128];
	size_t len;
	double start = cpu_us();

	for (int i = 0; i < rounds; i++) {
		EVP_MD_CTX *md = EVP_MD_CTX_new();

		len = sizeof(sig);
		if (EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) !=
			1 ||
		    EVP_DigestSign(md, sig, &len, data, sizeof(data)) != 1)
			exit(1);
		for (int twice = 0; twice < 2; twice++) {
			EVP_MD_CTX_reset(md);
			if (EVP_DigestVerifyInit(
				md, NULL, EVP_sha256(), NULL, key) != 1 ||
			    EVP_DigestVerify(
				md, sig, len, data, sizeof(data)) != 1)
				exit(1);
		}
		EVP_MD_CTX_free(md);
	}
	return (cpu_us() - start) / rounds;
}

static int
double_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	int rounds = argc > 4 ? atoi(argv[4]) : 2000;
	double whole[TURNS], bare[TURNS], ratio[TURNS];
	struct request rq[REQUESTS];
	const struct endpoint *e;
	struct bytes cert = {0};
	STACK_OF(X509) *certs = NULL;
	struct ca *ca = NULL;
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (argc < 4) {
		(void)fputs(
		    "usage: pipeline CONF ENDPOINT CERT [ROUNDS]\n", stderr);
		return 2;
	}
	must(ca_open(&ca, argv[1], CA_KEY | CA_STORE, NULL, &why), "open");
	must(key_ready(ca->key, 10, &why), "key");
	must(cert_file_read(&certs, argv[3], &why), "client certificate");
	cert_der_add(&cert, sk_X509_value(certs, 0));
	e = settings_endpoint(ca->settings, argv[2]);
	if (e == NULL)
		return 2;
	for (int i = 0; i < REQUESTS; i++)
		request_make(&rq[i], e, span_of(&cert), key, i);
	(void)pipeline_turn(ca, rq, rounds / 10 + 1);
	for (int i = 0; i < TURNS; i++) {
		whole[i] = pipeline_turn(ca, rq, rounds);
		bare[i] = bare_turn(key, rounds);
		ratio[i] = whole[i] / bare[i];
	}
	qsort(whole, TURNS, sizeof(double), double_compare);
	qsort(bare, TURNS, sizeof(double), double_compare);
	qsort(ratio, TURNS, sizeof(double), double_compare);
	printf("pipeline %.1f us, bare cryptography %.1f us, "
	       "ratio %.2f (%.2f to %.2f)\n",
	    whole[TURNS / 2], bare[TURNS / 2], ratio[TURNS / 2], ratio[0],
	    ratio[TURNS - 1]);
	for (int i = 0; i < REQUESTS; i++)
		request_free(&rq[i]);
	sk_X509_pop_free(certs, X509_free);
	bytes_free(&cert);
	EVP_PKEY_free(key);
	ca_drop(ca);
	return 0;
}

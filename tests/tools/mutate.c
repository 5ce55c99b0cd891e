/*
 * mutate - good requests with something changed, thousands of them, sent to a
 * program that enrols; and a look at each answer.
 *
 * usage: mutate [-s SEED] [-n COUNT] [-f FIRST] [-j CONNECTIONS] [-t SECONDS]
 *               [-a N] SOCKET ISSUER.pem FOLDER NAME.der... -- NAME=value...
 *
 * NAME.der is a PKCS#10 request, NAME.key its key in PEM.  Which request, what
 * is changed in it, and whether its subject signs it again afterwards, follow
 * from SEED and its number alone: -f N -n 1 sends one again.  Of those that are
 * signed again many are good.  Of each N one is sent again at once, and has the
 * same status and word, or the same certificate ("again" in the output).
 *
 * Right is a status of 4xx with a reason word, and 200 with a certificate by
 * ISSUER: for the key in the request, with a name from it, for clientAuth and
 * digitalSignature, of 90 days, and without an extension that does not belong
 * there.  Standard output: how often each answer came.  FOLDER/serials: what
 * was issued.  What is not right is said, is kept as FOLDER/wrong.NUMBER, and
 * ends in exit status 1.
 */
#include <err.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/base/file.h"
#include "lib/wire/certsonly.h"
#include "lib/wire/der.h"
#include "tests/tools/change.h"
#include "tests/tools/fastcgi.h"

#define SEEDS_MAX 32
#define WORDS_MAX 64
#define DAYS 90

struct seed {
	struct bytes der;
	struct span sigalg; /* borrowed from it */
	EVP_PKEY *key;
};

static struct seed seeds[SEEDS_MAX];
static struct span cris[SEEDS_MAX]; /* their CertificationRequestInfo */
static size_t seeds_len;
static const char *path, *folder;
static char **env;
static X509 *issuer;
static uint64_t seed_of_all = 1;
static unsigned long first, count = 1000, again;
static double seconds_max = 1e9;
static int wrong;
static unsigned long next;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	char text[64];
	unsigned long n;
} words[WORDS_MAX];
static FILE *serials;

/* PKCS#10 around `cri`, by the seed's key. */
static void
sign_again(struct bytes *der, const struct seed *seed)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t bits[1024] = {0};
	size_t len = sizeof(bits) - 1;
	struct bytes all = {0};

	if (ctx == NULL ||
	    EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, seed->key) != 1 ||
	    EVP_DigestSign(ctx, bits + 1, &len, der->data, der->len) != 1)
		errx(2, "no signature");
	EVP_MD_CTX_free(ctx);
	bytes_add(&all, der->data, der->len);
	bytes_add(&all, seed->sigalg.data, seed->sigalg.len);
	der_put(&all, DER_BITS, (struct span){bits, len + 1});
	der->len = 0;
	der_put(der, DER_SEQUENCE, span_of(&all));
	bytes_free(&all);
}

/* Request `number`, base64. */
static void
request_make(struct bytes *body, unsigned long number)
{
	struct chance c = {seed_of_all * 1000003 + number};
	const struct seed *seed;
	struct bytes der = {0};
	size_t kind;

	(void)chance_any(&c);
	seed = &seeds[chance_below(&c, seeds_len)];
	kind = chance_below(&c, 20);
	if (kind < 12) {
		bytes_add(
		    &der, cris[seed - seeds].data, cris[seed - seeds].len);
		change_elements(&der, cris, seeds_len, &c);
		sign_again(&der, seed);
	} else {
		bytes_add(&der, seed->der.data, seed->der.len);
		if (kind < 17)
			change_elements(&der, cris, seeds_len, &c);
		else if (kind < 19)
			change_octets(&der, &c);
	}
	base64_write(body, span_of(&der), 64);
	if (kind == 19)
		change_octets(body, &c);
	bytes_free(&der);
}

/* ---- what comes back ---------------------------------------------------- */

static void PRINTF_LIKE(3, 4)
    complain(unsigned long number, struct span body, const char *fmt, ...)
{
	struct fail why = {0};
	char *file = str_fmt("%s/wrong.%lu", folder, number);
	va_list ap;

	(void)pthread_mutex_lock(&lock);
	wrong++;
	(void)fprintf(stderr, "%lu: ", number);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	if (file_write(file, body, 0644, &why) != 0)
		(void)fprintf(stderr, "%s\n", why.text);
	(void)pthread_mutex_unlock(&lock);
	free(file);
}

static void
tally(const char *text)
{
	(void)pthread_mutex_lock(&lock);
	for (size_t i = 0; i < WORDS_MAX; i++) {
		if (words[i].n > 0 && strcmp(words[i].text, text) != 0)
			continue;
		(void)snprintf(
		    words[i].text, sizeof(words[i].text), "%s", text);
		words[i].n++;
		break;
	}
	(void)pthread_mutex_unlock(&lock);
}

/* NULL: it has nothing but what our profile has. */
static const char *
extensions_wrong(X509 *cert)
{
	static const int known[] = {NID_subject_key_identifier,
	    NID_authority_key_identifier, NID_basic_constraints, NID_key_usage,
	    NID_ext_key_usage, NID_subject_alt_name,
	    NID_crl_distribution_points, NID_info_access};
	GENERAL_NAMES *san;
	bool found = true;

	for (int i = 0; i < X509_get_ext_count(cert); i++) {
		int nid = OBJ_obj2nid(
		    X509_EXTENSION_get_object(X509_get_ext(cert, i)));

		found = false;
		for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++)
			found = found || known[k] == nid;
		if (!found)
			return "an extension that does not belong there";
		if (X509_get_ext_by_NID(cert, nid, i) >= 0)
			return "an extension twice";
	}
	san = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
		int type = sk_GENERAL_NAME_value(san, i)->type;

		found = found && (type == GEN_DNS || type == GEN_IPADD);
	}
	GENERAL_NAMES_free(san);
	return found ? NULL : "a SAN of a type that the profile has not";
}

static const char *
names_wrong(X509 *cert, X509_REQ *rq)
{
	const X509_NAME *name = X509_get_subject_name(cert);
	const X509_NAME *asked = X509_REQ_get_subject_name(rq);
	int cn = 0;

	if (X509_NAME_entry_count(name) != X509_NAME_entry_count(asked))
		return "another subject";
	for (int i = 0; i < X509_NAME_entry_count(name); i++) {
		const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
		const ASN1_STRING *v = X509_NAME_ENTRY_get_data(e);
		int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(e));
		const char *text = (const char *)ASN1_STRING_get0_data(v);
		int at = X509_NAME_get_index_by_NID(asked, nid, -1);

		if (at < 0 || ASN1_STRING_cmp(
				  v, X509_NAME_ENTRY_get_data(
					 X509_NAME_get_entry(asked, at))) != 0)
			return "a name that was not asked for";
		if (nid != NID_commonName && nid != NID_serialNumber)
			return "a name that the profile has not";
		if (nid == NID_commonName && cn++ > 0)
			return "two CNs";
		if (nid == NID_commonName &&
		    strspn(text,
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			"0123456789._-") != (size_t)ASN1_STRING_length(v))
			return "a CN that the profile has not";
	}
	return cn == 1 ? NULL : "no CN";
}

static const char *
cert_wrong(X509 *cert, X509_REQ *rq)
{
	unsigned char *asked = NULL, *got = NULL;
	int days = 0, secs = 0, asked_len, got_len;
	bool same;

	if (X509_verify(cert, X509_get0_pubkey(issuer)) != 1 ||
	    X509_check_issued(issuer, cert) != X509_V_OK)
		return "not by the issuer";
	if (X509_get_version(cert) != 2 || X509_check_ca(cert) != 0)
		return "a CA's, or not of version 3";
	if (X509_get_key_usage(cert) != KU_DIGITAL_SIGNATURE ||
	    X509_get_extended_key_usage(cert) != XKU_SSL_CLIENT)
		return "of another usage";
	if (ASN1_TIME_diff(&days, &secs, X509_get0_notBefore(cert),
		X509_get0_notAfter(cert)) != 1 ||
	    days > DAYS || (days == DAYS && secs > 600))
		return "for too long";
	if (rq == NULL || X509_REQ_verify(rq, X509_REQ_get0_pubkey(rq)) != 1)
		return "for a request whose signature is none";
	asked_len = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(rq), &asked);
	got_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &got);
	same = asked_len > 0 && asked_len == got_len &&
	       memcmp(asked, got, (size_t)got_len) == 0;
	OPENSSL_free(asked);
	OPENSSL_free(got);
	if (!same)
		return "for another key";
	if (names_wrong(cert, rq) != NULL)
		return names_wrong(cert, rq);
	return extensions_wrong(cert);
}

static void
issued(unsigned long number, struct span body, struct span answer)
{
	struct span certs[CERTSONLY_MAX] = {0};
	struct bytes cms = {0}, der = {0};
	X509_REQ *rq = NULL;
	X509 *cert = NULL;
	struct fail why = {0};
	const uint8_t *p;
	const char *what;
	BIGNUM *serial;
	size_t n = 0;
	char *hex;

	if (base64_read(&der, body, &why) == 0) {
		p = der.data;
		rq = d2i_X509_REQ(NULL, &p, (long)der.len);
	}
	if (base64_read(&cms, answer, &why) == 0 &&
	    certsonly_read(certs, &n, span_of(&cms), &why) == 0) {
		p = certs[0].data;
		cert = d2i_X509(NULL, &p, (long)certs[0].len);
	}
	what = cert == NULL || n < 1 ? "200 without a certificate"
	                             : cert_wrong(cert, rq);
	if (what != NULL) {
		complain(number, body, "%s", what);
	} else {
		serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
		hex = BN_bn2hex(serial);
		(void)pthread_mutex_lock(&lock);
		(void)fprintf(serials, "%s\n", hex);
		(void)pthread_mutex_unlock(&lock);
		OPENSSL_free(hex);
		BN_free(serial);
		tally("200");
	}
	ERR_clear_error();
	X509_free(cert);
	X509_REQ_free(rq);
	bytes_free(&cms);
	bytes_free(&der);
}

static bool
one_line(const char *text, size_t *word)
{
	size_t len = strlen(text);

	*word = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
	if (*word == 0 || strncmp(text + *word, ": ", 2) != 0 ||
	    text[len - 1] != '\n' || len > 1000)
		return false;
	for (size_t i = 0; i + 1 < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return strstr(text, " (request ") != NULL;
}

static void
judge(unsigned long number, struct span body, struct bytes *answer)
{
	char line[64], *text = (char *)answer->data, *end;
	size_t word = 0;
	int status = 0;

	end = text == NULL ? NULL : strstr(text, "\r\n\r\n");
	if (end == NULL || sscanf(text, "Status: %d", &status) != 1) {
		complain(number, body, "no answer");
		return;
	}
	text = end + 4;
	if (strlen(text) != answer->len - (size_t)(text - (char *)answer->data))
		complain(number, body, "a NUL in the answer");
	else if (status == 200)
		issued(number, body, span_str(text));
	else if (status < 400 || status > 499)
		complain(number, body, "%d: %.300s", status, text);
	else if (!one_line(text, &word))
		complain(
		    number, body, "%d without a reason: %.300s", status, text);
	else {
		(void)snprintf(
		    line, sizeof(line), "%d %.*s", status, (int)word, text);
		tally(line);
	}
}

/* ---- sending ------------------------------------------------------------ */

/* On a connection of its own: libfcgi's are not shared. */
static bool
exchange(struct bytes *answer, struct span body)
{
	static __thread uint8_t data[FASTCGI_RECORD_MAX];
	int sock = fastcgi_connect(path), type, id;
	bool done = false;
	size_t len;

	if (sock < 0)
		err(2, "%s", path);
	fastcgi_begin(sock, 1, FASTCGI_RESPONDER, false);
	for (char **e = env; *e != NULL; e++) {
		char *eq = strchr(*e, '='), *name;

		if (eq == NULL)
			errx(2, "not NAME=value: %s", *e);
		name = mem_dup(*e, (size_t)(eq - *e));
		fastcgi_param(
		    sock, name, strlen(name), eq + 1, strlen(eq + 1), 0);
		free(name);
	}
	fastcgi_record(sock, FASTCGI_PARAMS, 1, NULL, 0, 0);
	fastcgi_stream(
	    sock, FASTCGI_STDIN, (const char *)body.data, body.len, 0);
	fastcgi_record(sock, FASTCGI_STDIN, 1, NULL, 0, 0);
	while (!done && fastcgi_take(sock, &type, &id, data, &len, 20) == 1) {
		if (type == FASTCGI_STDOUT)
			bytes_add(answer, data, len);
		done = type == FASTCGI_END;
	}
	(void)close(sock);
	return done;
}

/* Up to the id of the request, or the whole certificate. */
static size_t
said(const struct bytes *answer)
{
	const char *text = (const char *)answer->data;
	const char *id = text == NULL ? NULL : strstr(text, " (request ");

	return id == NULL ? answer->len : (size_t)(id - text);
}

static const char *
body_of(const struct bytes *answer, size_t *len)
{
	const char *text = (const char *)answer->data;
	const char *end = text == NULL ? NULL : strstr(text, "\r\n\r\n");

	*len = end == NULL ? 0 : said(answer) - (size_t)(end - text);
	return end;
}

static void
send_again(unsigned long number, struct span body, const struct bytes *before)
{
	struct bytes answer = {0};
	const char *one, *two;
	size_t one_len, two_len;

	if (!exchange(&answer, body)) {
		complain(number, body, "the connection ended the second time");
	} else {
		one = body_of(before, &one_len);
		two = body_of(&answer, &two_len);
		if (one == NULL || two == NULL || one_len != two_len ||
		    memcmp(one, two, one_len) != 0 ||
		    memcmp(before->data, answer.data, 11) != 0)
			complain(number, body, "the second time: %.300s",
			    (const char *)answer.data);
		else
			tally(memcmp(answer.data, "Status: 200", 11) == 0
				  ? "again-200"
				  : "again-refused");
	}
	bytes_free(&answer);
}

static double
since(const struct timespec *begin)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - begin->tv_sec) +
	       (double)(now.tv_nsec - begin->tv_nsec) / 1e9;
}

static void *
work(void *arg)
{
	const struct timespec *begin = arg;

	for (;;) {
		unsigned long number =
		    __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
		struct bytes body = {0}, answer = {0};

		if (number >= first + count || since(begin) > seconds_max)
			return NULL;
		request_make(&body, number);
		if (exchange(&answer, span_of(&body))) {
			judge(number, span_of(&body), &answer);
			if (again > 0 && number % again == 0)
				send_again(number, span_of(&body), &answer);
		} else {
			complain(
			    number, span_of(&body), "the connection ended");
		}
		bytes_free(&body);
		bytes_free(&answer);
	}
}

/* ---- the whole ---------------------------------------------------------- */

static void *
pem_of(const char *file, bool key)
{
	FILE *f = fopen(file, "r");
	void *got = NULL;

	if (f != NULL) {
		if (key)
			got = PEM_read_PrivateKey(f, NULL, NULL, NULL);
		else
			got = PEM_read_X509(f, NULL, NULL, NULL);
		(void)fclose(f);
	}
	if (got == NULL)
		errx(2, "%s: cannot be read", file);
	return got;
}

static void
seed_add(const char *file)
{
	struct seed *s = &seeds[seeds_len++];
	struct span rest, content, whole;
	struct fail why = {0};
	char *key = str_fmt("%.*s.key", (int)strlen(file) - 4, file);

	if (seeds_len == SEEDS_MAX)
		errx(2, "too many requests");
	if (file_read(&s->der, file, 65536, &why) != 0)
		errx(2, "%s", why.text);
	rest = span_of(&s->der);
	if (!change_element(&rest, &content, &whole) ||
	    !change_element(&content, &rest, &cris[s - seeds]) ||
	    !change_element(&content, &rest, &s->sigalg))
		errx(2, "%s: no PKCS#10", file);
	s->key = pem_of(key, true);
	free(key);
}

static void
options(int argc, char **argv, int *threads)
{
	int opt;

	while ((opt = getopt(argc, argv, "+a:s:n:f:j:t:")) != -1) {
		switch (opt) {
		case 'a':
			again = strtoul(optarg, NULL, 10);
			break;
		case 's':
			seed_of_all = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			count = strtoul(optarg, NULL, 10);
			break;
		case 'f':
			first = strtoul(optarg, NULL, 10);
			break;
		case 'j':
			*threads = atoi(optarg);
			break;
		case 't':
			seconds_max = strtod(optarg, NULL);
			break;
		default:
			exit(2);
		}
	}
	if (argc - optind < 6 || *threads < 1 || *threads > 64)
		errx(2, "usage: mutate [-s SEED] [-n COUNT] [-f FIRST] "
			"[-j CONNECTIONS] [-t SECONDS] [-a N] SOCKET "
			"ISSUER.pem FOLDER NAME.der... -- NAME=value...");
}

int
main(int argc, char **argv)
{
	pthread_t thread[64];
	struct timespec begin;
	int threads = 4, i;
	char *file;

	options(argc, argv, &threads);
	(void)signal(SIGPIPE, SIG_IGN);
	path = argv[optind];
	issuer = pem_of(argv[optind + 1], false);
	folder = argv[optind + 2];
	for (i = optind + 3; i < argc && strcmp(argv[i], "--") != 0; i++)
		seed_add(argv[i]);
	env = i < argc ? argv + i + 1 : argv + argc;
	file = str_fmt("%s/serials", folder);
	if ((serials = fopen(file, "w")) == NULL)
		err(2, "%s", file);
	free(file);
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	next = first;
	for (i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, work, &begin) != 0)
			errx(2, "no thread");
	for (i = 0; i < threads; i++)
		(void)pthread_join(thread[i], NULL);
	for (size_t w = 0; w < WORDS_MAX && words[w].n > 0; w++)
		(void)printf("%s %lu\n", words[w].text, words[w].n);
	if (fclose(serials) != 0)
		err(2, "%s/serials", folder);
	for (size_t s = 0; s < seeds_len; s++) {
		bytes_free(&seeds[s].der);
		EVP_PKEY_free(seeds[s].key);
	}
	X509_free(issuer);
	return wrong > 0 ? 1 : 0;
}

/*
 * fleet - devices that enrol and renew for as long as it takes.
 *
 *	fleet -u https://HOST:PORT -A CACERT -E CERT -K KEY -o JOURNAL
 *	    [-c CONNECTIONS] [-f DEVICES] [-w SECONDS] [-s SHARE]
 *
 * Every other request is a first enrolment by CERT, every other one a renewal by
 * the device's own certificate, each on a connection of its own and with a fresh
 * key.  The first -f devices renew in turn for ever; the others enrol once.  For
 * -w seconds requests follow one another as fast as answers come: that is the
 * capacity.  Then they come at the share -s of it, whatever the answers do, and
 * their time counts from the moment when they were due.  SIGTERM ends it.
 *
 * JOURNAL has one line for each answer, when it is there:
 *	SECONDS enrol|renew fleet|once NAME STATUS|TROUBLE MS SERIAL SHA256
 * the last two "-" where there is no certificate, and "# capacity N rate N".
 */
#include "bench/load/load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "lib/base/when.h"

struct device {
	char *name;
	X509 *cert;
	EVP_PKEY *key;
	struct device *next;
};

static const char *const words[TROUBLES] = {
    "connect", "tls", "io", "protocol", "check"};

static struct options enrol = {.type = "application/pkcs10",
			  .alg = "p256",
			  .connections = 16,
			  .timeout = 30},
		      renew;
static SSL_CTX *context;
static FILE *journal;
static uint32_t run;
static double warm = 60, share = 0.5;
static int fleet_most = 1000;
static volatile sig_atomic_t stopped;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct device *first, **last = &first; /* who renews next */
static int fleet;                             /* how many there are */
static int64_t number, paced, good;
static double begin, pace_begin, rate; /* rate 0: still warming up */

static void
on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static void
device_free(struct device *d)
{
	free(d->name);
	X509_free(d->cert);
	EVP_PKEY_free(d->key);
	free(d);
}

/* With the lock: the device whose turn it is to renew; NULL: enrol one. */
static struct device *
device_take(int64_t n)
{
	struct device *d = first;

	if (n % 2 == 0 || fleet < fleet_most / 2 || d == NULL)
		return NULL;
	first = d->next;
	if (first == NULL)
		last = &first;
	return d;
}

static void
device_back(struct device *d)
{
	d->next = NULL;
	*last = d;
	last = &d->next;
}

/* The next request: when it is due, and who renews if it is a renewal. */
static int64_t
request_next(struct device **d, double *due)
{
	int64_t n;

	(void)pthread_mutex_lock(&lock);
	n = number++;
	*d = device_take(n);
	*due = when_clock();
	if (rate > 0)
		*due = pace_begin + (double)paced++ / rate;
	(void)pthread_mutex_unlock(&lock);
	return n;
}

/* With the lock: the pace, when it is known what can be had. */
static void
pace_set(void)
{
	double now = when_clock();

	if (rate > 0 || now - begin < warm)
		return;
	rate = (double)good / (now - begin) * share;
	pace_begin = now;
	(void)fprintf(
	    journal, "# capacity %.1f rate %.1f\n", rate / share, rate);
}

static void
journal_write(const char *what, const struct device *d, bool kept,
    const char *said, double ms, const X509 *cert)
{
	unsigned char hash[32];
	unsigned len = 0;
	char hex[65] = "-", *serial = NULL;
	BIGNUM *bn = NULL;

	if (cert != NULL) {
		bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
		serial = bn != NULL ? BN_bn2hex(bn) : NULL;
		if (serial == NULL ||
		    !X509_digest(cert, EVP_sha256(), hash, &len))
			die("cannot read a certificate");
		for (unsigned i = 0; i < len; i++)
			(void)snprintf(hex + 2 * i, 3, "%02X", hash[i]);
	}
	(void)fprintf(journal, "%.3f %s %s %s %s %.3f %s %s\n",
	    (double)when_now_us() / 1e6, what, kept ? "fleet" : "once", d->name,
	    said, ms, serial != NULL ? serial : "-", hex);
	OPENSSL_free(serial);
	BN_free(bn);
}

/* What came of it: on record first, then the device is as it is now. */
static void
request_done(struct device *d, bool renewal, const char *said, double ms,
    EVP_PKEY *key, X509 *cert)
{
	bool kept;

	(void)pthread_mutex_lock(&lock);
	kept = renewal || (cert != NULL && fleet < fleet_most);
	journal_write(renewal ? "renew" : "enrol", d, kept, said, ms, cert);
	good += cert != NULL ? 1 : 0;
	if (cert != NULL) {
		X509_free(d->cert);
		EVP_PKEY_free(d->key);
		d->cert = cert;
		d->key = key;
	} else {
		EVP_PKEY_free(key);
	}
	if (kept) {
		fleet += renewal ? 0 : 1;
		device_back(d);
	} else {
		device_free(d);
	}
	pace_set();
	(void)pthread_mutex_unlock(&lock);
}

static void
request_one(struct client *c)
{
	struct device *d;
	struct shot shot;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = NULL;
	char said[16];
	double due, now;
	int64_t n = request_next(&d, &due);
	bool renewal = d != NULL;
	int trouble;

	if (key == NULL)
		die("cannot make a key");
	if (!renewal) {
		d = mem_new(sizeof(*d));
		d->name = str_fmt("soak-%08x-%07jd", run, (intmax_t)n);
	}
	c->o = renewal ? &renew : &enrol;
	c->cert = d->cert;
	c->key = d->key;
	c->status = 0;
	shot_for(&shot, c->o, key, d->name);
	while ((now = when_clock()) < due && !stopped)
		(void)usleep(
		    (useconds_t)((due - now < 1 ? due - now : 1) * 1e6));
	if (stopped) { /* and not the device's turn any more */
		device_free(d);
		EVP_PKEY_free(key);
		shot_free(&shot);
		return;
	}
	trouble = client_send(c, &shot);
	if (trouble == 0 && c->status == 200 &&
	    (cert = answer_cert(c->body)) == NULL)
		trouble = TROUBLE_CHECK + 1;
	if (cert != NULL && X509_check_private_key(cert, key) != 1)
		die("%s has a certificate of another key", d->name);
	(void)snprintf(said, sizeof(said), "%d", c->status);
	request_done(d, renewal, trouble != 0 ? words[trouble - 1] : said,
	    (when_clock() - due) * 1e3, key, cert);
	shot_free(&shot);
}

static void *
connection(void *arg)
{
	struct client c;

	(void)arg;
	client_init(&c, &enrol, context);
	while (!stopped)
		request_one(&c);
	client_close(&c);
	bytes_free(&c.in);
	return NULL;
}

__attribute__((noreturn)) static void
usage(void)
{
	(void)fputs(
	    "usage: fleet -u https://HOST:PORT -A CACERT -E CERT -K KEY "
	    "-o JOURNAL\n    [-c CONNECTIONS] [-f DEVICES] "
	    "[-w SECONDS] [-s SHARE]\n",
	    stderr);
	exit(2);
}

static void
options_read(int argc, char **argv)
{
	const char *url = "";
	int ch;

	while ((ch = getopt(argc, argv, "u:A:E:K:o:c:f:w:s:")) != -1)
		switch (ch) {
		case 'u':
			url = optarg;
			break;
		case 'A':
			enrol.cacert = optarg;
			break;
		case 'E':
			enrol.cert = optarg;
			break;
		case 'K':
			enrol.key = optarg;
			break;
		case 'o':
			journal = fopen(optarg, "w");
			break;
		case 'c':
			enrol.connections = atoi(optarg);
			break;
		case 'f':
			fleet_most = atoi(optarg);
			break;
		case 'w':
			warm = atof(optarg);
			break;
		case 's':
			share = atof(optarg);
			break;
		default:
			usage();
		}
	if (optind != argc || journal == NULL || enrol.cacert == NULL ||
	    enrol.cert == NULL || enrol.key == NULL || enrol.connections < 1 ||
	    sscanf(url, "https://%255[^:/]:%15[0-9]", enrol.host, enrol.port) !=
		2)
		usage();
	renew = enrol;
	(void)snprintf(enrol.path, sizeof(enrol.path), "%s",
	    "/.well-known/est/simpleenroll");
	(void)snprintf(renew.path, sizeof(renew.path), "%s",
	    "/.well-known/est/simplereenroll");
}

int
main(int argc, char **argv)
{
	pthread_t *thread;

	options_read(argc, argv);
	(void)setvbuf(journal, NULL, _IOLBF, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, on_signal);
	(void)signal(SIGTERM, on_signal);
	if (RAND_bytes((uint8_t *)&run, sizeof(run)) != 1)
		die("no random octets");
	context = client_context(&enrol, enrol.cert, enrol.key);
	thread = mem_new((size_t)enrol.connections * sizeof(*thread));
	begin = when_clock();
	for (int i = 0; i < enrol.connections; i++)
		if (pthread_create(&thread[i], NULL, connection, NULL) != 0)
			die("cannot start %d threads", enrol.connections);
	for (int i = 0; i < enrol.connections; i++)
		(void)pthread_join(thread[i], NULL);
	if (fclose(journal) != 0)
		die("the journal cannot be written");
	for (struct device *d; (d = first) != NULL;) {
		first = d->next;
		device_free(d);
	}
	free(thread);
	SSL_CTX_free(context);
	return 0;
}

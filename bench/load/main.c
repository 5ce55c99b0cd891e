#include "bench/load/load.h"

#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/when.h"

static struct options opt = {.type = "application/pkcs10",
    .alg = "p256",
    .prefix = "load",
    .connections = 1,
    .pin = -1,
    .timeout = 30,
    .seconds = 10};
static struct pool pool;
static struct stats stats = {.lock = PTHREAD_MUTEX_INITIALIZER};
static SSL_CTX *context;
static double begin, end; /* when_clock() of what is counted */
static atomic_llong started;
static volatile sig_atomic_t stopped;

static void
on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static void
sleep_until(double when)
{
	double d = when - when_clock();

	if (d > 0)
		(void)usleep((useconds_t)(d * 1e6));
}

/* The number of the next request and when it is due; false: no more. */
static bool
next_request(int64_t *n, double *due)
{
	*n = atomic_fetch_add(&started, 1);
	*due = opt.rate > 0 ? begin + (double)*n / opt.rate : when_clock();
	if (stopped || (opt.requests > 0 && *n >= opt.requests))
		return false;
	return *due < end;
}

/* Closed or open loop on one connection. */
static void *
loop(void *arg)
{
	struct client c;
	int64_t n;
	double due;

	(void)arg;
	client_init(&c, &opt, context);
	while (next_request(&n, &due)) {
		const struct shot *shot = &pool.shot[(size_t)n % pool.shots];
		int trouble;

		sleep_until(due);
		trouble = client_send(&c, shot);
		/* A kept connection may be closed just as it is used. */
		if (trouble == TROUBLE_IO + 1 && opt.keep)
			trouble = client_send(&c, shot);
		if (due < begin + opt.warmup)
			continue;
		if (c.connect_s > 0)
			stats_connect(&stats, c.connect_s, c.resumed);
		stats_answer(&stats, when_clock() - due, c.status, trouble);
	}
	client_close(&c);
	SSL_SESSION_free(c.session);
	bytes_free(&c.in);
	return NULL;
}

/* One device of a storm: asks until it has its certificate. */
static void *
device(void *arg)
{
	size_t i = (size_t)(uintptr_t)arg;
	SSL_CTX *ctx = context;
	struct client c;
	int trouble;

	if (opt.pairs != NULL) {
		char *cert = str_fmt("%s/%zu.pem", opt.pairs, i);
		char *key = str_fmt("%s/%zu.key", opt.pairs, i);

		ctx = client_context(&opt, cert, key);
		free(cert);
		free(key);
	}
	client_init(&c, &opt, ctx);
	sleep_until(begin);
	while (!stopped && when_clock() < end) {
		double start = when_clock();

		c.status = c.retry_after = 0;
		trouble = client_send(&c, &pool.shot[i]);
		if (c.connect_s > 0)
			stats_connect(&stats, c.connect_s, c.resumed);
		stats_answer(&stats, when_clock() - start, c.status, trouble);
		if (trouble == 0 && c.status == 200) {
			if (opt.out != NULL)
				pair_write(
				    opt.out, i, c.body, pool.shot[i].key);
			break;
		}
		sleep_until(
		    when_clock() + (c.retry_after > 0 ? c.retry_after : 1));
	}
	client_close(&c);
	bytes_free(&c.in);
	if (ctx != context)
		SSL_CTX_free(ctx);
	return NULL;
}

static void
run(void)
{
	int n = opt.storm ? opt.pool : opt.connections;
	pthread_t *thread = mem_new((size_t)n * sizeof(*thread));
	pthread_attr_t attr;

	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, 256 * 1024);
	begin = when_clock() + (opt.storm ? 2 : 0);
	end = begin + opt.warmup + opt.seconds;
	for (int i = 0; i < n; i++)
		if (pthread_create(&thread[i], &attr, opt.storm ? device : loop,
			(void *)(uintptr_t)i) != 0)
			die("cannot start %d threads", n);
	for (int i = 0; i < n; i++)
		(void)pthread_join(thread[i], NULL);
	(void)pthread_attr_destroy(&attr);
	free(thread);
}

static void
usage(void)
{
	(void)fputs(
	    "usage: load -u URL -A CACERT [-E CERT -K KEY] [options]\n"
	    "  -u URL            https://HOST:PORT/PATH\n"
	    "  -A FILE           trust anchors; or --insecure\n"
	    "  -E FILE, -K FILE  client certificate and key\n"
	    "  -p N              send CSRs from a pool of N, by default GET\n"
	    "  -d FILE           send this body instead\n"
	    "  -c N              connections at once (1)\n"
	    "  -k                keep connections; -m N: at most N requests\n"
	    "  -S                resume TLS sessions\n"
	    "  -n N, -t SECONDS  stop after (10 s); -w SECONDS: warm up first\n"
	    "  -r N              open loop: N requests a second\n"
	    "  --storm           -p devices at once, each until it has its\n"
	    "                    certificate, obeying Retry-After\n"
	    "  --pairs DIR       storm: device N shows DIR/N.pem, DIR/N.key\n"
	    "  --out DIR         storm: keep each certificate and key there\n"
	    "  --check           parse each answer, compare the key\n"
	    "  --csr-alg A       p256 p384 rsa2048 rsa3072 ed25519\n"
	    "  --csr-keys N      keys in the pool (one each: a CA may refuse\n"
	    "                    a key that another subject has)\n"
	    "  --csr-cn CN       one CN for all; --cn-prefix P (load)\n"
	    "  --csr-san         the CN as dNSName too\n"
	    "  --oneline         base64 without line breaks\n"
	    "  --user NAME:PASS  HTTP Basic; -H 'N: V': another header\n"
	    "  --tls 1.2|1.3  --timeout SECONDS  --pin CPU  --json  "
	    "--type T\n",
	    stderr);
	exit(2);
}

static void
url_read(void)
{
	const char *p = opt.url;

	if (p == NULL || sscanf(p, "https://%255[^:/]:%15[0-9]%1023s", opt.host,
			     opt.port, opt.path) != 3)
		die("the URL must be https://HOST:PORT/PATH");
}

static void
user_add(const char *user)
{
	struct bytes text = {0};

	base64_write(&text, span_str(user), 0);
	text.data[text.len - 1] = '\0';
	bytes_addf(&opt.headers, "Authorization: Basic %s\r\n",
	    (const char *)text.data);
	bytes_free(&text);
}

static void
pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		die("cannot run on CPU %d", cpu);
}

enum {
	O_ALG = 256,
	O_KEYS,
	O_CN,
	O_PREFIX,
	O_SAN,
	O_ONELINE,
	O_USER,
	O_TLS,
	O_TIMEOUT,
	O_PIN,
	O_JSON,
	O_TYPE,
	O_CHECK,
	O_STORM,
	O_PAIRS,
	O_OUT,
	O_INSECURE
};

static void
option_short(int ch)
{
	switch (ch) {
	case 'u':
		opt.url = optarg;
		return;
	case 'A':
		opt.cacert = optarg;
		return;
	case 'E':
		opt.cert = optarg;
		return;
	case 'K':
		opt.key = optarg;
		return;
	case 'p':
		opt.pool = atoi(optarg);
		return;
	case 'd':
		opt.body = optarg;
		return;
	case 'X':
		opt.method = optarg;
		return;
	case 'H':
		bytes_addf(&opt.headers, "%s\r\n", optarg);
		return;
	case 'c':
		opt.connections = atoi(optarg);
		return;
	case 'k':
		opt.keep = true;
		return;
	case 'm':
		opt.per_connection = (unsigned)atoi(optarg);
		return;
	case 'S':
		opt.resume = true;
		return;
	case 'n':
		opt.requests = atoll(optarg);
		return;
	case 't':
		opt.seconds = atof(optarg);
		return;
	case 'w':
		opt.warmup = atof(optarg);
		return;
	case 'r':
		opt.rate = atof(optarg);
		return;
	default:
		usage();
	}
}

static void
option_long(int ch)
{
	switch (ch) {
	case O_ALG:
		opt.alg = optarg;
		return;
	case O_KEYS:
		opt.keys = atoi(optarg);
		return;
	case O_CN:
		opt.cn = optarg;
		return;
	case O_PREFIX:
		opt.prefix = optarg;
		return;
	case O_SAN:
		opt.san = true;
		return;
	case O_ONELINE:
		opt.oneline = true;
		return;
	case O_USER:
		user_add(optarg);
		return;
	case O_TLS:
		opt.tls = optarg;
		return;
	case O_TIMEOUT:
		opt.timeout = atof(optarg);
		return;
	case O_PIN:
		opt.pin = atoi(optarg);
		return;
	case O_JSON:
		opt.json = true;
		return;
	case O_TYPE:
		opt.type = optarg;
		return;
	case O_CHECK:
		opt.check = true;
		return;
	case O_STORM:
		opt.storm = true;
		return;
	case O_PAIRS:
		opt.pairs = optarg;
		return;
	case O_OUT:
		opt.out = optarg;
		return;
	case O_INSECURE:
		opt.insecure = true;
		return;
	default:
		option_short(ch);
	}
}

int
main(int argc, char **argv)
{
	static const struct option names[] = {{"csr-alg", 1, NULL, O_ALG},
	    {"csr-keys", 1, NULL, O_KEYS}, {"csr-cn", 1, NULL, O_CN},
	    {"cn-prefix", 1, NULL, O_PREFIX}, {"csr-san", 0, NULL, O_SAN},
	    {"oneline", 0, NULL, O_ONELINE}, {"user", 1, NULL, O_USER},
	    {"tls", 1, NULL, O_TLS}, {"timeout", 1, NULL, O_TIMEOUT},
	    {"pin", 1, NULL, O_PIN}, {"json", 0, NULL, O_JSON},
	    {"type", 1, NULL, O_TYPE}, {"check", 0, NULL, O_CHECK},
	    {"storm", 0, NULL, O_STORM}, {"pairs", 1, NULL, O_PAIRS},
	    {"out", 1, NULL, O_OUT}, {"insecure", 0, NULL, O_INSECURE},
	    {NULL, 0, NULL, 0}};
	double counted;
	int ch;

	while ((ch = getopt_long(argc, argv,
		    "u:A:E:K:p:d:X:H:c:km:Sn:t:w:r:", names, NULL)) != -1)
		option_long(ch);
	if (optind != argc || opt.connections < 1 || opt.keys < 0 ||
	    (opt.cacert == NULL && !opt.insecure) ||
	    (opt.storm && opt.pool < 1) ||
	    (opt.cert == NULL) != (opt.key == NULL))
		usage();
	url_read();
	if (opt.pin >= 0)
		pin_to(opt.pin);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGINT, on_signal);
	(void)signal(SIGTERM, on_signal);
	context = client_context(&opt, opt.cert, opt.key);
	pool_make(&pool, &opt);
	run();
	counted = stats.last - begin - opt.warmup;
	stats_print(&stats, &opt, counted);
	SSL_CTX_free(context);
	pool_free(&pool);
	return stats.ok > 0 && (opt.storm || stats.bad == 0) ? 0 : 1;
}

/*
 * fcgi-request - a FastCGI client for tests, well-behaved or not.
 *
 * usage: fcgi-request [-t] [-k TIMES] [-m MODE] [-w SECONDS] SOCKET NAME=value ...
 *
 * Sends one request (with -k: several on one kept connection), its body from
 * standard input, and copies the answer's STDOUT stream to standard output.
 * With -t each one's time goes to standard error, in ms.
 * Exit status: 0 END_REQUEST came; 1 the connection ended without it; 2 no
 * connection; 3 nothing for SECONDS (30).  MODE is one of the table's.
 */
#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/tools/fastcgi.h"

enum mode {
	PLAIN,
	PADDING,     /* 255 octets of padding after all data; libfcgi takes it
			neither after BEGIN_REQUEST nor after a stream's end */
	SLOW,        /* the body octet by octet, 5 a second */
	STALL,       /* half the body, then nothing */
	ABORTED,     /* half the body, then ABORT_REQUEST */
	CLOSED,      /* half the body, then the connection is closed */
	BEGIN_TWICE, /* BEGIN_REQUEST again with the same id */
	BEGIN_OTHER, /* BEGIN_REQUEST with another id, inside the body */
	VERSION,     /* a record of version 7 */
	UNKNOWN,     /* a management record of unknown type first */
	ROLE,        /* as an authorizer */
	LONG_NAME,   /* a parameter name of 2^31 - 1 octets */
	LONG_PARAMS, /* 70,000 octets of parameters more */
	HALF_BEGIN,  /* half a BEGIN_REQUEST, then nothing */
	GONE,        /* takes no answer */
	GARBAGE      /* no FastCGI at all */
};

static const char *const modes[] = {"plain", "padding", "slow", "stall",
    "abort", "close", "begin-twice", "begin-other", "version", "unknown",
    "role", "long-name", "long-params", "half-begin", "gone", "garbage"};

static enum mode mode = PLAIN;
static int sock = -1;
static int patience = 30;

/* What is behind each record with data. */
static unsigned
padding(void)
{
	return mode == PADDING ? 255 : 0;
}

static void
record(int type, const void *data, size_t len)
{
	fastcgi_record(sock, type, 1, data, len, len > 0 ? padding() : 0);
}

static void
stream(int type, const char *data, size_t len)
{
	fastcgi_stream(sock, type, data, len, padding());
}

static void
param(const char *name, size_t name_len, const char *value, size_t value_len)
{
	fastcgi_param(sock, name, name_len, value, value_len, padding());
}

static void
params(char **env)
{
	static char big[70000];

	for (; *env != NULL; env++) {
		const char *eq = strchr(*env, '=');
		char name[256];

		if (eq == NULL || (size_t)(eq - *env) >= sizeof(name))
			errx(2, "not NAME=value: %s", *env);
		memcpy(name, *env, (size_t)(eq - *env));
		name[eq - *env] = '\0';
		param(name, strlen(name), eq + 1, strlen(eq + 1));
	}
	if (mode == LONG_NAME)
		param("X", 0x7fffffff, "", 0);
	if (mode == LONG_PARAMS) {
		memset(big, 'x', sizeof(big));
		param("HTTP_X_BIG", 10, big, sizeof(big));
	}
	record(FASTCGI_PARAMS, NULL, 0);
}

static void
body(const char *data, size_t len)
{
	size_t half = len / 2;

	if (mode == SLOW) {
		for (size_t i = 0; i < len; i++) {
			record(FASTCGI_STDIN, data + i, 1);
			(void)poll(NULL, 0, 200);
		}
	} else if (mode == STALL || mode == ABORTED || mode == CLOSED) {
		stream(FASTCGI_STDIN, data, half);
		if (mode == ABORTED)
			record(FASTCGI_ABORT, NULL, 0);
		if (mode == CLOSED)
			(void)shutdown(sock, SHUT_WR);
		return;
	} else {
		stream(FASTCGI_STDIN, data, half);
		if (mode == BEGIN_OTHER)
			fastcgi_begin(sock, 2, FASTCGI_RESPONDER, false);
		stream(FASTCGI_STDIN, data + half, len - half);
	}
	record(FASTCGI_STDIN, NULL, 0);
}

static void
request(char **env, const char *data, size_t len, bool keep)
{
	static const uint8_t half[5] = {1, FASTCGI_BEGIN, 0, 1, 0};
	static const uint8_t strange[8] = {7, FASTCGI_BEGIN, 0, 1, 0, 0, 0, 0};

	if (mode == HALF_BEGIN) {
		fastcgi_put(sock, half, sizeof(half));
		return;
	}
	if (mode == VERSION)
		fastcgi_put(sock, strange, sizeof(strange));
	if (mode == GARBAGE)
		fastcgi_put(sock, "GET / HTTP/1.1\r\nHost: here\r\n\r\n", 30);
	if (mode == UNKNOWN)
		fastcgi_record(sock, 99, 0, "what?", 5, 0);
	fastcgi_begin(sock, 1,
	    mode == ROLE ? FASTCGI_AUTHORIZER : FASTCGI_RESPONDER, keep);
	if (mode == BEGIN_TWICE)
		fastcgi_begin(sock, 1, FASTCGI_RESPONDER, keep);
	params(env);
	body(data, len);
}

/* Up to END_REQUEST; false when the connection ends before it. */
static bool
answer(void)
{
	static uint8_t data[FASTCGI_RECORD_MAX];
	int type, id, rc;
	size_t len;

	while (
	    (rc = fastcgi_take(sock, &type, &id, data, &len, patience)) == 1) {
		if (type == FASTCGI_STDOUT)
			(void)fwrite(data, 1, len, stdout);
		if (type == FASTCGI_END && id == 1)
			return true;
	}
	if (rc < 0)
		exit(3);
	return false;
}

static char *
slurp(size_t *len)
{
	char *data = NULL;
	size_t n;

	*len = 0;
	do {
		if ((data = realloc(data, *len + 65536)) == NULL)
			err(2, "realloc");
		n = fread(data + *len, 1, 65536, stdin);
		*len += n;
	} while (n > 0);
	return data;
}

static enum mode
mode_of(const char *word)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i], word) == 0)
			return (enum mode)i;
	errx(2, "no such mode: %s", word);
}

static double
clock_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int
main(int argc, char **argv)
{
	int opt, times = 1, rc = 0;
	bool timed = false;
	double begin;
	size_t len;
	char *data;

	while ((opt = getopt(argc, argv, "k:m:tw:")) != -1) {
		if (opt == 'k')
			times = atoi(optarg);
		else if (opt == 'm')
			mode = mode_of(optarg);
		else if (opt == 't')
			timed = true;
		else if (opt == 'w')
			patience = atoi(optarg);
		else
			return 2;
	}
	if (optind >= argc)
		errx(2,
		    "usage: fcgi-request [-t] [-k N] [-m MODE] [-w S] SOCKET "
		    "NAME=value ...");
	(void)signal(SIGPIPE, SIG_IGN);
	data = slurp(&len);
	sock = fastcgi_connect(argv[optind]);
	if (sock < 0)
		err(2, "%s", argv[optind]);
	if (mode == GONE)
		(void)shutdown(sock, SHUT_RD);
	while (times-- > 0 && rc == 0) {
		begin = clock_ms();
		request(argv + optind + 1, data, len, times > 0);
		rc = answer() ? 0 : 1;
		if (timed)
			(void)fprintf(stderr, "%.2f\n", clock_ms() - begin);
	}
	(void)close(sock);
	free(data);
	return rc;
}

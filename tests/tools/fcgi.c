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
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { BEGIN = 1, ABORT = 2, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6 };
enum { RESPONDER = 1, AUTHORIZER = 2, KEEP = 1 };

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

static void
put(const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(sock, p, len);

		if (n < 0)
			return; /* the answer says why */
		p += n;
		len -= (size_t)n;
	}
}

static void
record(int type, int id, const void *data, size_t len)
{
	bool pad = mode == PADDING && type != BEGIN && len > 0;
	uint8_t head[8] = {1, (uint8_t)type, 0, (uint8_t)id,
	    (uint8_t)(len >> 8), (uint8_t)len, pad ? 255 : 0, 0};
	uint8_t all[8 + 65535 + 255] = {0};

	memcpy(all, head, sizeof(head));
	if (len > 0)
		memcpy(all + 8, data, len);
	put(all, 8 + len + head[6]);
}

static void
stream(int type, const char *data, size_t len)
{
	while (len > 0) {
		size_t n = len < 32768 ? len : 32768;

		record(type, 1, data, n);
		data += n;
		len -= n;
	}
}

static void
begin(int id, int role, bool keep)
{
	uint8_t body[8] = {0, (uint8_t)role, keep ? KEEP : 0};

	record(BEGIN, id, body, sizeof(body));
}

static size_t
length_put(uint8_t *p, size_t len)
{
	p[0] = (uint8_t)(0x80 | (len >> 24));
	p[1] = (uint8_t)(len >> 16);
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	return 4;
}

static void
param(const char *name, size_t name_len, const char *value, size_t value_len)
{
	uint8_t head[8];

	length_put(head, name_len);
	length_put(head + 4, value_len);
	stream(PARAMS, (const char *)head, sizeof(head));
	stream(PARAMS, name, strlen(name));
	stream(PARAMS, value, value_len);
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
	record(PARAMS, 1, NULL, 0);
}

static void
body(const char *data, size_t len)
{
	size_t half = len / 2;

	if (mode == SLOW) {
		for (size_t i = 0; i < len; i++) {
			record(STDIN, 1, data + i, 1);
			(void)poll(NULL, 0, 200);
		}
	} else if (mode == STALL || mode == ABORTED || mode == CLOSED) {
		stream(STDIN, data, half);
		if (mode == ABORTED)
			record(ABORT, 1, NULL, 0);
		if (mode == CLOSED)
			(void)shutdown(sock, SHUT_WR);
		return;
	} else {
		stream(STDIN, data, half);
		if (mode == BEGIN_OTHER)
			begin(2, RESPONDER, false);
		stream(STDIN, data + half, len - half);
	}
	record(STDIN, 1, NULL, 0);
}

static void
request(char **env, const char *data, size_t len, bool keep)
{
	static const uint8_t half[5] = {1, BEGIN, 0, 1, 0};
	static const uint8_t strange[8] = {7, BEGIN, 0, 1, 0, 0, 0, 0};

	if (mode == HALF_BEGIN) {
		put(half, sizeof(half));
		return;
	}
	if (mode == VERSION)
		put(strange, sizeof(strange));
	if (mode == GARBAGE)
		put("GET / HTTP/1.1\r\nHost: here\r\n\r\n", 30);
	if (mode == UNKNOWN)
		record(99, 0, "what?", 5);
	begin(1, mode == ROLE ? AUTHORIZER : RESPONDER, keep);
	if (mode == BEGIN_TWICE)
		begin(1, RESPONDER, keep);
	params(env);
	body(data, len);
}

static bool
take(void *p, size_t len)
{
	uint8_t *to = p;

	while (len > 0) {
		struct pollfd pfd = {.fd = sock, .events = POLLIN};
		ssize_t n;

		if (poll(&pfd, 1, patience * 1000) == 0)
			exit(3);
		n = read(sock, to, len);
		if (n <= 0)
			return false;
		to += n;
		len -= (size_t)n;
	}
	return true;
}

/* Up to END_REQUEST; false when the connection ends before it. */
static bool
answer(void)
{
	uint8_t head[8], data[65535 + 255];

	while (take(head, sizeof(head))) {
		size_t len = (size_t)(head[4] << 8 | head[5]);

		if (!take(data, len + head[6]))
			break;
		if (head[1] == STDOUT)
			(void)fwrite(data, 1, len, stdout);
		if (head[1] == END && head[3] == 1)
			return true;
	}
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
	struct sockaddr_un to = {.sun_family = AF_UNIX};
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
	if (optind >= argc || strlen(argv[optind]) >= sizeof(to.sun_path))
		errx(2,
		    "usage: fcgi-request [-t] [-k N] [-m MODE] [-w S] SOCKET "
		    "NAME=value ...");
	(void)signal(SIGPIPE, SIG_IGN);
	data = slurp(&len);
	(void)strcpy(to.sun_path, argv[optind]);
	sock = socket(AF_UNIX, SOCK_STREAM, 0);
	if (sock < 0 || connect(sock, (struct sockaddr *)&to, sizeof(to)) != 0)
		err(2, "%s", to.sun_path);
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

/*
 * slow - clients that begin a request and do not go on.
 *
 * usage: slow [-p] PORT COUNT SECONDS FILE
 *
 * COUNT connections to 127.0.0.1, over TLS (-p: without), that each send FILE.
 * Says "open" when all have, and then waits until the server has closed them,
 * SECONDS at most: "CLOSED of COUNT closed, the last after SECONDS s, STATUS",
 * with the last answer's status, or 000.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "lib/base/file.h"
#include "lib/base/when.h"

struct one {
	int fd;
	SSL *ssl; /* NULL: plain */
};

static void
must(bool done, const char *what)
{
	if (done)
		return;
	perror(what);
	exit(1);
}

static void
begin(struct one *c, SSL_CTX *tls, int port, struct span text)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(c->fd >= 0, "socket");
	must(
	    connect(c->fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect");
	if (tls != NULL) {
		c->ssl = SSL_new(tls);
		must(c->ssl != NULL && SSL_set_fd(c->ssl, c->fd) == 1 &&
			 SSL_connect(c->ssl) == 1,
		    "TLS");
		must(SSL_write(c->ssl, text.data, (int)text.len) ==
			 (int)text.len,
		    "SSL_write");
	} else if (text.len > 0) {
		must(write(c->fd, text.data, text.len) == (ssize_t)text.len,
		    "write");
	}
}

/* What came; is the connection over? */
static bool
over(struct one *c, char status[4])
{
	char part[4096];
	int n;

	if (c->ssl != NULL)
		n = SSL_read(c->ssl, part, sizeof(part) - 1);
	else
		n = (int)read(c->fd, part, sizeof(part) - 1);
	if (n <= 0)
		return c->ssl == NULL ||
		       SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ;
	part[n] = '\0';
	if (n > 12 && strncmp(part, "HTTP/1.", 7) == 0)
		(void)snprintf(status, 4, "%.3s", part + 9);
	return false;
}

static void
await(struct one *all, size_t n, double seconds)
{
	double begun = when_clock(), last = 0;
	struct pollfd *fds = calloc(n, sizeof(*fds));
	char status[4] = "000";
	size_t closed = 0;

	must(fds != NULL, "memory");
	for (size_t i = 0; i < n; i++)
		fds[i] = (struct pollfd){.fd = all[i].fd, .events = POLLIN};
	while (closed < n && when_clock() - begun < seconds) {
		must(poll(fds, n, 100) >= 0, "poll");
		for (size_t i = 0; i < n; i++) {
			if (fds[i].revents == 0 || !over(&all[i], status))
				continue;
			fds[i].fd = -1; /* poll() passes it over */
			closed++;
			last = when_clock() - begun;
		}
	}
	printf("%zu of %zu closed, the last after %.0f s, %s\n", closed, n,
	    last, status);
	free(fds);
}

int
main(int argc, char **argv)
{
	bool plain = argc == 6 && strcmp(argv[1], "-p") == 0;
	SSL_CTX *tls = NULL;
	struct rlimit files;
	struct bytes text = {0};
	struct fail why = {0};
	struct one *all;
	size_t n;

	if (argc - plain != 5)
		return 2;
	argv += plain;
	(void)signal(SIGPIPE, SIG_IGN);
	n = (size_t)atoi(argv[2]);
	must(file_read(&text, argv[4], 65536, &why) == 0, argv[4]);
	must(getrlimit(RLIMIT_NOFILE, &files) == 0, "getrlimit");
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
	if (!plain)
		must((tls = SSL_CTX_new(TLS_client_method())) != NULL, "TLS");
	/* A session ticket alone is no answer. */
	if (tls != NULL)
		(void)SSL_CTX_clear_mode(tls, SSL_MODE_AUTO_RETRY);
	all = calloc(n, sizeof(*all));
	must(all != NULL, "memory");
	for (size_t i = 0; i < n; i++)
		begin(&all[i], tls, atoi(argv[1]), span_of(&text));
	puts("open");
	(void)fflush(stdout);
	await(all, n, atof(argv[3]));
	for (size_t i = 0; i < n; i++) {
		SSL_free(all[i].ssl);
		(void)close(all[i].fd);
	}
	free(all);
	SSL_CTX_free(tls);
	bytes_free(&text);
	return 0;
}

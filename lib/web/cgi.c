#include "lib/web/cgi.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/when.h"
#include "lib/wire/request.h"

/* What is left of a request when it was answered. */
#define CGI_DRAIN_MAX (1024 * 1024)
#define CGI_DRAIN_WAIT 2 /* s */

static ssize_t
cgi_read(struct edge *e, void *buf, size_t size, double until)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	double left;
	ssize_t n;

	(void)e;
	do {
		left = until - when_clock();
		n = poll(&p, 1, left > 0 ? (int)(left * 1000) + 1 : 0);
		if (n == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (n > 0)
			n = read(STDIN_FILENO, buf, size);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	return n;
}

static int
cgi_write(struct edge *e, struct span answer)
{
	ssize_t n;

	(void)e;
	while (answer.len > 0) {
		n = write(STDOUT_FILENO, answer.data, answer.len);
		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			answer.data += n;
			answer.len -= (size_t)n;
		}
	}
	return 0;
}

void
cgi_end(struct edge *e)
{
	const char *length = env_find(e->env, "CONTENT_LENGTH", NULL);
	bool body = env_find(e->env, "HTTP_TRANSFER_ENCODING", NULL) != NULL ||
	            (length != NULL && strcmp(length, "0") != 0);
	double until = when_clock() + CGI_DRAIN_WAIT;
	char part[4096];
	size_t got = 0;
	ssize_t n;

	/* Without a body the stream may stay open for ever. */
	while (body && got < CGI_DRAIN_MAX &&
	       (n = e->read(e, part, sizeof(part), until)) > 0)
		got += (size_t)n;
	bytes_free(&e->path);
}

void
cgi_edge(struct edge *e)
{
	memset(e, 0, sizeof(*e));
	e->env = environ;
	e->read = cgi_read;
	e->write = cgi_write;
	e->part = cgi_write;
	e->once = true;
}

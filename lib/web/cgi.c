#include "lib/web/cgi.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/when.h"

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
cgi_edge(struct edge *e)
{
	memset(e, 0, sizeof(*e));
	e->env = environ;
	e->read = cgi_read;
	e->write = cgi_write;
	e->part = cgi_write;
	e->once = true;
}

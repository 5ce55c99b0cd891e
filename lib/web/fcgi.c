#include "lib/web/fcgi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <fcgiapp.h>

#include <openssl/crypto.h>

#include "lib/base/log.h"
#include "lib/base/when.h"

#define LISTENING 0
#define RESPONDER 1 /* FCGI_RESPONDER: the role that answers requests */

struct fcgi {
	struct edge edge; /* first: an edge is its fcgi */
	FCGX_Request rq;
	uid_t peer;
	double wait;  /* s: as configured */
	double limit; /* s: SO_RCVTIMEO as it stands */
	bool ended;   /* the body was read to its end */
};

bool
fcgi_listening(void)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(LISTENING, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) ==
	           0 &&
	       on != 0;
}

/* Whoever can connect can claim to be anyone. */
static int
socket_ok(struct fail *why)
{
	struct sockaddr_un at = {0};
	socklen_t len = sizeof(at);
	struct stat st;
	char path[sizeof(at.sun_path) + 1] = "";

	if (getsockname(LISTENING, (struct sockaddr *)&at, &len) != 0 ||
	    at.sun_family != AF_UNIX)
		return fail(why, FAIL_CONFIG, "socket",
		    "descriptor 0 is not a Unix socket: the web server must "
		    "connect through one");
	if (len > sizeof(at))
		len = sizeof(at);
	if (len > offsetof(struct sockaddr_un, sun_path))
		memcpy(path, at.sun_path,
		    len - offsetof(struct sockaddr_un, sun_path));
	if (path[0] == '\0')
		return fail(why, FAIL_CONFIG, "socket",
		    "the socket has no name in the file system, so nothing "
		    "says who may connect");
	if (stat(path, &st) != 0) {
		/* A folder that keeps us out keeps everybody out: mod_fcgid
		 * makes such a one. */
		if (errno == EACCES)
			return 0;
		fail(why, FAIL_CONFIG, "socket",
		    "cannot see who may write to the socket %s", path);
		return fail_errno(why, "stat");
	}
	if (!S_ISSOCK(st.st_mode) || (st.st_mode & S_IWOTH) != 0)
		return fail(why, FAIL_CONFIG, "socket",
		    "everybody may write to the socket %s: want mode 0660",
		    path);
	return 0;
}

static void
wake(int sig)
{
	(void)sig;
}

int
fcgi_start(struct fail *why)
{
	struct sigaction sa = {.sa_handler = wake};

	if (socket_ok(why) != 0)
		return -1;
	if (FCGX_Init() != 0)
		return fail(why, FAIL_BROKEN, "fcgi", "libfcgi did not start");
	/* After FCGX_Init(), which has handlers of its own; no SA_RESTART. */
	(void)sigaction(FCGI_WAKE, &sa, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	return 0;
}

static void
limit_set(struct fcgi *f, double seconds)
{
	struct timeval tv;

	if (seconds < 0.01)
		seconds = 0.01;
	tv.tv_sec = (time_t)seconds;
	tv.tv_usec = (suseconds_t)((seconds - (double)tv.tv_sec) * 1e6);
	(void)setsockopt(f->rq.ipcFd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	f->limit = seconds;
}

/*
 * The body, never more than libfcgi has at hand, so that each call makes one
 * read(2) at most and the limit holds for the whole of the body.
 */
static ssize_t
fcgi_read(struct edge *e, void *buf, size_t size, double until)
{
	struct fcgi *f = (struct fcgi *)e;
	FCGX_Stream *in = f->rq.in;
	ptrdiff_t have = in->stop - in->rdNext;
	double left = until - when_clock();
	int c;

	if (have <= 0) {
		if (left <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (left < f->limit - 0.1 || left > f->limit + 0.1)
			limit_set(f, left);
		errno = 0;
		if ((c = FCGX_GetChar(in)) == EOF) {
			if (FCGX_GetError(in) == 0) {
				f->ended = true;
				return 0;
			}
			errno = errno == EAGAIN ? ETIMEDOUT : ECONNABORTED;
			return -1;
		}
		(void)FCGX_UnGetChar(c, in);
		have = in->stop - in->rdNext;
	}
	if ((size_t)have < size)
		size = (size_t)have;
	return FCGX_GetStr(buf, (int)size, in);
}

/* Closing the streams sends all and END_REQUEST in as few writes as can be.
 * libfcgi's own buffer is wiped before it is freed: a key may be in it. */
static int
fcgi_write(struct edge *e, struct span answer)
{
	struct fcgi *f = (struct fcgi *)e;
	FCGX_Stream *out = f->rq.out;
	unsigned char *buffer = out->wrNext, *end = out->stop;
	int len = (int)answer.len;
	int rc = FCGX_PutStr((const char *)answer.data, len, out) == len &&
	                 FCGX_FClose(f->rq.err) == 0 && FCGX_FClose(out) == 0
	             ? 0
	             : -1;

	OPENSSL_cleanse(buffer, (size_t)(end - buffer));
	return rc;
}

static int
fcgi_part(struct edge *e, struct span part)
{
	struct fcgi *f = (struct fcgi *)e;
	int len = (int)part.len;

	return FCGX_PutStr((const char *)part.data, len, f->rq.out) == len ? 0
	                                                                   : -1;
}

struct edge *
fcgi_new(double wait)
{
	struct fcgi *f = mem_new(sizeof(*f));

	f->edge.read = fcgi_read;
	f->edge.write = fcgi_write;
	f->edge.part = fcgi_part;
	f->wait = wait;
	/* libfcgi is never to accept a connection by itself. */
	(void)FCGX_InitRequest(&f->rq, -1, 0);
	return &f->edge;
}

void
fcgi_free(struct edge *e)
{
	struct fcgi *f = (struct fcgi *)e;

	FCGX_Free(&f->rq, 1);
	bytes_free(&e->path);
	free(f);
}

static int
accept_one(void)
{
	int fd = accept4(LISTENING, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0 && errno != EINTR && errno != ECONNABORTED) {
		log_write(LOG_LEVEL_ERROR, "accept: %s", strerror(errno));
		(void)poll(NULL, 0, 1000); /* descriptors may come back */
	}
	return fd;
}

/* The next request on a kept connection, or its end. */
static bool
kept_ready(struct fcgi *f)
{
	struct pollfd p = {.fd = f->rq.ipcFd, .events = POLLIN};

	if (poll(&p, 1, (int)(f->wait * 1000)) == 1)
		return true;
	FCGX_Free(&f->rq, 1);
	return false;
}

static bool
peer_of(struct fcgi *f)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	if (getsockopt(f->rq.ipcFd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
		return false;
	f->peer = who.uid;
	return true;
}

bool
fcgi_connect(struct edge *e, uid_t *peer)
{
	struct fcgi *f = (struct fcgi *)e;
	struct timeval tv = {.tv_sec = (time_t)f->wait};
	sigset_t set;
	bool ready;

	sigemptyset(&set);
	sigaddset(&set, FCGI_WAKE);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	if (f->rq.ipcFd >= 0)
		ready = kept_ready(f);
	else
		ready = (f->rq.ipcFd = accept_one()) >= 0;
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (!ready) {
		f->rq.ipcFd = -1;
		return false;
	}
	if (!peer_of(f)) {
		fcgi_finish(e, true);
		return false;
	}
	limit_set(f, f->wait);
	(void)setsockopt(f->rq.ipcFd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	*peer = f->peer;
	return true;
}

bool
fcgi_begin(struct edge *e)
{
	struct fcgi *f = (struct fcgi *)e;

	f->ended = false;
	e->broken = false;
	/* It begins by finishing what was before, and would close this. */
	f->rq.keepConnection = 1;
	if (FCGX_Accept_r(&f->rq) != 0) {
		f->rq.ipcFd = -1;
		return false;
	}
	e->env = f->rq.envp;
	if (f->rq.role == RESPONDER)
		return true;
	fcgi_finish(e, true);
	return false;
}

void
fcgi_finish(struct edge *e, bool last)
{
	struct fcgi *f = (struct fcgi *)e;

	/* What is left of a body must not be taken for the next request. */
	if (last || !f->ended)
		f->rq.keepConnection = 0;
	e->env = NULL;
	if (f->rq.in != NULL) {
		FCGX_Finish_r(&f->rq);
	} else if (f->rq.ipcFd >= 0) {
		(void)close(f->rq.ipcFd);
		f->rq.ipcFd = -1;
	}
}

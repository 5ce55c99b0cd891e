#include "lib/base/log.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/bytes.h"
#include "lib/base/when.h"

static const char *log_program = "microca";
static enum log_sink log_sink = LOG_SINK_STDERR;
static enum log_level log_most = LOG_LEVEL_INFO;

static const struct {
	const char *word;
	int syslog;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARN] = {"warn", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

void
log_open(const char *program, enum log_sink sink, enum log_level most)
{
	log_program = program;
	log_sink = sink;
	log_most = most;
	if (sink == LOG_SINK_SYSLOG)
		openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

static void
line_write(struct bytes *line, enum log_level level, const char *text)
{
	char now[WHEN_LEN];

	when_write(now, when_now());
	bytes_addf(line, "%s %s[%d] %s: ", now, log_program, (int)getpid(),
	    levels[level].word);
	text_escape(line, span_str(text));
	if (line->len >= PIPE_BUF)
		line->len = PIPE_BUF - 1;
	bytes_addc(line, '\n');
}

/* ---- somebody has to read it ------------------------------------------------ */

/* A pipe that nobody empties takes no more, and must not keep a request: one
 * line waits this long, the next ones do not wait until there is room. */
#define PATIENCE 500 /* ms */

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static unsigned lost; /* lines, since one was written; atomic */

/* A line of PIPE_BUF fits then; an error is write(2)'s to find. */
static bool
has_room(int ms)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&p, 1, ms) > 0;
}

/* Who writes has the turn, and may be held up by another process that took the
 * room in between. */
static bool
turn_take(void)
{
	struct timespec until;

	if (pthread_mutex_trylock(&turn) == 0)
		return true;
	if (__atomic_load_n(&lost, __ATOMIC_RELAXED) > 0)
		return false;
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += PATIENCE * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	return pthread_mutex_timedlock(&turn, &until) == 0;
}

/* One write(2) a line, so that lines of several processes do not mix. */
static void
put(const struct bytes *line)
{
	if (write(STDERR_FILENO, line->data, line->len) < 0) {
		/* Nobody is left to be told. */
	}
}

static void
put_lost(unsigned n)
{
	struct bytes line = {0};
	char *text =
	    str_fmt("%u lines of the log were lost: nobody read it", n);

	line_write(&line, LOG_LEVEL_WARN, text);
	put(&line);
	bytes_free(&line);
	free(text);
}

static void
log_line(enum log_level level, const char *text)
{
	struct bytes line = {0};
	unsigned n;
	bool written = false;

	line_write(&line, level, text);
	if (turn_take()) {
		n = __atomic_load_n(&lost, __ATOMIC_RELAXED);
		if (n > 0 && has_room(0)) {
			put_lost(n);
			(void)__atomic_sub_fetch(&lost, n, __ATOMIC_RELAXED);
			n = 0;
		}
		if (has_room(n > 0 ? 0 : PATIENCE)) {
			put(&line);
			written = true;
		}
		(void)pthread_mutex_unlock(&turn);
	}
	if (!written)
		(void)__atomic_add_fetch(&lost, 1, __ATOMIC_RELAXED);
	bytes_free(&line);
}

void
log_write(enum log_level level, const char *fmt, ...)
{
	char *text = NULL;
	int n;
	va_list ap;

	if (level > log_most)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if (log_sink == LOG_SINK_SYSLOG) {
		struct bytes safe = {0};

		text_escape(&safe, span_str(text));
		syslog(levels[level].syslog, "%s", (const char *)safe.data);
		bytes_free(&safe);
	} else {
		log_line(level, text);
	}
	free(text);
}

void
log_syslog(const char *text)
{
	if (log_sink != LOG_SINK_SYSLOG)
		openlog(log_program, LOG_PID, LOG_DAEMON);
	syslog(LOG_NOTICE, "%s", text);
}

void
log_fail(const char *what, const struct fail *why)
{
	log_write(LOG_LEVEL_ERROR, "%s: %s: %s%s%s%s", what,
	    why->reason != NULL ? why->reason : "?", why->text,
	    why->cause[0] != '\0' ? " (" : "", why->cause,
	    why->cause[0] != '\0' ? ")" : "");
}

#include "lib/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
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

/* One write(2) a line, so that lines of several processes do not mix. */
static void
log_line(enum log_level level, const char *text)
{
	struct bytes line = {0};
	char now[WHEN_LEN];

	when_write(now, when_now());
	bytes_addf(&line, "%s %s[%d] %s: ", now, log_program, (int)getpid(),
	    levels[level].word);
	text_escape(&line, span_str(text));
	bytes_addc(&line, '\n');
	if (write(STDERR_FILENO, line.data, line.len) < 0) {
		/* Nobody is left to be told. */
	}
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

/*
 * log - one event, one line of 4096 octets at most, to standard error or syslog.
 *
 * Standard error may be a pipe that nobody empties: then a line waits half a
 * second, those after it do not wait at all, and when there is room again the
 * log says how many were lost.  syslogd is waited for by syslog(3).
 *
 * Untrusted octets are escaped before they get here or by the %s of
 * log_write(), which passes the finished line through text_escape().
 */
#ifndef MICROCA_LOG_H
#define MICROCA_LOG_H

#include "lib/base/fail.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};
enum log_sink { LOG_SINK_STDERR, LOG_SINK_SYSLOG };

/* `program` is borrowed for the life of the process. */
void log_open(const char *program, enum log_sink sink, enum log_level most);
void log_write(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* One line to syslog, whatever the sink; printable ASCII. */
void log_syslog(const char *text);
/* "what: text (cause)" at error level. */
void log_fail(const char *what, const struct fail *why);

#endif

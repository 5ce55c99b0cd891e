#include "lib/base/fail.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

static const struct {
	int http, exit;
} statuses[] = {
    [FAIL_NONE] = {200, 0},
    [FAIL_PENDING] = {202, 3},
    [FAIL_MALFORMED] = {400, 5},
    [FAIL_ANONYMOUS] = {401, 4},
    [FAIL_DENIED] = {403, 4},
    [FAIL_ABSENT] = {404, 6},
    [FAIL_METHOD] = {405, 5},
    [FAIL_TIMEOUT] = {408, 7},
    [FAIL_CONFLICT] = {409, 4},
    [FAIL_SIZE] = {413, 5},
    [FAIL_TYPE] = {415, 5},
    [FAIL_LIMIT] = {429, 7},
    [FAIL_BUSY] = {503, 7},
    [FAIL_BROKEN] = {500, 1},
    [FAIL_CONFIG] = {500, 2},
};

int
fail_http(enum fail_kind kind)
{
	return statuses[kind].http;
}

int
fail_exit(enum fail_kind kind)
{
	return statuses[kind].exit;
}

int
fail(struct fail *why, enum fail_kind kind, const char *reason, const char *fmt,
    ...)
{
	va_list ap;

	why->kind = kind;
	why->reason = reason;
	why->retry = 0;
	va_start(ap, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return -1;
}

/* The cause grows from left to right; what does not fit is cut. */
static void cause_add(struct fail *why, const char *fmt, va_list ap)
    PRINTF_LIKE(2, 0);

static void
cause_add(struct fail *why, const char *fmt, va_list ap)
{
	size_t used = strlen(why->cause);

	if (used > 0 && used + 2 < sizeof(why->cause)) {
		memcpy(why->cause + used, "; ", 3);
		used += 2;
	}
	(void)vsnprintf(why->cause + used, sizeof(why->cause) - used, fmt, ap);
}

int
fail_cause(struct fail *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	cause_add(why, fmt, ap);
	va_end(ap);
	return -1;
}

int
fail_errno(struct fail *why, const char *fmt, ...)
{
	char text[64];
	const char *s = strerror_r(errno, text, sizeof(text));
	va_list ap;

	va_start(ap, fmt);
	cause_add(why, fmt, ap);
	va_end(ap);
	return fail_cause(why, "%s", s);
}

int
fail_openssl(struct fail *why, const char *fmt, ...)
{
	char text[160];
	unsigned long e;
	va_list ap;

	va_start(ap, fmt);
	cause_add(why, fmt, ap);
	va_end(ap);
	while ((e = ERR_get_error()) != 0) {
		ERR_error_string_n(e, text, sizeof(text));
		fail_cause(why, "%s", text);
	}
	return -1;
}

int
fail_retry(struct fail *why, int seconds)
{
	why->retry = seconds;
	return -1;
}

void
fail_hide(struct fail *why, const char *text)
{
	char said[sizeof(why->text)];

	if (why->kind == FAIL_BUSY)
		return;
	memcpy(said, why->text, sizeof(said));
	(void)snprintf(why->text, sizeof(why->text), "%s", text);
	(void)fail_cause(why, "%s", said);
}

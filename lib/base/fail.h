/*
 * fail - why something was not done.
 *
 * Every function that can fail returns 0 or -1 and fills a struct fail.  The
 * kind alone decides the HTTP status and a tool's exit status; the reason is a
 * stable word for logs, audit and tests; the text is one sentence that a
 * requester may read; the cause is for the operator and never leaves the box.
 */
#ifndef MICROCA_FAIL_H
#define MICROCA_FAIL_H

#include <stdarg.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* Kind, HTTP status, exit status: fail.c holds the table. */
enum fail_kind {
	FAIL_NONE,      /* 200, 0: nothing failed */
	FAIL_PENDING,   /* 202, 3: accepted, not ready */
	FAIL_MALFORMED, /* 400, 5: bytes that are not what they should be */
	FAIL_ANONYMOUS, /* 401, 4: HTTP credentials wanted or wrong */
	FAIL_DENIED,    /* 403, 4: understood, not allowed */
	FAIL_ABSENT,    /* 404, 6: no such thing */
	FAIL_METHOD,    /* 405, 5 */
	FAIL_TIMEOUT,   /* 408, 7: the body did not come */
	FAIL_CONFLICT,  /* 409, 4: at odds with what was said before */
	FAIL_SIZE,      /* 413, 5 */
	FAIL_TYPE,      /* 415, 5 */
	FAIL_LIMIT,     /* 429, 7: too often */
	FAIL_BUSY,      /* 503, 7: not now, later perhaps */
	FAIL_BROKEN,    /* 500, 1: our own fault */
	FAIL_CONFIG     /* 500, 2: configuration or usage is wrong */
};

/* Zero-initialised it says "nothing failed". */
struct fail {
	enum fail_kind kind;
	const char *reason; /* static word: "pop", "key-weak", … */
	int retry;          /* s, for Retry-After; 0: none */
	char text[320];     /* for the requester: one sentence, no secrets */
	char cause[640];    /* for the operator: errno, OpenSSL, token, SQL */
};

/*
 * Fill `why` and return -1, so that a refusal is one statement.  An earlier
 * failure is replaced, its cause kept when the new one brings none.
 */
int fail(struct fail *why, enum fail_kind kind, const char *reason,
    const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Add to the cause; all return -1. */
int fail_cause(struct fail *why, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* … ": " and strerror(errno). */
int fail_errno(struct fail *why, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* … and OpenSSL's error queue, which is emptied. */
int fail_openssl(struct fail *why, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Seconds for Retry-After; returns -1. */
int fail_retry(struct fail *why, int seconds);

/* A sentence written for the operator, which may name files, becomes a part of
 * the cause; `text` stands for it before requesters.  FAIL_BUSY says nothing
 * of the kind and stays as it is. */
void fail_hide(struct fail *why, const char *text);

int fail_http(enum fail_kind kind);
int fail_exit(enum fail_kind kind);

#endif

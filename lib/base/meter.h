/*
 * meter - what a program counts, where others can read it.
 *
 * RUN/metrics-PROGRAM is a file of fixed size that every process of that
 * program maps and adds to: no lock, no system call, some 50 ns.  So what a
 * process counted stays when it ends, however it ends, and counts never go
 * back while the machine is up; the run folder lies in memory and is empty
 * after a restart.  Another layout (after an upgrade) begins anew.
 *
 * Before meter_open(), and in programs that never call it, counts are kept in
 * the process; meter_open() adds them to the file.
 *
 * Labels come from code and configuration, never from a request.  Those that
 * find no room count as "other".
 */
#ifndef MICROCA_METER_H
#define MICROCA_METER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/fail.h"

/* How long something took. */
enum meter_time {
	METER_REQUEST, /* from the request's header to the answer's end */
	METER_SIGN,    /* one signature of the token or key file */
	METER_COMMIT,  /* one transaction, until the disk has it */
	METER_TIMES
};

/* How often something happened; what its labels are. */
enum meter_event {
	METER_ANSWER,      /* HTTP status */
	METER_ISSUED,      /* endpoint, profile */
	METER_REPEATED,    /* likewise: answered from the record */
	METER_REFUSED,     /* reason word */
	METER_TOKEN_ERROR, /* reason word */
	METER_STORE_ERROR, /* reason word */
	METER_EVENTS
};

/* Upper bounds in microseconds; one more bucket has no bound. */
#define METER_BOUNDS 15
extern const uint32_t meter_bounds[METER_BOUNDS];

#define METER_LABEL                                                            \
	80 /* octets of an event's labels with their NULs; a rest is
                          cut off */

void meter_time(enum meter_time what, double seconds);
/* `label` and `second` may be NULL: there is none. */
void meter_count(enum meter_event what, const char *label, const char *second);
void meter_status(int status); /* METER_ANSWER */

/* From now on into the file; again for another folder.  FAIL_BROKEN "file": it
 * goes on in the process. */
MUST_CHECK int meter_open(
    const char *run, const char *program, struct fail *why);

/* ---- reading ------------------------------------------------------------- */

struct meter_times {
	uint64_t bucket[METER_BOUNDS + 1]; /* each on its own, not summed up */
	uint64_t us;                       /* in all */
};

/* Strings: "" is no label. */
struct meter_events {
	enum meter_event what;
	char label[METER_LABEL], second[METER_LABEL];
	uint64_t count;
};

/* What one program counted, its processes together; meter_free(). */
struct meter {
	char program[32];
	int64_t since; /* Unix s, when the file was made */
	struct meter_times time[METER_TIMES];
	struct meter_events *event; /* in the order of what, label, second */
	size_t events;
};
void meter_free(struct meter *meter); /* contents, then zero */
/* FAIL_ABSENT: there is none.  FAIL_BROKEN "file": not of this layout. */
MUST_CHECK int meter_read(
    struct meter *meter, const char *path, struct fail *why);

#endif

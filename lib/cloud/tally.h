/*
 * tally - what the runs of the uploader came to: one file for `microca cloud
 * status`, one for Prometheus.
 */
#ifndef MICROCA_TALLY_H
#define MICROCA_TALLY_H

#include "lib/base/json.h"
#include "lib/store/outbox.h"

/* How a run ended. */
enum run_result {
	RUN_DONE,    /* all is told but for what was given up */
	RUN_LATER,   /* something is left: offline, throttled, no time */
	RUN_REFUSED, /* devices were given up in this run */
	RUN_DENIED,  /* we are not let in */
	RUN_BROKEN,  /* configuration, store, disk */
	RUN_RESULTS
};
const char *run_result_word(enum run_result result);
enum run_result run_result_of(const struct fail *why);

/* What became of devices in a run, or in all runs. */
struct tally_devices {
	int64_t applied, unchanged, superseded, kept, refused;
};

/* tally_free(). */
struct tally {
	int64_t last_run, last_success; /* ends, Unix s; 0: none */
	int64_t duration;               /* ms, of the last one */
	enum run_result result;         /* of the last one */
	int64_t runs[RUN_RESULTS];
	struct tally_devices devices;
	struct outbox_state after; /* what the last one left */
	/* The last one that was none of RUN_DONE; 0: never. */
	int64_t error_time;
	char *error_reason, *error_text, *error_cause;
};
void tally_free(struct tally *tally); /* contents, then zero */

/* STATE/cloud.json; without one, or one that cannot be read, all is zero. */
void tally_read(struct tally *tally, const char *state);
MUST_CHECK int tally_write(
    const struct tally *tally, const char *state, struct fail *why);
/* The last error: time, reason, text, cause. */
struct json *tally_error(const struct tally *tally);
/* A run that ended now.  `why` of what ended it, or FAIL_NONE. */
void tally_add(struct tally *tally, enum run_result result, int64_t now,
    int64_t duration, const struct tally_devices *devices,
    const struct fail *why);

/* Prometheus' text (prom.h): of the runs, and of what waits. */
void tally_runs_text(struct bytes *out, const struct tally *tally);
void tally_outbox_text(
    struct bytes *out, const struct outbox_state *outbox, int64_t now);
/* Both, written to a file as a whole. */
MUST_CHECK int tally_metrics(const struct tally *tally,
    const struct outbox_state *outbox, int64_t now, const char *path,
    struct fail *why);

#endif

/*
 * drain - one run of the uploader: the outbox emptied as far as it goes.
 *
 * Page by page, so that memory does not grow with the backlog, and per device:
 * what it should be, computed from the store; told; and confirmed in the store
 * only when it was seen to be so.  A run that is killed anywhere leaves rows
 * open that the next one looks at again, which does no harm.
 *
 * What the cloud has from us that is newer than what we know of is believed
 * only when its certificate is in our store.  Else the database is older than
 * what this CA did ("cloud-superseded"): nothing is overwritten, the device is
 * given up until something newer comes, and `microca cloud reconcile` shows it.
 */
#ifndef MICROCA_DRAIN_H
#define MICROCA_DRAIN_H

#include "lib/ca/settings.h"
#include "lib/cloud/tally.h"

struct drain_report {
	struct tally_devices devices;
	struct outbox_state before, after;
	enum run_result result;
	int64_t duration; /* ms */
	int64_t alarms;   /* "cloud-superseded" */
	struct fail why;  /* what ended the run early, or the first of what was
	                     refused or kept */
};

struct drain_options {
	const volatile int *stop; /* set: end soon; may be NULL */
	const char *requester;    /* as the audit names it */
	/* After each page; may be NULL. */
	void (*progress)(const struct drain_report *report, void *arg);
	void *arg;
};

/*
 * 0: there was a run, and its report.  -1: there was none: FAIL_BUSY
 * "upload-running" (another one), FAIL_CONFIG "cloud-off", FAIL_BROKEN "file".
 */
MUST_CHECK int drain_run(struct drain_report *report,
    const struct settings *settings, struct store *store,
    const struct drain_options *options, struct fail *why);

#endif

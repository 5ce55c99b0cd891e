/*
 * reconcile - does the cloud say of each device what the store says?
 *
 * Reads both, changes nothing.  First every device of the store, then, straight
 * at a hub, every entry there that bears this CA's tag.  Devices of which the
 * cloud is still to be told are passed over.
 */
#ifndef MICROCA_RECONCILE_H
#define MICROCA_RECONCILE_H

#include "lib/ca/settings.h"
#include "lib/store/outbox.h"

enum difference {
	DIFFERENCE_NONE,
	DIFFERENCE_WAITING, /* still to be told, or given up: no difference */
	DIFFERENCE_ABSENT,  /* ours, and not there */
	DIFFERENCE_OTHER,   /* there, and says something else */
	DIFFERENCE_NEWER,   /* … newer, of which the store knows nothing */
	DIFFERENCE_FOREIGN, /* there, and made by something else */
	DIFFERENCE_UNKNOWN, /* there as ours, and not in the store */
	DIFFERENCES
};
const char *difference_word(enum difference difference);

/* Borrowed. */
struct finding {
	const char *device;
	enum difference difference;
	const char *text;  /* what differs; or NULL */
	const char *ours;  /* thumbprint that should be there; or NULL */
	const char *there; /* … and is; or NULL */
};

struct reconcile_options {
	const volatile int *stop; /* or NULL */
	const char *device;       /* that one alone; NULL: all */
	/* Each that was looked at, DIFFERENCE_NONE included; until it returns
	 * non-zero.  It may use the store. */
	int (*each)(const struct finding *finding, void *arg);
	void *arg;
};

/* -1: it could not be finished, as hub_find() and connector_find(); FAIL_CONFIG
 * "cloud-off"; FAIL_ABSENT "cloud-device". */
MUST_CHECK int reconcile_run(const struct settings *settings,
    struct store *store, const struct reconcile_options *options,
    struct fail *why);

#endif

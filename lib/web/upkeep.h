/*
 * upkeep - what timers do for this CA, and whether they do it: its own
 * certificates (microca renew), signed heads (microca audit head), what the
 * cloud is told (microca-upload), backups (microca backup).
 *
 * By the files that they leave in the state folder: opens neither token nor
 * store.
 */
#ifndef MICROCA_UPKEEP_H
#define MICROCA_UPKEEP_H

#include "lib/ca/ca.h"
#include "lib/web/findings.h"

/* What is wrong is added, and what waits. */
void upkeep_take(struct findings *f, const struct settings *s, int64_t now);

/* One of the certificates that `certificates` names, as it is in use. */
struct upkeep_own {
	int64_t not_before, not_after; /* 0: none yet */
	int64_t due; /* when it should be renewed; 0: by hand, or never */
	bool pending, refused; /* … the last try */
	int failures;          /* tries in a row */
	char *text;            /* of the last one that failed, or NULL */
};
void upkeep_own_read(
    struct upkeep_own *u, const struct settings *s, const struct own *own);
void upkeep_own_free(struct upkeep_own *u); /* contents, then zero */

#endif

/*
 * retire - retention: certificates that ended long ago leave the database.
 *
 * By `retention` in microca.conf, off without it.  docs/retention.md says what
 * stays, and how each file is to be read.
 */
#ifndef MICROCA_RETIRE_CA_H
#define MICROCA_RETIRE_CA_H

#include "lib/ca/ca.h"
#include "lib/ca/retired_file.h"

#define RETIRE_FILE 50000 /* certificates of one file at most */

struct retire_wish {
	int64_t now;
	bool look; /* count alone, change nothing */
	bool idle; /* although nothing was issued for so long */
	const char *requester;
	/* Each file when it is done; may be NULL. */
	void (*tell)(const struct shelf *shelf, void *arg);
	void *arg;
};
struct retire_report {
	int64_t certificates, files; /* that left, into how many */
	int64_t kept;   /* ended as long ago, and a list has to name them yet */
	int64_t before; /* Unix s: what ended before that */
};
/*
 * Needs CA_STORE, and that retention.expired_after is set.  Goes on with what
 * a run before it did not end.  Fails: FAIL_BUSY "locked" (another one runs),
 * "clock" (behind, or likely years ahead), "disk-full", "db-…"; FAIL_ABSENT, FAIL_MALFORMED "retired-file";
 * FAIL_BROKEN "file", "folder".
 */
MUST_CHECK int retire_run(struct retire_report *report, struct ca *ca,
    const struct retire_wish *wish, struct fail *why);

/* The audit record's text, and what it tells. */
char *retire_text(const struct shelf *shelf);
bool retire_text_read(struct shelf *shelf, const char *text); /* free path */

#endif

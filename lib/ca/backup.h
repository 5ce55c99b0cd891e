/*
 * backup - all of the CA that is not in its token, in one file, while it
 * issues.  docs/backup.md.
 *
 * The database is copied as of one moment, checked whole with its audit chain,
 * and written with the configuration, issuing certificates, signed heads and
 * revocation lists that there are; the archive is read again from its disk
 * before it gets its name.  Private keys, PINs and passwords are never in it.
 */
#ifndef MICROCA_BACKUP_CA_H
#define MICROCA_BACKUP_CA_H

#include "lib/ca/archive.h"
#include "lib/ca/ca.h"

struct backup_wish {
	const char *to; /* a folder, or a file that is not there */
	int fd;         /* … with `to` NULL: written there, not read again */
	const char *program; /* "microca 0.1.0" */
	int64_t now;
};
struct backup_report {
	struct archive archive; /* archive_free() */
	char
	    *path; /* what was made; NULL: it went to `fd`.  The caller frees */
};

/*
 * Needs CA_STORE.  In a folder the file is "microca-KEYID-TIME.tar".  Not
 * recorded: the caller does.  Fails: FAIL_BUSY "disk-full", "db-…" (also when
 * what is in the database is not whole); FAIL_CONFLICT "audit" (its chain is
 * broken); FAIL_CONFIG "file" (it is there); FAIL_BROKEN "file", "folder".
 */
MUST_CHECK int backup_make(struct backup_report *report, struct ca *ca,
    const struct backup_wish *wish, struct fail *why);

/* Of the files that backup_make() makes in that folder for this CA all but the
 * newest `keep` are removed; `removed`: how many.  FAIL_BROKEN "file". */
MUST_CHECK int backup_rotate(size_t *removed, const struct ca *ca,
    const char *folder, size_t keep, int64_t now, struct fail *why);

/*
 * Read an archive and check it whole: its octets, its database and the audit
 * chain in there, and that they are what the manifest tells.  `into` gets the
 * files, the database among them; it has to be empty.  `only_database`: no
 * others.  Fails: as archive_read(); FAIL_CONFIG "db-schema" (of a newer
 * microca); FAIL_MALFORMED "archive".
 */
MUST_CHECK int backup_check(struct archive *a, int fd, const char *into,
    bool only_database, struct fail *why);

/* ---- when there was one (backup_last.c) ---- */

/* STATE/backup.json, for health and metrics.  FAIL_BROKEN "file". */
MUST_CHECK int backup_note(const struct settings *settings,
    const struct backup_report *report, int64_t now, struct fail *why);
/* When the last one was made, Unix s; 0: none is known of. */
int64_t backup_last(const struct settings *settings);

#endif

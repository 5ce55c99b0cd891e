/*
 * restore - a backup put in the place of what is there, and nothing forgotten
 * in silence.  docs/backup.md.
 *
 * The archive is checked whole first (backup_check()).  Then, while nobody has
 * the database open: what is there is compared with it, and where the backup is
 * behind, that has to be accepted.  The audit goes on with what is known of the
 * gap; what published revocation lists tell and the backup does not know stays
 * revoked; files that are there and differ stay, for they are newer.  The
 * database changes by one rename; the former one is kept beside, never deleted.
 * Cut off anywhere, there is the one or the other, whole.
 */
#ifndef MICROCA_RESTORE_H
#define MICROCA_RESTORE_H

#include "lib/ca/archive.h"
#include "lib/ca/ca.h"

struct restore_wish {
	int fd;             /* the archive */
	const char *sha256; /* its manifest's, hex; NULL: any */
	bool accept_loss;
	int64_t known; /* number of the last audit record that something else
	                  (a signed head) tells of; 0: nothing does */
	const char *requester, *text; /* for the audit; text or NULL */
	int64_t now;
};

/* What is there and what becomes of it. */
struct restore_report { /* restore_report_free() */
	struct archive archive;
	bool there;    /* a database, … */
	bool readable; /* … that could be read */
	bool diverged; /* … of another history than the backup's */
	int64_t records, certificates, revoked; /* of it */
	uint8_t hash[SHA256_LEN];               /* its audit chain's last */
	bool loss; /* the backup is behind; `loss_text` tells how far */
	char loss_text[200];
	bool done;
	char *aside;        /* the folder where the former database is; NULL */
	size_t revocations; /* taken over from it and published lists, … */
	size_t forgotten;   /* … of certificates that the backup lacks */
	struct manifest_texts placed, kept; /* files */
};
void restore_report_free(struct restore_report *r); /* contents */

/*
 * Needs the state folder's owner.  Fails: as backup_check(); FAIL_CONFLICT
 * "archive" (another sha256), "other-ca", "loss" (not accepted); FAIL_BUSY
 * "locked" (another restore), "db-inuse", "db-…"; FAIL_CONFIG "db-schema" (the
 * database there is a newer microca's); FAIL_BROKEN "file", "folder".
 */
MUST_CHECK int restore_apply(struct restore_report *report,
    const struct settings *settings, const struct restore_wish *wish,
    struct fail *why);

/* ---- restore_crl.c: what is revoked stays so ----------------------------------- */

/* What the former database (NULL: none) has as revoked, of all issuing keys of
 * the backup, likewise. */
MUST_CHECK int restore_former(struct restore_report *report,
    struct store *store, struct store *former, const struct restore_wish *wish,
    struct fail *why);

/*
 * From each published list that is newer than the backup's: what the store has
 * as good becomes revoked, what it lacks is kept as forgotten.  A list counts
 * by its issuer's signature alone; which those are is in `issuers` (may be
 * NULL: then none does).
 */
MUST_CHECK int restore_lists(struct restore_report *report, struct store *store,
    const struct issuers *issuers, const struct settings *settings,
    const struct restore_wish *wish, struct fail *why);

/* What the published list of this key tells, if its issuer signed it; needs of
 * the report nothing, of the wish the requester. */
MUST_CHECK int restore_list(struct restore_report *report, struct store *store,
    const struct issuer *issuer, const struct settings *settings,
    const struct restore_wish *wish, struct fail *why);

/* ---- restore_place.c: files change places -------------------------------------- */

/* Files of the state and public folders that are missing there, from `from`. */
MUST_CHECK int restore_files(struct restore_report *report,
    const struct settings *settings, const char *from, struct fail *why);
/* `database` becomes the store's; what was there is linked to report->aside
 * first.  Nobody has either of them open. */
MUST_CHECK int restore_database(struct restore_report *report,
    const char *place, const char *database, int64_t now, struct fail *why);

#endif

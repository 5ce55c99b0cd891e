/*
 * archive - a backup as one file: members, then the manifest that tells of
 * them.  docs/backup.md.
 */
#ifndef MICROCA_ARCHIVE_H
#define MICROCA_ARCHIVE_H

#include "lib/ca/backup_files.h"
#include "lib/ca/manifest.h"

struct archive { /* archive_free() */
	struct manifest manifest;
	uint8_t sha256[SHA256_LEN]; /* of the manifest's text: its name, as it
	                               tells of every other octet */
	int64_t size;               /* octets, of the file or of all in it */
};
void archive_free(struct archive *a); /* contents */

/* Is it the one whose manifest has that SHA-256 (hex; NULL: any)?
 * FAIL_CONFLICT "archive". */
MUST_CHECK int archive_is(
    const struct archive *a, const char *sha256, struct fail *why);

/*
 * Write all of it to `fd`; a->manifest is filled but for its members, and gets
 * them.  `database` is the file of that member.  A file that is gone meanwhile
 * is told in `left_out`.  Fails: as tar_write(); FAIL_BROKEN "file".
 */
MUST_CHECK int archive_write(struct archive *a, int fd, const char *database,
    const struct backup_files *files, struct fail *why);

/*
 * Read all of it and compare with its manifest: each member is there once, with
 * its size and SHA-256, and nothing else is.  What is called `only`, or with
 * NULL all, is written to files below the folder `into`, by the member's name,
 * mode 0600 and folders 0700; `into` NULL: nothing is.  Fails: FAIL_MALFORMED
 * "archive" (none, cut off, changed), "manifest"; FAIL_BROKEN "file";
 * FAIL_BUSY "disk-full".
 */
MUST_CHECK int archive_read(struct archive *a, int fd, const char *into,
    const char *only, struct fail *why);

#endif

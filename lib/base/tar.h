/*
 * tar - a plain archive of files, written and read in one pass.
 *
 * POSIX.1-1988 ustar: regular files alone, each with its name, size, mode and
 * time; the owner is nobody.  A size that has no room in 11 octal digits is
 * written as GNU tar and libarchive do, in base 256.
 *
 * The reader takes less than a tar program would, for it may read what others
 * made: a name is segments of A-Z a-z 0-9 . _ - with `/` between them, none of
 * them "." or "..", none empty, so nothing absolute; no links, folders, devices
 * or extensions; a right checksum; both blocks of zeros at the end, and zeros
 * alone behind them.
 */
#ifndef MICROCA_TAR_H
#define MICROCA_TAR_H

#include <sys/types.h>

#include "lib/base/bytes.h"

#define TAR_NAME 100 /* octets of a name at most */

struct tar_entry {
	char name[TAR_NAME + 1];
	int64_t size;
	mode_t mode; /* permissions alone */
	int64_t when;
};

/* May a member be called so? */
bool tar_name_ok(const char *name);

/* One archive on its way; zero but for `fd`, which stays the caller's. */
struct tar {
	int fd;
	int64_t left; /* octets of the member that are still to come */
	int64_t size; /* … that it has */
	void *hash;   /* of what came: EVP_MD_CTX */
	bool ended;
};
void tar_free(struct tar *tar); /* contents */

/*
 * Writing: a member's header, its octets in any number of parts, its end; at
 * last the archive's.  `sha256` is of the member's octets.  Fails: FAIL_BROKEN
 * "file", FAIL_BUSY "disk-full".
 */
MUST_CHECK int tar_begin(
    struct tar *tar, const struct tar_entry *entry, struct fail *why);
MUST_CHECK int tar_write(struct tar *tar, struct span part, struct fail *why);
MUST_CHECK int tar_close(
    struct tar *tar, uint8_t sha256[SHA256_LEN], struct fail *why);
MUST_CHECK int tar_finish(struct tar *tar, struct fail *why);

/*
 * Reading: the next member; `found` false at the end.  Its octets are read in
 * parts, 0 at its end, then closed, which passes over those that were not
 * read.  Fails: FAIL_MALFORMED "archive"; FAIL_BROKEN "file".
 */
MUST_CHECK int tar_next(
    struct tar *tar, struct tar_entry *entry, bool *found, struct fail *why);
MUST_CHECK int tar_read(
    struct tar *tar, size_t *got, void *part, size_t room, struct fail *why);
MUST_CHECK int tar_read_close(
    struct tar *tar, uint8_t sha256[SHA256_LEN], struct fail *why);

#endif

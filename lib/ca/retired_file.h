/*
 * retired_file - certificates that left the database, one a line of JSON.
 *
 * A file is written once and never changed: its SHA-256 is in the audit chain
 * and in the database.  docs/retention.md has the format.
 */
#ifndef MICROCA_RETIRED_FILE_H
#define MICROCA_RETIRED_FILE_H

#include "lib/store/retire.h"

#define RETIRED_SCHEMA "microca.retired/1"

/* One being written. */
struct retired_file;

/* FOLDER/.new, over what a run that was cut off left there; who writes holds
 * a lock on the folder.  Fails: FAIL_BROKEN "file", "folder". */
MUST_CHECK int retired_file_begin(
    struct retired_file **f, const char *folder, struct fail *why);
/* FAIL_BUSY "disk-full"; FAIL_BROKEN "file". */
MUST_CHECK int retired_file_add(
    struct retired_file *f, const struct record *r, struct fail *why);
/*
 * Synced, read again from the disk, named FOLDER/YEAR/NUMBER-HASH.jsonl after
 * the year of the ends in it, the number of the first certificate and the
 * first digits of its SHA-256, and folders synced.  `shelf` is told path,
 * SHA-256, number and last end; path is the caller's to free.  A file of that
 * name is the same one, from a run that was cut off.
 */
MUST_CHECK int retired_file_end(
    struct shelf *shelf, struct retired_file *f, struct fail *why);
void retired_file_free(struct retired_file *f); /* what has no name goes */

/*
 * All of a file to `each` until it returns non-zero, with where each line
 * begins; first it is found to be the one that was recorded.  Fails:
 * FAIL_ABSENT "retired-file" (it is not in that folder); FAIL_MALFORMED
 * "retired-file" (it is another one); FAIL_BROKEN "file".
 */
MUST_CHECK int retired_file_read(const char *folder, const char *path,
    const uint8_t sha256[SHA256_LEN],
    int (*each)(const struct record *r, int64_t place, void *arg), void *arg,
    struct fail *why);
/* The one certificate, as its line tells it but for its standing, which the
 * database knows.  record_free().  Fails alike; that it is this certificate is
 * all that is found. */
MUST_CHECK int retired_file_one(struct record *r, const char *folder,
    const struct retired *of, struct fail *why);

#endif

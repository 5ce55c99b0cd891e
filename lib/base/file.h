/*
 * file - whole files: read with a bound, replaced atomically, locked.
 */
#ifndef MICROCA_FILE_H
#define MICROCA_FILE_H

#include <sys/types.h>

#include "lib/base/bytes.h"

/*
 * Append a whole file of at most `max` octets.  Fails: FAIL_ABSENT when there
 * is none, FAIL_SIZE, FAIL_BROKEN.  Texts name the path: for operators.
 */
MUST_CHECK int file_read(
    struct bytes *out, const char *path, size_t max, struct fail *why);
/*
 * The same for a secret, by read(2) alone: a regular file, owned by us or
 * root, and nothing for group and others.  FAIL_CONFIG "file-mode" if not.
 */
MUST_CHECK int file_read_secret(
    struct bytes *out, const char *path, size_t max, struct fail *why);
/*
 * A file in a folder of ours: new beside the old, synced, renamed over it,
 * folder synced.  A link is replaced, not followed; a device, pipe or socket
 * is left: FAIL_BROKEN "file".
 */
MUST_CHECK int file_write(
    const char *path, struct span in, mode_t mode, struct fail *why);
/*
 * Where a user said (-o FILE): the same for a file, at the end of a link as
 * well, which stays one (FAIL_BROKEN when it leads nowhere); a device or a pipe
 * is written to.
 */
MUST_CHECK int file_put(
    const char *path, struct span in, mode_t mode, struct fail *why);
/* Is it, and the folder that a file is in, closed to others' writing (or
 * sticky)?  FAIL_CONFIG "file-mode". */
MUST_CHECK int file_closed(const char *path, struct fail *why);
/*
 * Open (creating it 0600) and lock a file; closing the descriptor unlocks.
 * Waits `wait` seconds at most: then FAIL_BUSY "locked".
 */
MUST_CHECK int file_lock(
    int *fd, const char *path, double wait, struct fail *why);
/* The same with a folder that is there. */
MUST_CHECK int file_lock_folder(
    int *fd, const char *path, double wait, struct fail *why);
/* "dir/name", or name itself when absolute.  The caller frees. */
char *file_path(const char *dir, const char *name);

#endif

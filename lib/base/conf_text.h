/*
 * conf_text - a configuration file's bytes, before libconfig sees them.
 *
 * Catches what libconfig lets pass without a word or names badly: a file that
 * others may write, a byte order mark, numbers that do not fit (it wraps them
 * at 32 bits), numbers with a leading zero, \x00 in a text.
 */
#ifndef MICROCA_CONF_TEXT_H
#define MICROCA_CONF_TEXT_H

#include "lib/base/bytes.h"

#define CONF_MAX (1024 * 1024) /* octets of one file */

/*
 * Append the whole file.  Fails: FAIL_CONFIG "file-mode" when anybody may
 * write the file, or its folder has no sticky bit and anybody may write that;
 * FAIL_CONFIG "config" otherwise, with FILE:LINE where there is a line.
 */
MUST_CHECK int conf_text_read(
    struct bytes *out, const char *path, struct fail *why);
/* The part of it that looks at the bytes; `path` is for the text.  Pure. */
MUST_CHECK int conf_text_check(
    const char *path, struct span text, struct fail *why);

#endif

/*
 * profile_make - a profile as it was read, checked and compiled.
 *
 * Inner part of profile: profiles_read() calls both in this order.  Pure.
 */
#ifndef MICROCA_PROFILE_MAKE_H
#define MICROCA_PROFILE_MAKE_H

#include "lib/ca/profile.h"

/*
 * Check everything that one keyword's range cannot say, and fill what comes
 * of it: validity, key_usage, ext_key_usage, keys, NIDs, patterns.  Fails:
 * FAIL_CONFIG "config", "FILE:LINE: profile 'x': …".
 */
MUST_CHECK int profile_check(struct profile *profile, struct fail *why);
/* The rules of `subject` and `san`: the part of it that is about names. */
MUST_CHECK int profile_check_names(struct profile *profile, struct fail *why);
/* The fixed extensions and csrattrs.  Fails likewise. */
MUST_CHECK int profile_make(struct profile *profile, struct fail *why);

/* Its last part: csrattrs_der from all the others, so that what clients are
 * told is what is enforced (RFC 7030, 4.5.2). */
void profile_csrattrs(struct profile *profile);

/* "WHERE: profile 'x': …", -1. */
int profile_refuse(struct fail *why, const struct profile *profile,
    const char *where, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The dotted OID of an extended key usage's word, or the word itself. */
const char *profile_purpose(const char *word);

#endif

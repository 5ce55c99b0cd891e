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
/* The fixed extensions.  Fails likewise. */
MUST_CHECK int profile_make(struct profile *profile, struct fail *why);

/* "WHERE: profile 'x': …", -1. */
int profile_refuse(struct fail *why, const struct profile *profile,
    const char *where, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Forms of single texts, as the keyword table asks for them. */
bool profile_is_validity(const char *text);
bool profile_is_type(const char *text);    /* of an RDN */
bool profile_is_purpose(const char *text); /* extended key usage */
bool profile_is_oid(const char *text);     /* dotted */
bool profile_is_url(const char *text);     /* http or ldap */
bool profile_is_ocsp_url(const char *text);
bool profile_is_element(const char *text); /* hex of one DER element */

/* A duration, or "until" and a date: one is set, the other 0. */
MUST_CHECK bool profile_validity(
    int64_t *valid_for, int64_t *valid_until, const char *text);
/* The dotted OID of an extended key usage's word, or the word itself. */
const char *profile_purpose(const char *word);
/* Key usage bits of which a purpose needs one at least; 0: any will do. */
unsigned profile_purpose_usage(const char *word);

extern const char *const profile_usage_words[];
extern const unsigned profile_usage_bits[];      /* KU_*, in the same order */
extern const char *const profile_key_words[];    /* by enum key_word */
extern const char *const profile_keygen_words[]; /* "off" first */

#endif

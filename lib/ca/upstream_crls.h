/*
 * upstream_crls - the revocation lists of the CAs above us, as upstream.crls
 * has them: files that somebody puts there, and what `microca renew` fetched
 * from a URL and keeps in state/own/crls.
 */
#ifndef MICROCA_UPSTREAM_CRLS_H
#define MICROCA_UPSTREAM_CRLS_H

#include "lib/ca/settings.h"
#include "lib/wire/above.h"

/* http:// and not a file? */
bool upstream_crls_is_url(const char *text);
/* Where the nth is read, whether it is there or not.  The caller frees. */
char *upstream_crls_path(const struct settings *settings, size_t n);
/*
 * All that can be read; NULL: none are configured.  Nothing fails for want of a
 * list: the first that is missing, unreadable or past its nextUpdate at `now` is
 * said in `trouble`, "upstream-crl" (FAIL_NONE: all is well).
 */
struct above *upstream_crls_read(
    const struct settings *settings, int64_t now, struct fail *trouble);

#endif

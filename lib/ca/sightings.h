/*
 * sightings - client certificates that were shown to this CA lately.
 *
 * Whoever shows a certificate in TLS has its key: it has arrived and is in use.
 * Programs that have no store note it too (a client that tries its new pair
 * asks for /cacerts), so it goes into a small file, run/sightings: SHA-256s in
 * places that follow from them, the oldest of a place overwritten.  What gets
 * lost there, or with the folder at a restart, is seen another time.
 */
#ifndef MICROCA_SIGHTINGS_H
#define MICROCA_SIGHTINGS_H

#include "lib/ca/settings.h"

/* Does any profile want to know (revoke_replaced = "in-use")?  Else nothing is
 * noted. */
bool sightings_wanted(const struct settings *settings);

/* Open the file now and keep it: this process may open none to write later.  A
 * failure shows at the next note. */
void sightings_hold(const struct settings *settings);

/* Note one, DER.  A failure is nobody's business but the log's. */
MUST_CHECK int sightings_note(
    const struct settings *settings, struct span der, struct fail *why);

/* Those noted since this was called last, to `each` until it returns non-zero,
 * which is returned: then that one and those behind it stay. */
MUST_CHECK int sightings_take(const struct settings *settings,
    int (*each)(const uint8_t sha256[SHA256_LEN], void *arg), void *arg,
    struct fail *why);

#endif

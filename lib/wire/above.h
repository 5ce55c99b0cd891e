/*
 * above - revocation lists of other CAs (RFC 5280, 5), and whom they name.
 *
 * What a list says counts when its issuer, and its signature, are those of the
 * certificate that comes next in a chain.  Only "revoked" is believed: who is on
 * no list, or whose issuer has none here, is as good as before, and a list past
 * its nextUpdate still names whom it names, for a certificate does not become
 * good by itself.  Passed over are lists that say what is not understood here:
 * deltas, indirect ones, unknown critical extensions.
 */
#ifndef MICROCA_ABOVE_H
#define MICROCA_ABOVE_H

#include <openssl/x509.h>

#include "lib/base/bytes.h"

#define ABOVE_FILE_MAX ((size_t)16 << 20) /* octets of lists in a file */

struct above; /* immutable, so threads share it */

struct above *above_new(void);
void above_free(struct above *above); /* NULL is fine */
/* A file's lists: one in DER, or PEM, any number.  FAIL_ABSENT "file", FAIL_SIZE
 * and FAIL_BROKEN as file_read(); FAIL_MALFORMED "crl". */
MUST_CHECK int above_add_file(
    struct above *above, const char *path, struct fail *why);
MUST_CHECK int above_add(
    struct above *above, struct span text, struct fail *why);
size_t above_count(const struct above *above);
/* Is one of them past its nextUpdate?  FAIL_BUSY "crl", with its issuer. */
MUST_CHECK int above_fresh(
    const struct above *above, int64_t now, struct fail *why);

/* Is one of the chain's certificates, leaf first, named by the list of the next
 * one?  `above` NULL: nobody is.  FAIL_DENIED "revoked", with its name. */
MUST_CHECK int above_check(
    const struct above *above, const STACK_OF(X509) * chain, struct fail *why);

/*
 * Lists that came from the network, by a way that anybody may have touched: are
 * all of them signed by one of `cas`, begun by `now`, and none older than that of
 * the same CA in `old`?  FAIL_DENIED "crl".
 */
MUST_CHECK int above_better(const struct above *above, const struct above *old,
    const STACK_OF(X509) * cas, int64_t now, struct fail *why);

#endif

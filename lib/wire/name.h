/*
 * name - distinguished names (RFC 5280, 4.1.2.4 and 4.1.2.6): strict reading,
 * text forms and comparison.  Pure.
 */
#ifndef MICROCA_NAME_H
#define MICROCA_NAME_H

#include <openssl/x509.h>

#include "lib/base/bytes.h"
#include "lib/wire/pattern.h"

/*
 * A Name out of DER, checked: 1 to 16 RDNs of one attribute each (an empty
 * Name is accepted: *name has no entries), known types only, string type and
 * upper bound per type (RFC 5280, appendix A.1), clean UTF-8, no control,
 * bidi, zero-width or noncharacter code points, nothing blank, no type twice
 * but OU and DC.  Fails: FAIL_MALFORMED "dn-char", "dn-length", "dn-empty",
 * "dn-utf8", "dn-string", "dn-type", "dn-rule"; "der".  The caller frees.
 */
MUST_CHECK int name_read(X509_NAME **name, struct span der, struct fail *why);

/*
 * From text, RFC 4514-like but in the order of the certificate:
 * "CN=pump-7,O=Plant\, North".  Types: CN serialNumber C ST L O OU street DC
 * UID title GN SN emailAddress dnQualifier pseudonym organizationIdentifier
 * or a dotted OID: of another type too (UTF8String, at most 256 characters),
 * which name_read() does not take.  FAIL_MALFORMED "dn-…".  The caller frees.
 */
MUST_CHECK int name_from_text(
    X509_NAME **name, const char *text, struct fail *why);
/* That text form; unprintable octets escaped \XX.  The caller frees. */
char *name_text(const X509_NAME *name);
/* The value of the only attribute of that NID as UTF-8, or NULL when there is
 * none or more than one, or when it is not text or has a NUL in it.  The
 * caller frees. */
char *name_value(const X509_NAME *name, int nid);

/* SHA-256 over the comparison form (RFC 5280, 7.1): equal when X509_NAME_cmp
 * says so. */
void name_hash(uint8_t out[SHA256_LEN], const X509_NAME *name);

/* NID of "CN", "serialNumber", … without regard to case, or a dotted OID
 * (created when unknown: for configuration, not for a client's bytes);
 * NID_undef when it is neither.  And back: borrowed, static. */
int name_nid(const char *word);
const char *name_word(int nid);

#endif

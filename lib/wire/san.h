/*
 * san - subjectAltName (RFC 5280, 4.2.1.6), strict.  Pure.
 */
#ifndef MICROCA_SAN_H
#define MICROCA_SAN_H

#include <openssl/x509v3.h>

#include "lib/base/bytes.h"

/*
 * GeneralNames out of an extension's value: at least one name, at most 100,
 * each well-formed for its type (dNSName preferred syntax and maybe one
 * leftmost "*.", iPAddress 4 or 16 octets, rfc822Name a mailbox, URI absolute
 * and with a host where it has an authority, registeredID, directoryName
 * strict by name_read, otherName DER; x400Address and ediPartyName refused).
 * A name given twice is kept once.  Fails: FAIL_MALFORMED "san-syntax",
 * "san-count", "der".  The caller frees with GENERAL_NAMES_free().
 */
MUST_CHECK int san_read(GENERAL_NAMES **san, struct span der, struct fail *why);
/* One entry from "DNS:…", "IP:…", "email:…", "URI:…", "RID:…" text, the same
 * checks, appended to *san (made when NULL). */
MUST_CHECK int san_add_text(
    GENERAL_NAMES **san, const char *text, struct fail *why);
/* "DNS:a.example, IP:192.0.2.1"; escaped; "" for NULL.  The caller frees. */
char *san_text(const GENERAL_NAMES *san);
/* One name's value alone as text: dns, email, uri as they are, ip and rid in
 * their usual form, dirname as name_text(), othername as "OID:text" when its
 * value is a UTF8String and "OID:#hex" of the value's DER when not.  NULL when
 * it has none (a NUL inside, an address of odd length, x400, ediparty).  Not
 * escaped.  The caller frees. */
char *san_value(const GENERAL_NAME *name);
/* "dns" "ip" "email" "uri" "rid" "dirname" "othername" "x400" "ediparty";
 * static. */
const char *san_type(const GENERAL_NAME *name);
/* Equal as sets; DNS without regard to case.  NULL is the empty set. */
bool san_equal(const GENERAL_NAMES *a, const GENERAL_NAMES *b);

/* SHA-256 of the names as a set: equal where san_equal() is. */
void san_hash(uint8_t out[SHA256_LEN], const GENERAL_NAMES *san);

#endif

/*
 * csrext - the extensions that a request asks for (RFC 2985, 5.4.2; RFC 5280,
 * 4.2).  Pure.
 *
 * Each once, each value one DER element.  Read into the struct csr: keyUsage,
 * extKeyUsage, basicConstraints, subjectAltName.  Noted: name and policy
 * constraints.  Known and dropped unless critical: what the CA alone decides
 * (key identifiers, CRL and authority pointers, policies, noRevAvail, OCSP
 * nocheck, TLS feature).  Anything else is listed for policy, refused when
 * critical.
 */
#ifndef MICROCA_CSREXT_H
#define MICROCA_CSREXT_H

#include "lib/wire/csr.h"

#define CSREXT_MAX 64

/*
 * `extensions` is the Extensions element, whole, in csr->der.  Fails:
 * FAIL_MALFORMED "ext-dup", "ext", "ext-critical", "der" (an encoded DEFAULT),
 * "san-…" and "dn-…" from san_read().
 */
MUST_CHECK int csrext_read(
    struct csr *csr, struct span extensions, struct fail *why);

#endif

/*
 * origin - whom an https URL names, and whether a certificate is that server's
 * (RFC 7030, 3.6; RFC 9525, 6).  Pure.
 */
#ifndef MICROCA_ORIGIN_H
#define MICROCA_ORIGIN_H

#include <openssl/x509.h>

#include "lib/base/bytes.h"

struct origin {
	char host[256]; /* lower case; an IPv6 address without brackets */
	bool address;   /* host is an IP address */
	unsigned port;
};

/*
 * "https://HOST[:PORT][/PATH]": A-labels or an address; no user, query,
 * fragment, escape or dot segment.  `path` (may be NULL) is in `url`, "" or
 * beginning with "/".  FAIL_CONFIG "url".
 */
MUST_CHECK int origin_read(struct origin *origin, const char **path,
    const char *url, struct fail *why);
bool origin_equal(const struct origin *a, const struct origin *b);

/*
 * Does the certificate name that host?  dNSName or iPAddress of the
 * subjectAltName, never the subject; a wildcard only as the whole left-most
 * label, for one label (RFC 9525, 6.3).
 */
bool origin_named(const struct origin *origin, X509 *cert);

/*
 * RFC 7030, 3.6: is the holder of chain[0] (a valid path, leaf first) the
 * server that we want?  Explicit trust anchor (3.6.1): by its name or as an
 * id-kp-cmcRA; implicit (3.6.2): by its name.  FAIL_DENIED "up-tls" (the name
 * alone would have done), "up-authz".
 */
MUST_CHECK int origin_authorize(const struct origin *origin,
    STACK_OF(X509) * chain, const STACK_OF(X509) * anchors, struct fail *why);

/* RFC 9525, 6: the name alone, whatever the anchor; a judge for http.h, `arg`
 * is the struct origin.  FAIL_DENIED "up-tls". */
MUST_CHECK int origin_judge(
    void *arg, STACK_OF(X509) * chain, struct fail *why);

#endif

/*
 * est - the client's half of EST (RFC 7030 with RFC 8951 and RFC 9908).
 *
 * One struct est is one server, asked by one thread.  Every answer is bounded
 * and judged before anybody sees it: server authorization first (3.6), then
 * status, media type, base64, DER, and what the certificates are.  TLS 1.2 at
 * least; host names from subjectAltName only (RFC 9525, 6).  Nothing here
 * writes a file.
 *
 * Not in here: full CMC, which key and certificate are in use (keep.h).
 */
#ifndef MICROCA_EST_H
#define MICROCA_EST_H

#include <openssl/x509.h>

#include "lib/base/bytes.h"
#include "lib/key/key.h"

#define EST_BODY_MAX (256 * 1024) /* octets of an answer */

/* What proves who we are.  All borrowed while the struct est lives. */
struct est_auth {
	STACK_OF(X509) * certs; /* ours, leaf first; NULL: no certificate */
	struct key *key;        /* its key; keys of tokens too */
	/* RFC 7030, 3.2.3: Basic or Digest, only after a 401 of a server that
	 * is authorized; NULL: none. */
	const char *user, *password;
};

/* The server, as the operator describes it.  Borrowed as above. */
struct est_server {
	const char *url;   /* "https://HOST[:PORT][/PATH]", the part before
	                      /.well-known */
	const char *label; /* RFC 7030, 3.2.2; NULL: none */
	/* RFC 7030, 3.6.1: the explicit trust anchors; NULL: none yet. */
	STACK_OF(X509) * anchors;
	bool implicit;             /* 3.6.2: the system's trust store as well */
	const struct above *above; /* lists of its CAs; NULL: none */
	bool lenient;              /* take PEM and DER where base64 belongs */
	double timeout;            /* s for one exchange, everything in it */
	int pop_link;              /* enum pop_want */
	bool exporter; /* … to its tls-exporter (RFC 9266), any TLS version:
	                   else to its tls-unique, TLS 1.2 alone */
};
enum pop_want { POP_NEVER, POP_IF_ASKED, POP_ALWAYS };

struct est;

/* Nothing is sent yet; our key is waited for, 15 s at most.  FAIL_CONFIG
 * "url", "up-tls" (certificate and key do not fit, no trust anchors),
 * "key-type"; FAIL_BUSY with the words of key_ready(). */
MUST_CHECK int est_open(struct est **est, const struct est_server *server,
    const struct est_auth *auth, struct fail *why);
void est_close(struct est *est);

/*
 * All of them fail alike.  The words are those of docs/upstream.md:
 *   FAIL_BUSY  "up-net" (no connection, time-out), "up-busy" (408, 429, 5xx
 *     but 501), "token-…" (our key did not sign the handshake)
 *   FAIL_DENIED "up-tls", "up-authz" (not the server it should be),
 *     "up-redirect", "up-auth" (the password is not tried again while the
 *     struct est lives), "up-refused" (other 4xx, its text shown escaped and
 *     cut), "up-key" (serverkeygen)
 *   FAIL_PENDING "up-pending": 202; why->retry holds the seconds to wait, 60 s
 *     to 24 h whatever the server says
 *   FAIL_MALFORMED "up-proto", "up-type", "up-body", "up-cert"
 * FAIL_BUSY carries the server's Retry-After in why->retry, else 0.
 */

/* RFC 7030, 4.1: every certificate of the answer, in its order.  The caller
 * frees. */
MUST_CHECK int est_cacerts(
    STACK_OF(X509) * *certs, struct est *est, struct fail *why);

/*
 * RFC 7030, 4.1.1: the same from a server that nobody has authenticated, on a
 * connection that serves nothing else and answers no authentication.  What
 * comes is worth nothing until it is compared with a pin or by a human.
 */
MUST_CHECK int est_cacerts_bootstrap(
    STACK_OF(X509) * *certs, const struct est_server *server, struct fail *why);

/* RFC 7030, 4.5: the DER of CsrAttrs; empty when the server has none (204,
 * 404, empty SEQUENCE).  Read it with csrattrs_read(). */
MUST_CHECK int est_csrattrs(
    struct bytes *der, struct est *est, struct fail *why);

/*
 * Makes the request that is to be sent, several times if need be.  `binding`
 * (RFC 7030, 3.5) is the base64 of the channel binding for challengePassword, or NULL
 * when there is none: a request without one must come out the same every time
 * it is asked for.
 */
typedef int est_make_csr(
    void *arg, struct bytes *der, const char *binding, struct fail *why);

/*
 * RFC 7030, 4.2: simpleenroll, or simplereenroll with `renew`.  `leaf` is the
 * one end entity's or CA's certificate that came, its public key compared with
 * the request's; `others` whatever else was in the answer.  The caller frees
 * both.  After a failure with "up-cert" `leaf` may be what came instead.
 */
MUST_CHECK int est_enroll(X509 **leaf, STACK_OF(X509) * *others,
    struct est *est, bool renew, est_make_csr *make, void *arg,
    struct fail *why);

/* What opens a key that comes encrypted (RFC 7030, 4.4.2), borrowed. */
struct est_decrypt {
	EVP_PKEY *key;
	/* Its signer's certificate ends in one of `anchors`, by way of `above`
	 * (a cacerts answer, NULL: none) and what comes with it. */
	const STACK_OF(X509) * anchors, *above;
	bool lenient; /* keys that nobody signed, too */
};

/*
 * RFC 7030, 4.4: the key is made there.  `key` is the PKCS#8 PrivateKeyInfo
 * (a secret: bytes_wipe()), decrypted by `with` (NULL: not) when it came in an
 * EnvelopedData (CMS key transport with RSA, key agreement with EC), its
 * signature verified; compared with the certificate, and judged as if we were
 * to certify it.
 */
MUST_CHECK int est_serverkeygen(X509 **leaf, struct bytes *key, struct est *est,
    struct span csr, const struct est_decrypt *with, struct fail *why);

#endif

/*
 * cert - X.509 certificates (RFC 5280, 4): fields by our own walk, the forms
 * in which files and web servers hand them over.  Pure but for cert_file_*.
 */
#ifndef MICROCA_CERT_H
#define MICROCA_CERT_H

#include <openssl/x509v3.h>

#include "lib/base/bytes.h"

#define CERT_MAX_EXTENSIONS 32

struct cert_extension {
	struct span oid; /* content octets */
	bool critical;
	struct span value; /* content of extnValue */
};

/* A certificate taken apart, all spans in its own DER: cheap, no OpenSSL. */
struct cert {
	struct bytes der;
	uint8_t sha256[SHA256_LEN];
	struct span tbs;                /* whole element, as signed */
	int version;                    /* 0: v1, 2: v3 */
	struct span serial;             /* content octets of the INTEGER */
	struct span tbs_sigalg, sigalg; /* whole AlgorithmIdentifiers */
	struct span issuer, subject;    /* whole Names */
	unsigned not_before_tag, not_after_tag;
	int64_t not_before, not_after; /* Unix s */
	struct span spki;              /* whole */
	struct span signature;         /* octets of the BIT STRING */
	size_t extensions;
	struct cert_extension extension[CERT_MAX_EXTENSIONS];
};

/*
 * Copies `der`.  DER throughout, no extension twice, times of RFC 5280,
 * 4.1.2.5 (GeneralizedTime before 2050 is let pass); what the extensions say
 * is not looked at.  Fails: FAIL_MALFORMED "cert".  The caller frees.
 */
MUST_CHECK int cert_read(struct cert **cert, struct span der, struct fail *why);
void cert_free(struct cert *cert);
/* The extension of that NID, or NULL. */
const struct cert_extension *cert_extension_find(
    const struct cert *cert, int nid);
/* OpenSSL's own object of it.  FAIL_MALFORMED "cert".  The caller frees. */
MUST_CHECK int cert_x509(X509 **x509, struct span der, struct fail *why);

/* How web servers spell a client certificate (facts of four of them). */
enum cert_form {
	CERT_PEM,         /* PEM with newlines, tabs or blanks for them */
	CERT_PEM_ESCAPED, /* the same, URL-encoded */
	CERT_DER_BASE64   /* base64 of DER on one line */
};
/*
 * One certificate and nothing else, at most 16 KiB, to DER; appended to `der`.
 * FAIL_DENIED "auth-config".
 */
MUST_CHECK int cert_text_read(
    struct bytes *der, const char *text, enum cert_form form, struct fail *why);

/* All certificates of a PEM file, 1 to 100; FAIL_CONFIG names the file. */
MUST_CHECK int cert_file_read(
    STACK_OF(X509) * *certs, const char *path, struct fail *why);
void cert_pem_write(struct bytes *out, struct span der);
/* One after the other. */
void cert_pems_write(struct bytes *out, const STACK_OF(X509) * certs);
/* DER of an X509, appended. */
void cert_der_add(struct bytes *out, const X509 *x509);

/* Upper hex, even length, no colons, of an INTEGER's content; a negative one
 * with "-" before its magnitude. */
char *cert_serial_text(struct span serial);
/* Lower hex of the subject key identifier (KEYID), or NULL; caller frees. */
char *cert_keyid_text(X509 *x509);

/* ASN1_TIME both ways without time_t (RFC 5280, 4.1.2.5). */
int64_t cert_time_of(const ASN1_TIME *t); /* INT64_MIN: unreadable */
MUST_CHECK bool cert_time_set(ASN1_TIME *t, int64_t when);

#endif

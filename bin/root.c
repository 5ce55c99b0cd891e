/* root - a self-signed certificate for the CA's own key. */
#include "bin/microca.h"

#include <stdlib.h>

#include "lib/base/when.h"
#include "lib/ca/build.h"

#define BACKDATE 300 /* s */
#define DAY 86400

static int
subject_set(X509 *cert, const struct settings *s, struct fail *why)
{
	X509_NAME *name = NULL;
	int rc = -1;

	if (s->ca.subject == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: ca.subject is needed for this", s->path);
	if (name_from_text(&name, s->ca.subject, why) != 0)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: ca.subject is no name", s->path);
	if (X509_set_subject_name(cert, name) == 1 &&
	    X509_set_issuer_name(cert, name) == 1)
		rc = 0;
	X509_NAME_free(name);
	if (rc != 0)
		fail(why, FAIL_BROKEN, "build", "cannot set the subject");
	return rc;
}

static int
serial_set(X509 *cert, int64_t now, struct fail *why)
{
	uint8_t serial[SERIAL_LEN];
	BIGNUM *n;
	int rc = -1;

	if (build_serial(serial, now, why) != 0)
		return -1;
	n = BN_bin2bn(serial, SERIAL_LEN, NULL);
	if (n != NULL &&
	    BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL)
		rc = 0;
	BN_free(n);
	if (rc != 0)
		fail(why, FAIL_BROKEN, "build", "cannot set the serial");
	return rc;
}

/* RFC 5280, 4.2.1.2: the identifier is made from the certificate's own key. */
static int
key_id_add(X509 *cert, struct fail *why)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;
	int rc = -1;

	X509V3_set_ctx(&ctx, NULL, cert, NULL, NULL, 0);
	ext =
	    X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_key_identifier, "hash");
	if (ext != NULL && X509_add_ext(cert, ext, -1) == 1)
		rc = 0;
	X509_EXTENSION_free(ext);
	if (rc != 0)
		fail(why, FAIL_BROKEN, "build", "cannot build an extension");
	return rc;
}

static int
extensions_set(X509 *cert, int64_t path_length, struct fail *why)
{
	STACK_OF(X509_EXTENSION) *exts = NULL;
	char *basic = path_length < 0 ? str_dup("critical,CA:TRUE")
	                              : str_fmt("critical,CA:TRUE,pathlen:%d",
					    (int)path_length);
	int i, rc = -1;

	if (extension_push(&exts, NID_basic_constraints, basic, why) != 0 ||
	    extension_push(
		&exts, NID_key_usage, "critical,keyCertSign,cRLSign", why) != 0)
		goto out;
	for (i = 0; i < sk_X509_EXTENSION_num(exts); i++)
		if (X509_add_ext(cert, sk_X509_EXTENSION_value(exts, i), -1) !=
		    1) {
			fail(why, FAIL_BROKEN, "build",
			    "cannot add an extension");
			goto out;
		}
	rc = key_id_add(cert, why);
out:
	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	free(basic);
	return rc;
}

static int
validity_set(X509 *cert, int64_t now, int64_t days, struct fail *why)
{
	int64_t end = now + days * DAY;

	if (end > WHEN_FOREVER)
		end = WHEN_FOREVER;
	if (!cert_time_set(X509_getm_notBefore(cert), now - BACKDATE) ||
	    !cert_time_set(X509_getm_notAfter(cert), end))
		return fail(
		    why, FAIL_BROKEN, "build", "cannot set the validity");
	return 0;
}

int
root_make(X509 **root, const struct settings *settings, struct key *key,
    int64_t days, int64_t path_length, struct fail *why)
{
	X509 *cert = X509_new();
	EVP_PKEY *public = NULL;
	int64_t now = when_now();
	int rc = -1;

	*root = NULL;
	if (cert == NULL || X509_set_version(cert, X509_VERSION_3) != 1) {
		fail(why, FAIL_BROKEN, "build", "cannot make a certificate");
		goto out;
	}
	if (key_public(&public, key, why) != 0 ||
	    subject_set(cert, settings, why) != 0 ||
	    serial_set(cert, now, why) != 0 ||
	    validity_set(cert, now, days, why) != 0)
		goto out;
	if (X509_set_pubkey(cert, public) != 1) {
		fail(why, FAIL_BROKEN, "build", "cannot set the key");
		goto out;
	}
	if (extensions_set(cert, path_length, why) != 0 ||
	    key_sign_cert(key, cert, NULL, why) != 0)
		goto out;
	*root = cert;
	cert = NULL;
	rc = 0;
out:
	EVP_PKEY_free(public);
	X509_free(cert);
	return rc;
}

#include "lib/net/est_signed.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "lib/wire/der.h"

static const struct span signed_data =
    DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");

static int
refuse(struct fail *why, const char *what)
{
	fail(why, FAIL_DENIED, "up-key",
	    "RFC 7030, 4.4.2: the key that came %s", what);
	return fail_openssl(why, "CMS");
}

/* The ContentInfo of it; false: it is no SignedData. */
static bool
as_content_info(struct bytes *out, struct span content)
{
	struct span in = content, fields, first, ignored;
	struct bytes info = {0};

	if (!der_take(&in, DER_SEQUENCE, &fields, NULL) || in.len != 0)
		return false;
	if (der_take(&fields, DER_OID, &first, NULL)) {
		bytes_add(out, content.data, content.len);
		return span_equal(first, signed_data);
	}
	if (!der_take(&fields, DER_INTEGER, &ignored, NULL) ||
	    !der_take(&fields, DER_SET, &ignored, NULL))
		return false;
	der_put(&info, DER_OID, signed_data);
	der_put(&info, DER_CONTEXT_CONS(0), content);
	der_put(out, DER_SEQUENCE, span_of(&info));
	bytes_wipe(&info);
	return true;
}

static X509_STORE *
store_of(const STACK_OF(X509) * anchors)
{
	X509_STORE *store = X509_STORE_new();

	if (store == NULL ||
	    X509_STORE_set_purpose(store, X509_PURPOSE_ANY) != 1)
		abort();
	for (int i = 0; i < sk_X509_num(anchors); i++)
		(void)X509_STORE_add_cert(store, sk_X509_value(anchors, i));
	(void)X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
	return store;
}

static bool
is_authority(int nid)
{
	return nid == NID_cmKGA || nid == NID_cmcRA || nid == NID_cmcCA ||
	       nid == NID_anyExtendedKeyUsage;
}

/* A device's certificate of the same CA signs no keys. */
static bool
is_generator(X509 *cert)
{
	EXTENDED_KEY_USAGE *eku =
	    X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
	bool is = eku == NULL;

	for (int i = 0; i < sk_ASN1_OBJECT_num(eku); i++)
		is = is ||
		     is_authority(OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, i)));
	EXTENDED_KEY_USAGE_free(eku);
	/* RFC 5280, 4.2.1.3 */
	return is && (X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE) != 0;
}

static bool
is_weak(CMS_SignerInfo *signer)
{
	const ASN1_OBJECT *hash;
	X509_ALGOR *algorithm;
	int nid;

	CMS_SignerInfo_get0_algs(signer, NULL, NULL, &algorithm, NULL);
	X509_ALGOR_get0(&hash, NULL, NULL, algorithm);
	nid = OBJ_obj2nid(hash);
	return nid == NID_sha1 || nid == NID_md5 || nid == NID_undef;
}

static int
signer_check(CMS_ContentInfo *cms, struct fail *why)
{
	STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(cms);
	STACK_OF(X509) *certs = CMS_get0_signers(cms);
	int rc = 0;

	if (sk_CMS_SignerInfo_num(infos) != 1 || sk_X509_num(certs) != 1)
		rc = refuse(why, "has not one signer");
	else if (is_weak(sk_CMS_SignerInfo_value(infos, 0)))
		rc = refuse(why, "is signed with a weak hash");
	else if (!is_generator(sk_X509_value(certs, 0)))
		rc = refuse(why, "is signed by somebody who makes no keys");
	sk_X509_free(certs);
	return rc;
}

static int
verify(CMS_ContentInfo *cms, const struct est_decrypt *with, struct fail *why)
{
	X509_STORE *store = store_of(with->anchors);
	BIO *sink = BIO_new(BIO_s_null());
	int rc;

	if (sink == NULL)
		abort();
	/* Chains are built only of what is inside; one twice is no matter. */
	for (int i = 0; i < sk_X509_num(with->above); i++)
		(void)CMS_add1_cert(cms, sk_X509_value(with->above, i));
	rc = CMS_verify(cms, NULL, store, NULL, sink, CMS_BINARY) == 1
	         ? signer_check(cms, why)
	         : refuse(why, "is not signed by who may make it");
	BIO_free(sink);
	X509_STORE_free(store);
	return rc;
}

/* The key is in it. */
static void
cms_wipe(CMS_ContentInfo *cms)
{
	ASN1_OCTET_STRING **octets = CMS_get0_content(cms);

	if (octets != NULL && *octets != NULL)
		OPENSSL_cleanse((*octets)->data, (size_t)(*octets)->length);
	CMS_ContentInfo_free(cms);
}

int
est_signed_check(
    struct span content, const struct est_decrypt *with, struct fail *why)
{
	struct bytes der = {0};
	CMS_ContentInfo *cms = NULL;
	const unsigned char *in;
	int rc;

	ERR_clear_error();
	if (!as_content_info(&der, content)) {
		rc = with->lenient ? 0 : refuse(why, "is signed by nobody");
	} else {
		in = der.data;
		cms = d2i_CMS_ContentInfo(NULL, &in, (long)der.len);
		rc = cms != NULL ? verify(cms, with, why)
		                 : refuse(why, "is in no proper SignedData");
	}
	if (cms != NULL)
		cms_wipe(cms);
	bytes_wipe(&der);
	ERR_clear_error();
	return rc;
}

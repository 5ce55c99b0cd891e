#include "lib/wire/keypackage.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "lib/wire/der.h"

/* RFC 5958, 2: id-ct-KP-aKeyPackage */
#define KEY_PACKAGE "2.16.840.1.101.2.1.2.78.5"

static int
unmade(struct fail *why, const char *what)
{
	fail(why, FAIL_BROKEN, "openssl", "the key cannot be encrypted");
	return fail_openssl(why, "%s", what);
}

/* The content of a message that was begun, written without a detour through
 * a buffer that nobody wipes. */
static bool
content_put(CMS_ContentInfo *cms, struct span content)
{
	BIO *bio = CMS_dataInit(cms, NULL);
	bool good = bio != NULL &&
	            BIO_write(bio, content.data, (int)content.len) ==
	                (int)content.len &&
	            BIO_flush(bio) == 1 && CMS_dataFinal(cms, bio) == 1;

	BIO_free_all(bio);
	return good;
}

static bool
der_add(struct bytes *out, CMS_ContentInfo *cms)
{
	int len = i2d_CMS_ContentInfo(cms, NULL);
	uint8_t *p;

	if (len <= 0)
		return false;
	bytes_room(out, (size_t)len);
	p = out->data + out->len;
	if (i2d_CMS_ContentInfo(cms, &p) != len)
		return false;
	out->len += (size_t)len;
	return true;
}

static void
content_wipe(CMS_ContentInfo *cms)
{
	ASN1_OCTET_STRING **content = CMS_get0_content(cms);

	if (content != NULL && *content != NULL)
		OPENSSL_cleanse((*content)->data, (size_t)(*content)->length);
}

/* RFC 5652, 5.1: the package is no id-data, so version 3. */
static int
signed_write(struct bytes *out, const struct keypackage *p, struct span package,
    struct fail *why)
{
	const unsigned flags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, p->above, NULL, flags);
	ASN1_OBJECT *type = OBJ_txt2obj(KEY_PACKAGE, 1);
	bool good =
	    cms != NULL && type != NULL &&
	    CMS_set1_eContentType(cms, type) == 1 &&
	    CMS_add1_signer(cms, p->signer, p->key, NULL, flags) != NULL &&
	    content_put(cms, package) && der_add(out, cms);

	if (cms != NULL)
		content_wipe(cms);
	CMS_ContentInfo_free(cms);
	ASN1_OBJECT_free(type);
	return good ? 0 : unmade(why, "CMS_sign");
}

/* RFC 5652, 6.2.1: ktri. */
static bool
transport_set(CMS_RecipientInfo *ri, const struct keywrap *w)
{
	EVP_PKEY_CTX *ctx = CMS_RecipientInfo_get0_pkey_ctx(ri);
	const EVP_MD *hash = EVP_get_digestbynid(w->oaep);

	if (w->oaep == NID_undef)
		return true;
	return ctx != NULL && hash != NULL &&
	       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(ctx, hash) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, hash) > 0;
}

/* RFC 5652, 6.2.2; RFC 5753, 3.1: kari. */
static bool
agreement_set(CMS_RecipientInfo *ri, const struct keywrap *w)
{
	EVP_PKEY_CTX *ctx = CMS_RecipientInfo_get0_pkey_ctx(ri);
	EVP_CIPHER_CTX *wrap = CMS_RecipientInfo_kari_get0_ctx(ri);
	const EVP_CIPHER *cipher =
	    w->wrap == NID_id_aes128_wrap   ? EVP_aes_128_wrap()
	    : w->wrap == NID_id_aes192_wrap ? EVP_aes_192_wrap()
					    : EVP_aes_256_wrap();

	return ctx != NULL && wrap != NULL &&
	       EVP_PKEY_CTX_set_ecdh_kdf_md(ctx, EVP_get_digestbynid(w->kdf)) >
	           0 &&
	       EVP_EncryptInit_ex(wrap, cipher, NULL, NULL, NULL) == 1;
}

static bool
recipient_add(CMS_ContentInfo *cms, const struct keypackage *p)
{
	bool named = X509_get0_subject_key_id(p->recipient) != NULL;
	CMS_RecipientInfo *ri = CMS_add1_recipient_cert(
	    cms, p->recipient, CMS_KEY_PARAM | (named ? CMS_USE_KEYID : 0));

	if (ri == NULL)
		return false;
	return CMS_RecipientInfo_type(ri) == CMS_RECIPINFO_AGREE
	           ? agreement_set(ri, &p->wrap)
	           : transport_set(ri, &p->wrap);
}

static int
enveloped_write(struct bytes *out, const struct keypackage *p,
    struct span content, struct fail *why)
{
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL,
	    EVP_get_cipherbynid(p->wrap.content), CMS_BINARY | CMS_PARTIAL);
	bool good =
	    cms != NULL &&
	    CMS_set1_eContentType(cms, OBJ_nid2obj(NID_pkcs7_signed)) == 1 &&
	    recipient_add(cms, p) && content_put(cms, content) &&
	    der_add(out, cms);

	CMS_ContentInfo_free(cms);
	return good ? 0 : unmade(why, "CMS_encrypt");
}

/* The content of a ContentInfo. */
static bool
inner_of(struct span *inner, struct span info)
{
	struct span body, oid;

	return der_take(&info, DER_SEQUENCE, &body, NULL) &&
	       der_take(&body, DER_OID, &oid, NULL) &&
	       der_take(&body, DER_CONTEXT_CONS(0), inner, NULL);
}

int
keypackage_write(
    struct bytes *out, const struct keypackage *p, struct fail *why)
{
	struct bytes package = {0}, info = {0};
	struct span inner;
	int rc = -1;

	ERR_clear_error();
	bytes_room(&package, p->pkcs8.len + 8);
	der_put(&package, DER_SEQUENCE, p->pkcs8);
	if (signed_write(&info, p, span_of(&package), why) != 0)
		goto out;
	if (inner_of(&inner, span_of(&info)))
		rc = enveloped_write(out, p, inner, why);
	else
		rc = unmade(why, "SignedData");
out:
	bytes_wipe(&info);
	bytes_wipe(&package);
	return rc;
}

#include "lib/net/est_key.h"

#include <stdlib.h>
#include <strings.h>

#include <openssl/cms.h>
#include <openssl/err.h>

#include "lib/net/est_signed.h"
#include "lib/wire/cert.h"
#include "lib/wire/der.h"
#include "lib/wire/pubkey.h"

#define PLAIN "application/pkcs8"
#define CMS "application/pkcs7-mime"
#define DEPTH 6

static bool
is_enveloped(const char *type)
{
	char *smime = media_type_parameter(type, "smime-type");
	bool is = media_type_is(type, CMS) && smime != NULL &&
	          strcasecmp(smime, "server-generated-key") == 0;

	free(smime);
	return is;
}

bool
est_key_is(const struct multipart_body *part)
{
	return media_type_is(part->type, PLAIN) || is_enveloped(part->type);
}

/* ---- EnvelopedData ------------------------------------------------------- */

static int
cannot_decrypt(struct fail *why)
{
	fail(why, FAIL_DENIED, "up-key",
	    "RFC 7030, 4.4.2: the key that came is not encrypted to ours");
	return fail_openssl(why, "CMS");
}

static int
decrypt_cms(
    struct bytes *content, struct span der, EVP_PKEY *decrypt, struct fail *why)
{
	const unsigned char *in = der.data;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &in, (long)der.len);
	BIO *out = BIO_new(BIO_s_secmem());
	char *data;
	long len;
	int rc;

	if (out == NULL)
		abort();
	if (cms == NULL || in != der.data + der.len ||
	    OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_enveloped) {
		rc = fail(why, FAIL_MALFORMED, "up-body",
		    "RFC 7030, 4.4.2: the key's part is no EnvelopedData");
		(void)fail_openssl(why, "CMS");
	} else if (CMS_decrypt_set1_pkey(cms, decrypt, NULL) != 1 ||
		   CMS_decrypt(cms, NULL, NULL, NULL, out, 0) != 1) {
		rc = cannot_decrypt(why);
	} else {
		len = BIO_get_mem_data(out, &data);
		bytes_add(content, data, (size_t)len);
		rc = 0;
	}
	ERR_clear_error();
	CMS_ContentInfo_free(cms);
	BIO_free(out);
	return rc;
}

/* ---- what is inside ------------------------------------------------------ */

/* eContent of a SignedData whose version and digestAlgorithms are off. */
static bool
content_of(struct span *inner, struct span fields)
{
	struct span encap, type, explicit;

	return der_take(&fields, DER_SEQUENCE, &encap, NULL) &&
	       der_take(&encap, DER_OID, &type, NULL) &&
	       der_take(&encap, DER_CONTEXT_CONS(0), &explicit, NULL) &&
	       der_take(&explicit, DER_OCTETS, inner, NULL);
}

/*
 * One step inwards: ContentInfo → SignedData → its content →
 * AsymmetricKeyPackage of one → PrivateKeyInfo, any of which may be left out.
 * True and *found when that is what it is.
 */
static bool
step_in(struct span *der, bool *found)
{
	struct span whole = *der, in = *der, fields, ignored;

	*found = false;
	if (!der_take(&in, DER_SEQUENCE, &fields, NULL) || in.len != 0)
		return false;
	if (der_take(&fields, DER_OID, &ignored, NULL))
		return der_take(&fields, DER_CONTEXT_CONS(0), der, NULL);
	if (der_peek(fields, DER_SEQUENCE)) {
		struct span one = fields;

		*der = fields;
		return der_take(&one, DER_SEQUENCE, &ignored, NULL) &&
		       one.len == 0;
	}
	if (!der_take(&fields, DER_INTEGER, &ignored, NULL))
		return false;
	if (der_take(&fields, DER_SET, &ignored, NULL))
		return content_of(der, fields);
	*found = der_peek(fields, DER_SEQUENCE);
	*der = whole;
	return *found;
}

static bool
key_info_of(struct span *info, struct span der)
{
	bool found = false;

	*info = der;
	for (int i = 0; i < DEPTH && !found; i++)
		if (!step_in(info, &found))
			return false;
	return found;
}

/* ---- the key and its certificate ----------------------------------------- */

static EVP_PKEY *
private_of(struct span info)
{
	const unsigned char *in = info.data;
	PKCS8_PRIV_KEY_INFO *p8 =
	    d2i_PKCS8_PRIV_KEY_INFO(NULL, &in, (long)info.len);
	EVP_PKEY *key = NULL;

	if (p8 != NULL && in == info.data + info.len)
		key = EVP_PKCS82PKEY(p8);
	PKCS8_PRIV_KEY_INFO_free(p8);
	ERR_clear_error();
	return key;
}

/* Does the private half fit the public one that goes with it? */
static bool
is_sound(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool ok = ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

/* The same rules as for a key that we would certify. */
static int
not_weak(X509 *leaf, struct fail *why)
{
	struct bytes der = {0};
	struct cert *cert = NULL;
	struct pubkey public = {0};
	struct fail first = {0};
	int rc = 0;

	cert_der_add(&der, leaf);
	if (cert_read(&cert, span_of(&der), &first) != 0 ||
	    pubkey_read(&public, cert->spki, &first) != 0)
		rc = fail(why, FAIL_DENIED, "up-key",
		    "the key that the server made is not one to use: %.200s",
		    first.text);
	pubkey_free(&public);
	cert_free(cert);
	bytes_free(&der);
	return rc;
}

static int
key_check(struct span info, X509 *leaf, struct fail *why)
{
	EVP_PKEY *key = private_of(info);
	int rc = 0;

	if (key == NULL)
		rc = fail(why, FAIL_MALFORMED, "up-body",
		    "RFC 5958, 2: the key's part holds no private key");
	else if (EVP_PKEY_eq(X509_get0_pubkey(leaf), key) != 1 ||
		 !is_sound(key))
		rc = fail(why, FAIL_DENIED, "up-key",
		    "RFC 7030, 4.4.2: the key that came is not the "
		    "certificate's");
	ERR_clear_error();
	EVP_PKEY_free(key);
	return rc == 0 ? not_weak(leaf, why) : -1;
}

int
est_key_read(struct bytes *key, const struct multipart_body *part,
    const struct est_decrypt *with, X509 *leaf, struct fail *why)
{
	struct span content = span_of(&part->content), info;
	struct bytes plain = {0};
	int rc = 0;

	if (is_enveloped(part->type)) {
		if (with == NULL || with->key == NULL)
			return fail(why, FAIL_DENIED, "up-key",
			    "RFC 7030, 4.4.2: the key came encrypted, and "
			    "nothing is there to decrypt it with");
		rc = decrypt_cms(&plain, content, with->key, why);
		content = span_of(&plain);
	}
	/* With another RSA key it decrypts too, to nothing: RFC 3218, 2.3.2. */
	if (rc == 0 && !key_info_of(&info, content))
		rc = is_enveloped(part->type)
		         ? cannot_decrypt(why)
		         : fail(why, FAIL_MALFORMED, "up-body",
			       "RFC 5958, 2: the key's part holds no private "
			       "key");
	if (rc == 0 && is_enveloped(part->type))
		rc = est_signed_check(content, with, why);
	if (rc == 0)
		rc = key_check(info, leaf, why);
	if (rc == 0)
		bytes_add(key, info.data, info.len);
	bytes_wipe(&plain);
	return rc;
}

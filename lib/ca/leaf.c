#include "lib/ca/leaf.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/wire/name.h"
#include "lib/wire/san.h"

#define SECURITY_BITS 112

static int
bad(struct fail *why, const char *word, const char *text)
{
	ERR_clear_error();
	return fail(why, FAIL_DENIED, word, "%s", text);
}

static int
parse(struct leaf *leaf, struct span der, struct fail *why)
{
	if (cert_read(&leaf->cert, der, why) == 0 &&
	    cert_x509(&leaf->x509, der, why) == 0)
		return 0;
	return bad(why, "client-cert",
	    "RFC 5280, 4.1: the client certificate cannot be read");
}

/* RFC 9608, 3: noRevAvail not with CRL or OCSP places; then it is void. */
static bool
revocation_consistent(X509 *x509)
{
	AUTHORITY_INFO_ACCESS *access;
	bool ocsp = false;

	if (X509_get_ext_by_NID(x509, NID_no_rev_avail, -1) < 0)
		return true;
	if (X509_get_ext_by_NID(x509, NID_crl_distribution_points, -1) >= 0 ||
	    X509_get_ext_by_NID(x509, NID_freshest_crl, -1) >= 0)
		return false;
	access = X509_get_ext_d2i(x509, NID_info_access, NULL, NULL);
	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(access); i++)
		if (OBJ_obj2nid(
			sk_ACCESS_DESCRIPTION_value(access, i)->method) ==
		    NID_ad_OCSP)
			ocsp = true;
	AUTHORITY_INFO_ACCESS_free(access);
	return !ocsp;
}

static int
certificate_ok(X509 *x509, struct fail *why)
{
	uint32_t flags = X509_get_extension_flags(x509);
	EVP_PKEY *key = X509_get0_pubkey(x509);
	int md = NID_undef;

	/* RFC 5280, 4.1.2.1: extensions, so version 3. */
	if (X509_get_version(x509) != 2)
		return bad(why, "client-cert",
		    "RFC 5280, 4.1.2.1: the client certificate is not "
		    "version 3");
	if ((flags & (EXFLAG_CRITICAL | EXFLAG_INVALID)) != 0)
		return bad(why, "client-cert",
		    "RFC 5280, 4.2: the client certificate has an unknown "
		    "critical or an unreadable extension");
	if (!X509_get_signature_info(x509, &md, NULL, NULL, NULL) ||
	    md == NID_sha1 || md == NID_md5 || md == NID_md5_sha1)
		return bad(why, "client-cert",
		    "the client certificate is signed with SHA-1, MD5 or an "
		    "unknown algorithm");
	if (key == NULL || EVP_PKEY_get_security_bits(key) < SECURITY_BITS)
		return bad(why, "client-cert",
		    "the client certificate's key is weak or unknown");
	if (!revocation_consistent(x509))
		return bad(why, "client-cert",
		    "RFC 9608, 3: noRevAvail together with a place of "
		    "revocation information");
	return 0;
}

static int
usage_ok(X509 *x509, struct fail *why)
{
	/* RFC 5280, 4.2.1.3: TLS clients sign. */
	if ((X509_get_key_usage(x509) & KU_DIGITAL_SIGNATURE) == 0)
		return bad(why, "client-usage",
		    "RFC 5280, 4.2.1.3: the client certificate's keyUsage has "
		    "no digitalSignature");
	/* RFC 5280, 4.2.1.12: id-kp-clientAuth, if there is a list. */
	if ((X509_get_extension_flags(x509) & EXFLAG_XKUSAGE) != 0 &&
	    (X509_get_extended_key_usage(x509) & XKU_SSL_CLIENT) == 0)
		return bad(why, "client-usage",
		    "RFC 5280, 4.2.1.12: the client certificate's extKeyUsage "
		    "has no clientAuth");
	return 0;
}

static bool
has_nul(const X509_NAME_ENTRY *entry)
{
	unsigned char *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(entry));
	bool nul = len < 0 || memchr(utf8, 0, (size_t)len) != NULL;

	OPENSSL_free(utf8);
	return nul;
}

/* A name that two readers may read differently is nobody's name. */
static int
name_ok(X509 *x509, struct fail *why)
{
	static const int single[] = {NID_commonName, NID_serialNumber};
	const X509_NAME *name = X509_get_subject_name(x509);

	for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++) {
		int at = X509_NAME_get_index_by_NID(name, single[i], -1);

		if (at >= 0 &&
		    X509_NAME_get_index_by_NID(name, single[i], at) >= 0)
			return bad(why, "client-name",
			    "the client certificate's subject has two CNs or "
			    "two serialNumbers");
	}
	for (int i = 0; i < X509_NAME_entry_count(name); i++)
		if (has_nul(X509_NAME_get_entry(name, i)))
			return bad(why, "client-name",
			    "the client certificate's subject has a NUL or "
			    "unreadable text");
	return 0;
}

static int
san_ok(struct leaf *leaf, struct fail *why)
{
	int critical;

	leaf->san =
	    X509_get_ext_d2i(leaf->x509, NID_subject_alt_name, &critical, NULL);
	if (leaf->san == NULL && critical != -1)
		return bad(why, "client-cert",
		    "RFC 5280, 4.2.1.6: the client certificate's "
		    "subjectAltName cannot be read");
	if (leaf->san == NULL &&
	    X509_NAME_entry_count(X509_get_subject_name(leaf->x509)) == 0)
		return bad(why, "client-name",
		    "RFC 5280, 4.1.2.6: the client certificate names nobody");
	return 0;
}

int
leaf_read(struct leaf *leaf, struct span der, struct fail *why)
{
	if (parse(leaf, der, why) != 0)
		return -1;
	/* RFC 5280, 4.2.1.9: a CA's key signs certificates, not requests. */
	if (X509_check_ca(leaf->x509) != 0)
		return bad(why, "client-isca",
		    "RFC 5280, 4.2.1.9: the client certificate is a CA's");
	if (certificate_ok(leaf->x509, why) != 0 ||
	    usage_ok(leaf->x509, why) != 0 || name_ok(leaf->x509, why) != 0 ||
	    san_ok(leaf, why) != 0)
		return -1;
	return 0;
}

void
leaf_free(struct leaf *leaf)
{
	cert_free(leaf->cert);
	X509_free(leaf->x509);
	GENERAL_NAMES_free(leaf->san);
	memset(leaf, 0, sizeof(*leaf));
}

char *
leaf_text(const struct leaf *leaf)
{
	const X509_NAME *name = X509_get_subject_name(leaf->x509);

	return X509_NAME_entry_count(name) > 0 ? name_text(name)
	                                       : san_text(leaf->san);
}

char *
leaf_owner(const struct leaf *leaf, const X509 *issuer)
{
	const X509_NAME *name = X509_get_subject_name(leaf->x509);
	uint8_t parts[2][SHA256_LEN], hash[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], *text;
	uint8_t *spki = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(issuer), &spki);

	sha256(parts[0], (struct span){spki, len > 0 ? (size_t)len : 0});
	OPENSSL_free(spki);
	if (X509_NAME_entry_count(name) > 0) {
		name_hash(parts[1], name);
	} else {
		text = san_text(leaf->san);
		sha256(parts[1], span_str(text));
		free(text);
	}
	sha256(hash, (struct span){parts[0], sizeof(parts)});
	hex_write(hex, (struct span){hash, sizeof(hash)}, false);
	return str_fmt("foreign:%s", hex);
}

#include "lib/ca/authority.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/base/when.h"
#include "lib/wire/name.h"

#define SECURITY_BITS 112 /* RSA 2048, P-224: what NIST SP 800-57 leaves */
#define RETRY_SECONDS 300

static int
bad(struct fail *why, const X509 *x509, const char *what)
{
	char *name = name_text(X509_get_subject_name(x509));

	fail(why, FAIL_CONFIG, "issuer-cert", "%s: \"%s\"", what, name);
	free(name);
	return -1;
}

int
authority_cert_ok(X509 *x509, struct fail *why)
{
	uint32_t flags = X509_get_extension_flags(x509);
	int md = NID_undef;

	/* RFC 5280, 4.2: an unknown critical extension must not be accepted. */
	if ((flags & EXFLAG_CRITICAL) != 0)
		return bad(why, x509,
		    "RFC 5280, 4.2: unknown critical extension in the issuer's "
		    "chain");
	if ((flags & EXFLAG_INVALID) != 0)
		return bad(why, x509, "unreadable extension in the chain");
	/* RFC 5280, 6.1.4 (n): keyCertSign, if there is a keyUsage. */
	if ((X509_get_key_usage(x509) & KU_KEY_CERT_SIGN) == 0)
		return bad(why, x509,
		    "RFC 5280, 6.1.4 (n): keyUsage without keyCertSign");
	/* RFC 5280, 6.1.4 (k): version 3, basicConstraints with cA. */
	if (X509_get_version(x509) != 2 || X509_check_ca(x509) != 1)
		return bad(
		    why, x509, "RFC 5280, 6.1.4 (k): not a CA certificate");
	if (!X509_get_signature_info(x509, &md, NULL, NULL, NULL) ||
	    md == NID_sha1 || md == NID_md5 || md == NID_md5_sha1)
		return bad(why, x509, "signed with SHA-1, MD5 or unknown");
	if (X509_get0_pubkey(x509) == NULL ||
	    EVP_PKEY_get_security_bits(X509_get0_pubkey(x509)) < SECURITY_BITS)
		return bad(why, x509, "weak or unknown key");
	return 0;
}

/* What only the issuing certificate must have. */
static int
check_issuer(X509 *x509, struct fail *why)
{
	/* RFC 5280, 4.2.1.3: CAs have a keyUsage. */
	if ((X509_get_extension_flags(x509) & EXFLAG_KUSAGE) == 0)
		return bad(why, x509, "RFC 5280, 4.2.1.3: no keyUsage");
	/* RFC 5280, 4.2.1.2: CAs have a subject key identifier. */
	if (X509_get0_subject_key_id(x509) == NULL)
		return bad(
		    why, x509, "RFC 5280, 4.2.1.2: no subjectKeyIdentifier");
	/* RFC 5280, 4.1.2.6: a CA's subject is not empty. */
	if (X509_NAME_entry_count(X509_get_subject_name(x509)) == 0)
		return bad(why, x509, "RFC 5280, 4.1.2.6: empty subject");
	return 0;
}

/* RFC 5280, 6.1.3 (a): names chain, signatures verify; the root ends it. */
static int
check_links(const STACK_OF(X509) * chain, struct fail *why)
{
	int n = sk_X509_num(chain);

	for (int i = 0; i < n; i++) {
		X509 *x509 = sk_X509_value(chain, i);
		X509 *above = sk_X509_value(chain, i + 1 < n ? i + 1 : i);

		if (X509_check_issued(above, x509) != X509_V_OK ||
		    X509_verify(x509, X509_get0_pubkey(above)) != 1) {
			bad(why, x509,
			    i + 1 < n
				? "RFC 5280, 6.1.3: not signed by the next in "
				  "the chain"
				: "the chain does not end in a self-signed "
				  "root");
			ERR_clear_error();
			return -1;
		}
	}
	return 0;
}

/* RFC 5280, 6.1.4 (l), (m): what is left below the issuer, from the root. */
static int
path_length_of(int64_t *left, const STACK_OF(X509) * chain, struct fail *why)
{
	*left = -1;
	for (int i = sk_X509_num(chain) - 1; i >= 0; i--) {
		X509 *x509 = sk_X509_value(chain, i);
		long own = X509_get_pathlen(x509);
		bool self_issued =
		    (X509_get_extension_flags(x509) & EXFLAG_SI) != 0;

		if (!self_issued && *left == 0)
			return bad(why, x509,
			    "RFC 5280, 6.1.4 (l): path length exceeded");
		if (!self_issued && *left > 0)
			(*left)--;
		if (own >= 0 && (*left < 0 || own < *left))
			*left = own;
	}
	return 0;
}

static int
check_chain(struct authority *a, const STACK_OF(X509) * chain, struct fail *why)
{
	if (sk_X509_num(chain) < 1)
		return fail(why, FAIL_CONFIG, "issuer-cert", "empty chain");
	for (int i = 0; i < sk_X509_num(chain); i++)
		if (authority_cert_ok(sk_X509_value(chain, i), why) != 0)
			return -1;
	if (check_issuer(sk_X509_value(chain, 0), why) != 0 ||
	    check_links(chain, why) != 0 ||
	    path_length_of(&a->path_length, chain, why) != 0)
		return -1;
	return 0;
}

/* Validity, name constraints and key hashes, over the whole chain. */
static int
sum_up(struct authority *a, struct fail *why)
{
	int n = sk_X509_num(a->chain);

	a->spki_sha256 = mem_new((size_t)n * SHA256_LEN);
	a->not_before = INT64_MIN;
	a->not_after = WHEN_FOREVER;
	for (int i = 0; i < n; i++) {
		X509 *x509 = sk_X509_value(a->chain, i);
		int64_t from = cert_time_of(X509_get0_notBefore(x509));
		int64_t to = cert_time_of(X509_get0_notAfter(x509));
		struct bytes der = {0};
		struct cert *cert = NULL;

		if (from == INT64_MIN || to == INT64_MIN)
			return bad(why, x509, "unreadable validity");
		a->not_before = from > a->not_before ? from : a->not_before;
		a->not_after = to < a->not_after ? to : a->not_after;
		if (X509_get_ext_by_NID(x509, NID_name_constraints, -1) >= 0)
			a->constrained = true;
		cert_der_add(&der, x509);
		if (cert_read(&cert, span_of(&der), why) != 0) {
			bytes_free(&der);
			why->kind = FAIL_CONFIG;
			why->reason = "issuer-cert";
			return -1;
		}
		bytes_free(&der);
		sha256(a->spki_sha256[i], cert->spki);
		if (i == 0)
			a->cert = cert;
		else
			cert_free(cert);
	}
	return 0;
}

/* RFC 5280, 4.2.1.1: keyIdentifier alone, the issuer's octets. */
static int
make_aki(struct authority *a, struct fail *why)
{
	AUTHORITY_KEYID *aki = AUTHORITY_KEYID_new();

	if (aki != NULL)
		aki->keyid =
		    ASN1_OCTET_STRING_dup(X509_get0_subject_key_id(a->issuer));
	if (aki != NULL && aki->keyid != NULL)
		a->aki = X509V3_EXT_i2d(NID_authority_key_identifier, 0, aki);
	AUTHORITY_KEYID_free(aki);
	if (a->aki != NULL)
		return 0;
	fail(why, FAIL_BROKEN, "build", "cannot make the key identifier");
	return fail_openssl(why, "AUTHORITY_KEYID");
}

int
authority_make(struct authority **authority, const STACK_OF(X509) * chain,
    struct fail *why)
{
	struct authority *a = mem_new(sizeof(*a));

	if (check_chain(a, chain, why) != 0)
		goto out;
	a->chain = X509_chain_up_ref((STACK_OF(X509) *)chain);
	if (a->chain == NULL) {
		fail(why, FAIL_BROKEN, "build", "cannot copy the chain");
		goto out;
	}
	a->issuer = sk_X509_value(a->chain, 0);
	a->key = X509_get0_pubkey(a->issuer);
	a->keyid = cert_keyid_text(a->issuer);
	if (sum_up(a, why) == 0 && make_aki(a, why) == 0) {
		*authority = a;
		return 0;
	}
out:
	authority_free(a);
	return -1;
}

void
authority_free(struct authority *authority)
{
	if (authority == NULL)
		return;
	sk_X509_pop_free(authority->chain, X509_free);
	cert_free(authority->cert);
	X509_EXTENSION_free(authority->aki);
	free(authority->keyid);
	free(authority->spki_sha256);
	free(authority);
}

void
authority_look_above(struct authority *authority, const struct above *above)
{
	struct fail why = {0};

	authority->revoked = (struct fail){0};
	if (above_check(above, authority->chain, &why) == 0)
		return;
	(void)fail(&authority->revoked, FAIL_BUSY, "issuer-revoked",
	    "the issuing certificate, or one above it, is revoked");
	(void)fail_cause(&authority->revoked, "%s", why.text);
	(void)fail_retry(&authority->revoked, RETRY_SECONDS);
}

int
authority_usable(
    const struct authority *authority, int64_t now, struct fail *why)
{
	char at[WHEN_LEN];

	if (authority->revoked.kind != FAIL_NONE) {
		*why = authority->revoked;
		return -1;
	}
	/* RFC 5280, 6.1.3 (a) (2): nothing is issued outside the issuer's
	 * validity. */
	if (now < authority->not_before) {
		when_write(at, authority->not_before);
		fail(why, FAIL_BUSY, "clock",
		    "the clock is before the issuer's notBefore, %s", at);
		return fail_retry(why, RETRY_SECONDS);
	}
	if (now >= authority->not_after) {
		when_write(at, authority->not_after);
		fail(why, FAIL_BUSY, "issuer-time",
		    "the issuing certificate or its chain expired %s", at);
		return fail_retry(why, RETRY_SECONDS);
	}
	return 0;
}

/* Does every certificate of the chain that has an EKU list this purpose? */
static bool
chain_allows(const struct authority *a, const ASN1_OBJECT *purpose)
{
	for (int i = 0; i < sk_X509_num(a->chain); i++) {
		EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(
		    sk_X509_value(a->chain, i), NID_ext_key_usage, NULL, NULL);
		bool listed = eku == NULL;

		for (int j = 0; j < sk_ASN1_OBJECT_num(eku); j++) {
			const ASN1_OBJECT *o = sk_ASN1_OBJECT_value(eku, j);

			if (OBJ_obj2nid(o) == NID_anyExtendedKeyUsage ||
			    OBJ_cmp(o, purpose) == 0)
				listed = true;
		}
		sk_ASN1_OBJECT_pop_free(eku, ASN1_OBJECT_free);
		if (!listed)
			return false;
	}
	return true;
}

/* A profile's mistake, said where the profile stands. */
static int
bad_profile(struct fail *why, const struct profile *p, const char *what)
{
	return fail(why, FAIL_CONFIG, "profile", "%s: profile \"%s\": %s",
	    p->where != NULL ? p->where : "profiles", p->name, what);
}

int
authority_profile_ok(const struct authority *authority,
    const struct profile *profile, struct fail *why)
{
	int64_t end = profile->valid_for > 0
	                  ? authority->not_before + profile->valid_for
	                  : profile->valid_until;

	/* RFC 5280, 4.2.1.9: path length zero allows no CA below. */
	if (profile->ca && authority->path_length == 0)
		return bad_profile(why, profile,
		    "RFC 5280, 4.2.1.9: the issuer's path length is 0: it "
		    "may not issue CA certificates");
	for (size_t i = 0; i < profile->ext_key_usages; i++)
		if (!chain_allows(authority, profile->ext_key_usage[i]))
			return bad_profile(why, profile,
			    "RFC 5280, 4.2.1.12: an extended key usage that "
			    "the issuer's chain does not have");
	if (profile->outlive == OUTLIVE_REFUSE && end > authority->not_after)
		return bad_profile(why, profile,
		    "its validity always outlives the issuer, and "
		    "outlives_issuer is \"refuse\"");
	return 0;
}

static bool
has_dns(X509 *cert)
{
	GENERAL_NAMES *san =
	    X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++)
		if (sk_GENERAL_NAME_value(san, i)->type == GEN_DNS)
			found = true;
	GENERAL_NAMES_free(san);
	return found;
}

/* One certificate's constraints; an X509_V_ code.  A constrained form that
 * OpenSSL cannot process is an error code too. */
static int
constraints_hold(X509 *above, X509 *cert)
{
	NAME_CONSTRAINTS *nc;
	int critical = -1, code;

	nc = X509_get_ext_d2i(above, NID_name_constraints, &critical, NULL);
	if (nc == NULL)
		return critical == -1 ? X509_V_OK : X509_V_ERR_UNSPECIFIED;
	code = NAME_CONSTRAINTS_check(cert, nc);
	/* A CN that looks like a host is one to those who still look there. */
	if (code == X509_V_OK && X509_check_ca(cert) == 0 && !has_dns(cert))
		code = NAME_CONSTRAINTS_check_CN(cert, nc);
	NAME_CONSTRAINTS_free(nc);
	return code;
}

/* NAME_CONSTRAINTS_check() reads subject and SAN of an X509 whose extensions
 * are cached; the one about to be signed must not be cached yet. */
static X509 *
names_of(X509 *cert)
{
	static const int kept[] = {NID_subject_alt_name, NID_basic_constraints};
	X509 *copy = X509_new();

	if (copy == NULL || !X509_set_version(copy, 2) ||
	    !X509_set_subject_name(copy, X509_get_subject_name(cert)))
		goto bad;
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		int at = X509_get_ext_by_NID(cert, kept[i], -1);

		if (at >= 0 && !X509_add_ext(copy, X509_get_ext(cert, at), -1))
			goto bad;
	}
	(void)X509_check_purpose(copy, -1, 0);
	ERR_clear_error();
	return copy;
bad:
	X509_free(copy);
	return NULL;
}

int
authority_names_ok(
    const struct authority *authority, X509 *cert, struct fail *why)
{
	X509 *names;
	int code = X509_V_OK;

	if (!authority->constrained)
		return 0;
	names = names_of(cert);
	if (names == NULL) {
		fail(why, FAIL_BROKEN, "build", "cannot check names");
		return fail_openssl(why, "X509_new");
	}
	for (int i = 0; i < sk_X509_num(authority->chain) && code == 0; i++)
		code =
		    constraints_hold(sk_X509_value(authority->chain, i), names);
	X509_free(names);
	ERR_clear_error();
	if (code == X509_V_OK)
		return 0;
	/* RFC 5280, 4.2.1.10: constraints of every certificate above. */
	return fail(why, FAIL_DENIED, "name-constraint",
	    "RFC 5280, 4.2.1.10: a name outside the CA's name constraints: %s",
	    X509_verify_cert_error_string(code));
}

bool
authority_has_name(const struct authority *authority, const X509_NAME *name)
{
	for (int i = 0; i < sk_X509_num(authority->chain); i++)
		if (X509_NAME_cmp(X509_get_subject_name(
				      sk_X509_value(authority->chain, i)),
			name) == 0)
			return true;
	return false;
}

bool
authority_has_key(
    const struct authority *authority, const uint8_t spki_sha256[SHA256_LEN])
{
	for (int i = 0; i < sk_X509_num(authority->chain); i++)
		if (memcmp(authority->spki_sha256[i], spki_sha256,
			SHA256_LEN) == 0)
			return true;
	return false;
}

#include "lib/ca/profile_make.h"

#include <string.h>

#include "lib/wire/csrattrs.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OID_LEN 80

#define OID_EC "1.2.840.10045.2.1"
#define OID_RSA "1.2.840.113549.1.1.1"
#define OID_SAN "2.5.29.17"

/* By enum key_word: what to say when it is the only one. */
static const struct {
	const char *key, *curve;
	int rsa;
	const char *sigalg; /* a CSR's own signature, with the usual hash */
} kinds[] = {
    [KEY_P256] = {OID_EC, "1.2.840.10045.3.1.7", 0, "1.2.840.10045.4.3.2"},
    [KEY_P384] = {OID_EC, "1.3.132.0.34", 0, "1.2.840.10045.4.3.3"},
    [KEY_P521] = {OID_EC, "1.3.132.0.35", 0, "1.2.840.10045.4.3.4"},
    [KEY_RSA2048] = {OID_RSA, NULL, 2048, "1.2.840.113549.1.1.11"},
    [KEY_RSA3072] = {OID_RSA, NULL, 3072, "1.2.840.113549.1.1.11"},
    [KEY_RSA4096] = {OID_RSA, NULL, 4096, "1.2.840.113549.1.1.11"},
    [KEY_RSA8192] = {OID_RSA, NULL, 8192, "1.2.840.113549.1.1.11"},
    [KEY_ED25519] = {"1.3.101.112", NULL, 0, "1.3.101.112"},
    [KEY_ED448] = {"1.3.101.113", NULL, 0, "1.3.101.113"},
};

/* RFC 7030, 4.5.2: a key type is a demand, so it is named only when all the
 * types allowed have it in common. */
static void
say_key(struct csrattrs *wish, const struct profile *p)
{
	const char *key = NULL;
	size_t last = 0;
	unsigned n = 0;

	for (size_t i = 0; i < COUNT(kinds); i++) {
		if ((p->keys & 1u << i) == 0)
			continue;
		if (n++ > 0 && strcmp(key, kinds[i].key) != 0)
			return;
		key = kinds[i].key;
		last = i;
	}
	wish->key_oid = key;
	if (n == 1) {
		wish->curve_oid = kinds[last].curve;
		wish->rsa_bits = kinds[last].rsa;
		wish->sigalg_oid = kinds[last].sigalg;
	}
}

/* Values that are neither PrintableString nor UTF8String cannot be written
 * here; such a fixed RDN may as well be absent from the request. */
static bool
is_ia5(int nid)
{
	return nid == NID_domainComponent || nid == NID_pkcs9_emailAddress;
}

static bool
is_printable(int nid)
{
	return nid == NID_countryName || nid == NID_serialNumber ||
	       nid == NID_dnQualifier;
}

static void
nid_oid(char out[OID_LEN], int nid)
{
	(void)OBJ_obj2txt(out, OID_LEN, OBJ_nid2obj(nid), 1);
}

/* RFC 9908, 3.4: with a value: use it; without: the client fills it in. */
static size_t
say_subject(
    struct csrattrs_rdn *rdn, char (*oid)[OID_LEN], const struct profile *p)
{
	const struct rdn_rule *rule = p->subject.item;
	size_t n = 0;

	for (size_t i = 0; i < p->subject.n; i++) {
		bool fixed = rule[i].from == RDN_FIXED;

		if (fixed && is_ia5(rule[i].nid))
			continue;
		nid_oid(oid[n], rule[i].nid);
		rdn[n] = (struct csrattrs_rdn){oid[n],
		    fixed ? rule[i].value : NULL, is_printable(rule[i].nid)};
		n++;
	}
	return n;
}

static bool
needs_san(const struct profile *p)
{
	const struct san_rule *rule = p->san.item;

	for (size_t i = 0; i < p->san.n; i++)
		if (rule[i].min > 0)
			return true;
	return false;
}

/* What a client may put in, as we shall: keyUsage, extKeyUsage, and a CA's
 * basicConstraints.  `san`: the template's way to ask for one. */
static size_t
say_extensions(struct csrattrs_extension *out, char (*oid)[OID_LEN],
    const struct profile *p, bool san)
{
	size_t n = 0;

	for (int i = 0; i < sk_X509_EXTENSION_num(p->fixed); i++) {
		X509_EXTENSION *ext = sk_X509_EXTENSION_value(p->fixed, i);
		const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(ext);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));

		if (nid != NID_key_usage && nid != NID_ext_key_usage &&
		    (nid != NID_basic_constraints || !p->ca))
			continue;
		nid_oid(oid[n], nid);
		out[n] = (struct csrattrs_extension){oid[n],
		    X509_EXTENSION_get_critical(ext) != 0,
		    {ASN1_STRING_get0_data(value),
			(size_t)ASN1_STRING_length(value)}};
		n++;
	}
	if (san)
		out[n++] = (struct csrattrs_extension){
		    OID_SAN, p->subject_empty, {NULL, 0}};
	return n;
}

void
profile_csrattrs(struct bytes *der, const struct profile *p, bool link)
{
	char rdn_oid[16][OID_LEN], ext_oid[4][OID_LEN];
	struct csrattrs_rdn rdn[16];
	struct csrattrs_extension ext[4];
	struct csrattrs wish = {0};

	wish.classic =
	    p->csrattrs == CSRATTRS_CLASSIC || p->csrattrs == CSRATTRS_BOTH;
	wish.template =
	    p->csrattrs == CSRATTRS_TEMPLATE || p->csrattrs == CSRATTRS_BOTH;
	/* RFC 7030, 4.5.2: the one thing that is never kept back. */
	wish.challenge_password = link;
	say_key(&wish, p);
	wish.rdn = rdn;
	wish.rdns = say_subject(rdn, rdn_oid, p);
	wish.extension = ext;
	wish.extensions =
	    say_extensions(ext, ext_oid, p, wish.template && needs_san(p));
	csrattrs_write(der, &wish);
}

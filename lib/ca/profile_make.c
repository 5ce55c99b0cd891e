#include "lib/ca/profile_make.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Takes `ext` over; NULL is a fault of ours or of memory. */
static int
fixed_add(struct profile *p, X509_EXTENSION *ext, struct fail *why)
{
	if (ext != NULL && sk_X509_EXTENSION_push(p->fixed, ext) > 0)
		return 0;
	X509_EXTENSION_free(ext);
	fail(why, FAIL_BROKEN, "build",
	    "profile %s: an extension cannot be made", p->name);
	return fail_openssl(why, "profile_make");
}

static int
make_basic(struct profile *p, struct fail *why)
{
	BASIC_CONSTRAINTS *basic = BASIC_CONSTRAINTS_new();
	X509_EXTENSION *ext = NULL;

	if (basic != NULL) {
		basic->ca = p->ca ? 0xff : 0;
		if (p->path_length >= 0 &&
		    (basic->pathlen = ASN1_INTEGER_new()) != NULL)
			(void)ASN1_INTEGER_set(basic->pathlen, p->path_length);
		/* RFC 5280, 4.2.1.9: critical. */
		ext = X509V3_EXT_i2d(NID_basic_constraints, 1, basic);
	}
	BASIC_CONSTRAINTS_free(basic);
	return fixed_add(p, ext, why);
}

/* KU_* bits are the octets of the BIT STRING, first octet low. */
static int
make_usage(struct profile *p, struct fail *why)
{
	ASN1_BIT_STRING *bits;
	X509_EXTENSION *ext = NULL;

	if (p->key_usage == 0)
		return 0;
	bits = ASN1_BIT_STRING_new();
	for (int i = 0; bits != NULL && i < 9; i++)
		if ((p->key_usage & (i < 8 ? 0x80u >> i : 0x8000u)) != 0)
			(void)ASN1_BIT_STRING_set_bit(bits, i, 1);
	if (bits != NULL)
		ext =
		    X509V3_EXT_i2d(NID_key_usage, p->key_usage_critical, bits);
	ASN1_BIT_STRING_free(bits);
	return fixed_add(p, ext, why);
}

static int
make_purposes(struct profile *p, struct fail *why)
{
	EXTENDED_KEY_USAGE *list;
	X509_EXTENSION *ext = NULL;

	if (p->ext_key_usages == 0)
		return 0;
	list = sk_ASN1_OBJECT_new_null();
	for (size_t i = 0; list != NULL && i < p->ext_key_usages; i++)
		(void)sk_ASN1_OBJECT_push(list, p->ext_key_usage[i]);
	if (list != NULL)
		ext = X509V3_EXT_i2d(
		    NID_ext_key_usage, p->ext_key_usage_critical, list);
	sk_ASN1_OBJECT_free(list); /* the objects are the profile's */
	return fixed_add(p, ext, why);
}

static int
make_policies(struct profile *p, struct fail *why)
{
	CERTIFICATEPOLICIES *list;
	X509_EXTENSION *ext = NULL;

	if (p->policies.n == 0)
		return 0;
	list = CERTIFICATEPOLICIES_new();
	for (size_t i = 0; list != NULL && i < p->policies.n; i++) {
		POLICYINFO *info = POLICYINFO_new();

		if (info == NULL || sk_POLICYINFO_push(list, info) <= 0)
			break;
		info->policyid = OBJ_txt2obj(p->policies.text[i], 1);
	}
	if (list != NULL)
		ext = X509V3_EXT_i2d(NID_certificate_policies, 0, list);
	CERTIFICATEPOLICIES_free(list);
	return fixed_add(p, ext, why);
}

static X509_EXTENSION *
extension_of(const char *oid, bool critical, struct span value)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext = NULL;

	if (object != NULL && octets != NULL &&
	    ASN1_OCTET_STRING_set(octets, value.data, (int)value.len) == 1)
		ext = X509_EXTENSION_create_by_OBJ(
		    NULL, object, critical, octets);
	ASN1_OBJECT_free(object);
	ASN1_OCTET_STRING_free(octets);
	return ext;
}

/* RFC 9608, 2: the value is NULL, and it is not critical. */
static int
make_no_rev_avail(struct profile *p, struct fail *why)
{
	static const uint8_t null[] = {0x05, 0x00};

	if (!p->no_rev_avail)
		return 0;
	return fixed_add(p,
	    extension_of("2.5.29.56", false, (struct span){null, sizeof(null)}),
	    why);
}

/* Whose extension an operator's own OID may not be: `ca`: only in a CA's
 * profile, and critical. */
static const struct {
	const char *oid, *name;
	bool ca;
} reserved[] = {
    {"2.5.29.14", "subjectKeyIdentifier", false},
    {"2.5.29.15", "keyUsage", false},
    {"2.5.29.17", "subjectAltName", false},
    {"2.5.29.19", "basicConstraints", false},
    {"2.5.29.30", "nameConstraints", true},
    {"2.5.29.31", "cRLDistributionPoints", false},
    {"2.5.29.32", "certificatePolicies", false},
    {"2.5.29.35", "authorityKeyIdentifier", false},
    {"2.5.29.36", "policyConstraints", true},
    {"2.5.29.37", "extKeyUsage", false},
    {"2.5.29.46", "freshestCRL", false},
    {"2.5.29.54", "inhibitAnyPolicy", true},
    {"2.5.29.56", "noRevAvail", false},
    {"1.3.6.1.5.5.7.1.1", "authorityInfoAccess", false},
};

static int
check_extra_oid(
    const struct profile *p, const struct extra_ext *extra, struct fail *why)
{
	for (size_t i = 0; i < COUNT(reserved); i++) {
		if (strcmp(reserved[i].oid, extra->oid) != 0)
			continue;
		if (!reserved[i].ca)
			return profile_refuse(why, p, extra->where,
			    "extra \"%s\": %s comes from keys of its own",
			    extra->oid, reserved[i].name);
		/* RFC 5280, 4.2.1.10, 4.2.1.11, 4.2.1.14. */
		if (!p->ca || !extra->critical)
			return profile_refuse(why, p, extra->where,
			    "RFC 5280, 4.2.1: %s is for ca = true, with "
			    "critical = true",
			    reserved[i].name);
	}
	return 0;
}

static int
make_extra(struct profile *p, const struct extra_ext *extra, struct fail *why)
{
	struct bytes value = {0};
	int rc = check_extra_oid(p, extra, why);

	if (rc == 0 && hex_read(&value, extra->value))
		rc = fixed_add(p,
		    extension_of(extra->oid, extra->critical, span_of(&value)),
		    why);
	bytes_free(&value);
	return rc;
}

static int
make_extras(struct profile *p, struct fail *why)
{
	const struct extra_ext *extra = p->extra.item;

	for (size_t i = 0; i < p->extra.n; i++) {
		/* RFC 5280, 4.2: no extension twice. */
		for (size_t j = 0; j < i; j++)
			if (strcmp(extra[i].oid, extra[j].oid) == 0)
				return profile_refuse(why, p, extra[i].where,
				    "RFC 5280, 4.2: extra \"%s\" is given "
				    "twice",
				    extra[i].oid);
		if (make_extra(p, &extra[i], why) != 0)
			return -1;
	}
	return 0;
}

int
profile_make(struct profile *p, struct fail *why)
{
	p->fixed = sk_X509_EXTENSION_new_null();
	if (p->fixed == NULL || make_basic(p, why) != 0 ||
	    make_usage(p, why) != 0 || make_purposes(p, why) != 0 ||
	    make_policies(p, why) != 0 || make_no_rev_avail(p, why) != 0 ||
	    make_extras(p, why) != 0)
		return -1;
	return 0;
}

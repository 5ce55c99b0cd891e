#include "lib/wire/csrext.h"

#include "lib/wire/der.h"
#include "lib/wire/san.h"

#define VALUE_DEPTH 16

struct extension {
	struct span oid, value;
	bool critical;
};

static int
ext_refused(struct fail *why, const char *text)
{
	return fail(why, FAIL_MALFORMED, "ext", "%s", text);
}

/*
 * X.690, 11.2.2 and RFC 5280, 4.2.1.3: a named bit list ends with its last
 * one bit; nine bits have names, and one at least is set.
 */
static int
key_usage_read(struct csr *csr, struct span value, struct fail *why)
{
	struct span bits;
	unsigned unused;

	if (!der_take(&value, DER_BITS, &bits, NULL) || bits.len < 2 ||
	    bits.len > 3)
		return ext_refused(
		    why, "RFC 5280, 4.2.1.3: keyUsage has none or odd bits");
	unused = bits.data[0];
	if ((bits.data[bits.len - 1] >> unused & 1) == 0 ||
	    (bits.len == 3 && unused != 7))
		return ext_refused(
		    why, "RFC 5280, 4.2.1.3: keyUsage is no DER bit list");
	csr->has_key_usage = true;
	csr->key_usage = bits.data[1];
	if (bits.len == 3)
		csr->key_usage |= (unsigned)bits.data[2] << 8;
	return 0;
}

static int
ext_key_usage_read(struct csr *csr, struct span value, struct fail *why)
{
	struct span list, oid;

	/* RFC 5280, 4.2.1.12: SEQUENCE SIZE (1..MAX) OF KeyPurposeId */
	if (!der_take(&value, DER_SEQUENCE, &list, NULL) || list.len == 0)
		return ext_refused(
		    why, "RFC 5280, 4.2.1.12: extKeyUsage is empty or no list");
	while (list.len > 0) {
		if (!der_take(&list, DER_OID, &oid, NULL))
			return ext_refused(
			    why, "RFC 5280, 4.2.1.12: extKeyUsage is no list");
		if (csr->ext_key_usages == CSR_MAX_EKU)
			return fail(why, FAIL_MALFORMED, "ext",
			    "extKeyUsage lists more than %d purposes",
			    CSR_MAX_EKU);
		for (size_t i = 0; i < csr->ext_key_usages; i++)
			if (span_equal(oid, csr->ext_key_usage[i]))
				return ext_refused(
				    why, "extKeyUsage lists a purpose twice");
		csr->ext_key_usage[csr->ext_key_usages++] = oid;
	}
	return 0;
}

/* RFC 5280, 4.2.1.9: SEQUENCE { cA DEFAULT FALSE, pathLenConstraint? }. */
static int
basic_read(struct csr *csr, struct span value, struct fail *why)
{
	struct span body, flag, number;

	if (!der_take(&value, DER_SEQUENCE, &body, NULL))
		return ext_refused(
		    why, "RFC 5280, 4.2.1.9: no proper basicConstraints");
	if (der_take(&body, DER_BOOLEAN, &flag, NULL)) {
		if (flag.data[0] == 0)
			return fail(why, FAIL_MALFORMED, "der",
			    "X.690, 11.5: basicConstraints encodes its "
			    "default, cA FALSE");
		csr->ca = true;
	}
	if (der_take(&body, DER_INTEGER, &number, NULL) &&
	    (!der_small(number, &csr->path_length) || csr->path_length < 0 ||
		csr->path_length > INT32_MAX))
		return ext_refused(
		    why, "RFC 5280, 4.2.1.9: pathLenConstraint out of range");
	if (body.len != 0)
		return ext_refused(
		    why, "RFC 5280, 4.2.1.9: no proper basicConstraints");
	if (csr->path_length >= 0 && !csr->ca)
		return ext_refused(
		    why, "RFC 5280, 4.2.1.9: pathLenConstraint without cA");
	csr->has_basic = true;
	return 0;
}

static int
alt_name_read(struct csr *csr, struct span value, struct fail *why)
{
	return san_read(&csr->san, value, why);
}

static int
constraints_read(struct csr *csr, struct span value, struct fail *why)
{
	(void)value;
	(void)why;
	csr->has_name_constraints = true;
	return 0;
}

/* Without `read`: dropped, the CA decides alone. */
static const struct known {
	struct span oid;
	int (*read)(struct csr *csr, struct span value, struct fail *why);
} known[] = {
    {DER_LITERAL("\x55\x1d\x0f"), key_usage_read},
    {DER_LITERAL("\x55\x1d\x25"), ext_key_usage_read},
    {DER_LITERAL("\x55\x1d\x13"), basic_read},
    {DER_LITERAL("\x55\x1d\x11"), alt_name_read},
    {DER_LITERAL("\x55\x1d\x1e"), constraints_read}, /* nameConstraints */
    {DER_LITERAL("\x55\x1d\x24"), constraints_read}, /* policyConstraints */
    {DER_LITERAL("\x55\x1d\x21"), constraints_read}, /* policyMappings */
    {DER_LITERAL("\x55\x1d\x36"), constraints_read}, /* inhibitAnyPolicy */
    {DER_LITERAL("\x55\x1d\x0e"), NULL},             /* subjectKeyIdentifier */
    {DER_LITERAL("\x55\x1d\x23"), NULL}, /* authorityKeyIdentifier */
    {DER_LITERAL("\x55\x1d\x1f"), NULL}, /* cRLDistributionPoints */
    {DER_LITERAL("\x55\x1d\x20"), NULL}, /* certificatePolicies */
    {DER_LITERAL("\x55\x1d\x38"), NULL}, /* noRevAvail, RFC 9608 */
    {DER_LITERAL("\x2b\x06\x01\x05\x05\x07\x01\x01"), NULL}, /* AIA */
    {DER_LITERAL("\x2b\x06\x01\x05\x05\x07\x01\x18"), NULL}, /* TLS feature */
    {DER_LITERAL("\x2b\x06\x01\x05\x05\x07\x30\x01\x05"), NULL}, /* nocheck */
};

static const struct known *
known_find(struct span oid)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (span_equal(oid, known[i].oid))
			return &known[i];
	return NULL;
}

/* RFC 5280, 4.1: SEQUENCE { extnID, critical DEFAULT FALSE, extnValue }. */
static int
extension_take(struct extension *ext, struct span *list, struct fail *why)
{
	struct span body, flag;

	ext->critical = false;
	if (!der_take(list, DER_SEQUENCE, &body, NULL) ||
	    !der_take(&body, DER_OID, &ext->oid, NULL))
		return ext_refused(why, "RFC 5280, 4.1: no proper Extension");
	if (der_take(&body, DER_BOOLEAN, &flag, NULL)) {
		if (flag.data[0] == 0)
			return fail(why, FAIL_MALFORMED, "der",
			    "X.690, 11.5: an Extension encodes its default, "
			    "critical FALSE");
		ext->critical = true;
	}
	if (!der_take(&body, DER_OCTETS, &ext->value, NULL) || body.len != 0)
		return ext_refused(why, "RFC 5280, 4.1: no proper Extension");
	return 0;
}

/* All of the list, each extnID once. */
static int
list_read(struct extension ext[CSREXT_MAX], size_t *n, struct span list,
    struct fail *why)
{
	for (*n = 0; list.len > 0; (*n)++) {
		if (*n == CSREXT_MAX)
			return fail(why, FAIL_MALFORMED, "ext",
			    "more than %d extensions", CSREXT_MAX);
		if (extension_take(&ext[*n], &list, why) < 0)
			return -1;
		/* RFC 5280, 4.2: no more than one instance of each */
		for (size_t i = 0; i < *n; i++)
			if (span_equal(ext[i].oid, ext[*n].oid))
				return fail(why, FAIL_MALFORMED, "ext-dup",
				    "RFC 5280, 4.2: an extension is there "
				    "twice");
	}
	return 0;
}

static void
unknown_add(struct csr *csr, const struct extension *ext)
{
	csr->unknown =
	    mem_grow(csr->unknown, csr->unknowns + 1, sizeof(csr->unknown[0]));
	csr->unknown[csr->unknowns++] =
	    (struct csr_extension){ext->oid, ext->critical};
}

static int
extension_read(struct csr *csr, const struct extension *ext, struct fail *why)
{
	const struct known *k = known_find(ext->oid);

	/* RFC 5280, 4.2: what is critical and not processed is refused. */
	if (ext->critical && (k == NULL || k->read == NULL))
		return fail(why, FAIL_MALFORMED, "ext-critical",
		    "RFC 5280, 4.2: a critical extension that this CA does not "
		    "take from requests");
	if (!der_deep_ok(ext->value, VALUE_DEPTH))
		return ext_refused(why,
		    "RFC 5280, 4.2: an extension's value is not one DER "
		    "element");
	if (k == NULL)
		unknown_add(csr, ext);
	else if (k->read != NULL)
		return k->read(csr, ext->value, why);
	return 0;
}

int
csrext_read(struct csr *csr, struct span extensions, struct fail *why)
{
	struct extension ext[CSREXT_MAX];
	struct span list;
	size_t n;

	/* RFC 2985, 5.4.2; RFC 5280, 4.1: SEQUENCE SIZE (1..MAX) */
	if (!der_take(&extensions, DER_SEQUENCE, &list, NULL) || list.len == 0)
		return fail(why, FAIL_MALFORMED, "csr-attrs",
		    "RFC 2985, 5.4.2: extensionRequest is empty or no list");
	if (list_read(ext, &n, list, why) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (extension_read(csr, &ext[i], why) < 0)
			return -1;
	return 0;
}

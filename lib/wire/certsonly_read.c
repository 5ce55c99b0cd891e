#include "lib/wire/certsonly.h"

#include "lib/wire/der.h"

static const struct span signed_data =
    DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02");

static int
refuse(struct fail *why, const char *text)
{
	return fail(why, FAIL_MALFORMED, "certs-only", "%s", text);
}

/* ContentInfo, down to what SignedData holds. */
static int
content_info(struct span *fields, struct span der, struct fail *why)
{
	struct span info, oid, explicit;

	if (!der_take(&der, DER_SEQUENCE, &info, NULL) || der.len != 0)
		return refuse(
		    why, "RFC 5652, 3: not one ContentInfo, or not DER");
	if (!der_take(&info, DER_OID, &oid, NULL) ||
	    !span_equal(oid, signed_data))
		return refuse(why, "RFC 5652, 5.1: not a SignedData");
	if (!der_take(&info, DER_CONTEXT_CONS(0), &explicit, NULL) ||
	    info.len != 0 || !der_take(&explicit, DER_SEQUENCE, fields, NULL) ||
	    explicit.len != 0)
		return refuse(why, "RFC 5652, 5.1: no proper SignedData");
	return 0;
}

/* version, digestAlgorithms, encapContentInfo */
static int
opening(struct span *fields, struct fail *why)
{
	struct span version, algorithms, encap, type, explicit, octets;
	int64_t number;

	if (!der_take(fields, DER_INTEGER, &version, NULL) ||
	    !der_small(version, &number) || number < 1 || number > 5 ||
	    !der_take(fields, DER_SET, &algorithms, NULL) ||
	    !der_take(fields, DER_SEQUENCE, &encap, NULL) ||
	    !der_take(&encap, DER_OID, &type, NULL))
		return refuse(why, "RFC 5652, 5.1: no proper SignedData");
	/* RFC 5272, 4.1: certs-only has no content; an empty one says the
	 * same. */
	if (encap.len > 0 &&
	    (!der_take(&encap, DER_CONTEXT_CONS(0), &explicit, NULL) ||
		encap.len != 0 ||
		!der_take(&explicit, DER_OCTETS, &octets, NULL) ||
		explicit.len != 0 || octets.len != 0))
		return refuse(
		    why, "RFC 5272, 4.1: certs-only must not have content");
	return 0;
}

/* RFC 5652, 10.2.2: CertificateChoices has others, all tagged. */
static int
certificates(struct span certs[CERTSONLY_MAX], size_t *n, struct span bag,
    struct fail *why)
{
	struct span content;

	for (*n = 0; bag.len > 0; (*n)++) {
		if (*n == CERTSONLY_MAX)
			return fail(why, FAIL_MALFORMED, "certs-only",
			    "more than %d certificates", CERTSONLY_MAX);
		if (!der_take(&bag, DER_SEQUENCE, &content, &certs[*n]))
			return refuse(why,
			    "RFC 5652, 10.2.2: something that is no X.509 "
			    "certificate");
	}
	return *n > 0 ? 0
	              : refuse(why, "RFC 7030, 4.2.3: no certificate in it");
}

int
certsonly_read(struct span certs[CERTSONLY_MAX], size_t *n, struct span der,
    struct fail *why)
{
	struct span fields, bag = {0}, ignored;

	*n = 0;
	if (content_info(&fields, der, why) < 0 || opening(&fields, why) < 0)
		return -1;
	if (der_peek(fields, DER_CONTEXT_CONS(0)) &&
	    !der_take(&fields, DER_CONTEXT_CONS(0), &bag, NULL))
		return refuse(why, "RFC 5652, 5.1: no proper certificates");
	if (der_peek(fields, DER_CONTEXT_CONS(1)) &&
	    !der_take(&fields, DER_CONTEXT_CONS(1), &ignored, NULL))
		return refuse(why, "RFC 5652, 5.1: no proper crls");
	if (!der_take(&fields, DER_SET, &ignored, NULL) || fields.len != 0)
		return refuse(why, "RFC 5652, 5.1: no proper signerInfos");
	/* RFC 5272, 4.1: a Simple PKI Response has no signers. */
	if (ignored.len != 0)
		return refuse(why, "RFC 5272, 4.1: it has signers");
	return certificates(certs, n, bag, why);
}

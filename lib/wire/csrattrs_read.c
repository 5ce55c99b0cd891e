#include "lib/wire/csrattrs.h"

#include <openssl/asn1.h>
#include <openssl/obj_mac.h>

#include "lib/wire/der.h"

#define ATTRS_DEPTH 24
#define RSA_LEAST 2048
#define RSA_MOST 8192

static const struct span challenge_password =
    DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x07");
static const struct span extension_request =
    DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e");
static const struct span request_template =
    DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3d");
static const struct span extension_template =
    DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x02\x3e");
/* id-ce: all that RFC 5280 calls an extension is below it. */
static const struct span id_ce = DER_LITERAL("\x55\x1d");

static const struct known {
	struct span oid;
	int nid;
} keys[] =
    {
	{DER_LITERAL("\x2a\x86\x48\xce\x3d\x02\x01"), NID_X9_62_id_ecPublicKey},
	{DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"),
	    NID_rsaEncryption},
	{DER_LITERAL("\x2b\x65\x70"), NID_ED25519},
	{DER_LITERAL("\x2b\x65\x71"), NID_ED448},
	{{0}, 0},
},
  curves[] =
      {
	  {DER_LITERAL("\x2a\x86\x48\xce\x3d\x03\x01\x07"),
	      NID_X9_62_prime256v1},
	  {DER_LITERAL("\x2b\x81\x04\x00\x22"), NID_secp384r1},
	  {DER_LITERAL("\x2b\x81\x04\x00\x23"), NID_secp521r1},
	  {{0}, 0},
},
  hashes[] = {
      /* ecdsa-with-SHA…, sha…WithRSAEncryption, the bare digests */
      {DER_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x02"), NID_sha256},
      {DER_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x03"), NID_sha384},
      {DER_LITERAL("\x2a\x86\x48\xce\x3d\x04\x03\x04"), NID_sha512},
      {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"), NID_sha256},
      {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"), NID_sha384},
      {DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"), NID_sha512},
      {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x01"), NID_sha256},
      {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x02"), NID_sha384},
      {DER_LITERAL("\x60\x86\x48\x01\x65\x03\x04\x02\x03"), NID_sha512},
      {{0}, 0},
};

static int
nid_of(const struct known *table, struct span oid)
{
	for (; table->oid.data != NULL; table++)
		if (span_equal(table->oid, oid))
			return table->nid;
	return NID_undef;
}

static int
refuse(struct fail *why, const char *text)
{
	return fail(why, FAIL_MALFORMED, "up-csrattrs", "%s", text);
}

/* ---- keys ---------------------------------------------------------------- */

static int
curve_read(struct csrattrs_wishes *w, struct span oid, struct fail *why)
{
	w->curve = nid_of(curves, oid);
	return w->curve != NID_undef
	           ? 0
	           : fail(why, FAIL_DENIED, "up-csrattrs",
			 "the server wants a key on a curve other than P-256, "
			 "P-384 and P-521");
}

static int
bits_read(struct csrattrs_wishes *w, int64_t bits, struct fail *why)
{
	if (bits < RSA_LEAST || bits > RSA_MOST)
		return fail(why, FAIL_DENIED, "up-csrattrs",
		    "the server wants an RSA key of %lld bits: not %d to %d",
		    (long long)bits, RSA_LEAST, RSA_MOST);
	w->rsa_bits = (int)bits;
	return 0;
}

static int
key_twice(struct fail *why)
{
	return refuse(
	    why, "RFC 9908, 3.2: two key types in the CSR attributes");
}

/* RFC 9908, 3.2: no value, or one: the curve, or the modulus' size. */
static int
key_attribute(
    struct csrattrs_wishes *w, int key, struct span values, struct fail *why)
{
	struct span value;
	int64_t bits;

	if (w->key != NID_undef)
		return key_twice(why);
	w->key = key;
	if (values.len == 0)
		return 0;
	if (key == NID_X9_62_id_ecPublicKey &&
	    der_take(&values, DER_OID, &value, NULL) && values.len == 0)
		return curve_read(w, value, why);
	if (key == NID_rsaEncryption &&
	    der_take(&values, DER_INTEGER, &value, NULL) && values.len == 0 &&
	    der_small(value, &bits))
		return bits_read(w, bits, why);
	return refuse(
	    why, "RFC 9908, 3.2: a key type's value is not what it should be");
}

/* RFC 9908, 3.4: the placeholder key tells the modulus' size. */
static int
placeholder_read(struct csrattrs_wishes *w, struct span bits, struct fail *why)
{
	struct span octets = {bits.data + 1, bits.len - 1}, numbers, modulus;
	int64_t size;

	if (bits.len < 1 || bits.data[0] != 0 ||
	    !der_take(&octets, DER_SEQUENCE, &numbers, NULL) ||
	    octets.len != 0 ||
	    !der_take(&numbers, DER_INTEGER, &modulus, NULL) ||
	    !der_integer_ok(modulus) || (modulus.data[0] & 0x80) != 0)
		return refuse(
		    why, "RFC 9908, 3.4: the placeholder is no RSA public key");
	while (modulus.len > 1 && modulus.data[0] == 0)
		modulus.data++, modulus.len--;
	size = (int64_t)modulus.len * 8;
	for (unsigned top = modulus.data[0]; top < 0x80 && size > 0; top <<= 1)
		size--;
	return bits_read(w, size, why);
}

/* SubjectPublicKeyInfoTemplate */
static int
key_template(struct csrattrs_wishes *w, struct span spki, struct fail *why)
{
	struct span algorithm, oid, value;

	if (!der_take(&spki, DER_SEQUENCE, &algorithm, NULL) ||
	    !der_take(&algorithm, DER_OID, &oid, NULL))
		return refuse(
		    why, "RFC 9908, 3.4: no proper key in the template");
	w->key = nid_of(keys, oid);
	if (w->key == NID_undef)
		return fail(why, FAIL_DENIED, "up-csrattrs",
		    "the server wants a key of a type that we do not make");
	if (w->key == NID_X9_62_id_ecPublicKey && algorithm.len > 0) {
		if (!der_take(&algorithm, DER_OID, &value, NULL))
			return refuse(why,
			    "RFC 5480, 2.1.1: the curve is not named by OID");
		if (curve_read(w, value, why) < 0)
			return -1;
	}
	if (w->key == NID_rsaEncryption &&
	    der_take(&spki, DER_BITS, &value, NULL))
		return placeholder_read(w, value, why);
	return 0;
}

/* ---- extensions ---------------------------------------------------------- */

static int
extension_add(struct csrattrs_wishes *w, const struct csrattrs_wish *wish,
    struct fail *why)
{
	/* RFC 5280, 4.2: no more than one instance of each */
	for (size_t i = 0; i < w->extensions; i++)
		if (span_equal(w->extension[i].oid, wish->oid))
			return refuse(why,
			    "RFC 9908, 3.2: an extension is asked for twice");
	if (w->extensions == CSRATTRS_EXTENSIONS)
		return fail(why, FAIL_MALFORMED, "up-csrattrs",
		    "more than %d extensions are asked for",
		    CSRATTRS_EXTENSIONS);
	w->extension[w->extensions++] = *wish;
	return 0;
}

static int
extension_read(struct csrattrs_wishes *w, struct span *list, bool valueless,
    struct fail *why)
{
	struct csrattrs_wish wish = {0};
	struct span body, flag;

	if (!der_take(list, DER_SEQUENCE, &body, NULL) ||
	    !der_take(&body, DER_OID, &wish.oid, NULL))
		return refuse(why,
		    "RFC 9908, 3.2: extensionRequest does not hold Extensions");
	if (der_take(&body, DER_BOOLEAN, &flag, NULL)) {
		if (flag.len != 1 || flag.data[0] != 0xff)
			return refuse(why,
			    "X.690, 11.1, 11.5: critical is not DER's TRUE");
		wish.critical = true;
	}
	if (body.len == 0 && valueless)
		return extension_add(w, &wish, why);
	if (!der_take(&body, DER_OCTETS, &wish.value, NULL) || body.len != 0)
		return refuse(why, "RFC 5280, 4.1: no proper Extension");
	return extension_add(w, &wish, why);
}

static int
extensions_read(struct csrattrs_wishes *w, struct span values, bool valueless,
    struct fail *why)
{
	struct span list;

	if (!der_take(&values, DER_SEQUENCE, &list, NULL) || values.len != 0 ||
	    list.len == 0)
		return refuse(why,
		    "RFC 9908, 3.2: extensionRequest must hold one list of "
		    "extensions");
	while (list.len > 0)
		if (extension_read(w, &list, valueless, why) < 0)
			return -1;
	return 0;
}

/* ---- the old form (RFC 7030, 4.5.2; RFC 9908, 3.2) ----------------------- */

/* RFC 7030's own example: extensions by their bare OIDs. */
static int
extension_hints(struct csrattrs_wishes *w, struct span values, struct fail *why)
{
	struct csrattrs_wish wish = {0};

	while (values.len > 0) {
		if (!der_take(&values, DER_OID, &wish.oid, NULL))
			return refuse(why,
			    "RFC 9908, 3.2: extensionRequest holds two kinds "
			    "of values");
		if (extension_add(w, &wish, why) < 0)
			return -1;
	}
	return 0;
}

static bool
is_below(struct span oid, struct span arc)
{
	return oid.len > arc.len &&
	       span_equal((struct span){oid.data, arc.len}, arc);
}

static int
attribute_read(struct csrattrs_wishes *w, struct span oid, struct span values,
    bool *extensions, struct fail *why)
{
	int key = nid_of(keys, oid);

	if (key != NID_undef)
		return key_attribute(w, key, values, why);
	if (is_below(oid, id_ce))
		return refuse(why,
		    "RFC 9908, 3.2: an extension in the place of an "
		    "attribute");
	if (!span_equal(oid, extension_request))
		return 0;
	if (*extensions)
		return refuse(why, "RFC 9908, 3.2: two extensionRequests");
	*extensions = true;
	if (values.len == 0 || der_peek(values, DER_OID))
		return extension_hints(w, values, why);
	return extensions_read(w, values, false, why);
}

/* A hint at most: what we do not know or would not take is passed over. */
static void
oid_read(struct csrattrs_wishes *w, struct span oid, int *bare_curve)
{
	if (nid_of(hashes, oid) != NID_undef && w->hash == NID_undef)
		w->hash = nid_of(hashes, oid);
	if (nid_of(curves, oid) != NID_undef && *bare_curve == NID_undef)
		*bare_curve = nid_of(curves, oid);
	if (span_equal(oid, challenge_password))
		w->challenge_password = true;
}

/* Attribute { type, values } */
static bool
attribute_take(struct span *list, struct span *oid, struct span *values)
{
	struct span body;

	return der_take(list, DER_SEQUENCE, &body, NULL) &&
	       der_take(&body, DER_OID, oid, NULL) &&
	       der_take(&body, DER_SET, values, NULL) && body.len == 0;
}

static int
not_attribute(struct fail *why)
{
	return refuse(why,
	    "RFC 8951, 4: neither an OID nor an Attribute in the CSR "
	    "attributes");
}

static int
classic_read(struct csrattrs_wishes *w, struct span list, struct fail *why)
{
	int bare_curve = NID_undef;
	bool extensions = false;
	struct span oid, values;

	while (list.len > 0) {
		if (der_take(&list, DER_OID, &oid, NULL))
			oid_read(w, oid, &bare_curve);
		else if (!attribute_take(&list, &oid, &values))
			return not_attribute(why);
		else if (attribute_read(w, oid, values, &extensions, why) < 0)
			return -1;
	}
	if (bare_curve != NID_undef && w->key == NID_undef)
		w->key = NID_X9_62_id_ecPublicKey;
	if (w->key == NID_X9_62_id_ecPublicKey && w->curve == NID_undef)
		w->curve = bare_curve;
	return 0;
}

/* ---- the template (RFC 9908, 3.4) ---------------------------------------- */

/* RFC 5280, 4.1.2.4 and appendix A.1: DirectoryString, and IA5String. */
static bool
is_text(unsigned tag)
{
	return tag == V_ASN1_UTF8STRING || tag == V_ASN1_PRINTABLESTRING ||
	       tag == V_ASN1_T61STRING || tag == V_ASN1_IA5STRING ||
	       tag == V_ASN1_UNIVERSALSTRING || tag == V_ASN1_BMPSTRING;
}

static int
name_read(struct csrattrs_wishes *w, struct span *rdns, struct fail *why)
{
	struct csrattrs_name name = {0};
	struct span rdn, pair;

	if (!der_take(rdns, DER_SET, &rdn, NULL) ||
	    !der_take(&rdn, DER_SEQUENCE, &pair, NULL) ||
	    !der_take(&pair, DER_OID, &name.oid, NULL) ||
	    (pair.len > 0 && (!der_next(&pair, &name.tag, &name.value, NULL) ||
				 pair.len != 0 || !is_text(name.tag))))
		return refuse(
		    why, "RFC 9908, 3.4: no proper subject in the template");
	if (rdn.len != 0)
		return fail(why, FAIL_DENIED, "up-csrattrs",
		    "the server wants an RDN of several attributes");
	if (w->names == CSRATTRS_RDNS)
		return fail(why, FAIL_MALFORMED, "up-csrattrs",
		    "more than %d RDNs in the template", CSRATTRS_RDNS);
	w->name[w->names++] = name;
	return 0;
}

static int
template_attributes(
    struct csrattrs_wishes *w, struct span list, struct fail *why)
{
	struct span oid, values;
	bool extensions = false;

	while (list.len > 0) {
		bool whole;

		if (!attribute_take(&list, &oid, &values))
			return not_attribute(why);
		whole = span_equal(oid, extension_request);
		if (span_equal(oid, challenge_password))
			w->challenge_password = true;
		if (!whole && !span_equal(oid, extension_template))
			continue;
		/* RFC 9908, 3.4: one of the two, once. */
		if (extensions)
			return refuse(why,
			    "RFC 9908, 3.4: two attributes for extensions in "
			    "the template");
		extensions = true;
		if (extensions_read(w, values, !whole, why) < 0)
			return -1;
	}
	return 0;
}

static int
template_subject(struct csrattrs_wishes *w, struct span rdns, struct fail *why)
{
	w->subject = true;
	while (rdns.len > 0)
		if (name_read(w, &rdns, why) < 0)
			return -1;
	return 0;
}

/* CertificationRequestInfoTemplate */
static int
template_read(struct csrattrs_wishes *w, struct span values, struct fail *why)
{
	struct span info, part;
	int64_t version;

	w->template = true;
	if (!der_take(&values, DER_SEQUENCE, &info, NULL) || values.len != 0)
		return refuse(why, "RFC 9908, 3.4: not one template");
	if (!der_take(&info, DER_INTEGER, &part, NULL) ||
	    !der_small(part, &version) || version != 0)
		return refuse(
		    why, "RFC 9908, 3.4: the template's version is not 0");
	if (der_take(&info, DER_SEQUENCE, &part, NULL) &&
	    template_subject(w, part, why) < 0)
		return -1;
	if (der_take(&info, DER_CONTEXT_CONS(0), &part, NULL) &&
	    key_template(w, part, why) < 0)
		return -1;
	if (!der_take(&info, DER_CONTEXT_CONS(1), &part, NULL) || info.len != 0)
		return refuse(
		    why, "RFC 9908, 3.4: the template has no attributes field");
	return template_attributes(w, part, why);
}

/* RFC 9908, 4: who understands a template ignores the rest; that linking is
 * required (RFC 7030, 3.5) is said beside it. */
static int
template_find(
    struct span *template, struct span list, bool *linking, struct fail *why)
{
	struct span oid, values;

	while (list.len > 0) {
		if (der_take(&list, DER_OID, &oid, NULL)) {
			*linking |= span_equal(oid, challenge_password);
			continue;
		}
		if (!attribute_take(&list, &oid, &values))
			return not_attribute(why);
		if (!span_equal(oid, request_template))
			continue;
		if (template->data != NULL)
			return refuse(why, "RFC 9908, 3.4: two templates");
		*template = values;
	}
	return 0;
}

int
csrattrs_read(struct csrattrs_wishes *wishes, struct span der, struct fail *why)
{
	struct span list, template = {0};
	bool linking = false;

	*wishes = (struct csrattrs_wishes){0};
	if (der.len == 0)
		return 0;
	if (!der_deep_ok(der, ATTRS_DEPTH) ||
	    !der_take(&der, DER_SEQUENCE, &list, NULL))
		return refuse(
		    why, "RFC 8951, 4: CSR attributes that are not DER");
	if (template_find(&template, list, &linking, why) < 0)
		return -1;
	if (template.data == NULL)
		return classic_read(wishes, list, why);
	wishes->challenge_password = linking;
	return template_read(wishes, template, why);
}

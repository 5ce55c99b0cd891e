#include "lib/wire/csrattrs.h"

#include <string.h>

#include "lib/wire/der.h"

#define OID_CHALLENGE_PASSWORD "1.2.840.113549.1.9.7"
#define OID_EXTENSION_REQUEST "1.2.840.113549.1.9.14"
#define OID_RSA "1.2.840.113549.1.1.1"
#define OID_REQUEST_TEMPLATE "1.2.840.113549.1.9.16.2.61"
#define OID_EXTENSION_TEMPLATE "1.2.840.113549.1.9.16.2.62"

static const struct span nothing = {0};

/* Append `content` as one element and empty it. */
static void
wrap(struct bytes *out, unsigned tag, struct bytes *content)
{
	der_put(out, tag, span_of(content));
	bytes_free(content);
}

/* Attribute { type, values }; left out when `type` is no OID. */
static void
attribute_put(struct bytes *out, const char *type, struct bytes *values)
{
	struct bytes attribute = {0};

	if (der_put_oid(&attribute, type)) {
		wrap(&attribute, DER_SET, values);
		der_put(out, DER_SEQUENCE, span_of(&attribute));
	}
	bytes_free(&attribute);
	bytes_free(values);
}

static void
number_put(struct bytes *out, unsigned value)
{
	uint8_t octets[5] = {0, (uint8_t)(value >> 24), (uint8_t)(value >> 16),
	    (uint8_t)(value >> 8), (uint8_t)value};
	struct span content = {octets, sizeof(octets)};

	while (content.len > 1 && content.data[0] == 0 &&
	       (content.data[1] & 0x80) == 0)
		content.data++, content.len--;
	der_put(out, DER_INTEGER, content);
}

static bool
is_rsa(const struct csrattrs *wish)
{
	return strcmp(wish->key_oid, OID_RSA) == 0;
}

/*
 * RFC 9908, 3.2: one attribute says the key's type; an empty set of values
 * says no more than that.
 */
static void
key_put(struct bytes *out, const struct csrattrs *wish)
{
	struct bytes values = {0};

	if (is_rsa(wish) && wish->rsa_bits > 0)
		number_put(&values, (unsigned)wish->rsa_bits);
	else if (wish->curve_oid != NULL)
		(void)!der_put_oid(&values, wish->curve_oid);
	attribute_put(out, wish->key_oid, &values);
}

/* Extension, its value left out when the client is to fill it in. */
static void
extension_put(struct bytes *out, const struct csrattrs_extension *wish)
{
	struct bytes extension = {0};

	if (der_put_oid(&extension, wish->oid)) {
		if (wish->critical)
			der_put(&extension, DER_BOOLEAN,
			    (struct span){(const uint8_t *)"\xff", 1});
		if (wish->value.data != NULL)
			der_put(&extension, DER_OCTETS, wish->value);
		der_put(out, DER_SEQUENCE, span_of(&extension));
	}
	bytes_free(&extension);
}

/* RFC 9908, 3.2: one extensionRequest with one value, and no extension in it
 * without its own value. */
static void
extension_request_put(struct bytes *out, const struct csrattrs *wish)
{
	struct bytes extensions = {0}, values = {0};

	for (size_t i = 0; i < wish->extensions; i++)
		if (wish->extension[i].value.data != NULL)
			extension_put(&extensions, &wish->extension[i]);
	if (extensions.len == 0)
		return;
	wrap(&values, DER_SEQUENCE, &extensions);
	attribute_put(out, OID_EXTENSION_REQUEST, &values);
}

static void
oid_put(struct bytes *out, const char *dotted)
{
	(void)!der_put_oid(out, dotted);
}

static void
classic_put(struct bytes *out, const struct csrattrs *wish)
{
	if (wish->key_oid != NULL)
		key_put(out, wish);
	extension_request_put(out, wish);
	if (wish->sigalg_oid != NULL)
		oid_put(out, wish->sigalg_oid);
}

/* RFC 9908, 3.4: NameTemplate, an RDN without value is the client's to fill. */
static void
rdn_put(struct bytes *out, const struct csrattrs_rdn *rdn)
{
	struct bytes pair = {0}, set = {0};

	if (der_put_oid(&pair, rdn->oid)) {
		if (rdn->value != NULL)
			der_put(&pair,
			    rdn->printable ? DER_PRINTABLE : DER_UTF8,
			    span_str(rdn->value));
		wrap(&set, DER_SEQUENCE, &pair);
		wrap(out, DER_SET, &set);
	}
	bytes_free(&pair);
}

/* RFC 9908, 3.4: the size of an RSA key is told by a placeholder: 2^(bits-1)
 * + 1, e = 65537. */
static void
placeholder_put(struct bytes *out, unsigned bits)
{
	struct bytes modulus = {0}, numbers = {0}, octets = {0};

	if (bits % 8 == 0)
		bytes_addc(&modulus, '\0');
	bytes_addc(&modulus, (char)(1u << (bits - 1) % 8));
	for (unsigned i = (bits - 1) / 8; i > 0; i--)
		bytes_addc(&modulus, (char)(i == 1));
	wrap(&numbers, DER_INTEGER, &modulus);
	number_put(&numbers, 65537);
	bytes_addc(&octets, '\0');
	wrap(&octets, DER_SEQUENCE, &numbers);
	wrap(out, DER_BITS, &octets);
}

/* SubjectPublicKeyInfoTemplate */
static void
key_template_put(struct bytes *out, const struct csrattrs *wish)
{
	struct bytes algorithm = {0}, spki = {0};

	oid_put(&algorithm, wish->key_oid);
	if (is_rsa(wish))
		der_put(&algorithm, DER_NULL, nothing);
	else if (wish->curve_oid != NULL)
		oid_put(&algorithm, wish->curve_oid);
	wrap(&spki, DER_SEQUENCE, &algorithm);
	if (is_rsa(wish) && wish->rsa_bits > 0)
		placeholder_put(&spki, (unsigned)wish->rsa_bits);
	wrap(out, DER_CONTEXT_CONS(0), &spki);
}

/* RFC 9908, 3.4: either extensionRequest, when every value is given, or the
 * template of it; never both. */
static void
extensions_template_put(struct bytes *out, const struct csrattrs *wish)
{
	struct bytes extensions = {0}, values = {0};
	bool whole = true;

	for (size_t i = 0; i < wish->extensions; i++) {
		extension_put(&extensions, &wish->extension[i]);
		whole = whole && wish->extension[i].value.data != NULL;
	}
	if (extensions.len == 0)
		return;
	wrap(&values, DER_SEQUENCE, &extensions);
	attribute_put(out,
	    whole ? OID_EXTENSION_REQUEST : OID_EXTENSION_TEMPLATE, &values);
}

/* CertificationRequestInfoTemplate: version, subject, key, attributes. */
static void
template_put(struct bytes *out, const struct csrattrs *wish)
{
	struct bytes info = {0}, part = {0};

	number_put(&info, 0);
	for (size_t i = 0; i < wish->rdns; i++)
		rdn_put(&part, &wish->rdn[i]);
	if (part.len > 0)
		wrap(&info, DER_SEQUENCE, &part);
	if (wish->key_oid != NULL)
		key_template_put(&info, wish);
	extensions_template_put(&part, wish);
	wrap(&info, DER_CONTEXT_CONS(1), &part);
	wrap(&part, DER_SEQUENCE, &info);
	attribute_put(out, OID_REQUEST_TEMPLATE, &part);
}

void
csrattrs_write(struct bytes *der, const struct csrattrs *wish)
{
	struct bytes list = {0};

	/* RFC 7030, 4.5.2: listed when linking is required. */
	if (wish->challenge_password)
		oid_put(&list, OID_CHALLENGE_PASSWORD);
	if (wish->classic)
		classic_put(&list, wish);
	if (wish->template)
		template_put(&list, wish);
	if (list.len > 0)
		wrap(der, DER_SEQUENCE, &list);
	bytes_free(&list);
}

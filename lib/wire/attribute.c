#include "lib/wire/attribute.h"

#include <string.h>
#include <strings.h>

#include <openssl/objects.h>

#include "lib/wire/der.h"
#include "lib/wire/utf8.h"

/* RFC 5280, appendix A.1: the upper bounds; X.520 for street, UID and
 * organizationIdentifier, RFC 1035 for DC. */
static const struct attribute types[] = {
    {"CN", NID_commonName, ATTRIBUTE_DIRECTORY, 64, false},
    {"serialNumber", NID_serialNumber, ATTRIBUTE_PRINTABLE, 64, false},
    {"C", NID_countryName, ATTRIBUTE_COUNTRY, 2, false},
    {"ST", NID_stateOrProvinceName, ATTRIBUTE_DIRECTORY, 128, false},
    {"L", NID_localityName, ATTRIBUTE_DIRECTORY, 128, false},
    {"O", NID_organizationName, ATTRIBUTE_DIRECTORY, 64, false},
    {"OU", NID_organizationalUnitName, ATTRIBUTE_DIRECTORY, 64, true},
    {"street", NID_streetAddress, ATTRIBUTE_DIRECTORY, 128, false},
    {"DC", NID_domainComponent, ATTRIBUTE_IA5, 63, true},
    {"UID", NID_userId, ATTRIBUTE_DIRECTORY, 256, false},
    {"title", NID_title, ATTRIBUTE_DIRECTORY, 64, false},
    {"GN", NID_givenName, ATTRIBUTE_DIRECTORY, 32768, false},
    {"SN", NID_surname, ATTRIBUTE_DIRECTORY, 32768, false},
    {"emailAddress", NID_pkcs9_emailAddress, ATTRIBUTE_IA5, 255, false},
    {"dnQualifier", NID_dnQualifier, ATTRIBUTE_PRINTABLE, 64, false},
    {"pseudonym", NID_pseudonym, ATTRIBUTE_DIRECTORY, 128, false},
    {"organizationIdentifier", NID_organizationIdentifier, ATTRIBUTE_DIRECTORY,
	256, false},
};

#define TYPES (sizeof(types) / sizeof(types[0]))

const struct attribute *
attribute_of_nid(int nid)
{
	for (size_t i = 0; i < TYPES; i++)
		if (types[i].nid == nid)
			return &types[i];
	return NULL;
}

const struct attribute *
attribute_of_oid(struct span content)
{
	for (size_t i = 0; i < TYPES; i++) {
		const ASN1_OBJECT *obj = OBJ_nid2obj(types[i].nid);

		if (OBJ_length(obj) == content.len &&
		    memcmp(OBJ_get0_data(obj), content.data, content.len) == 0)
			return &types[i];
	}
	return NULL;
}

const struct attribute *
attribute_of_word(const char *word)
{
	for (size_t i = 0; i < TYPES; i++)
		if (strcasecmp(types[i].word, word) == 0)
			return &types[i];
	return NULL;
}

uint32_t
attribute_bit(const struct attribute *type)
{
	return UINT32_C(1) << (type - types);
}

unsigned
attribute_tag(const struct attribute *type)
{
	switch (type->syntax) {
	case ATTRIBUTE_IA5:
		return DER_IA5;
	case ATTRIBUTE_DIRECTORY:
		return DER_UTF8;
	default:
		return DER_PRINTABLE;
	}
}

static bool
printable(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr(" '()+,-./:=?", c) != NULL);
}

static int
tag_check(const struct attribute *type, unsigned tag, struct fail *why)
{
	bool old = tag == DER_T61 || tag == DER_BMP || tag == DER_UNIVERSAL;

	if (tag == attribute_tag(type) ||
	    (type->syntax == ATTRIBUTE_DIRECTORY && tag == DER_PRINTABLE))
		return 0;
	/* RFC 5280, 4.1.2.6: the other string types are only for old names. */
	if (type->syntax == ATTRIBUTE_DIRECTORY && old)
		return fail(why, FAIL_MALFORMED, "dn-string",
		    "RFC 5280, 4.1.2.6: %s must be a UTF8String or a "
		    "PrintableString",
		    type->word);
	return fail(why, FAIL_MALFORMED, "dn-type",
	    "RFC 5280, A.1: %s has a value of the wrong type (tag 0x%02x)",
	    type->word, tag);
}

/* RFC 5280, A.1: countryName is an ISO 3166 code. */
static int
country_check(struct span value, struct fail *why)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.data[i] < 'A' || value.data[i] > 'Z')
			value.len = 0;
	if (value.len != 2)
		return fail(why, FAIL_MALFORMED, "dn-type",
		    "RFC 5280, A.1: C must be two letters A-Z");
	return 0;
}

static int
character_check(
    const struct attribute *type, unsigned tag, uint32_t c, struct fail *why)
{
	if (utf8_control(c) || utf8_hidden(c) || (tag == DER_IA5 && c > 0x7e))
		return fail(why, FAIL_MALFORMED, "dn-char",
		    "RFC 5280, 4.1.2.6: %s holds U+%04X, which no name may",
		    type->word, (unsigned)c);
	if (tag == DER_PRINTABLE && (c > 0x7e || !printable((uint8_t)c)))
		return fail(why, FAIL_MALFORMED, "dn-string",
		    "RFC 5280, A.1: %s holds U+%04X, which is not in "
		    "PrintableString",
		    type->word, (unsigned)c);
	if (utf8_nonchar(c))
		return fail(why, FAIL_MALFORMED, "dn-utf8",
		    "RFC 5280, 4.1.2.6: %s holds a noncharacter", type->word);
	return 0;
}

static bool
value_next(unsigned tag, struct span *value, uint32_t *c)
{
	if (tag == DER_UTF8)
		return utf8_next(value, c);
	*c = *value->data++;
	value->len--;
	return true;
}

int
attribute_check(const struct attribute *type, unsigned tag, struct span value,
    struct fail *why)
{
	size_t characters = 0, seen = 0;
	uint32_t c;

	if (tag_check(type, tag, why) != 0)
		return -1;
	if (type->syntax == ATTRIBUTE_COUNTRY)
		return country_check(value, why);
	for (; value.len > 0; characters++) {
		if (!value_next(tag, &value, &c))
			return fail(why, FAIL_MALFORMED, "dn-utf8",
			    "RFC 5280, 4.1.2.6: %s is not UTF-8", type->word);
		if (character_check(type, tag, c, why) != 0)
			return -1;
		seen += !utf8_blank(c);
	}
	if (seen == 0)
		return fail(why, FAIL_MALFORMED, "dn-empty",
		    "RFC 5280, 4.1.2.6: %s is empty", type->word);
	if (characters > type->most)
		return fail(why, FAIL_MALFORMED, "dn-length",
		    "RFC 5280, A.1: %s has %zu characters, at most %zu are "
		    "allowed",
		    type->word, characters, type->most);
	return 0;
}

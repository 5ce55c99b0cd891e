#include "lib/wire/name.h"

#include <stdlib.h>
#include <string.h>

#include "lib/wire/attribute.h"
#include "lib/wire/der.h"
#include "lib/wire/utf8.h"

#define RDNS_MAX 16

static int
not_der(struct fail *why)
{
	return fail(
	    why, FAIL_MALFORMED, "der", "RFC 5280, 4.1.2.4: a name is not DER");
}

static int
too_many(struct fail *why)
{
	return fail(why, FAIL_MALFORMED, "dn-rule",
	    "a name may have at most %d parts", RDNS_MAX);
}

/* One of each type, but for those that are lists by nature. */
static int
type_check(const struct attribute *type, uint32_t *seen, struct fail *why)
{
	uint32_t bit = attribute_bit(type);

	if ((*seen & bit) != 0 && !type->repeats)
		return fail(why, FAIL_MALFORMED, "dn-rule",
		    "a name may have only one %s", type->word);
	*seen |= bit;
	return 0;
}

static int
attribute_read(struct span attribute, uint32_t *seen, struct fail *why)
{
	const struct attribute *type;
	struct span oid, value;
	unsigned tag;

	if (!der_take(&attribute, DER_OID, &oid, NULL) || !der_oid_ok(oid) ||
	    !der_next(&attribute, &tag, &value, NULL) || attribute.len != 0)
		return not_der(why);
	if ((type = attribute_of_oid(oid)) == NULL)
		return fail(why, FAIL_MALFORMED, "dn-rule",
		    "a name has an attribute of a type that is not allowed");
	if (attribute_check(type, tag, value, why) != 0)
		return -1;
	return type_check(type, seen, why);
}

static int
rdn_read(struct span *rdns, uint32_t *seen, struct fail *why)
{
	struct span set, attribute;

	if (!der_take(rdns, DER_SET, &set, NULL))
		return not_der(why);
	/* RFC 5280, A.1: RelativeDistinguishedName is SET SIZE (1..MAX). */
	if (set.len == 0)
		return fail(why, FAIL_MALFORMED, "dn-rule",
		    "RFC 5280, A.1: a name has an empty part");
	if (!der_take(&set, DER_SEQUENCE, &attribute, NULL))
		return not_der(why);
	if (set.len != 0)
		return fail(why, FAIL_MALFORMED, "dn-rule",
		    "a name has a part with more than one attribute");
	return attribute_read(attribute, seen, why);
}

static int
name_parse(X509_NAME **name, struct span der, struct fail *why)
{
	const uint8_t *p = der.data;

	*name = d2i_X509_NAME(NULL, &p, (long)der.len);
	if (*name == NULL) {
		(void)fail_openssl(why, "d2i_X509_NAME");
		return not_der(why);
	}
	return 0;
}

int
name_read(X509_NAME **name, struct span der, struct fail *why)
{
	struct span in = der, rdns;
	uint32_t seen = 0;

	*name = NULL;
	if (!der_take(&in, DER_SEQUENCE, &rdns, NULL) || in.len != 0)
		return not_der(why);
	for (unsigned n = 0; rdns.len > 0; n++) {
		if (n == RDNS_MAX)
			return too_many(why);
		if (rdn_read(&rdns, &seen, why) != 0)
			return -1;
	}
	return name_parse(name, der, why);
}

/* RFC 4514, 2.4 */
static bool
special(uint32_t c)
{
	return c != 0 && c < 0x7f && strchr(",+\"\\<>;", (int)c) != NULL;
}

/* An escape in a text value: \, or \2C.  NULL: neither. */
static const char *
escape_read(struct bytes *value, const char *p)
{
	char hex[3] = {p[0], p[0] != '\0' ? p[1] : '\0', '\0'};

	if (special((uint8_t)*p) || (*p != '\0' && strchr(" #=", *p) != NULL)) {
		bytes_addc(value, *p);
		return p + 1;
	}
	return strlen(hex) == 2 && hex_read(value, hex) ? p + 2 : NULL;
}

static const char *
not_escaped(struct fail *why)
{
	(void)fail(why, FAIL_MALFORMED, "dn-rule",
	    "RFC 4514, 2.4: , + \" \\ < > ; # are written with a \\ before "
	    "them");
	return NULL;
}

/* A value up to an unescaped comma, blanks around it dropped. */
static const char *
value_read(struct bytes *value, const char *p, struct fail *why)
{
	size_t keep = 0;

	p += strspn(p, " ");
	/* RFC 4514, 2.4: "#" would begin the hexadecimal form. */
	if (*p == '#')
		return not_escaped(why);
	while (*p != '\0' && *p != ',') {
		bool blank = *p == ' ';

		if (*p == '\\') {
			if ((p = escape_read(value, p + 1)) == NULL)
				return not_escaped(why);
		} else if (special((uint8_t)*p)) {
			return not_escaped(why);
		} else {
			bytes_addc(value, *p++);
		}
		if (!blank)
			keep = value->len;
	}
	if (keep < value->len) {
		value->len = keep;
		value->data[keep] = '\0';
	}
	return p;
}

/* Types that we do not know may be in a name of our own making. */
static const struct attribute *
type_of(int nid)
{
	static const struct attribute other = {
	    "attribute", NID_undef, ATTRIBUTE_DIRECTORY, 256, true};
	const struct attribute *type = attribute_of_nid(nid);

	return type != NULL ? type : &other;
}

static void
rdn_put(struct bytes *rdns, int nid, unsigned tag, struct span value)
{
	const ASN1_OBJECT *obj = OBJ_nid2obj(nid);
	struct bytes pair = {0}, attribute = {0};

	der_put(
	    &pair, DER_OID, (struct span){OBJ_get0_data(obj), OBJ_length(obj)});
	der_put(&pair, tag, value);
	der_put(&attribute, DER_SEQUENCE, span_of(&pair));
	der_put(rdns, DER_SET, span_of(&attribute));
	bytes_free(&attribute);
	bytes_free(&pair);
}

/* TYPE=VALUE; `*text` is moved behind it. */
static int
pair_read(
    struct bytes *rdns, const char **text, uint32_t *seen, struct fail *why)
{
	const char *p = *text + strspn(*text, " ");
	size_t len = strcspn(p, "=");
	struct bytes word = {0}, value = {0};
	const struct attribute *type;
	int nid, rc = -1;

	bytes_add(&word, p, len);
	while (word.len > 0 && word.data[word.len - 1] == ' ')
		word.data[--word.len] = '\0';
	nid = name_nid((char *)word.data);
	if (p[len] != '=' || nid == NID_undef) {
		(void)fail(why, FAIL_MALFORMED, "dn-rule",
		    "\"%.40s\" is not an attribute type; wanted TYPE=value, "
		    "TYPE one of CN, serialNumber, C, ST, L, O, OU and the "
		    "like, "
		    "or an OID",
		    (char *)word.data);
		goto out;
	}
	type = type_of(nid);
	if ((p = value_read(&value, p + len + 1, why)) == NULL ||
	    attribute_check(type, attribute_tag(type), span_of(&value), why) ||
	    (type->nid != NID_undef && type_check(type, seen, why) != 0))
		goto out;
	rdn_put(rdns, nid, attribute_tag(type), span_of(&value));
	*text = p;
	rc = 0;
out:
	bytes_free(&value);
	bytes_free(&word);
	return rc;
}

int
name_from_text(X509_NAME **name, const char *text, struct fail *why)
{
	struct bytes rdns = {0}, der = {0};
	uint32_t seen = 0;
	int rc = 0;

	*name = NULL;
	for (unsigned n = 0; rc == 0; n++) {
		rc = n == RDNS_MAX ? too_many(why)
		                   : pair_read(&rdns, &text, &seen, why);
		if (rc == 0 && *text++ == '\0')
			break;
	}
	if (rc == 0) {
		der_put(&der, DER_SEQUENCE, span_of(&rdns));
		rc = name_parse(name, span_of(&der), why);
	}
	bytes_free(&der);
	bytes_free(&rdns);
	return rc;
}

/* Append a string value as UTF-8; false: not a string. */
static bool
string_add(struct bytes *out, const ASN1_STRING *value)
{
	unsigned char *utf8 = NULL;
	int len = ASN1_STRING_to_UTF8(&utf8, value);

	if (len < 0)
		return false;
	bytes_add(out, utf8, (size_t)len);
	OPENSSL_free(utf8);
	return true;
}

/* RFC 4514, 2.4, and nothing that a terminal or a reader would trip over. */
static void
value_escape(struct bytes *out, struct span in)
{
	struct span all = in, before = in;
	uint32_t c;

	while (in.len > 0) {
		bool good = utf8_next(&in, &c);
		size_t n = good ? (size_t)(in.data - before.data) : 1;
		bool edge = before.data == all.data ||
		            before.data + 1 == all.data + all.len;

		if (good && !utf8_control(c) && !utf8_hidden(c) &&
		    !utf8_nonchar(c)) {
			if (special(c) || (c == ' ' && edge) ||
			    (c == '#' && before.data == all.data))
				bytes_addc(out, '\\');
			bytes_add(out, before.data, n);
		} else {
			for (size_t i = 0; i < n; i++)
				bytes_addf(out, "\\%02X", before.data[i]);
		}
		in.data = before.data + n;
		in.len = before.len - n;
		before = in;
	}
}

static void
entry_text(struct bytes *out, const X509_NAME_ENTRY *entry)
{
	const ASN1_OBJECT *obj = X509_NAME_ENTRY_get_object(entry);
	const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
	const struct attribute *type = attribute_of_nid(OBJ_obj2nid(obj));
	struct bytes utf8 = {0};
	char dotted[256];

	if (type == NULL)
		(void)OBJ_obj2txt(dotted, sizeof(dotted), obj, 1);
	bytes_addf(out, "%s=", type != NULL ? type->word : dotted);
	if (string_add(&utf8, value)) {
		value_escape(out, span_of(&utf8));
	} else {
		bytes_addc(out, '#');
		for (int i = 0; i < ASN1_STRING_length(value); i++)
			bytes_addf(
			    out, "%02x", ASN1_STRING_get0_data(value)[i]);
	}
	bytes_free(&utf8);
}

char *
name_text(const X509_NAME *name)
{
	struct bytes out = {0};
	int set = -1;

	bytes_adds(&out, "");
	for (int i = 0; i < X509_NAME_entry_count(name); i++) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);

		if (i > 0)
			bytes_addc(&out,
			    X509_NAME_ENTRY_set(entry) == set ? '+' : ',');
		set = X509_NAME_ENTRY_set(entry);
		entry_text(&out, entry);
	}
	return (char *)out.data;
}

char *
name_value(const X509_NAME *name, int nid)
{
	int i = X509_NAME_get_index_by_NID(name, nid, -1);
	struct bytes utf8 = {0};

	if (i < 0 || X509_NAME_get_index_by_NID(name, nid, i) >= 0)
		return NULL;
	if (!string_add(&utf8,
		X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i))) ||
	    (utf8.len > 0 && memchr(utf8.data, '\0', utf8.len) != NULL)) {
		bytes_free(&utf8);
		return NULL;
	}
	return (char *)utf8.data;
}

/* As C's isspace(), and as OpenSSL's comparison form. */
static bool
space(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * RFC 5280, 7.1 as OpenSSL does it: no white space at the ends, one blank for
 * every run inside, ASCII letters in lower case.
 */
static void
fold(struct bytes *out, struct span in)
{
	while (in.len > 0 && space(in.data[0]))
		in.data++, in.len--;
	while (in.len > 0 && space(in.data[in.len - 1]))
		in.len--;
	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.data[i];

		if (!space(c))
			bytes_addc(
			    out, (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c));
		else if (!space(in.data[i + 1]))
			bytes_addc(out, ' ');
	}
}

static void
entry_fold(struct bytes *out, const X509_NAME_ENTRY *entry)
{
	const ASN1_OBJECT *obj = X509_NAME_ENTRY_get_object(entry);
	const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);
	struct bytes utf8 = {0}, folded = {0};
	unsigned tag = DER_UTF8;

	if ((ASN1_tag2bit(ASN1_STRING_type(value)) &
		(B_ASN1_DIRECTORYSTRING | B_ASN1_IA5STRING |
		    B_ASN1_VISIBLESTRING)) != 0 &&
	    string_add(&utf8, value)) {
		fold(&folded, span_of(&utf8));
	} else {
		tag = (unsigned)ASN1_STRING_type(value);
		bytes_add(&folded, ASN1_STRING_get0_data(value),
		    (size_t)ASN1_STRING_length(value));
	}
	bytes_addc(out, (char)X509_NAME_ENTRY_set(entry));
	der_put(
	    out, DER_OID, (struct span){OBJ_get0_data(obj), OBJ_length(obj)});
	der_put(out, tag, span_of(&folded));
	bytes_free(&folded);
	bytes_free(&utf8);
}

void
name_hash(uint8_t out[SHA256_LEN], const X509_NAME *name)
{
	struct bytes folded = {0};

	bytes_adds(&folded, "");
	for (int i = 0; i < X509_NAME_entry_count(name); i++)
		entry_fold(&folded, X509_NAME_get_entry(name, i));
	sha256(out, span_of(&folded));
	bytes_free(&folded);
}

static bool
dotted(const char *word)
{
	return word[0] >= '0' && word[0] <= '2' && word[1] == '.' &&
	       strspn(word, "0123456789.") == strlen(word);
}

int
name_nid(const char *word)
{
	const struct attribute *type = attribute_of_word(word);
	struct bytes der = {0};
	bool good;
	int nid;

	if (type != NULL)
		return type->nid;
	good = dotted(word) && der_put_oid(&der, word);
	bytes_free(&der);
	if (!good)
		return NID_undef;
	nid = OBJ_txt2nid(word);
	return nid != NID_undef ? nid : OBJ_create(word, word, word);
}

const char *
name_word(int nid)
{
	const struct attribute *type = attribute_of_nid(nid);

	return type != NULL ? type->word : OBJ_nid2sn(nid);
}

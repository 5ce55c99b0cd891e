#include "lib/wire/san.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/wire/der.h"
#include "lib/wire/general.h"
#include "lib/wire/name.h"

#define NAMES_MAX 100

/* One name in its DER. */
struct entry {
	unsigned tag;
	struct span content;
	bool again; /* the same as one before it */
};

static int
not_der(struct fail *why)
{
	return fail(why, FAIL_MALFORMED, "der",
	    "RFC 5280, 4.2.1.6: subjectAltName is not DER");
}

static int
count_check(size_t n, struct fail *why)
{
	/* RFC 5280, 4.2.1.6: at least one entry. */
	if (n == 0 || n > NAMES_MAX)
		return fail(why, FAIL_MALFORMED, "san-count",
		    "RFC 5280, 4.2.1.6: subjectAltName has %s",
		    n == 0 ? "no name" : "more than 100 names");
	return 0;
}

static bool
entry_again(const struct entry *entry, size_t n)
{
	const struct entry *last = &entry[n];

	for (size_t i = 0; i < n; i++)
		if (entry[i].tag == last->tag &&
		    general_same(last->tag, entry[i].content, last->content))
			return true;
	return false;
}

static int
entries_read(
    struct entry entry[NAMES_MAX], size_t *n, struct span in, struct fail *why)
{
	struct span names;

	if (!der_take(&in, DER_SEQUENCE, &names, NULL) || in.len != 0)
		return not_der(why);
	for (*n = 0; names.len > 0 && *n < NAMES_MAX; (*n)++) {
		struct entry *e = &entry[*n];

		if (!der_next(&names, &e->tag, &e->content, NULL))
			return not_der(why);
		if (general_check(e->tag, e->content, why) != 0)
			return -1;
		e->again = entry_again(entry, *n);
	}
	return count_check(names.len > 0 ? NAMES_MAX + 1 : *n, why);
}

int
san_read(GENERAL_NAMES **san, struct span der, struct fail *why)
{
	struct entry entry[NAMES_MAX];
	const uint8_t *p = der.data;
	size_t n = 0;

	*san = NULL;
	if (entries_read(entry, &n, der, why) != 0)
		return -1;
	*san = d2i_GENERAL_NAMES(NULL, &p, (long)der.len);
	if (*san == NULL) {
		(void)fail_openssl(why, "d2i_GENERAL_NAMES");
		return not_der(why);
	}
	while (n-- > 0)
		if (entry[n].again)
			GENERAL_NAME_free(sk_GENERAL_NAME_delete(*san, (int)n));
	return 0;
}

/* The content octets of a name given as text; false: no such address or OID.
 */
static bool
content_of(struct bytes *content, unsigned tag, const char *text)
{
	uint8_t address[16];
	struct bytes oid = {0};
	struct span whole, inner;
	bool good;

	switch (tag) {
	case GENERAL_IP:
		if (inet_pton(AF_INET, text, address) == 1)
			bytes_add(content, address, 4);
		else if (inet_pton(AF_INET6, text, address) == 1)
			bytes_add(content, address, 16);
		return content->len != 0;
	case GENERAL_RID:
		good = der_put_oid(&oid, text);
		whole = span_of(&oid);
		good = good && der_take(&whole, DER_OID, &inner, NULL);
		if (good)
			bytes_add(content, inner.data, inner.len);
		bytes_free(&oid);
		return good;
	default:
		bytes_adds(content, text);
		return true;
	}
}

/* "DNS:a.example" to tag and content. */
static int
text_read(
    unsigned *tag, struct bytes *content, const char *text, struct fail *why)
{
	static const struct {
		const char *prefix;
		unsigned tag;
	} kinds[] = {{"DNS:", GENERAL_DNS}, {"IP:", GENERAL_IP},
	    {"email:", GENERAL_EMAIL}, {"URI:", GENERAL_URI},
	    {"RID:", GENERAL_RID}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t len = strlen(kinds[i].prefix);

		if (strncasecmp(text, kinds[i].prefix, len) != 0)
			continue;
		*tag = kinds[i].tag;
		if (!content_of(content, *tag, text + len))
			return fail(why, FAIL_MALFORMED, "san-syntax",
			    "\"%.80s\" is not an address or an OID", text);
		return general_check(*tag, span_of(content), why);
	}
	return fail(why, FAIL_MALFORMED, "san-syntax",
	    "\"%.80s\": wanted DNS:, IP:, email:, URI: or RID: and a name",
	    text);
}

static bool
name_same(const GENERAL_NAME *a, const GENERAL_NAME *b)
{
	const ASN1_STRING *x, *y;

	if (a->type != b->type)
		return false;
	if (a->type != GEN_DNS)
		return GENERAL_NAME_cmp((GENERAL_NAME *)a, (GENERAL_NAME *)b) ==
		       0;
	x = a->d.dNSName;
	y = b->d.dNSName;
	return general_same(GENERAL_DNS,
	    (struct span){ASN1_STRING_get0_data(x), ASN1_STRING_length(x)},
	    (struct span){ASN1_STRING_get0_data(y), ASN1_STRING_length(y)});
}

static bool
name_in(const GENERAL_NAMES *san, const GENERAL_NAME *name)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++)
		if (name_same(sk_GENERAL_NAME_value(san, i), name))
			return true;
	return false;
}

/* Takes `name` over. */
static int
name_push(GENERAL_NAMES **san, GENERAL_NAME *name, struct fail *why)
{
	if (*san == NULL)
		*san = sk_GENERAL_NAME_new_null();
	if (name_in(*san, name)) {
		GENERAL_NAME_free(name);
		return 0;
	}
	if (count_check((size_t)sk_GENERAL_NAME_num(*san) + 1, why) != 0) {
		GENERAL_NAME_free(name);
		return -1;
	}
	if (sk_GENERAL_NAME_push(*san, name) == 0)
		abort(); /* out of memory */
	return 0;
}

int
san_add_text(GENERAL_NAMES **san, const char *text, struct fail *why)
{
	struct bytes content = {0}, der = {0};
	GENERAL_NAME *name = NULL;
	const uint8_t *p;
	unsigned tag = 0;
	int rc = -1;

	if (text_read(&tag, &content, text, why) == 0) {
		der_put(&der, tag, span_of(&content));
		p = der.data;
		name = d2i_GENERAL_NAME(NULL, &p, (long)der.len);
		rc = name != NULL ? name_push(san, name, why) : not_der(why);
	}
	bytes_free(&der);
	bytes_free(&content);
	return rc;
}

static const char *
type_prefix(const GENERAL_NAME *name)
{
	switch (name->type) {
	case GEN_DNS:
		return "DNS";
	case GEN_IPADD:
		return "IP";
	case GEN_URI:
		return "URI";
	case GEN_RID:
		return "RID";
	case GEN_DIRNAME:
		return "dirName";
	case GEN_OTHERNAME:
		return "otherName";
	default:
		return san_type(name);
	}
}

/* In a list of names a comma parts them, so none may be in a name. */
static void
value_escape(struct bytes *out, const char *value)
{
	struct span rest = span_str(value);

	while (rest.len > 0) {
		struct span head = rest;
		const uint8_t *comma = memchr(rest.data, ',', rest.len);

		if (comma != NULL)
			head.len = (size_t)(comma - rest.data);
		text_escape(out, head);
		rest.data += head.len;
		rest.len -= head.len;
		if (rest.len > 0) {
			bytes_adds(out, "\\x2c");
			rest.data++;
			rest.len--;
		}
	}
}

char *
san_text(const GENERAL_NAMES *san)
{
	struct bytes out = {0};

	bytes_adds(&out, "");
	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(san, i);
		char *value = san_value(name);

		bytes_addf(&out, "%s%s:", i > 0 ? ", " : "", type_prefix(name));
		value_escape(&out, value != NULL ? value : "?");
		free(value);
	}
	return (char *)out.data;
}

/* A string without NUL, or NULL. */
static char *
string_value(const ASN1_STRING *s)
{
	const uint8_t *data = ASN1_STRING_get0_data(s);
	size_t len = (size_t)ASN1_STRING_length(s);

	return len == 0 || memchr(data, '\0', len) == NULL ? mem_dup(data, len)
	                                                   : NULL;
}

static char *
address_value(const ASN1_OCTET_STRING *s)
{
	char text[INET6_ADDRSTRLEN];
	int len = ASN1_STRING_length(s);

	if ((len != 4 && len != 16) ||
	    inet_ntop(len == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(s),
		text, sizeof(text)) == NULL)
		return NULL;
	return str_dup(text);
}

/* OID:text of a UTF8String, OID:#hex of any other value's DER. */
static char *
other_value(const OTHERNAME *other)
{
	struct bytes out = {0};
	char oid[256];
	uint8_t *der = NULL;
	char *text = NULL, *hex;
	int len;

	(void)OBJ_obj2txt(oid, sizeof(oid), other->type_id, 1);
	bytes_addf(&out, "%s:", oid);
	if (other->value->type == V_ASN1_UTF8STRING)
		text = string_value(other->value->value.utf8string);
	if (text != NULL && text[0] != '#') {
		bytes_adds(&out, text);
	} else if ((len = i2d_ASN1_TYPE(other->value, &der)) > 0) {
		hex = mem_new((size_t)2 * len + 1);
		hex_write(hex, (struct span){der, (size_t)len}, false);
		bytes_addf(&out, "#%s", hex);
		free(hex);
	}
	OPENSSL_free(der);
	free(text);
	return (char *)out.data;
}

char *
san_value(const GENERAL_NAME *name)
{
	char oid[256];

	switch (name->type) {
	case GEN_DNS:
	case GEN_EMAIL:
	case GEN_URI:
		return string_value(name->d.ia5);
	case GEN_IPADD:
		return address_value(name->d.iPAddress);
	case GEN_RID:
		(void)OBJ_obj2txt(oid, sizeof(oid), name->d.registeredID, 1);
		return str_dup(oid);
	case GEN_DIRNAME:
		return name_text(name->d.directoryName);
	case GEN_OTHERNAME:
		return other_value(name->d.otherName);
	default:
		return NULL;
	}
}

const char *
san_type(const GENERAL_NAME *name)
{
	switch (name->type) {
	case GEN_DNS:
		return "dns";
	case GEN_IPADD:
		return "ip";
	case GEN_EMAIL:
		return "email";
	case GEN_URI:
		return "uri";
	case GEN_RID:
		return "rid";
	case GEN_DIRNAME:
		return "dirname";
	case GEN_OTHERNAME:
		return "othername";
	case GEN_X400:
		return "x400";
	default:
		return "ediparty";
	}
}

static bool
names_within(const GENERAL_NAMES *a, const GENERAL_NAMES *b)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(a); i++)
		if (!name_in(b, sk_GENERAL_NAME_value(a, i)))
			return false;
	return true;
}

bool
san_equal(const GENERAL_NAMES *a, const GENERAL_NAMES *b)
{
	return names_within(a, b) && names_within(b, a);
}

static int
hash_order(const void *a, const void *b)
{
	return memcmp(a, b, SHA256_LEN);
}

/* RFC 5280, 7.2: host names are compared without regard to case. */
static void
name_digest(uint8_t out[SHA256_LEN], const GENERAL_NAME *name)
{
	uint8_t *der = NULL;
	int len = i2d_GENERAL_NAME(name, &der);

	if (len < 0)
		abort(); /* out of memory */
	for (int i = 0; name->type == GEN_DNS && i < len; i++)
		if (der[i] >= 'A' && der[i] <= 'Z')
			der[i] |= 0x20;
	sha256(out, (struct span){der, (size_t)len});
	OPENSSL_free(der);
}

void
san_hash(uint8_t out[SHA256_LEN], const GENERAL_NAMES *san)
{
	size_t n = san != NULL ? (size_t)sk_GENERAL_NAME_num(san) : 0;
	uint8_t *all = mem_new(n * SHA256_LEN + 1);

	for (size_t i = 0; i < n; i++)
		name_digest(
		    &all[i * SHA256_LEN], sk_GENERAL_NAME_value(san, (int)i));
	qsort(all, n, SHA256_LEN, hash_order);
	sha256(out, (struct span){all, n * SHA256_LEN});
	free(all);
}

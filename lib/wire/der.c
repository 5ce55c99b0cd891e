#include "lib/wire/der.h"

#include <string.h>

#include <openssl/asn1.h>
#include <openssl/err.h>

#include "lib/base/when.h"

#define OID_MAX 128    /* octets: far beyond what any registry hands out */
#define OID_ARC_MAX 19 /* octets: 2.25.UUID needs that many */

#define CONSTRUCTED 0x20

/* X.690, 8.1.2: high tag numbers do not occur in X.509; 10.2: strings are
 * primitive; 8.9, 8.11: SEQUENCE and SET never are. */
static bool
identifier_ok(unsigned tag)
{
	unsigned number = tag & 0x1f;
	bool constructed = (tag & CONSTRUCTED) != 0;

	if (number == 0x1f)
		return false;
	if ((tag & 0xc0) != 0)
		return true;
	switch (number) {
	case 0: /* end-of-contents: BER only */
		return false;
	case 8:  /* EXTERNAL */
	case 11: /* EMBEDDED PDV */
	case 16: /* SEQUENCE */
	case 17: /* SET */
	case 29: /* CHARACTER STRING */
		return constructed;
	default:
		return !constructed;
	}
}

/* X.690, 10.1: definite form, as few octets as will do. */
static bool
length_next(struct span *in, size_t *len)
{
	size_t n;

	if (in->len == 0)
		return false;
	n = *in->data++;
	in->len--;
	if (n < 0x80) {
		*len = n;
		return true;
	}
	n &= 0x7f;
	if (n == 0 || n > 4 || n > in->len || in->data[0] == 0)
		return false;
	*len = 0;
	for (size_t i = 0; i < n; i++)
		*len = *len << 8 | in->data[i];
	in->data += n;
	in->len -= n;
	return *len >= 0x80;
}

bool
der_next(
    struct span *in, unsigned *tag, struct span *content, struct span *whole)
{
	struct span rest = *in;
	size_t len;

	if (rest.len < 2 || !identifier_ok(rest.data[0]))
		return false;
	*tag = *rest.data++;
	rest.len--;
	if (!length_next(&rest, &len) || len > rest.len)
		return false;
	content->data = rest.data;
	content->len = len;
	if (whole != NULL) {
		whole->data = in->data;
		whole->len = (size_t)(rest.data - in->data) + len;
	}
	in->data = rest.data + len;
	in->len = rest.len - len;
	return true;
}

bool
der_take(
    struct span *in, unsigned tag, struct span *content, struct span *whole)
{
	unsigned found;

	return der_peek(*in, tag) && der_next(in, &found, content, whole);
}

bool
der_peek(struct span in, unsigned tag)
{
	return in.len > 0 && in.data[0] == tag;
}

/* X.690, 8.3.2: the first nine bits are neither all zero nor all one. */
bool
der_integer_ok(struct span content)
{
	if (content.len == 0)
		return false;
	if (content.len == 1)
		return true;
	if (content.data[0] == 0)
		return (content.data[1] & 0x80) != 0;
	return content.data[0] != 0xff || (content.data[1] & 0x80) == 0;
}

bool
der_small(struct span content, int64_t *value)
{
	uint64_t v;

	if (!der_integer_ok(content) || content.len > sizeof(v))
		return false;
	v = (content.data[0] & 0x80) != 0 ? UINT64_MAX : 0;
	for (size_t i = 0; i < content.len; i++)
		v = v << 8 | content.data[i];
	*value = (int64_t)v;
	return true;
}

/* X.690, 11.1 */
bool
der_boolean_ok(struct span content)
{
	return content.len == 1 &&
	       (content.data[0] == 0x00 || content.data[0] == 0xff);
}

/* X.690, 8.19.2: each arc in as few octets as will do. */
bool
der_oid_ok(struct span content)
{
	size_t arc = 0;

	if (content.len == 0 || content.len > OID_MAX)
		return false;
	for (size_t i = 0; i < content.len; i++) {
		uint8_t c = content.data[i];

		if (arc == 0 && c == 0x80)
			return false;
		if (++arc > OID_ARC_MAX)
			return false;
		if ((c & 0x80) == 0)
			arc = 0;
	}
	return arc == 0;
}

/* X.690, 8.6.2 and 11.2.1 */
bool
der_bits_ok(struct span content)
{
	unsigned unused;

	if (content.len == 0)
		return false;
	unused = content.data[0];
	if (content.len == 1)
		return unused == 0;
	return unused <= 7 &&
	       (content.data[content.len - 1] & ((1u << unused) - 1)) == 0;
}

/* X.690, 11.6: ascending; equal ones may follow each other. */
static bool
set_order_ok(struct span before, struct span whole)
{
	size_t n = before.len < whole.len ? before.len : whole.len;
	int c = n == 0 ? 0 : memcmp(before.data, whole.data, n);

	return c < 0 || (c == 0 && before.len <= whole.len);
}

static bool
primitive_ok(unsigned tag, struct span content)
{
	switch (tag) {
	case DER_BOOLEAN:
		return der_boolean_ok(content);
	case DER_INTEGER:
	case 0x0a: /* ENUMERATED */
		return der_integer_ok(content);
	case DER_BITS:
		return der_bits_ok(content);
	case DER_NULL:
		return content.len == 0;
	case DER_OID:
		return der_oid_ok(content);
	default:
		return true;
	}
}

static bool
element_ok(unsigned tag, struct span content, unsigned depth)
{
	struct span before = {0}, child, whole;

	if ((tag & CONSTRUCTED) == 0)
		return primitive_ok(tag, content);
	if (depth == 0)
		return false;
	while (content.len > 0) {
		unsigned inner;

		if (!der_next(&content, &inner, &child, &whole) ||
		    !element_ok(inner, child, depth - 1))
			return false;
		if (tag == DER_SET && !set_order_ok(before, whole))
			return false;
		before = whole;
	}
	return true;
}

bool
der_deep_ok(struct span whole, unsigned depth)
{
	struct span content;
	unsigned tag;

	return der_next(&whole, &tag, &content, NULL) && whole.len == 0 &&
	       element_ok(tag, content, depth);
}

/* Two digits, or -1. */
static int
two_digits(const uint8_t *p)
{
	if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
		return -1;
	return (p[0] - '0') * 10 + p[1] - '0';
}

static bool
parts_ok(const struct when_parts *p)
{
	static const int days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap =
	    p->year % 4 == 0 && (p->year % 100 != 0 || p->year % 400 == 0);

	return p->month >= 1 && p->month <= 12 && p->day >= 1 &&
	       p->day <= days[p->month - 1] + (p->month == 2 && leap) &&
	       p->hour >= 0 && p->hour < 24 && p->minute >= 0 &&
	       p->minute < 60 && p->second >= 0 && p->second < 60;
}

/*
 * RFC 5280, 4.1.2.5.1 and 4.1.2.5.2: seconds, "Z", no fraction; UTCTime until
 * 2049, GeneralizedTime from 2050.
 */
bool
der_time(unsigned tag, struct span content, int64_t *when)
{
	struct when_parts p = {0};
	const uint8_t *s = content.data;
	int century = 19, year;

	if (tag == DER_GENERALIZEDTIME && content.len == 15) {
		century = two_digits(s);
		s += 2;
	} else if (tag != DER_UTCTIME || content.len != 13)
		return false;
	year = two_digits(s);
	if (tag == DER_UTCTIME && year < 50)
		century = 20;
	if (century < 0 || year < 0 || s[12] != 'Z')
		return false;
	p.year = century * 100 + year;
	p.month = two_digits(s + 2);
	p.day = two_digits(s + 4);
	p.hour = two_digits(s + 6);
	p.minute = two_digits(s + 8);
	p.second = two_digits(s + 10);
	if (!parts_ok(&p) || (tag == DER_GENERALIZEDTIME && p.year < 2050))
		return false;
	*when = when_join(&p);
	return true;
}

void
der_put(struct bytes *out, unsigned tag, struct span content)
{
	size_t octets = 0;

	bytes_addc(out, (char)tag);
	if (content.len < 0x80) {
		bytes_addc(out, (char)content.len);
	} else {
		for (size_t rest = content.len; rest > 0; rest >>= 8)
			octets++;
		bytes_addc(out, (char)(0x80 | octets));
		while (octets-- > 0)
			bytes_addc(out, (char)(content.len >> 8 * octets));
	}
	bytes_add(out, content.data, content.len);
}

/* OpenSSL takes blanks, empty arcs and leading zeros too. */
static bool
dotted_ok(const char *dotted)
{
	size_t len = strlen(dotted);

	if (len == 0 || len > 4 * OID_MAX || dotted[len - 1] == '.' ||
	    strspn(dotted, "0123456789.") != len)
		return false;
	for (const char *p = dotted; p != NULL; p = strchr(p, '.')) {
		p += p != dotted;
		if (*p == '.' || (*p == '0' && p[1] != '.' && p[1] != '\0'))
			return false;
	}
	return true;
}

bool
der_put_oid(struct bytes *out, const char *dotted)
{
	uint8_t content[OID_MAX];
	struct span oid = {content, 0};
	int n;

	if (!dotted_ok(dotted))
		return false;
	ERR_set_mark();
	n = a2d_ASN1_OBJECT(content, sizeof(content), dotted, -1);
	ERR_pop_to_mark();
	if (n <= 0)
		return false;
	oid.len = (size_t)n;
	if (!der_oid_ok(oid))
		return false;
	der_put(out, DER_OID, oid);
	return true;
}

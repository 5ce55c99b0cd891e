/*
 * der - a strict walk over DER (X.690), and the little of it we write.
 *
 * Definite, minimal lengths; minimal tags; no octet is looked at twice.  What
 * OpenSSL is lax about (trailing octets, BER, unsorted sets, padded integers)
 * is refused here.  Pure.
 */
#ifndef MICROCA_DER_H
#define MICROCA_DER_H

#include <stdbool.h>

#include "lib/base/bytes.h"

/* Identifier octets (one octet each: that is all X.509 uses). */
enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BITS = 0x03,
	DER_OCTETS = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_UTF8 = 0x0c,
	DER_NUMERIC = 0x12,
	DER_PRINTABLE = 0x13,
	DER_T61 = 0x14,
	DER_IA5 = 0x16,
	DER_UTCTIME = 0x17,
	DER_GENERALIZEDTIME = 0x18,
	DER_UNIVERSAL = 0x1c,
	DER_BMP = 0x1e,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31
};
#define DER_CONTEXT(n) (0x80u | (n))      /* [n] IMPLICIT primitive */
#define DER_CONTEXT_CONS(n) (0xa0u | (n)) /* [n] constructed */

/* A constant span: the content octets of an OID, say. */
#define DER_LITERAL(s)                                                         \
	{                                                                      \
		(const uint8_t *)(s), sizeof(s) - 1                            \
	}

/*
 * Take the next element off the front of `in`.  `content` is what it holds,
 * `whole` (may be NULL) includes tag and length.  False: not DER.
 */
MUST_CHECK bool der_next(
    struct span *in, unsigned *tag, struct span *content, struct span *whole);
/* The same, and the tag is `tag`. */
MUST_CHECK bool der_take(
    struct span *in, unsigned tag, struct span *content, struct span *whole);
/* Is the next tag `tag`?  Nothing is taken. */
bool der_peek(struct span in, unsigned tag);

/* Contents, checked for DER's one form. */
bool der_integer_ok(struct span content);
MUST_CHECK bool der_small(
    struct span content, int64_t *value); /* INTEGER of at most 63 bits */
bool der_boolean_ok(struct span content); /* 00 or ff */
bool der_oid_ok(struct span content);
/* BIT STRING: unused bits 0..7 and zero. */
bool der_bits_ok(struct span content);
/* Every constructed element below is DER, at most `depth` deep. */
bool der_deep_ok(struct span whole, unsigned depth);
/* UTCTime or GeneralizedTime as RFC 5280, 4.1.2.5 wants them. */
MUST_CHECK bool der_time(unsigned tag, struct span content, int64_t *when);

/* Append tag, length and content. */
void der_put(struct bytes *out, unsigned tag, struct span content);
/* OID from dotted text; false when it is none.  Appends the whole element. */
MUST_CHECK bool der_put_oid(struct bytes *out, const char *dotted);

#endif

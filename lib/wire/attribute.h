/*
 * attribute - the attribute types that our names may hold, and what their
 * values must look like (RFC 5280, 4.1.2.4, 4.1.2.6 and appendix A.1).  Pure.
 */
#ifndef MICROCA_ATTRIBUTE_H
#define MICROCA_ATTRIBUTE_H

#include <stdbool.h>

#include "lib/base/bytes.h"

enum attribute_syntax {
	ATTRIBUTE_DIRECTORY, /* PrintableString or UTF8String */
	ATTRIBUTE_COUNTRY,   /* PrintableString, two letters A-Z */
	ATTRIBUTE_PRINTABLE,
	ATTRIBUTE_IA5
};

struct attribute {
	const char *word;
	int nid;
	enum attribute_syntax syntax;
	size_t most; /* characters */
	bool repeats;
};

/* All borrowed and static; NULL: not one of ours. */
const struct attribute *attribute_of_nid(int nid);
const struct attribute *attribute_of_oid(struct span content);
const struct attribute *attribute_of_word(const char *word);
/* A bit of a set of types. */
uint32_t attribute_bit(const struct attribute *type);

/* The tag to write a value of that type with. */
unsigned attribute_tag(const struct attribute *type);
/* FAIL_MALFORMED "dn-char", "dn-length", "dn-empty", "dn-utf8", "dn-string",
 * "dn-type". */
MUST_CHECK int attribute_check(const struct attribute *type, unsigned tag,
    struct span value, struct fail *why);

#endif

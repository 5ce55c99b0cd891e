/*
 * general - what each kind of GeneralName may look like (RFC 5280, 4.2.1.6).
 * Pure.
 */
#ifndef MICROCA_GENERAL_H
#define MICROCA_GENERAL_H

#include <stdbool.h>

#include "lib/base/bytes.h"

/* The choices of GeneralName as they are tagged. */
enum general_tag {
	GENERAL_OTHER = 0xa0,
	GENERAL_EMAIL = 0x81,
	GENERAL_DNS = 0x82,
	GENERAL_DIRECTORY = 0xa4,
	GENERAL_URI = 0x86,
	GENERAL_IP = 0x87,
	GENERAL_RID = 0x88
};

/* FAIL_MALFORMED "san-syntax"; "der" where the DER below is none. */
MUST_CHECK int general_check(
    unsigned tag, struct span content, struct fail *why);
/* Are two names of one kind, by their content octets, the same?  dNSName
 * without regard to case. */
bool general_same(unsigned tag, struct span a, struct span b);

/* A host's name in preferred name syntax, 253 octets at most; no IP address;
 * `wildcard` allows "*" as the whole first label of three or more. */
bool general_host_ok(struct span name, bool wildcard);

#endif

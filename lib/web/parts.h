/*
 * parts - what an answer is made of, written as CGI wants it (RFC 3875, 6.3).
 * Pure.
 */
#ifndef MICROCA_PARTS_H
#define MICROCA_PARTS_H

#include "lib/base/bytes.h"

/* Of a reply or a failure. */
struct parts {
	int status, retry;
	const char *type, *allow;
	const char *realm; /* of the challenge that a 401 has */
	bool base64;
	const char *cache; /* lines about caching; NULL: no-store */
	struct span body;
	bool head; /* HEAD: the header alone */
};

/* Appended; nothing of the body stays behind in memory. */
void parts_write(struct bytes *out, const struct parts *p);

#endif

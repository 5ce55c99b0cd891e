/*
 * basic - HTTP Basic credentials (RFC 7617) out of an Authorization header.
 *
 * Read strictly: the scheme in any case, one base64 text, one name and one
 * password cut at the first colon, both UTF-8 without control characters.
 * Other schemes are no credentials either.  Pure.
 */
#ifndef MICROCA_BASIC_H
#define MICROCA_BASIC_H

#include "lib/base/bytes.h"

#define BASIC_NAME_MAX 256     /* octets */
#define BASIC_PASSWORD_MAX 128 /* octets */

enum basic_state {
	BASIC_NONE, /* nothing was shown */
	BASIC_BAD,  /* something that is no name and password */
	BASIC_GIVEN
};

struct basic {
	enum basic_state state;
	char name[BASIC_NAME_MAX + 1]; /* "" unless given */
	char password[BASIC_PASSWORD_MAX + 1];
};

/* `header`: the field's value, or NULL.  basic_wipe() afterwards. */
void basic_read(struct basic *basic, const char *header);
void basic_wipe(struct basic *basic);

#endif

/*
 * escape - percent-encoding (RFC 3986, 2.1) as Microsoft's clients do it, and
 * base64url (RFC 4648, 5).  Pure.
 */
#ifndef MICROCA_ESCAPE_H
#define MICROCA_ESCAPE_H

#include "lib/base/bytes.h"

/* encodeURIComponent: letters, digits and -_.!~*'() stay; upper hex. */
void uri_component(struct bytes *out, const char *text);
/* The same with !'()* as lower hex: what shared access signatures hold. */
void uri_component_strict(struct bytes *out, const char *text);
/* Without padding. */
void base64url_write(struct bytes *out, struct span in);

#endif

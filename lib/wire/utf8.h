/*
 * utf8 - code points out of UTF-8 (RFC 3629), and which of them a name may
 * not hold.  Pure.
 */
#ifndef MICROCA_UTF8_H
#define MICROCA_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"

/* Take the next code point off the front of `in`.  False: overlong, cut short,
 * a surrogate, above U+10FFFF, or not UTF-8 at all. */
MUST_CHECK bool utf8_next(struct span *in, uint32_t *c);
/* All of `in` is UTF-8 without noncharacters (U+FDD0.., U+xxFFFE, U+xxFFFF). */
bool utf8_ok(struct span in);
bool utf8_nonchar(uint32_t c);
/* C0, DEL, C1, line and paragraph separators. */
bool utf8_control(uint32_t c);
/* Bidi controls, zero-width and other code points that change what a reader
 * sees without being seen. */
bool utf8_hidden(uint32_t c);
bool utf8_blank(uint32_t c);

#endif

/*
 * onetime - a one-time enrolment secret as people see it.
 *
 * 128 random bits in the base 32 of Crockford: digits and the letters without
 * I, L, O and U, 26 of them, the first one of 0 to 7, in groups:
 * 2QK7D-M0X9F-4TBWE-YH3ZR-P1C8N6.  Read in either case, dashes and blanks
 * ignored, I and L taken for 1 and O for 0.  Pure.
 */
#ifndef MICROCA_ONETIME_H
#define MICROCA_ONETIME_H

#include "lib/base/bytes.h"

#define ONETIME_LEN 16  /* octets */
#define ONETIME_TEXT 31 /* characters and a NUL */

void onetime_write(char out[ONETIME_TEXT], const uint8_t secret[ONETIME_LEN]);
/* False: not the text of a secret; `secret` is zero then. */
MUST_CHECK bool onetime_read(uint8_t secret[ONETIME_LEN], struct span text);

#endif

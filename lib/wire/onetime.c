#include "lib/wire/onetime.h"

#include <string.h>

#include <openssl/crypto.h>

#define DIGITS 26 /* of 5 bits: two more than there are */
#define GROUP 5
#define GROUPS 5 /* the last one has a digit more */

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* Bits `at` to `at` + 4 of the secret with two zero bits before it. */
static unsigned
digit_of(const uint8_t secret[ONETIME_LEN], unsigned n)
{
	unsigned value = 0;

	for (unsigned bit = 5 * n; bit < 5 * n + 5; bit++) {
		value <<= 1;
		if (bit >= 2)
			value |=
			    secret[(bit - 2) / 8] >> (7 - (bit - 2) % 8) & 1;
	}
	return value;
}

void
onetime_write(char out[ONETIME_TEXT], const uint8_t secret[ONETIME_LEN])
{
	size_t at = 0;

	for (unsigned n = 0; n < DIGITS; n++) {
		if (n > 0 && n % GROUP == 0 && n / GROUP < GROUPS)
			out[at++] = '-';
		out[at++] = alphabet[digit_of(secret, n)];
	}
	out[at] = '\0';
}

/* A digit's value, or 32. */
static unsigned
value_of(uint8_t c)
{
	const char *found;

	if (c >= 'a' && c <= 'z')
		c = (uint8_t)(c - 'a' + 'A');
	if (c == 'I' || c == 'L')
		c = '1';
	if (c == 'O')
		c = '0';
	found = c != '\0' ? strchr(alphabet, c) : NULL;
	return found != NULL ? (unsigned)(found - alphabet) : 32;
}

static void
digit_put(uint8_t secret[ONETIME_LEN], unsigned n, unsigned value)
{
	for (unsigned i = 0; i < 5; i++) {
		unsigned bit = 5 * n + i - 2;

		if (5 * n + i >= 2 && (value >> (4 - i) & 1) != 0)
			secret[bit / 8] |= (uint8_t)(1U << (7 - bit % 8));
	}
}

bool
onetime_read(uint8_t secret[ONETIME_LEN], struct span text)
{
	unsigned n = 0;
	bool ok = true;

	memset(secret, 0, ONETIME_LEN);
	for (size_t i = 0; ok && i < text.len; i++) {
		unsigned value = value_of(text.data[i]);

		if (text.data[i] == '-' || text.data[i] == ' ')
			continue;
		ok = value < 32 && n < DIGITS && (n > 0 || value < 8);
		if (ok)
			digit_put(secret, n++, value);
	}
	if (ok && n == DIGITS)
		return true;
	OPENSSL_cleanse(secret, ONETIME_LEN);
	return false;
}

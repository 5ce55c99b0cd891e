#include "lib/wire/utf8.h"

bool
utf8_next(struct span *in, uint32_t *c)
{
	/* RFC 3629, 4: the least code point that needs so many octets. */
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	uint8_t first;
	size_t more;

	if (in->len == 0)
		return false;
	first = in->data[0];
	if (first < 0x80)
		more = 0, *c = first;
	else if (first >= 0xc2 && first <= 0xdf)
		more = 1, *c = first & 0x1f;
	else if (first >= 0xe0 && first <= 0xef)
		more = 2, *c = first & 0x0f;
	else if (first >= 0xf0 && first <= 0xf4)
		more = 3, *c = first & 0x07;
	else
		return false;
	if (in->len < 1 + more)
		return false;
	for (size_t i = 1; i <= more; i++) {
		if ((in->data[i] & 0xc0) != 0x80)
			return false;
		*c = *c << 6 | (in->data[i] & 0x3f);
	}
	in->data += 1 + more;
	in->len -= 1 + more;
	return *c >= least[more] && *c <= 0x10ffff &&
	       (*c < 0xd800 || *c > 0xdfff);
}

bool
utf8_ok(struct span in)
{
	uint32_t c;

	while (in.len > 0)
		if (!utf8_next(&in, &c) || utf8_nonchar(c))
			return false;
	return true;
}

bool
utf8_nonchar(uint32_t c)
{
	return (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

bool
utf8_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 ||
	       c == 0x2029;
}

bool
utf8_hidden(uint32_t c)
{
	/* Unicode's Default_Ignorable_Code_Point, and U+FFF9 to U+FFFB. */
	static const struct {
		uint32_t first, last;
	} hidden[] = {{0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c},
	    {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},
	    {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x206f},
	    {0x3164, 0x3164}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff},
	    {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3},
	    {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};

	if (c < hidden[0].first)
		return false;
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (c >= hidden[i].first && c <= hidden[i].last)
			return true;
	return false;
}

bool
utf8_blank(uint32_t c)
{
	return c == ' ' || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f ||
	       c == 0x2800 || c == 0x3000;
}

#include "lib/cloud/escape.h"

#include <string.h>

static bool
is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || (c != '\0' && strchr("-_.~", c));
}

static void
escape(struct bytes *out, const char *text, bool strict)
{
	for (; *text != '\0'; text++) {
		bool mark = strchr("!'()*", *text) != NULL;

		if (is_unreserved(*text) || (mark && !strict))
			bytes_addc(out, *text);
		else
			bytes_addf(out, mark ? "%%%02x" : "%%%02X",
			    (unsigned)(unsigned char)*text);
	}
}

void
uri_component(struct bytes *out, const char *text)
{
	escape(out, text, false);
}

void
uri_component_strict(struct bytes *out, const char *text)
{
	escape(out, text, true);
}

void
base64url_write(struct bytes *out, struct span in)
{
	size_t kept = 0;
	struct bytes plain = {0};

	base64_write(&plain, in, 0);
	for (size_t i = 0; i < plain.len; i++) {
		char c = (char)plain.data[i];

		if (c == '=' || c == '\n')
			continue;
		plain.data[kept++] = (uint8_t)(c == '+'   ? '-'
					       : c == '/' ? '_'
							  : c);
	}
	bytes_add(out, plain.data, kept);
	bytes_wipe(&plain);
}

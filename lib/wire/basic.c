#include "lib/wire/basic.h"

#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "lib/wire/utf8.h"

#define SCHEME "Basic"
/* Base64 of the longest name, a colon and the longest password. */
#define TOKEN_MAX ((BASIC_NAME_MAX + 1 + BASIC_PASSWORD_MAX + 2) / 3 * 4)

/* RFC 9110, 11.4: the scheme, blanks, one token68.  The token, or an empty
 * span. */
static struct span
token_of(const char *header)
{
	struct span token = {0};

	header += strspn(header, " \t");
	if (strncasecmp(header, SCHEME, sizeof(SCHEME) - 1) != 0)
		return token;
	header += sizeof(SCHEME) - 1;
	if (*header != ' ')
		return token;
	header += strspn(header, " ");
	token = span_str(header);
	while (token.len > 0 && (token.data[token.len - 1] == ' ' ||
				    token.data[token.len - 1] == '\t'))
		token.len--;
	return token;
}

/* base64_read() passes over blanks, which a token68 does not have. */
static bool
blank_free(struct span token)
{
	for (size_t i = 0; i < token.len; i++)
		if (token.data[i] <= ' ')
			return false;
	return true;
}

/* RFC 7617, 2: neither may hold a control character. */
static bool
text_ok(struct span text)
{
	uint32_t c;

	if (!utf8_ok(text))
		return false;
	while (text.len > 0)
		if (!utf8_next(&text, &c) || utf8_control(c))
			return false;
	return true;
}

static bool
split(struct basic *basic, struct span text)
{
	const uint8_t *colon =
	    text.len > 0 ? memchr(text.data, ':', text.len) : NULL;
	size_t name, password;

	if (colon == NULL || !text_ok(text))
		return false;
	/* RFC 7617, 2: the first colon; a name has none. */
	name = (size_t)(colon - text.data);
	password = text.len - name - 1;
	if (name == 0 || name > BASIC_NAME_MAX || password > BASIC_PASSWORD_MAX)
		return false;
	memcpy(basic->name, text.data, name);
	memcpy(basic->password, colon + 1, password);
	return true;
}

void
basic_read(struct basic *basic, const char *header)
{
	struct bytes text = {0};
	struct fail ignored = {0};
	struct span token;

	memset(basic, 0, sizeof(*basic));
	if (header == NULL)
		return;
	basic->state = BASIC_BAD;
	token = token_of(header);
	if (token.len > 0 && token.len <= TOKEN_MAX && blank_free(token) &&
	    base64_read(&text, token, &ignored) == 0 &&
	    split(basic, span_of(&text)))
		basic->state = BASIC_GIVEN;
	bytes_wipe(&text);
}

void
basic_wipe(struct basic *basic)
{
	OPENSSL_cleanse(basic, sizeof(*basic));
}

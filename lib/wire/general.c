#include "lib/wire/general.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <openssl/x509.h>

#include "lib/wire/der.h"
#include "lib/wire/name.h"
#include "lib/wire/utf8.h"

#define URI_MAX 2048
#define EMAIL_MAX 254

static bool
digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
alpha(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A letter, a digit, or one of `more`. */
static bool
plain(uint8_t c, const char *more)
{
	return digit(c) || alpha(c) || (c != '\0' && strchr(more, c) != NULL);
}

/* Up to the next of `stop`, taken off the front. */
static struct span
cut(struct span *in, const char *stop)
{
	struct span head = {in->data, 0};

	while (head.len < in->len && (in->data[head.len] == '\0' ||
					 !strchr(stop, in->data[head.len])))
		head.len++;
	in->data += head.len;
	in->len -= head.len;
	return head;
}

static void
skip(struct span *in)
{
	in->data++;
	in->len--;
}

/* RFC 1123, 2.1: letters, digits and inner hyphens; RFC 5890, 2.3.1: hyphens
 * in the third and fourth place only in an A-label. */
static bool
label_ok(struct span label)
{
	if (label.len == 0 || label.len > 63 || label.data[0] == '-' ||
	    label.data[label.len - 1] == '-')
		return false;
	for (size_t i = 0; i < label.len; i++)
		if (!plain(label.data[i], "-"))
			return false;
	return label.len < 4 || memcmp(label.data + 2, "--", 2) != 0 ||
	       strncasecmp((const char *)label.data, "xn", 2) == 0;
}

static bool
numeric(struct span label)
{
	for (size_t i = 0; i < label.len; i++)
		if (!digit(label.data[i]))
			return false;
	return true;
}

bool
general_host_ok(struct span name, bool wildcard)
{
	struct span label;
	unsigned labels = 0;

	if (name.len == 0 || name.len > 253)
		return false;
	if (wildcard && name.len > 2 && memcmp(name.data, "*.", 2) == 0) {
		name.data += 2;
		name.len -= 2;
	} else {
		wildcard = false;
	}
	for (;;) {
		label = cut(&name, ".");
		if (!label_ok(label))
			return false;
		labels++;
		if (name.len == 0)
			break;
		skip(&name);
	}
	return !numeric(label) && (!wildcard || labels >= 2);
}

/* RFC 5321, 4.1.2: Local-part as Dot-string "@" Domain. */
static bool
email_ok(struct span in)
{
	struct span local, atom;

	if (in.len > EMAIL_MAX)
		return false;
	local = cut(&in, "@");
	if (in.len == 0 || local.len > 64)
		return false;
	for (;;) {
		atom = cut(&local, ".");
		for (size_t i = 0; i < atom.len; i++)
			if (!plain(atom.data[i], "!#$%&'*+-/=?^_`{|}~"))
				return false;
		if (atom.len == 0)
			return false;
		if (local.len == 0)
			break;
		skip(&local);
	}
	skip(&in);
	return general_host_ok(in, false);
}

static bool
address_ok(int family, struct span text)
{
	char copy[INET6_ADDRSTRLEN];
	uint8_t address[16];

	if (text.len >= sizeof(copy) ||
	    memchr(text.data, '\0', text.len) != NULL)
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return inet_pton(family, copy, address) == 1;
}

static bool
port_ok(struct span port)
{
	unsigned value = 0;

	if (port.len == 0 || port.len > 5 || !numeric(port))
		return false;
	for (size_t i = 0; i < port.len; i++)
		value = value * 10 + (unsigned)(port.data[i] - '0');
	return value <= 65535;
}

/* RFC 3986, 3.2, without userinfo. */
static bool
authority_ok(struct span in)
{
	struct span host;
	bool good;

	if (in.len > 0 && in.data[0] == '[') {
		skip(&in);
		host = cut(&in, "]");
		if (in.len == 0 || !address_ok(AF_INET6, host))
			return false;
		skip(&in);
		good = in.len == 0 || in.data[0] == ':';
	} else {
		host = cut(&in, ":");
		good =
		    general_host_ok(host, false) || address_ok(AF_INET, host);
	}
	if (good && in.len > 0) {
		skip(&in);
		good = port_ok(in);
	}
	return good;
}

/* RFC 3986, 3.3 to 3.5: path, query, fragment. */
static bool
path_ok(struct span in)
{
	unsigned fragments = 0;

	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.data[i];

		if (c == '%') {
			if (in.len - i < 3 || !isxdigit(in.data[i + 1]) ||
			    !isxdigit(in.data[i + 2]))
				return false;
		} else if (c == '#') {
			if (++fragments > 1)
				return false;
		} else if (!plain(c, "-._~:/?@!$&'()*+,;=")) {
			return false;
		}
	}
	return true;
}

static bool
uri_ok(struct span in)
{
	struct span scheme;

	if (in.len > URI_MAX)
		return false;
	scheme = cut(&in, ":");
	if (in.len < 2 || scheme.len == 0 || !alpha(scheme.data[0]))
		return false;
	for (size_t i = 0; i < scheme.len; i++)
		if (!plain(scheme.data[i], "+-."))
			return false;
	skip(&in);
	if (in.len >= 2 && memcmp(in.data, "//", 2) == 0) {
		in.data += 2;
		in.len -= 2;
		if (!authority_ok(cut(&in, "/?#")))
			return false;
	}
	return path_ok(in);
}

static int
syntax(struct fail *why, const char *what)
{
	return fail(
	    why, FAIL_MALFORMED, "san-syntax", "RFC 5280, 4.2.1.6: %s", what);
}

static bool
text_ok(struct span in)
{
	uint32_t c;

	while (in.len > 0)
		if (!utf8_next(&in, &c) || utf8_control(c) || utf8_hidden(c) ||
		    utf8_nonchar(c))
			return false;
	return true;
}

/* OtherName ::= SEQUENCE { type-id, value [0] EXPLICIT ANY }, IMPLICIT. */
static int
other_check(struct span in, struct fail *why)
{
	struct span oid, explicit, value, whole;
	unsigned tag;

	if (!der_take(&in, DER_OID, &oid, NULL) || !der_oid_ok(oid) ||
	    !der_take(&in, DER_CONTEXT_CONS(0), &explicit, NULL) ||
	    in.len != 0 || !der_next(&explicit, &tag, &value, &whole) ||
	    explicit.len != 0 || !der_deep_ok(whole, 8))
		return fail(why, FAIL_MALFORMED, "der",
		    "RFC 5280, 4.2.1.6: an otherName is not DER");
	if (tag == DER_UTF8 && !text_ok(value))
		return syntax(why, "an otherName's text is not clean UTF-8");
	return 0;
}

static int
directory_check(struct span content, struct fail *why)
{
	X509_NAME *name;
	bool empty;

	if (name_read(&name, content, why) != 0) {
		struct fail first = *why;

		return fail(why, FAIL_MALFORMED, "san-syntax",
		    "RFC 5280, 4.2.1.6: in a directoryName: %.250s",
		    first.text);
	}
	empty = X509_NAME_entry_count(name) == 0;
	X509_NAME_free(name);
	return empty ? syntax(why, "a directoryName is empty") : 0;
}

int
general_check(unsigned tag, struct span content, struct fail *why)
{
	switch (tag) {
	case GENERAL_DNS:
		return general_host_ok(content, true)
		           ? 0
		           : syntax(why, "a dNSName is not a host's name");
	case GENERAL_IP:
		return content.len == 4 || content.len == 16
		           ? 0
		           : syntax(why, "an iPAddress has 4 or 16 octets");
	case GENERAL_EMAIL:
		return email_ok(content)
		           ? 0
		           : syntax(why, "an rfc822Name is not a mailbox");
	case GENERAL_URI:
		return uri_ok(content)
		           ? 0
		           : syntax(why, "a URI is not absolute, or not sound");
	case GENERAL_RID:
		return der_oid_ok(content)
		           ? 0
		           : syntax(why, "a registeredID is not an OID");
	case GENERAL_DIRECTORY:
		return directory_check(content, why);
	case GENERAL_OTHER:
		return other_check(content, why);
	default:
		return syntax(why, "a name of a kind that is not accepted");
	}
}

bool
general_same(unsigned tag, struct span a, struct span b)
{
	if (tag != GENERAL_DNS)
		return span_equal(a, b);
	return a.len == b.len && strncasecmp((const char *)a.data,
				     (const char *)b.data, a.len) == 0;
}

#include "lib/key/pkcs11uri.h"

#include <stdlib.h>
#include <string.h>

#define SCHEME "pkcs11:"

enum kind {
	KIND_TEXT,
	KIND_ID,     /* octets */
	KIND_TYPE,   /* "private" or nothing */
	KIND_PIN,    /* a file: URI */
	KIND_MODULE, /* an absolute path */
	KIND_REFUSED
};

/* RFC 7512, 2.3: pk11-pattr and pk11-qattr; `max` is what PKCS#11 holds. */
static const struct attr {
	const char *name;
	bool query;
	enum kind kind;
	size_t offset, max;
	const char *refusal;
} attrs[] = {
    {"token", false, KIND_TEXT, offsetof(struct pkcs11uri, token), 32, NULL},
    {"serial", false, KIND_TEXT, offsetof(struct pkcs11uri, serial), 16, NULL},
    {"model", false, KIND_TEXT, offsetof(struct pkcs11uri, model), 16, NULL},
    {"manufacturer", false, KIND_TEXT, offsetof(struct pkcs11uri, manufacturer),
	32, NULL},
    {"object", false, KIND_TEXT, offsetof(struct pkcs11uri, object), 128, NULL},
    {"id", false, KIND_ID, offsetof(struct pkcs11uri, id), 64, NULL},
    {"type", false, KIND_TYPE, 0, 16, NULL},
    {"slot-id", false, KIND_REFUSED, 0, 0, "slot numbers move; name the token"},
    {"pin-source", true, KIND_PIN, offsetof(struct pkcs11uri, pin_file), 4096,
	NULL},
    {"module-path", true, KIND_MODULE, offsetof(struct pkcs11uri, module), 4096,
	NULL},
    {"module-name", true, KIND_REFUSED, 0, 0, "give module-path"},
    {"pin-value", true, KIND_REFUSED, 0, 0,
	"a PIN belongs in a file; give pin-source"},
};
#define ATTRS (sizeof(attrs) / sizeof(attrs[0]))

/* One name=value, the value decoded. */
struct pair {
	const struct attr *attr;
	struct bytes value;
};

bool
pkcs11uri_is(const char *text)
{
	/* RFC 3986, 3.1: a scheme's case does not matter. */
	return strncasecmp(text, SCHEME, strlen(SCHEME)) == 0;
}

static int
refuse(struct fail *why, const char *name, const char *rule)
{
	return fail(why, FAIL_CONFIG, "pkcs11-uri",
	    "RFC 7512, 2.3: PKCS#11 URI: %s: %s", name, rule);
}

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c == '\0' ? NULL : strchr(digits, c | 0x20);

	return p == NULL ? -1 : (int)(p - digits);
}

/* RFC 7512, 2.3: pk11-pchar, pk11-qchar. */
static bool
allowed(char c, bool query)
{
	static const char both[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-._~:[]@!$'()*+,=";

	return c != '\0' && (strchr(both, c) != NULL ||
				strchr(query ? "/?|" : "&", c) != NULL);
}

static bool
decode(struct bytes *out, struct span in, bool query)
{
	const char *p = (const char *)in.data, *end = p + in.len;

	for (; p < end; p++) {
		int high, low;

		if (*p != '%') {
			if (!allowed(*p, query))
				return false;
			bytes_addc(out, *p);
			continue;
		}
		if (end - p < 3 || (high = hex_digit(p[1])) < 0 ||
		    (low = hex_digit(p[2])) < 0)
			return false;
		bytes_addc(out, (char)(high << 4 | low));
		p += 2;
	}
	return true;
}

/* RFC 8089: file:/PATH or file:///PATH, this host only. */
static int
pin_source(char **path, const char *value, struct fail *why)
{
	/* RFC 7512, 2.4: '|' would name a command to run: never. */
	if (strncmp(value, "file:", 5) != 0)
		return refuse(why, "pin-source", "only file:/PATH is taken");
	value += 5;
	if (strncmp(value, "///", 3) == 0)
		value += 2;
	if (value[0] != '/' || value[1] == '/' || value[1] == '\0')
		return refuse(why, "pin-source", "the path must be absolute");
	*path = str_dup(value);
	return 0;
}

static int
keep(struct pkcs11uri *uri, struct pair *pair, struct fail *why)
{
	const struct attr *attr = pair->attr;
	const char *text = (const char *)pair->value.data;
	void *field = (char *)uri + attr->offset;

	if (pair->value.len == 0)
		return refuse(why, attr->name, "is empty");
	/* RFC 7512, 2.3: what PKCS#11 could not express is refused. */
	if (pair->value.len > attr->max)
		return refuse(why, attr->name, "is longer than PKCS#11 allows");
	if (attr->kind != KIND_ID && strlen(text) != pair->value.len)
		return refuse(why, attr->name, "holds a NUL octet");
	switch (attr->kind) {
	case KIND_ID:
		*(struct bytes *)field = pair->value;
		pair->value = (struct bytes){0};
		return 0;
	case KIND_TYPE:
		return strcmp(text, "private") == 0
		           ? 0
		           : refuse(why, "type", "only private is taken");
	case KIND_PIN:
		return pin_source(field, text, why);
	case KIND_MODULE:
		/* RFC 7512, 2.3: module-path is an absolute path. */
		if (text[0] != '/')
			return refuse(
			    why, "module-path", "the path must be absolute");
		break;
	default:
		break;
	}
	*(char **)field = str_dup(text);
	return 0;
}

/* The attribute of that name; NULL attr for an unknown query attribute. */
static int
attr_find(const struct attr **found, unsigned *seen, struct span name,
    bool query, struct fail *why)
{
	size_t i;

	for (i = 0; i < ATTRS; i++)
		if (attrs[i].query == query &&
		    span_equal(name, span_str(attrs[i].name)))
			break;
	*found = i < ATTRS ? &attrs[i] : NULL;
	if (*found == NULL)
		/* RFC 7512, 2.4: an unknown path attribute matches nothing,
		 * an unknown query attribute is ignored. */
		return query ? 0
		             : fail(why, FAIL_CONFIG, "pkcs11-uri",
				   "RFC 7512, 2.4: PKCS#11 URI: unknown path "
				   "attribute; known: token serial model "
				   "manufacturer object id type");
	if ((*found)->kind == KIND_REFUSED)
		return refuse(why, (*found)->name, (*found)->refusal);
	/* RFC 7512, 2.3: an attribute appears once in the path. */
	if (*seen & 1u << i)
		return refuse(why, (*found)->name, "appears twice");
	*seen |= 1u << i;
	return 0;
}

static int
pair_read(struct pkcs11uri *uri, unsigned *seen, struct span text, bool query,
    struct fail *why)
{
	const uint8_t *equal =
	    text.len > 0 ? memchr(text.data, '=', text.len) : NULL;
	struct pair pair = {0};
	struct span name, value;
	int rc = -1;

	if (equal == NULL || equal == text.data)
		return fail(why, FAIL_CONFIG, "pkcs11-uri",
		    "RFC 7512, 2.3: PKCS#11 URI: name=value expected");
	name = (struct span){text.data, (size_t)(equal - text.data)};
	value = (struct span){equal + 1, text.len - name.len - 1};
	if (attr_find(&pair.attr, seen, name, query, why) != 0)
		return -1;
	bytes_adds(&pair.value, "");
	if (!decode(&pair.value, value, query))
		fail(why, FAIL_CONFIG, "pkcs11-uri",
		    "RFC 7512, 2.3: PKCS#11 URI: %s: a character that must be "
		    "written %%XX, or a bad %%XX",
		    pair.attr != NULL ? pair.attr->name : "attribute");
	else
		rc = pair.attr == NULL ? 0 : keep(uri, &pair, why);
	bytes_wipe(&pair.value);
	return rc;
}

static int
pairs_read(struct pkcs11uri *uri, unsigned *seen, struct span text, bool query,
    struct fail *why)
{
	for (;;) {
		const uint8_t *end =
		    text.len > 0
			? memchr(text.data, query ? '&' : ';', text.len)
			: NULL;
		struct span one = {text.data,
		    end != NULL ? (size_t)(end - text.data) : text.len};

		if (pair_read(uri, seen, one, query, why) != 0)
			return -1;
		if (end == NULL)
			return 0;
		text.data = end + 1;
		text.len -= one.len + 1;
	}
}

static int
names_one_key(const struct pkcs11uri *uri, struct fail *why)
{
	if (uri->token == NULL && uri->serial == NULL)
		return refuse(why, "token", "token or serial is needed");
	if (uri->object == NULL && uri->id.len == 0)
		return refuse(why, "object", "object or id is needed");
	return 0;
}

int
pkcs11uri_read(struct pkcs11uri **uri, const char *text, struct fail *why)
{
	struct pkcs11uri *u = mem_new(sizeof(*u));
	struct span path, query = {0};
	const char *mark;
	unsigned seen = 0;

	*uri = NULL;
	if (!pkcs11uri_is(text)) {
		pkcs11uri_free(u);
		return fail(why, FAIL_CONFIG, "pkcs11-uri",
		    "RFC 7512, 2.3: a PKCS#11 URI begins with pkcs11:");
	}
	path = span_str(text + strlen(SCHEME));
	mark = strchr(text, '?');
	if (mark != NULL) {
		query = span_str(mark + 1);
		path.len -= query.len + 1;
	}
	if (pairs_read(u, &seen, path, false, why) != 0 ||
	    (mark != NULL && pairs_read(u, &seen, query, true, why) != 0) ||
	    names_one_key(u, why) != 0) {
		pkcs11uri_free(u);
		return -1;
	}
	*uri = u;
	return 0;
}

void
pkcs11uri_free(struct pkcs11uri *uri)
{
	if (uri == NULL)
		return;
	free(uri->token);
	free(uri->serial);
	free(uri->model);
	free(uri->manufacturer);
	free(uri->object);
	bytes_free(&uri->id);
	free(uri->pin_file);
	free(uri->module);
	free(uri);
}

#include "lib/page/fields.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/wire/utf8.h"

static int
bad(struct fail *why, const char *what)
{
	return fail(why, FAIL_MALFORMED, "query", "the query: %s", what);
}

/* ---- values -------------------------------------------------------------- */

static bool
text_ok(const struct bytes *b)
{
	struct span left = span_of(b);
	uint32_t c;

	while (left.len > 0)
		if (!utf8_next(&left, &c) || utf8_control(c))
			return false;
	return utf8_ok(span_of(b));
}

/* Takes `value` over. */
static int
add(struct fields *f, const char *name, char *value, struct fail *why)
{
	if (field_of(f, name) != NULL || f->n == FIELDS_MOST) {
		free(value);
		return bad(why, f->n == FIELDS_MOST ? "too many fields"
						    : "a field is there twice");
	}
	f->item[f->n].name = str_dup(name);
	f->item[f->n++].value = value;
	return 0;
}

static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
decode(struct bytes *out, const char *text, size_t len, struct fail *why)
{
	bytes_adds(out, "");
	for (size_t i = 0; i < len; i++) {
		char c = text[i] == '+' ? ' ' : text[i];

		if (c == '%') {
			int high = i + 2 < len ? digit(text[i + 1]) : -1;
			int low = i + 2 < len ? digit(text[i + 2]) : -1;

			if (high < 0 || low < 0)
				return bad(why, "a % without two hex digits");
			c = (char)(high * 16 + low);
			i += 2;
		}
		bytes_addc(out, c);
	}
	if (out->len > FIELD_MAX)
		return bad(why, "a value is too long");
	return text_ok(out) ? 0 : bad(why, "not clean UTF-8");
}

static int
field_read(struct fields *f, const char *text, size_t len, struct fail *why)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals != NULL ? (size_t)(equals - text) : len;
	struct bytes name = {0}, value = {0};
	int rc = -1;

	if (name_len == 0)
		return bad(why, "a field without a name");
	if (decode(&name, text, name_len, why) == 0 &&
	    (equals == NULL ||
		decode(&value, equals + 1, len - name_len - 1, why) == 0)) {
		rc = 0;
		if (value.len > 0) {
			rc = add(f, (const char *)name.data, (char *)value.data,
			    why);
			value = (struct bytes){0};
		}
	}
	bytes_free(&name);
	bytes_free(&value);
	return rc;
}

int
fields_read(struct fields *f, const char *text, struct fail *why)
{
	memset(f, 0, sizeof(*f));
	while (text != NULL && *text != '\0') {
		size_t len = strcspn(text, "&");

		if (len > 0 && field_read(f, text, len, why) != 0)
			return -1;
		text += len;
		text += *text == '&';
	}
	return 0;
}

/* ---- JSON ---------------------------------------------------------------- */

struct reading {
	struct fields *f;
	struct fail *why;
};

static int
member(const char *key, const struct json *value, void *arg)
{
	struct reading *r = arg;
	char *text = json_scalar(value);
	struct bytes b = {0};
	bool ok;

	if (key == NULL || text == NULL) {
		free(text);
		return bad(r->why, "an object of texts is wanted");
	}
	bytes_adds(&b, text);
	ok = b.len <= FIELD_MAX && text_ok(&b);
	bytes_free(&b);
	if (!ok) {
		free(text);
		return bad(r->why, "a value is too long, or not clean");
	}
	return add(r->f, key, text, r->why);
}

int
fields_read_json(struct fields *f, const char *text, struct fail *why)
{
	struct reading r = {f, why};
	struct json *j;
	int rc;

	memset(f, 0, sizeof(*f));
	if (json_read(&j, text, why) != 0)
		return -1;
	rc = json_type_of(j) == JSON_IS_OBJECT
	         ? json_each(j, member, &r)
	         : bad(why, "an object of texts is wanted");
	json_free(j);
	return rc == 0 ? 0 : -1;
}

void
fields_free(struct fields *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->item[i].name);
		free(f->item[i].value);
	}
	memset(f, 0, sizeof(*f));
}

const char *
field_of(const struct fields *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->item[i].name, name) == 0)
			return f->item[i].value;
	return NULL;
}

int
fields_known(const struct fields *f, const char *const *names, struct fail *why)
{
	for (size_t i = 0; i < f->n; i++) {
		const char *const *name = names;

		while (*name != NULL && strcmp(*name, f->item[i].name) != 0)
			name++;
		if (*name == NULL)
			return fail(why, FAIL_MALFORMED, "query",
			    "the query: there is no field '%.40s' here",
			    f->item[i].name);
	}
	return 0;
}

void
field_write(struct bytes *out, const char *name, const char *value)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789-._*";

	if (value == NULL || *value == '\0')
		return;
	bytes_addf(out, "%c%s=", out->len == 0 ? '?' : '&', name);
	for (; *value != '\0'; value++)
		if (strchr(plain, *value) != NULL)
			bytes_addc(out, *value);
		else
			bytes_addf(out, "%%%02X", (unsigned char)*value);
}

#include "lib/base/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/when.h"

/* A struct json is jansson's own value under a name that hides it. */
static json_t *
inner(const struct json *j)
{
	return (json_t *)(uintptr_t)j;
}

static struct json *
outer(json_t *v)
{
	if (v == NULL)
		abort();
	return (struct json *)v;
}

static void
set(struct json *j, const char *key, json_t *v)
{
	if (v == NULL || json_object_set_new(inner(j), key, v) != 0)
		abort();
}

static void
push(struct json *j, json_t *v)
{
	if (v == NULL || json_array_append_new(inner(j), v) != 0)
		abort();
}

struct json *
json_new_object(void)
{
	return outer(json_object());
}

struct json *
json_new_array(void)
{
	return outer(json_array());
}

void
json_free(struct json *j)
{
	json_decref(inner(j));
}

/* jansson refuses what is not UTF-8: such octets are kept, escaped. */
static json_t *
text_of(const char *value)
{
	json_t *v = json_string(value);

	if (v == NULL) {
		struct bytes safe = {0};

		text_escape(&safe, span_str(value));
		v = json_string((const char *)safe.data);
		bytes_free(&safe);
	}
	return v;
}

void
json_str(struct json *j, const char *key, const char *value)
{
	if (value != NULL)
		set(j, key, text_of(value));
}

void
json_int(struct json *j, const char *key, int64_t value)
{
	set(j, key, json_integer(value));
}

void
json_bool(struct json *j, const char *key, bool value)
{
	set(j, key, json_boolean(value));
}

void
json_none(struct json *j, const char *key)
{
	set(j, key, json_null());
}

void
json_time(struct json *j, const char *key, int64_t when)
{
	char text[WHEN_LEN];

	when_write(text, when);
	json_str(j, key, text);
}

void
json_add(struct json *j, const char *key, struct json *value)
{
	set(j, key, inner(value));
}

void
json_push(struct json *j, struct json *value)
{
	push(j, inner(value));
}

void
json_push_str(struct json *j, const char *value)
{
	push(j, text_of(value));
}

char *
json_text(const struct json *j, unsigned indent)
{
	size_t flags = indent > 0 ? JSON_INDENT(indent) : JSON_COMPACT;
	char *text = json_dumps(inner(j), flags);

	if (text == NULL)
		abort();
	return text;
}

int
json_read(struct json **j, const char *text, struct fail *why)
{
	json_error_t e;
	json_t *v = json_loads(text, JSON_REJECT_DUPLICATES, &e);

	*j = NULL;
	if (v == NULL)
		return fail(why, FAIL_MALFORMED, "json",
		    "not JSON: line %d, column %d: %s", e.line, e.column,
		    e.text);
	*j = outer(v);
	return 0;
}

const char *
json_str_of(const struct json *j, const char *key)
{
	return json_string_value(json_object_get(inner(j), key));
}

int64_t
json_int_of(const struct json *j, const char *key, int64_t absent)
{
	const json_t *v = json_object_get(inner(j), key);

	return json_is_integer(v) ? json_integer_value(v) : absent;
}

bool
json_bool_of(const struct json *j, const char *key, bool absent)
{
	const json_t *v = json_object_get(inner(j), key);

	return json_is_boolean(v) ? json_is_true(v) : absent;
}

const struct json *
json_of(const struct json *j, const char *key)
{
	return (const struct json *)json_object_get(inner(j), key);
}

struct json *
json_dup(const struct json *j)
{
	return outer(json_deep_copy(inner(j)));
}

void
json_remove(struct json *j, const char *key)
{
	(void)json_object_del(inner(j), key);
}

enum json_type
json_type_of(const struct json *j)
{
	const json_t *v = inner(j);

	if (json_is_object(v))
		return JSON_IS_OBJECT;
	if (json_is_array(v))
		return JSON_IS_ARRAY;
	if (json_is_string(v))
		return JSON_IS_TEXT;
	if (json_is_number(v))
		return JSON_IS_NUMBER;
	return json_is_boolean(v) ? JSON_IS_TRUTH : JSON_IS_NULL;
}

char *
json_scalar(const struct json *j)
{
	enum json_type type = json_type_of(j);
	char *text;

	if (type == JSON_IS_TEXT)
		return str_dup(json_string_value(inner(j)));
	if (type != JSON_IS_NUMBER && type != JSON_IS_TRUTH)
		return NULL;
	text = json_dumps(inner(j), JSON_ENCODE_ANY);
	if (text == NULL)
		abort();
	return text;
}

int
json_each(const struct json *j,
    int (*each)(const char *key, const struct json *value, void *arg),
    void *arg)
{
	const char *key;
	json_t *v = inner(j), *value;
	size_t i;
	int rc = 0;

	if (json_is_object(v)) {
		json_object_foreach(v, key, value)
		{
			if ((rc = each(key, outer(value), arg)) != 0)
				return rc;
		}
	}
	if (json_is_array(v)) {
		json_array_foreach(v, i, value)
		{
			if ((rc = each(NULL, outer(value), arg)) != 0)
				return rc;
		}
	}
	return 0;
}

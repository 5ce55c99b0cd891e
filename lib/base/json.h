/*
 * json - compact JSON texts, written and read.  jansson behind it.
 */
#ifndef MICROCA_JSON_H
#define MICROCA_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fail.h"

struct json; /* one object or array, owned */

struct json *json_new_object(void);
struct json *json_new_array(void);
void json_free(struct json *j);

/* Members of an object, in the order they were added.  A NULL string is left
 * out.  Strings must be UTF-8; what is not is stored \xNN-escaped. */
void json_str(struct json *j, const char *key, const char *value);
void json_int(struct json *j, const char *key, int64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_none(struct json *j, const char *key);               /* null */
void json_time(struct json *j, const char *key, int64_t when); /* RFC 3339 */
/* Takes `value` over. */
void json_add(struct json *j, const char *key, struct json *value);
/* Elements of an array; json_push takes `value` over. */
void json_push(struct json *j, struct json *value);
void json_push_str(struct json *j, const char *value);

/* Compact, UTF-8, no final newline; indent > 0: for people.  Caller frees. */
char *json_text(const struct json *j, unsigned indent);
/* Duplicate keys are refused.  FAIL_MALFORMED "json" with line and column. */
MUST_CHECK int json_read(struct json **j, const char *text, struct fail *why);
/* For texts of others, that are walked over. */
enum json_type {
	JSON_IS_NULL,
	JSON_IS_TRUTH,
	JSON_IS_NUMBER,
	JSON_IS_TEXT,
	JSON_IS_ARRAY,
	JSON_IS_OBJECT
};
enum json_type json_type_of(const struct json *j);
/* A text as it is, a number or truth as JSON writes it; NULL for others.  The
 * caller frees. */
char *json_scalar(const struct json *j);
/* Each member of an object, in its order, or element of an array (`key` NULL),
 * until `each` returns non-zero, which is returned. */
int json_each(const struct json *j,
    int (*each)(const char *key, const struct json *value, void *arg),
    void *arg);

/* Borrowed; NULL or `absent` when there is none of that type. */
const char *json_str_of(const struct json *j, const char *key);
int64_t json_int_of(const struct json *j, const char *key, int64_t absent);
bool json_bool_of(const struct json *j, const char *key, bool absent);
/* A member of any type, borrowed; NULL: there is none. */
const struct json *json_of(const struct json *j, const char *key);
/* Everything in it, too; the caller frees. */
struct json *json_dup(const struct json *j);
void json_remove(struct json *j, const char *key);

#endif

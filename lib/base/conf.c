#include "lib/base/conf.h"

#include <libconfig.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/conf_key.h"
#include "lib/base/conf_text.h"
#include "lib/base/when.h"

struct reader {
	const char *path;   /* of the file named */
	const char *folder; /* its folder: included files are there */
	struct bytes file;  /* file_of()'s answer */
	const char *absent; /* the group that the file does not have */
	struct fail *why;
};

static int group_read(struct reader *r, void *out,
    const struct conf_table *table, const config_setting_t *group,
    const config_setting_t *at);

/* libconfig keeps an included file's name as it was written (1.5), or with the
 * folder in front (1.7); NULL is the file named.  Good until the next call. */
static const char *
file_full(struct reader *r, const char *name)
{
	if (name == NULL)
		return r->path;
	r->file.len = 0;
	if (*name != '/' && strncmp(name, r->folder, strlen(r->folder)) != 0)
		bytes_addf(&r->file, "%s/", r->folder);
	bytes_adds(&r->file, name);
	return (const char *)r->file.data;
}

static const char *
file_of(struct reader *r, const config_setting_t *s)
{
	return file_full(r, config_setting_source_file(s));
}

/* The root has no line of its own. */
static unsigned
line_of(const config_setting_t *s)
{
	unsigned line = config_setting_source_line(s);

	return line > 0 ? line : 1;
}

/* "endpoints[1].port" */
static void
path_write(struct bytes *out, const config_setting_t *s)
{
	const config_setting_t *parent = config_setting_parent(s);

	if (parent == NULL)
		return;
	path_write(out, parent);
	if (config_setting_name(s) == NULL)
		bytes_addf(out, "[%d]", config_setting_index(s));
	else
		bytes_addf(out, "%s%s", out->len > 0 ? "." : "",
		    config_setting_name(s));
}

/* FILE:LINE: key 'PATH': what; allowed: … */
static int
value_refuse(struct reader *r, const struct conf_key *key,
    const config_setting_t *s, const char *what)
{
	struct bytes path = {0}, allowed = {0};

	path_write(&path, s);
	conf_key_allowed(&allowed, key);
	fail(r->why, FAIL_CONFIG, "config", "%s:%u: key '%s': %s; allowed: %s",
	    file_of(r, s), line_of(s), path.data, what, allowed.data);
	bytes_free(&path);
	bytes_free(&allowed);
	return -1;
}

static int
unknown_refuse(
    struct reader *r, const struct conf_table *table, const config_setting_t *s)
{
	const char *near = conf_table_nearest(table, config_setting_name(s));
	struct bytes text = {0}, path = {0};

	path_write(&path, s);
	bytes_addf(&text, "%s:%u: key '%s': unknown", file_of(r, s), line_of(s),
	    path.data);
	if (near != NULL)
		bytes_addf(&text, "; did you mean '%s'", near);
	bytes_adds(&text, "; allowed:");
	for (size_t i = 0; i < table->keys; i++)
		bytes_addf(&text, " %s", table->key[i].name);
	fail(r->why, FAIL_CONFIG, "config", "%s", text.data);
	bytes_free(&text);
	bytes_free(&path);
	return -1;
}

static int
bool_read(struct reader *r, void *slot, const struct conf_key *key,
    const config_setting_t *s)
{
	if (config_setting_type(s) != CONFIG_TYPE_BOOL)
		return value_refuse(r, key, s, "wrong type");
	*(bool *)slot = config_setting_get_bool(s) != 0;
	return 0;
}

static int
bounds_check(struct reader *r, const struct conf_key *key,
    const config_setting_t *s, int64_t n)
{
	if ((key->min != 0 || key->max != 0) && (n < key->min || n > key->max))
		return value_refuse(r, key, s, "out of range");
	return 0;
}

static int
int_read(struct reader *r, void *slot, const struct conf_key *key,
    const config_setting_t *s)
{
	int64_t n;

	if (config_setting_type(s) == CONFIG_TYPE_INT)
		n = config_setting_get_int(s);
	else if (config_setting_type(s) == CONFIG_TYPE_INT64)
		n = config_setting_get_int64(s);
	else
		return value_refuse(r, key, s, "wrong type");
	if (n < INT32_MIN || n > INT32_MAX)
		return value_refuse(r, key, s, "out of range");
	*(int *)slot = (int)n;
	return bounds_check(r, key, s, n);
}

/* Borrowed; NULL when refused.  Every text of ours is one line. */
static const char *
text_of(struct reader *r, const struct conf_key *key, const config_setting_t *s)
{
	const char *text = config_setting_get_string(s);

	if (config_setting_type(s) != CONFIG_TYPE_STRING || text == NULL) {
		value_refuse(r, key, s, "wrong type");
		return NULL;
	}
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			value_refuse(r, key, s, "has a control character");
			return NULL;
		}
	return text;
}

static int
word_find(const char *const *words, const char *text)
{
	for (int i = 0; words[i] != NULL && *text != '\0'; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

/* A text that is not empty. */
static int
text_check(struct reader *r, const struct conf_key *key,
    const config_setting_t *s, const char *text)
{
	if (key->words != NULL && word_find(key->words, text) < 0)
		return value_refuse(r, key, s, "unknown word");
	if (key->ok != NULL && !key->ok(text))
		return value_refuse(r, key, s, "not of this form");
	return 0;
}

/* An empty text stands for none. */
static int
string_read(struct reader *r, void *slot, const struct conf_key *key,
    const config_setting_t *s)
{
	const char *text = text_of(r, key, s);

	if (text == NULL)
		return -1;
	if (*text == '\0' && key->required)
		return value_refuse(r, key, s, "empty");
	if (*text == '\0')
		return 0;
	*(char **)slot = str_dup(text);
	return text_check(r, key, s, text);
}

static int
units_read(struct reader *r, void *slot, const struct conf_key *key,
    const config_setting_t *s)
{
	const char *text = text_of(r, key, s);
	struct fail ignored = {0};
	int64_t n = 0;
	int rc;

	if (text == NULL)
		return -1;
	rc = key->type == CONF_DURATION ? duration_read(&n, text, &ignored)
	                                : size_read(&n, text, &ignored);
	if (rc != 0)
		return value_refuse(r, key, s, "bad unit or number");
	*(int64_t *)slot = n;
	return bounds_check(r, key, s, n);
}

static int
word_read(struct reader *r, void *slot, const struct conf_key *key,
    const config_setting_t *s)
{
	const char *text = text_of(r, key, s);

	if (text == NULL)
		return -1;
	*(int *)slot = word_find(key->words, text);
	if (*(int *)slot < 0)
		return value_refuse(r, key, s, "unknown word");
	return 0;
}

static bool
is_sequence(const config_setting_t *s)
{
	return config_setting_is_list(s) || config_setting_is_array(s);
}

static int
strings_add(struct reader *r, struct conf_strings *list,
    const struct conf_key *key, const config_setting_t *s)
{
	const char *text = text_of(r, key, s);

	if (text == NULL)
		return -1;
	if (*text == '\0')
		return value_refuse(r, key, s, "empty");
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->text[i], text) == 0)
			return value_refuse(r, key, s, "given twice");
	list->text = mem_grow(list->text, list->n + 1, sizeof(*list->text));
	list->text[list->n++] = str_dup(text);
	return text_check(r, key, s, text);
}

static int
strings_read(struct reader *r, void *slot, const struct conf_key *key,
    const config_setting_t *s)
{
	unsigned n = (unsigned)config_setting_length(s);

	if (!is_sequence(s))
		return strings_add(r, slot, key, s);
	for (unsigned i = 0; i < n; i++)
		if (strings_add(r, slot, key, config_setting_get_elem(s, i)) !=
		    0)
			return -1;
	return 0;
}

static int
sub_read(struct reader *r, void *slot, const struct conf_key *key,
    const config_setting_t *s)
{
	if (!config_setting_is_group(s))
		return value_refuse(r, key, s, "wrong type");
	return group_read(r, slot, key->table, s, s);
}

static int
list_read(struct reader *r, void *slot, const struct conf_key *key,
    const config_setting_t *s)
{
	struct conf_list *list = slot;
	size_t size = key->table->size;
	unsigned n = (unsigned)config_setting_length(s);

	if (!is_sequence(s))
		return value_refuse(r, key, s, "wrong type");
	list->item = mem_new(n * size);
	list->n = n;
	for (unsigned i = 0; i < n; i++)
		if (sub_read(r, (char *)list->item + i * size, key,
			config_setting_get_elem(s, i)) != 0)
			return -1;
	return 0;
}

static int
value_read(struct reader *r, void *out, const struct conf_key *key,
    const config_setting_t *s)
{
	static int (*const read[])(struct reader *, void *,
	    const struct conf_key *, const config_setting_t *) = {
	    [CONF_BOOL] = bool_read,
	    [CONF_INT] = int_read,
	    [CONF_STRING] = string_read,
	    [CONF_DURATION] = units_read,
	    [CONF_SIZE] = units_read,
	    [CONF_WORD] = word_read,
	    [CONF_STRINGS] = strings_read,
	    [CONF_GROUP] = sub_read,
	    [CONF_LIST] = list_read,
	};

	return read[key->type](r, (char *)out + key->offset, key, s);
}

/* The fallback is read as if it stood in the file. */
static int
fallback_read(struct reader *r, void *out, const struct conf_key *key)
{
	char *text = str_fmt("%s = %s;", key->name, key->fallback);
	config_t config;
	int rc;

	config_init(&config);
	if (config_read_string(&config, text) != CONFIG_TRUE)
		rc = fail(r->why, FAIL_BROKEN, "config",
		    "default of '%s' cannot be read", key->name);
	else
		rc = value_read(r, out, key,
		    config_setting_get_elem(config_root_setting(&config), 0));
	config_destroy(&config);
	free(text);
	return rc;
}

static int
absent_refuse(
    struct reader *r, const struct conf_key *key, const config_setting_t *at)
{
	struct bytes path = {0};

	path_write(&path, at);
	if (r->absent != NULL)
		bytes_addf(&path, "%s%s", path.len > 0 ? "." : "", r->absent);
	bytes_addf(&path, "%s%s", path.len > 0 ? "." : "", key->name);
	fail(r->why, FAIL_CONFIG, "config", "%s:%u: key '%s' is missing: %s",
	    file_of(r, at), line_of(at), (const char *)path.data, key->text);
	bytes_free(&path);
	return -1;
}

static int
absent_read(struct reader *r, void *out, const struct conf_key *key,
    const config_setting_t *at)
{
	if (key->required)
		return absent_refuse(r, key, at);
	if (key->fallback != NULL)
		return fallback_read(r, out, key);
	if (key->type == CONF_GROUP) {
		int rc;

		r->absent = key->name;
		rc = group_read(
		    r, (char *)out + key->offset, key->table, NULL, at);
		r->absent = NULL;
		return rc;
	}
	return 0;
}

static bool
table_has(const struct conf_table *table, const char *name)
{
	for (size_t i = 0; i < table->keys; i++)
		if (strcmp(table->key[i].name, name) == 0)
			return true;
	return false;
}

/* `group` is NULL for one that the file does not have: all defaults. */
static int
group_read(struct reader *r, void *out, const struct conf_table *table,
    const config_setting_t *group, const config_setting_t *at)
{
	unsigned n = group != NULL ? (unsigned)config_setting_length(group) : 0;

	if (table->where != SIZE_MAX)
		*(char **)((char *)out + table->where) =
		    str_fmt("%s:%u", file_of(r, at), line_of(at));
	for (unsigned i = 0; i < n; i++) {
		const config_setting_t *s = config_setting_get_elem(group, i);

		if (!table_has(table, config_setting_name(s)))
			return unknown_refuse(r, table, s);
	}
	for (size_t i = 0; i < table->keys; i++) {
		const struct conf_key *key = &table->key[i];
		const config_setting_t *s =
		    group != NULL ? config_setting_get_member(group, key->name)
				  : NULL;
		int rc = s != NULL ? value_read(r, out, key, s)
		                   : absent_read(r, out, key, at);

		if (rc != 0)
			return -1;
	}
	return 0;
}

/* libconfig has read the included files by itself; they obey the same rules.
 * `*done` is the file checked last. */
static int
included_check(struct reader *r, const config_setting_t *s, const char **done)
{
	const char *file = config_setting_source_file(s);
	unsigned n = config_setting_is_aggregate(s)
	                 ? (unsigned)config_setting_length(s)
	                 : 0;
	struct bytes text = {0};
	int rc = 0;

	if (file != NULL && (*done == NULL || strcmp(file, *done) != 0)) {
		rc = conf_text_read(&text, file_of(r, s), r->why);
		bytes_free(&text);
		*done = file;
	}
	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = included_check(r, config_setting_get_elem(s, i), done);
	return rc;
}

static int
parse(struct reader *r, config_t *config, const char *text)
{
	const char *done = NULL;

	if (config_read_string(config, text) == CONFIG_TRUE)
		return included_check(r, config_root_setting(config), &done);
	return fail(r->why, FAIL_CONFIG, "config", "%s:%d: %s",
	    file_full(r, config_error_file(config)), config_error_line(config),
	    config_error_text(config));
}

int
conf_read(void *out, const struct conf_table *table, const char *path,
    struct fail *why)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == path   ? str_dup("/")
	               : slash != NULL ? mem_dup(path, (size_t)(slash - path))
	                               : str_dup(".");
	struct reader r = {path, folder, {0}, NULL, why};
	struct bytes text = {0};
	config_t config;
	int rc = -1;

	config_init(&config);
	config_set_include_dir(&config, folder);
	if (conf_text_read(&text, path, why) == 0 &&
	    parse(&r, &config, (const char *)text.data) == 0)
		rc = group_read(&r, out, table, config_root_setting(&config),
		    config_root_setting(&config));
	config_destroy(&config);
	bytes_free(&text);
	bytes_free(&r.file);
	free(folder);
	return rc;
}

#include "lib/base/conf.h"

#include <stdlib.h>

#include "lib/base/conf_key.h"

static void group_write(struct bytes *out, const void *group,
    const struct conf_table *table, unsigned depth);

static void
string_write(struct bytes *out, const char *text)
{
	bytes_addc(out, '"');
	for (; text != NULL && *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			bytes_addc(out, '\\');
		bytes_addc(out, *text);
	}
	bytes_addc(out, '"');
}

static void
strings_write(struct bytes *out, const struct conf_strings *list)
{
	bytes_addc(out, '(');
	for (size_t i = 0; i < list->n; i++) {
		bytes_adds(out, i > 0 ? ", " : "");
		string_write(out, list->text[i]);
	}
	bytes_addc(out, ')');
}

static void
indent(struct bytes *out, unsigned depth)
{
	while (depth-- > 0)
		bytes_adds(out, "    ");
}

static void
braces_write(struct bytes *out, const void *group,
    const struct conf_table *table, unsigned depth)
{
	bytes_adds(out, "{\n");
	group_write(out, group, table, depth + 1);
	indent(out, depth);
	bytes_addc(out, '}');
}

static void
list_write(struct bytes *out, const struct conf_list *list,
    const struct conf_table *table, unsigned depth)
{
	bytes_addc(out, '(');
	for (size_t i = 0; i < list->n; i++) {
		bytes_adds(out, i > 0 ? ", " : "");
		braces_write(out, (const char *)list->item + i * table->size,
		    table, depth);
	}
	bytes_addc(out, ')');
}

static void
value_write(struct bytes *out, const void *slot, const struct conf_key *key,
    unsigned depth)
{
	switch (key->type) {
	case CONF_BOOL:
		bytes_adds(out, *(const bool *)slot ? "true" : "false");
		break;
	case CONF_INT:
		bytes_addf(out, "%d", *(const int *)slot);
		break;
	case CONF_STRING:
		string_write(out, *(char *const *)slot);
		break;
	case CONF_DURATION:
	case CONF_SIZE:
		conf_value_write(out, key->type, *(const int64_t *)slot);
		break;
	case CONF_WORD:
		string_write(out, key->words[*(const int *)slot]);
		break;
	case CONF_STRINGS:
		strings_write(out, slot);
		break;
	case CONF_GROUP:
		braces_write(out, slot, key->table, depth);
		break;
	case CONF_LIST:
		list_write(out, slot, key->table, depth);
		break;
	}
}

/* A text that is not set and has no default says nothing. */
static bool
is_silent(const void *slot, const struct conf_key *key)
{
	return key->type == CONF_STRING && key->fallback == NULL &&
	       *(char *const *)slot == NULL;
}

static void
group_write(struct bytes *out, const void *group,
    const struct conf_table *table, unsigned depth)
{
	for (size_t i = 0; i < table->keys; i++) {
		const struct conf_key *key = &table->key[i];
		const void *slot = (const char *)group + key->offset;

		if (is_silent(slot, key))
			continue;
		indent(out, depth);
		bytes_addf(out, "%s = ", key->name);
		value_write(out, slot, key, depth);
		bytes_adds(out, ";\n");
	}
}

void
conf_write(struct bytes *out, const void *group, const struct conf_table *table)
{
	group_write(out, group, table, 0);
}

static void
strings_free(struct conf_strings *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->text[i]);
	free(list->text);
	*list = (struct conf_strings){0};
}

static void
list_free(struct conf_list *list, const struct conf_table *table)
{
	for (size_t i = 0; i < list->n; i++)
		conf_free((char *)list->item + i * table->size, table);
	free(list->item);
	*list = (struct conf_list){0};
}

static void
string_free(void *slot)
{
	free(*(char **)slot);
	*(char **)slot = NULL;
}

void
conf_free(void *group, const struct conf_table *table)
{
	for (size_t i = 0; i < table->keys; i++) {
		const struct conf_key *key = &table->key[i];
		void *slot = (char *)group + key->offset;

		if (key->type == CONF_STRING)
			string_free(slot);
		else if (key->type == CONF_STRINGS)
			strings_free(slot);
		else if (key->type == CONF_GROUP)
			conf_free(slot, key->table);
		else if (key->type == CONF_LIST)
			list_free(slot, key->table);
	}
	if (table->where != SIZE_MAX)
		string_free((char *)group + table->where);
}

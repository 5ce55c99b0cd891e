#include "lib/base/conf_key.h"

#include <string.h>

/* The largest unit that divides n. */
static void
units_write(
    struct bytes *out, int64_t n, const char *units, const int64_t *factor)
{
	for (; *units != '\0'; units++, factor++)
		if (n % *factor == 0)
			break;
	if (*units == '\0' || n == 0)
		bytes_addf(out, "\"%lld\"", (long long)n);
	else
		bytes_addf(out, "\"%lld%c\"", (long long)(n / *factor), *units);
}

void
conf_value_write(struct bytes *out, enum conf_type type, int64_t n)
{
	static const int64_t seconds[] = {365 * 86400, 86400, 3600, 60, 1};
	static const int64_t octets[] = {1 << 30, 1 << 20, 1 << 10};

	if (type == CONF_DURATION)
		units_write(out, n, "ydhms", seconds);
	else if (type == CONF_SIZE)
		units_write(out, n, "GMk", octets);
	else
		bytes_addf(out, "%lld", (long long)n);
}

static void
words_write(struct bytes *out, const char *const *words)
{
	const char *gap = "";

	for (; *words != NULL; words++) {
		if (**words == '\0')
			continue;
		bytes_addf(out, "%s\"%s\"", gap, *words);
		gap = ", ";
	}
}

static void
bounds_write(struct bytes *out, const struct conf_key *key)
{
	if (key->min == 0 && key->max == 0)
		return;
	bytes_adds(out, ", ");
	conf_value_write(out, key->type, key->min);
	bytes_adds(out, " to ");
	conf_value_write(out, key->type, key->max);
}

void
conf_key_allowed(struct bytes *out, const struct conf_key *key)
{
	static const char *const kind[] = {
	    [CONF_BOOL] = "true or false",
	    [CONF_INT] = "a whole number",
	    [CONF_STRING] = "a text in quotes",
	    [CONF_DURATION] = "a duration in quotes (s m h d w y)",
	    [CONF_SIZE] = "a size in quotes (k M G)",
	    [CONF_WORD] = "a word in quotes",
	    [CONF_STRINGS] = "a text in quotes, or several: (\"a\", \"b\")",
	    [CONF_GROUP] = "a group: { ... }",
	    [CONF_LIST] = "a list of groups: ( { ... }, { ... } )",
	};

	if (key->form != NULL) {
		bytes_adds(out, key->form);
	} else if (key->words != NULL) {
		words_write(out, key->words);
	} else {
		bytes_adds(out, kind[key->type]);
		bounds_write(out, key);
	}
}

/* Edits that turn a into b; names are short (at most 63 counted). */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[64], rows = (unsigned)strnlen(b, 63);

	for (unsigned j = 0; j <= rows; j++)
		row[j] = j;
	for (; *a != '\0'; a++) {
		unsigned corner = row[0]++;

		for (unsigned j = 1; j <= rows; j++) {
			unsigned best = corner + (*a != b[j - 1]);

			corner = row[j];
			if (corner + 1 < best)
				best = corner + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[rows];
}

const char *
conf_table_nearest(const struct conf_table *table, const char *name)
{
	unsigned best = (unsigned)strlen(name) / 2 + 1;
	const char *found = NULL;

	for (size_t i = 0; i < table->keys; i++) {
		unsigned d = distance(name, table->key[i].name);

		if (d < best) {
			best = d;
			found = table->key[i].name;
		}
	}
	return found;
}

bool
conf_is_name(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789._-");

	return len > 0 && len <= 64 && text[len] == '\0' &&
	       strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

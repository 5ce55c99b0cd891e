/*
 * confdocs - is a configuration file's table what its manual and its sample
 * say?  Include it before cmocka.h.
 */
#ifndef MICROCA_TEST_CONFDOCS_H
#define MICROCA_TEST_CONFDOCS_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/conf.h"
#include "lib/base/file.h"

/* A file of the source tree, as text. */
static char *
source_text(const char *name)
{
	const char *dir = getenv("SRCDIR");
	char *path = file_path(dir != NULL ? dir : ".", name);
	struct bytes text = {0};
	struct fail why = {0};

	if (file_read(&text, path, 1 << 20, &why) != 0) {
		(void)fprintf(stderr, "%s\n", why.text);
		abort();
	}
	free(path);
	return (char *)text.data;
}

/* How often `word` is there as a whole word behind `before`. */
static unsigned
count_word(const char *text, const char *before, const char *word)
{
	char *want = str_fmt("%s%s", before, word);
	size_t len = strlen(want);
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, want)) != NULL; p += len)
		if (!isalnum((unsigned char)p[len]) && p[len] != '_')
			n++;
	free(want);
	return n;
}

/* Tables of the whole file that have a key of that name. */
static unsigned
count_key(const struct conf_table *table, const char *name)
{
	unsigned n = 0;

	for (size_t i = 0; i < table->keys; i++) {
		const struct conf_key *key = &table->key[i];

		n += strcmp(key->name, name) == 0;
		if (key->table != NULL)
			n += count_key(key->table, name);
	}
	return n;
}

/* Keys that are in the table as often as the manual has an item for them, and
 * anywhere in the sample.  Returns how many are not. */
static unsigned
undocumented(const struct conf_table *table, const struct conf_table *all,
    const char *manual, const char *sample)
{
	unsigned bad = 0;

	for (size_t i = 0; i < table->keys; i++) {
		const struct conf_key *key = &table->key[i];

		if (count_word(manual, "\n.It Cm ", key->name) !=
		    count_key(all, key->name)) {
			(void)fprintf(
			    stderr, "%s: not in the manual\n", key->name);
			bad++;
		}
		if (count_word(sample, "", key->name) == 0) {
			(void)fprintf(
			    stderr, "%s: not in the sample\n", key->name);
			bad++;
		}
		if (key->text == NULL) {
			(void)fprintf(stderr, "%s: has no text\n", key->name);
			bad++;
		}
		if (key->table != NULL)
			bad += undocumented(key->table, all, manual, sample);
	}
	return bad;
}

/* Items of the manual, to be compared with the table's keys. */
static unsigned
count_keys(const struct conf_table *table)
{
	unsigned n = (unsigned)table->keys;

	for (size_t i = 0; i < table->keys; i++)
		if (table->key[i].table != NULL)
			n += count_keys(table->key[i].table);
	return n;
}

static unsigned
count_items(const char *manual)
{
	unsigned n = 0;

	while ((manual = strstr(manual, "\n.It Cm ")) != NULL) {
		manual++;
		n++;
	}
	return n;
}

/* "#key = value;" made "key = value;": by the samples' convention that is a
 * default, so nothing may change by it. */
static void
uncomment(char *sample)
{
	bool start = true;

	for (char *p = sample; *p != '\0'; p++) {
		if (start && *p == '#' && islower((unsigned char)p[1]))
			*p = ' ';
		start = *p == '\n' || (start && (*p == '\t' || *p == ' '));
	}
}

#endif

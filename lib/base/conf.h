/*
 * conf - libconfig files read against a table of keywords.
 *
 * One table per group says each key's name, type, range, words and default,
 * and where the value goes.  Anything else in a file is refused with file,
 * line, key and what is allowed.  Durations and sizes are strings ("90d",
 * "64k").  @include is relative to the folder of the file that is read.
 */
#ifndef MICROCA_CONF_H
#define MICROCA_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

enum conf_type {
	CONF_BOOL,     /* bool */
	CONF_INT,      /* int, min..max */
	CONF_STRING,   /* char *, owned; an empty text gives NULL */
	CONF_DURATION, /* int64_t s, min..max */
	CONF_SIZE,     /* int64_t octets, min..max */
	CONF_WORD,     /* int: index in `words`, where "" is no word */
	CONF_STRINGS,  /* struct conf_strings: ("a", "b") or "a"; none twice */
	CONF_GROUP,    /* a struct inside, by `table` */
	CONF_LIST      /* struct conf_list of groups by `table` */
};

struct conf_strings {
	char **text;
	size_t n;
};

struct conf_list {
	void *item; /* n structs of table->size */
	size_t n;
};

struct conf_table;

struct conf_key {
	const char *name;
	enum conf_type type;
	size_t offset;                  /* in the group's struct */
	int64_t min, max;               /* both 0: no bounds */
	const char *const *words;       /* CONF_WORD; CONF_STRING and each of
	                             CONF_STRINGS if given; NULL-terminated */
	const struct conf_table *table; /* CONF_GROUP, CONF_LIST */
	const char *fallback; /* as it would stand in the file; NULL: zero */
	bool required;
	const char *text; /* one line for the man page and `check` */
	/* Each text, where words and bounds cannot say it; may be NULL. */
	bool (*ok)(const char *text);
	const char *form; /* … and what is allowed, for the refusal */
};

struct conf_table {
	const char *name;
	size_t size; /* of the struct */
	const struct conf_key *key;
	size_t keys;
	/* The line of each group is kept here (char *, owned: "file:12"), so
	 * that later checks can name it; SIZE_MAX: nowhere. */
	size_t where;
};

/*
 * Fill `out` (zeroed by the caller, table->size octets; conf_free() it even
 * after a failure) from a file and those it includes.  Fails: FAIL_CONFIG
 * "config", the text "FILE:LINE: …" with key and allowed values; FAIL_CONFIG
 * "file-mode" when anybody may write one of them.
 */
MUST_CHECK int conf_read(void *out, const struct conf_table *table,
    const char *path, struct fail *why);
void conf_free(void *group, const struct conf_table *table);
/* The effective values in libconfig's syntax, defaults included. */
void conf_write(
    struct bytes *out, const void *group, const struct conf_table *table);

/* 1 to 64 of A-Z a-z 0-9 . _ -, neither "." nor "..": names of things in the
 * files, which become parts of paths. */
bool conf_is_name(const char *text);

#endif

#include "bin/microca.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"

#define MOST_OPTIONS 16
#define FIRST_LONG 256 /* getopt's answer for spec[0] */

static int
int_read(int64_t *value, const struct option_spec *spec, const char *text,
    struct fail *why)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < spec->min ||
	    n > spec->max)
		return fail(why, FAIL_CONFIG, "usage",
		    "--%s: \"%s\" is not a number from %lld to %lld",
		    spec->name, text, (long long)spec->min,
		    (long long)spec->max);
	*value = n;
	return 0;
}

static int
word_read(int *value, const struct option_spec *spec, const char *text,
    struct fail *why)
{
	struct bytes all = {0};
	int i;

	for (i = 0; spec->words[i] != NULL; i++) {
		if (strcmp(spec->words[i], text) == 0) {
			bytes_free(&all);
			*value = i;
			return 0;
		}
		bytes_addf(&all, "%s%s", i > 0 ? " " : "", spec->words[i]);
	}
	fail(why, FAIL_CONFIG, "usage", "--%s: \"%s\" is none of: %s",
	    spec->name, text, (const char *)all.data);
	bytes_free(&all);
	return -1;
}

static int
duration(int64_t *value, const struct option_spec *spec, const char *text,
    struct fail *why)
{
	int64_t s;

	if (duration_read(&s, text, why) != 0 || s < 1)
		return fail(why, FAIL_CONFIG, "usage",
		    "--%s: \"%s\" is not a duration like 30d or 12h",
		    spec->name, text);
	*value = s;
	return 0;
}

static int
value_read(const struct option_spec *spec, char *text, struct fail *why)
{
	switch (spec->type) {
	case OPTION_FLAG:
		*(bool *)spec->value = true;
		return 0;
	case OPTION_TEXT:
		*(const char **)spec->value = text;
		return 0;
	case OPTION_INT:
		return int_read(spec->value, spec, text, why);
	case OPTION_DURATION:
		return duration(spec->value, spec, text, why);
	case OPTION_WORD:
		return word_read(spec->value, spec, text, why);
	}
	return fail(why, FAIL_BROKEN, "usage", "--%s has no type", spec->name);
}

static size_t
spec_of(const struct option_spec *spec, size_t n, int c)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (c == FIRST_LONG + (int)i ||
		    (spec[i].letter != 0 && c == spec[i].letter))
			return i;
	return n;
}

/* The tables getopt_long() wants. */
static void
tables_make(const struct option_spec *spec, size_t n, struct option *options,
    char *letters)
{
	size_t i, at = 0;

	letters[at++] = ':';
	for (i = 0; i < n; i++) {
		bool wants = spec[i].type != OPTION_FLAG;

		options[i].name = spec[i].name;
		options[i].has_arg = wants ? required_argument : no_argument;
		options[i].val = FIRST_LONG + (int)i;
		if (spec[i].letter != 0) {
			letters[at++] = (char)spec[i].letter;
			if (wants)
				letters[at++] = ':';
		}
	}
	letters[at] = '\0';
}

int
options_read(const struct option_spec *spec, size_t n, int *argc, char ***argv,
    struct fail *why)
{
	struct option options[MOST_OPTIONS + 1] = {{0}};
	char letters[2 * MOST_OPTIONS + 2];
	int c;

	if (n > MOST_OPTIONS)
		return fail(why, FAIL_BROKEN, "usage", "too many options");
	tables_make(spec, n, options, letters);
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(*argc, *argv, letters, options, NULL)) != -1) {
		size_t i = spec_of(spec, n, c);

		if (c == ':')
			return fail(why, FAIL_CONFIG, "usage",
			    "%s wants a value", (*argv)[optind - 1]);
		if (i == n)
			return fail(why, FAIL_CONFIG, "usage",
			    "unknown option %s", (*argv)[optind - 1]);
		if (value_read(&spec[i], optarg, why) != 0)
			return -1;
	}
	*argc -= optind;
	*argv += optind;
	return 0;
}

int
operands_ok(int argc, int min, int max, struct fail *why)
{
	if (argc < min)
		return fail(
		    why, FAIL_CONFIG, "usage", "too few operands: see --help");
	if (argc > max)
		return fail(
		    why, FAIL_CONFIG, "usage", "too many operands: see --help");
	return 0;
}

#include "lib/wire/pattern.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

struct pattern {
	char *text;
	regex_t regex;
};

/* After a '[': the octet after the ']' that ends it, NULL when none does. */
static const char *
bracket_end(const char *p)
{
	p += *p == '^';
	p += *p == ']';
	for (; *p != '\0' && *p != ']'; p++) {
		char end[3] = {p[1], ']', '\0'};

		if (*p != '[' || end[0] == '\0' || !strchr(".:=", end[0]))
			continue;
		if ((p = strstr(p + 2, end)) == NULL)
			return NULL;
		p++;
	}
	return *p == ']' ? p + 1 : NULL;
}

/* What a pattern comes to when its repetitions are written out, as the C
 * library does: one of forty octets can fill all memory. */
#define ATOMS_MOST 5000
#define DEPTH_MOST 16 /* parentheses in each other */

enum shape { SHAPE_OK, SHAPE_BRACKETS, SHAPE_REPEATS, SHAPE_LARGE };

/* After a '{': the largest number in it and the octet after its '}'; NULL: it
 * is no interval. */
static const char *
interval_end(const char *p, uint64_t *times)
{
	size_t len = strspn(p, "0123456789,");

	*times = 1;
	if (len == 0 || p[len] != '}')
		return NULL;
	for (const char *q = p; q < p + len; q++) {
		uint64_t n = strtoul(q, NULL, 10);

		/* {3,} is three, and one that may come again. */
		n += *q == ',' && q + 1 == p + len;
		if (n > *times)
			*times = n;
		q += strspn(q, "0123456789");
	}
	return p + len + 1;
}

/* A repetition of what weighs `atoms`, if one stands here. */
static const char *
repetition(const char *p, uint64_t *atoms)
{
	const char *end = NULL;
	uint64_t times = 1;

	if (*p == '*' || *p == '?')
		end = p + 1;
	else if (*p == '+' && (times = 2) != 0)
		end = p + 1;
	else if (*p == '{')
		end = interval_end(p + 1, &times);
	if (end != NULL && (*atoms *= times) > ATOMS_MOST)
		*atoms = ATOMS_MOST + 1;
	return end;
}

static enum shape branches(const char **at, unsigned depth, uint64_t *atoms);

/* One atom without its repetition. */
static enum shape
atom(const char **at, unsigned depth, uint64_t *atoms)
{
	const char *p = *at;
	char c = *p++;

	*atoms = 1;
	if (c == '(') {
		if (depth == DEPTH_MOST)
			return SHAPE_LARGE;
		*at = p;
		return branches(at, depth + 1, atoms);
	}
	if (c == '\\' && *p++ == '\0')
		return SHAPE_BRACKETS;
	if (c == '[' && (p = bracket_end(p)) == NULL)
		return SHAPE_BRACKETS;
	*at = p;
	return SHAPE_OK;
}

/* Up to the ')' that ends them, which is taken, or to the pattern's end. */
static enum shape
branches(const char **at, unsigned depth, uint64_t *atoms)
{
	*atoms = 1;
	while (**at != '\0' && **at != ')') {
		const char *more;
		uint64_t here;
		enum shape shape = atom(at, depth, &here);

		if (shape != SHAPE_OK)
			return shape;
		if ((more = repetition(*at, &here)) != NULL) {
			uint64_t ignored = 1;

			*at = more;
			/* POSIX leaves open what "a++" is. */
			if (repetition(more, &ignored) != NULL)
				return SHAPE_REPEATS;
		}
		if ((*atoms += here) > ATOMS_MOST)
			return SHAPE_LARGE;
	}
	/* Else "a)|(b" would leave the anchors. */
	if ((**at == ')') != (depth > 0))
		return SHAPE_BRACKETS;
	*at += depth > 0;
	return SHAPE_OK;
}

static enum shape
shape_of(const char *text)
{
	uint64_t atoms;

	return *text == '\0' ? SHAPE_BRACKETS : branches(&text, 0, &atoms);
}

/* A back-reference would count the group that we add, and costs without
 * bound. */
static bool
backreference(const char *p)
{
	while ((p = strchr(p, '\\')) != NULL && p[1] != '\0') {
		if (p[1] >= '1' && p[1] <= '9')
			return true;
		p += 2;
	}
	return false;
}

static int
shape_ok(const char *text, struct fail *why)
{
	static const char *const says[] = {
	    [SHAPE_BRACKETS] = "empty, with brackets that do not match, or "
			       "with a back-reference",
	    [SHAPE_REPEATS] = "a repetition is repeated",
	    [SHAPE_LARGE] = "too large when its repetitions are written out"};
	enum shape shape =
	    backreference(text) ? SHAPE_BRACKETS : shape_of(text);

	if (shape == SHAPE_OK)
		return 0;
	return fail(why, FAIL_CONFIG, "pattern", "pattern \"%s\": %s", text,
	    says[shape]);
}

int
pattern_read(struct pattern **pattern, const char *text, struct fail *why)
{
	struct pattern *p;
	char *anchored;
	char reason[128];
	int rc;

	*pattern = NULL;
	if (shape_ok(text, why) != 0)
		return -1;
	p = mem_new(sizeof(*p));
	anchored = str_fmt("^(%s)$", text);
	rc = regcomp(&p->regex, anchored, REG_EXTENDED | REG_NOSUB);
	free(anchored);
	if (rc != 0) {
		(void)regerror(rc, &p->regex, reason, sizeof(reason));
		free(p);
		return fail(why, FAIL_CONFIG, "pattern", "pattern \"%s\": %s",
		    text, reason);
	}
	p->text = str_dup(text);
	*pattern = p;
	return 0;
}

void
pattern_free(struct pattern *pattern)
{
	if (pattern == NULL)
		return;
	regfree(&pattern->regex);
	free(pattern->text);
	free(pattern);
}

bool
pattern_match(const struct pattern *pattern, const char *value)
{
	return value != NULL &&
	       regexec(&pattern->regex, value, 0, NULL, 0) == 0;
}

const char *
pattern_text(const struct pattern *pattern)
{
	return pattern->text;
}

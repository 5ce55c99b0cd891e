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

/* Without this, "a)|(b" would leave the anchors. */
static bool
parentheses_ok(const char *p)
{
	unsigned depth = 0;

	while (*p != '\0') {
		char c = *p++;

		if (c == '\\') {
			if (*p == '\0')
				return false;
			p++;
		} else if (c == '[') {
			if ((p = bracket_end(p)) == NULL)
				return false;
		} else if (c == '(') {
			depth++;
		} else if (c == ')' && depth-- == 0) {
			return false;
		}
	}
	return depth == 0;
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

int
pattern_read(struct pattern **pattern, const char *text, struct fail *why)
{
	struct pattern *p;
	char *anchored;
	char reason[128];
	int rc;

	*pattern = NULL;
	if (*text == '\0' || !parentheses_ok(text) || backreference(text))
		return fail(why, FAIL_CONFIG, "pattern",
		    "pattern \"%s\": empty, with brackets that do not match, "
		    "or with a back-reference",
		    text);
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

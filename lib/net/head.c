#include "lib/net/head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/when.h"

/* The value of the header line, or NULL when it is another; blanks off. */
static char *
value_of(const char *line, size_t len, const char *name)
{
	size_t skip = strlen(name);

	if (len <= skip || strncasecmp(line, name, skip) != 0 ||
	    line[skip] != ':')
		return NULL;
	for (skip++; skip < len && (line[skip] == ' ' || line[skip] == '\t');)
		skip++;
	while (len > skip && (unsigned char)line[len - 1] <= ' ')
		len--;
	/* RFC 9110, 5.5: controls in a value make it none. */
	for (size_t i = skip; i < len; i++)
		if ((unsigned char)line[i] < ' ' && line[i] != '\t')
			return NULL;
	return mem_dup(line + skip, len - skip);
}

static void
value_keep(char **kept, char *value)
{
	if (value == NULL)
		return;
	free(*kept);
	*kept = value;
}

static void
challenge_add(struct http_answer *answer, char *value)
{
	char *joined;

	if (value == NULL)
		return;
	joined = answer->challenges == NULL
	             ? str_dup(value)
	             : str_fmt("%s, %s", answer->challenges, value);
	free(answer->challenges);
	answer->challenges = joined;
	free(value);
}

/* RFC 9110, 10.2.3: seconds, or a date. */
static int64_t
retry_after_read(const char *text)
{
	int64_t date, seconds = 0;

	if (text[strspn(text, "0123456789")] != '\0') {
		date = http_date(text);
		seconds = date - when_now();
		return date < 0 ? -1 : seconds > 0 ? seconds : 0;
	}
	for (; *text != '\0' && seconds < INT32_MAX; text++)
		seconds = seconds * 10 + (*text - '0');
	return seconds;
}

void
head_line(struct http_answer *answer, const char *line, size_t len)
{
	char *retry;

	/* A status line: what an interim answer (1xx) said is past. */
	if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
		http_answer_free(answer);
		answer->retry_after = -1;
		return;
	}
	bytes_add(&answer->head, line, len);
	retry = value_of(line, len, "Retry-After");
	if (retry != NULL)
		answer->retry_after = retry_after_read(retry);
	free(retry);
	value_keep(&answer->type, value_of(line, len, "Content-Type"));
	value_keep(&answer->location, value_of(line, len, "Location"));
	challenge_add(answer, value_of(line, len, "WWW-Authenticate"));
}

char *
http_header(const struct http_answer *answer, const char *name)
{
	const char *line = (const char *)answer->head.data, *end;

	for (; line != NULL && (end = strchr(line, '\n')) != NULL;
	     line = end + 1) {
		char *value = value_of(line, (size_t)(end - line), name);

		if (value != NULL)
			return value;
	}
	return NULL;
}

void
http_answer_free(struct http_answer *answer)
{
	bytes_wipe(&answer->body);
	bytes_free(&answer->head);
	free(answer->type);
	free(answer->location);
	free(answer->challenges);
	*answer = (struct http_answer){0};
}

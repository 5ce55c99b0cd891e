#include "lib/base/conf_text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"

struct scan {
	const char *path;
	const char *p, *end;
	unsigned line;
};

static int
scan_refuse(const struct scan *s, const char *what, struct fail *why)
{
	return fail(
	    why, FAIL_CONFIG, "config", "%s:%u: %s", s->path, s->line, what);
}

/* Past one character; the line is counted. */
static void
scan_step(struct scan *s)
{
	if (*s->p++ == '\n')
		s->line++;
}

static bool
scan_at(const struct scan *s, const char *mark)
{
	size_t n = strlen(mark);

	return (size_t)(s->end - s->p) >= n && memcmp(s->p, mark, n) == 0;
}

static void
scan_to(struct scan *s, const char *mark)
{
	while (s->p < s->end && !scan_at(s, mark))
		scan_step(s);
}

/* A text in quotes; libconfig would cut it at \x00. */
static int
scan_string(struct scan *s, struct fail *why)
{
	for (s->p++; s->p < s->end && *s->p != '"'; scan_step(s)) {
		if (scan_at(s, "\\x00"))
			return scan_refuse(s, "\\x00 in a text", why);
		if (*s->p == '\\' && s->p + 1 < s->end)
			s->p++;
	}
	if (s->p < s->end)
		s->p++;
	return 0;
}

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || c == '_' || c == '-' || c == '+' ||
	       c == '.';
}

/* A number or a name.  What starts with a digit must be a number that 32 bits
 * hold; whatever else libconfig may think of it, it says so itself. */
static int
scan_word(struct scan *s, struct fail *why)
{
	const char *start = s->p;
	int64_t n = 0;

	while (s->p < s->end && is_word(*s->p))
		s->p++;
	if (*start == '-' || *start == '+')
		start++;
	if (start < s->p && *start == '0' && s->p - start > 1)
		return scan_refuse(
		    s, "a number starts with 0; wanted: a decimal number", why);
	for (; start < s->p && *start >= '0' && *start <= '9'; start++) {
		n = n * 10 + (*start - '0');
		if (n > INT32_MAX)
			return scan_refuse(
			    s, "a number is larger than 2147483647", why);
	}
	return 0;
}

static int
scan_any(struct scan *s, struct fail *why)
{
	if (*s->p == '"')
		return scan_string(s, why);
	if (is_word(*s->p))
		return scan_word(s, why);
	if (*s->p == '#' || scan_at(s, "//")) {
		scan_to(s, "\n");
	} else if (scan_at(s, "/*")) {
		s->p += 2;
		scan_to(s, "*/");
		s->p += s->p < s->end ? 2 : 0;
	} else {
		scan_step(s);
	}
	return 0;
}

int
conf_text_check(const char *path, struct span text, struct fail *why)
{
	struct scan s = {path, (const char *)text.data, NULL, 1};

	s.end = s.p + text.len;
	if (text.len >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
		return scan_refuse(
		    &s, "starts with a byte order mark; remove it", why);
	if (text.len > 0 && memchr(text.data, 0, text.len) != NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: has a NUL octet: not a text file", path);
	while (s.p < s.end)
		if (scan_any(&s, why) != 0)
			return -1;
	return 0;
}

static int
mode_check(const char *path, struct fail *why)
{
	struct stat st, folder;
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : (size_t)(slash - path);
	char *dir =
	    len > 0 ? mem_dup(path, len) : str_dup(slash != NULL ? "/" : ".");
	int rc = stat(dir, &folder);

	free(dir);
	if (rc != 0 || stat(path, &st) != 0) {
		fail(why, FAIL_CONFIG, "config", "%s: cannot be read", path);
		return fail_errno(why, "stat");
	}
	if (!S_ISREG(st.st_mode))
		return fail(why, FAIL_CONFIG, "config",
		    "%s: is not a regular file", path);
	if ((st.st_mode & S_IWOTH) != 0)
		return fail(why, FAIL_CONFIG, "file-mode",
		    "%s: anybody may write this file; chmod o-w it", path);
	if ((folder.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
		return fail(why, FAIL_CONFIG, "file-mode",
		    "%s: anybody may write its folder; chmod o-w that", path);
	return 0;
}

int
conf_text_read(struct bytes *out, const char *path, struct fail *why)
{
	size_t start = out->len;

	bytes_adds(out, ""); /* an empty file is a text too */
	if (mode_check(path, why) != 0)
		return -1;
	if (file_read(out, path, CONF_MAX, why) != 0) {
		char *text = str_dup(why->text);

		fail(why, FAIL_CONFIG, "config", "%s", text);
		free(text);
		return -1;
	}
	return conf_text_check(
	    path, (struct span){out->data + start, out->len - start}, why);
}

#include "lib/page/html.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/when.h"

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* ---- texts --------------------------------------------------------------- */

/* RFC 3629, 4: octets of the character that begins here, 0: none does. */
static size_t
utf8_length(const unsigned char *s, uint32_t *point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = *s < 0x80 ? 1 : *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : 2;

	if (*s >= 0x80 && (*s < 0xc2 || *s > 0xf4))
		return 0;
	*point = n == 1 ? *s : (uint32_t)*s & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (s[i] & 0x3f);
	}
	if (n > 1 && (*point < least[n] || *point > 0x10ffff ||
			 (*point >= 0xd800 && *point <= 0xdfff)))
		return 0;
	return n;
}

/* Controls, and what makes a line read otherwise than it is written. */
static bool
misleads(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0) ||
	       (point >= 0x200b && point <= 0x200f) ||
	       (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2060 && point <= 0x2069) || point == 0xfeff;
}

static const char *
entity(uint32_t point)
{
	switch (point) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	case '\n':
		return "\n";
	default:
		return misleads(point) ? REPLACEMENT : NULL;
	}
}

void
html_text(struct bytes *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (s != NULL && *s != '\0') {
		uint32_t point = 0;
		size_t n = utf8_length(s, &point);
		const char *instead = n == 0 ? REPLACEMENT : entity(point);

		if (instead != NULL)
			bytes_adds(out, instead);
		else
			bytes_add(out, s, n);
		s += n == 0 ? 1 : n;
	}
}

/* One verb, at what follows its %; gives what follows it. */
static const char *
verb(struct bytes *out, const char *p, va_list *args)
{
	if (*p == 's')
		html_text(out, va_arg(*args, const char *));
	else if (*p == 'd')
		bytes_addf(out, "%d", va_arg(*args, int));
	else if (*p == '%')
		bytes_addc(out, '%');
	else if (strncmp(p, "lld", 3) == 0)
		bytes_addf(out, "%lld", va_arg(*args, long long));
	else if (strncmp(p, "zu", 2) == 0)
		bytes_addf(out, "%zu", va_arg(*args, size_t));
	return p + (*p == 'l' ? 3 : *p == 'z' ? 2 : 1);
}

void
html_addf(struct bytes *out, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	for (const char *p = fmt; *p != '\0';) {
		size_t n = strcspn(p, "%");

		bytes_add(out, p, n);
		p += n;
		if (*p == '%')
			p = verb(out, p + 1, &args);
	}
	va_end(args);
}

/* ---- times and numbers --------------------------------------------------- */

static void
time_write(struct bytes *out, int64_t when, size_t shown)
{
	char text[WHEN_LEN], plain[WHEN_LEN];

	if (when == 0) {
		bytes_adds(out, "\xE2\x80\x93");
		return;
	}
	when_write(text, when);
	memcpy(plain, text, sizeof(plain));
	plain[10] = ' ';
	plain[shown] = '\0';
	html_addf(out, "<time datetime=\"%s\">%s</time>", text, plain);
}

void
html_time(struct bytes *out, int64_t when)
{
	time_write(out, when, 19);
}

void
html_day(struct bytes *out, int64_t when)
{
	time_write(out, when, 10);
}

void
html_ago(struct bytes *out, int64_t when, int64_t now)
{
	static const struct {
		int64_t seconds;
		const char *one, *many;
	} units[] = {{365 * 86400, "year", "years"}, {86400, "day", "days"},
	    {3600, "hour", "hours"}, {60, "minute", "minutes"},
	    {1, "second", "seconds"}};
	int64_t off = when > now ? when - now : now - when;
	size_t i = 0;

	while (i < 4 && off < 2 * units[i].seconds)
		i++;
	off /= units[i].seconds;
	html_addf(out, when > now ? "in %lld %s" : "%lld %s ago",
	    (long long)off, off == 1 ? units[i].one : units[i].many);
}

void
html_count(struct bytes *out, int64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
			bytes_adds(out, "\xE2\x80\xAF"); /* U+202F */
		bytes_addc(out, digits[i]);
	}
}

void
html_size(struct bytes *out, int64_t octets)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
	double n = (double)octets / 1024;
	char digits[32];
	size_t i = 0;

	for (; i < 3 && n >= 1000; i++)
		n /= 1024;
	(void)snprintf(digits, sizeof(digits), n < 10 ? "%.1f" : "%.0f", n);
	html_addf(out, "%s %s", digits, units[i]);
}

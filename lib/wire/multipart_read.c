#include "lib/wire/multipart.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BOUNDARY_MAX 70 /* RFC 2046, 5.1.1 */
#define TYPE_MAX 200

static int
refuse(struct fail *why, const char *text)
{
	return fail(why, FAIL_MALFORMED, "multipart", "%s", text);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* ---- media types (RFC 9110, 8.3.1) --------------------------------------- */

/* A token or quoted-string off the front of `p`, appended to `out` (which may
 * be NULL).  NULL: it has no end. */
static const char *
value_take(const char *p, struct bytes *out)
{
	bool quoted = *p == '"';

	for (p += quoted; *p != '\0'; p++) {
		if (quoted ? *p == '"' : *p == ';' || is_blank(*p))
			break;
		if (quoted && *p == '\\' && *++p == '\0')
			return NULL;
		if (out != NULL)
			bytes_addc(out, *p);
	}
	return !quoted ? p : *p == '"' ? p + 1 : NULL;
}

char *
media_type_parameter(const char *type, const char *name)
{
	const char *p = strchr(type, ';');
	size_t len = strlen(name);

	while (p != NULL) {
		struct bytes value = {0};
		bool found;

		for (p++; is_blank(*p); p++)
			;
		found = strncasecmp(p, name, len) == 0 && p[len] == '=';
		p += strcspn(p, "=;");
		if (*p == '=')
			p = value_take(p + 1, found ? &value : NULL);
		if (found && p != NULL && value.len > 0)
			return (char *)value.data;
		bytes_free(&value);
		p = found || p == NULL ? NULL : strchr(p, ';');
	}
	return NULL;
}

/* ---- lines --------------------------------------------------------------- */

/* Off the front of `in`, without CR LF or LF.  False: there is none. */
static bool
line_take(struct span *in, struct span *line)
{
	const uint8_t *end;

	if (in->len == 0)
		return false;
	end = memchr(in->data, '\n', in->len);
	line->data = in->data;
	line->len = end != NULL ? (size_t)(end - in->data) : in->len;
	in->data += line->len + (end != NULL);
	in->len -= line->len + (end != NULL);
	if (line->len > 0 && line->data[line->len - 1] == '\r')
		line->len--;
	return true;
}

enum line { LINE_OTHER, LINE_DELIMITER, LINE_CLOSE };

/* RFC 2046, 5.1.1: "--" boundary, "--" at the last, blanks. */
static enum line
line_kind(struct span line, const char *boundary)
{
	size_t len = strlen(boundary), rest;
	enum line kind = LINE_DELIMITER;

	if (line.len < len + 2 || memcmp(line.data, "--", 2) != 0 ||
	    memcmp(line.data + 2, boundary, len) != 0)
		return LINE_OTHER;
	rest = len + 2;
	if (line.len >= rest + 2 && memcmp(line.data + rest, "--", 2) == 0) {
		kind = LINE_CLOSE;
		rest += 2;
	}
	for (; rest < line.len; rest++)
		if (!is_blank((char)line.data[rest]))
			return LINE_OTHER;
	return kind;
}

/* ---- parts --------------------------------------------------------------- */

/* The value of "Content-Type: value", blanks off; NULL: another header. */
static char *
type_of(struct span line)
{
	static const char name[] = "Content-Type:";
	size_t skip = sizeof(name) - 1;

	if (line.len < skip ||
	    strncasecmp((const char *)line.data, name, skip) != 0)
		return NULL;
	while (skip < line.len && is_blank((char)line.data[skip]))
		skip++;
	while (line.len > skip && is_blank((char)line.data[line.len - 1]))
		line.len--;
	return mem_dup(line.data + skip, line.len - skip);
}

/* A line of a part's header. */
static int
header_read(struct multipart_body *part, struct span line, struct fail *why)
{
	for (size_t i = 0; i < line.len; i++)
		if ((line.data[i] < ' ' && line.data[i] != '\t') ||
		    line.data[i] > '~')
			return refuse(
			    why, "RFC 2046, 5.1: a part's header is not text");
	if (part->type != NULL) {
		char *again = type_of(line);

		free(again);
		return again == NULL ? 0
		                     : refuse(why, "RFC 2046, 5.1: a part "
						   "with two Content-Types");
	}
	if (line.len > TYPE_MAX)
		return refuse(
		    why, "RFC 2046, 5.1: a part's header is too long");
	part->type = type_of(line);
	return 0;
}

/* From after a delimiter to the next: `kind` says which that was. */
static int
part_read(struct multipart_body *part, struct span *in, const char *boundary,
    enum line *kind, struct fail *why)
{
	struct span line, content;

	while (line_take(in, &line) && line.len > 0)
		if (header_read(part, line, why) < 0)
			return -1;
	if (part->type == NULL)
		return refuse(why,
		    "RFC 7030, 4.4.2: a part does not have a Content-Type");
	content = *in;
	while (line_take(in, &line)) {
		*kind = line_kind(line, boundary);
		if (*kind == LINE_OTHER)
			continue;
		content.len = (size_t)(line.data - content.data);
		return base64_read(&part->content, content, why);
	}
	return refuse(why, "RFC 2046, 5.1.1: the last part has no end");
}

static int
parts_read(struct multipart_body parts[MULTIPART_PARTS], struct span in,
    const char *boundary, struct fail *why)
{
	enum line kind = LINE_OTHER;
	struct span line;
	size_t n = 0;

	while (kind == LINE_OTHER && line_take(&in, &line))
		kind = line_kind(line, boundary);
	while (kind == LINE_DELIMITER) {
		if (n == MULTIPART_PARTS)
			return refuse(
			    why, "RFC 7030, 4.4.2: more than two parts");
		if (part_read(&parts[n++], &in, boundary, &kind, why) < 0)
			return -1;
	}
	return n == MULTIPART_PARTS
	           ? 0
	           : refuse(why, "RFC 7030, 4.4.2: fewer than two parts");
}

int
multipart_read(struct multipart_body parts[MULTIPART_PARTS], const char *type,
    struct span body, struct fail *why)
{
	char *boundary = media_type_parameter(type, "boundary");
	int rc;

	memset(parts, 0, MULTIPART_PARTS * sizeof(parts[0]));
	if (!media_type_is(type, "multipart/mixed"))
		rc = refuse(why, "RFC 7030, 4.4.2: not multipart/mixed");
	else if (boundary == NULL || strlen(boundary) > BOUNDARY_MAX)
		rc = refuse(
		    why, "RFC 2046, 5.1.1: a boundary of 1 to 70 characters");
	else
		rc = parts_read(parts, body, boundary, why);
	free(boundary);
	return rc;
}

void
multipart_free(struct multipart_body parts[MULTIPART_PARTS])
{
	for (size_t i = 0; i < MULTIPART_PARTS; i++) {
		free(parts[i].type);
		parts[i].type = NULL;
		bytes_wipe(&parts[i].content);
	}
}

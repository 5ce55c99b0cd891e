/* microca secret add --csv - the rows of a file (RFC 4180). */
#include "bin/secret.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"

#define CELLS 3

struct reader {
	struct span rest;
	size_t line;
	struct bytes cell[CELLS];
	size_t cells; /* of the row, 0: a blank line */
};

void
orders_add(struct orders *orders, const char *endpoint, const char *device,
    int64_t expires, size_t line)
{
	orders->item =
	    mem_grow(orders->item, orders->n + 1, sizeof(*orders->item));
	orders->item[orders->n++] =
	    (struct order){str_dup(endpoint), str_dup(device), expires, line};
}

void
orders_free(struct orders *orders)
{
	for (size_t i = 0; i < orders->n; i++) {
		free(orders->item[i].endpoint);
		free(orders->item[i].device);
	}
	free(orders->item);
	memset(orders, 0, sizeof(*orders));
}

static int
bad(const struct reader *r, struct fail *why, const char *what)
{
	return fail(why, FAIL_MALFORMED, "csv", "line %zu: RFC 4180: %s",
	    r->line, what);
}

/* The octet at the front, taken; -1 at the end. */
static int
next(struct reader *r)
{
	int c;

	if (r->rest.len == 0)
		return -1;
	c = *r->rest.data++;
	r->rest.len--;
	return c;
}

static int
peek(const struct reader *r)
{
	return r->rest.len > 0 ? *r->rest.data : -1;
}

/* RFC 4180, 2.7: a quote in quotes is written twice. */
static int
quoted(struct reader *r, struct bytes *cell, struct fail *why)
{
	int c;

	while ((c = next(r)) >= 0) {
		if (c == '"' && peek(r) != '"')
			return 0;
		if (c == '"')
			(void)next(r);
		if (c == '\0' || c == '\n' || c == '\r')
			break;
		bytes_addc(cell, (char)c);
	}
	return bad(r, why, "a quoted cell does not end on its line");
}

static int
plain(struct reader *r, struct bytes *cell, struct fail *why)
{
	int c;

	while ((c = peek(r)) >= 0 && c != ',' && c != '\n' && c != '\r') {
		if (c == '"' || c == '\0')
			return bad(r, why, "a quote within a cell");
		bytes_addc(cell, (char)next(r));
	}
	return 0;
}

/* As our own files have it, against spreadsheets: '=x is =x. */
static void
unprotect(struct bytes *cell)
{
	if (cell->len > 1 && cell->data[0] == '\'' &&
	    strchr("=+-@", cell->data[1]) != NULL)
		memmove(cell->data, cell->data + 1, cell->len--);
}

static int
cell_read(struct reader *r, struct fail *why)
{
	struct bytes *cell = &r->cell[r->cells++];
	int rc;

	cell->len = 0;
	bytes_adds(cell, "");
	if (peek(r) == '"') {
		(void)next(r);
		rc = quoted(r, cell, why);
	} else {
		rc = plain(r, cell, why);
	}
	unprotect(cell);
	return rc;
}

/* One line into `cell`. */
static int
row_read(struct reader *r, struct fail *why)
{
	int c;

	r->line++;
	r->cells = 0;
	for (;;) {
		if (r->cells == CELLS)
			return bad(r, why, "more than three cells");
		if (cell_read(r, why) != 0)
			return -1;
		if ((c = next(r)) != ',')
			break;
	}
	if (c == '\r')
		c = next(r);
	if (c >= 0 && c != '\n')
		return bad(r, why, "a cell is followed by something else");
	if (r->cells == 1 && r->cell[0].len == 0)
		r->cells = 0;
	return 0;
}

static const char *
text(const struct reader *r, size_t i)
{
	return i < r->cells ? (const char *)r->cell[i].data : "";
}

static bool
is_header(const struct reader *r)
{
	return strcmp(text(r, 0), "endpoint") == 0 &&
	       strcmp(text(r, 1), "device") == 0;
}

static int
row_take(struct orders *orders, const struct reader *r, int64_t expires,
    struct fail *why)
{
	struct fail cause = {0};

	if (r->cells < 2)
		return bad(r, why, "wanted: endpoint,device[,expires]");
	if (text(r, 2)[0] != '\0' &&
	    (duration_read(&expires, text(r, 2), &cause) != 0 || expires < 1))
		return bad(r, why, "expires is no duration like 7d or 12h");
	orders_add(orders, text(r, 0), text(r, 1), expires, r->line);
	return 0;
}

int
orders_read(
    struct orders *orders, struct span csv, int64_t expires, struct fail *why)
{
	struct reader r = {.rest = csv};
	int rc = 0;

	/* A byte order mark, as spreadsheets write it. */
	if (csv.len >= 3 && memcmp(csv.data, "\xef\xbb\xbf", 3) == 0)
		r.rest = (struct span){csv.data + 3, csv.len - 3};
	while (rc == 0 && r.rest.len > 0) {
		rc = row_read(&r, why);
		if (rc == 0 && r.cells > 0 && !(r.line == 1 && is_header(&r)))
			rc = row_take(orders, &r, expires, why);
	}
	for (size_t i = 0; i < CELLS; i++)
		bytes_free(&r.cell[i]);
	return rc;
}

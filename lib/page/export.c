/* Exports: page after page of what is asked for, as it comes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/page/api.h"
#include "lib/page/rows.h"
#include "lib/page/wish.h"

#define PART 65536 /* octets sent at a time */

struct stream {
	struct ask *ask;
	struct bytes out;
	bool json, any;
};

static void
row_add(struct stream *s, const struct record *r)
{
	struct json *j;
	char *text;

	if (!s->json) {
		row_csv(&s->out, r, s->ask->now);
		return;
	}
	j = row_json(r, s->ask->now);
	text = json_text(j, 0);
	bytes_addf(&s->out, "%s%s", s->any ? ",\n" : "", text);
	s->any = true;
	free(text);
	json_free(j);
}

/* What has heaped up; -1: nobody takes it any more. */
static int
flush(struct stream *s, size_t most)
{
	struct edge *e = s->ask->edge;

	if (s->out.len <= most)
		return 0;
	if (e->part(e, span_of(&s->out)) != 0) {
		e->broken = true;
		return -1;
	}
	s->out.len = 0;
	return 0;
}

static int
pages_send(struct stream *s, struct wish *w, struct browse_page *page,
    struct fail *why)
{
	char cursor[BROWSE_CURSOR];
	bool more = true;

	while (more) {
		for (size_t i = 0; i < page->rows; i++)
			row_add(s, &page->row[i]);
		more = page->more;
		memcpy(cursor, page->next, sizeof(cursor));
		w->rules.cursor = cursor;
		browse_free(page);
		if (flush(s, PART) != 0)
			return fail(why, FAIL_BROKEN, "aborted",
			    "nobody takes the export any more");
		if (more && store_browse(s->ask->ca->store, page, &w->filter,
				&w->rules, why) != 0)
			return -1;
	}
	return 0;
}

/* The header is on its way: what fails now is seen by the missing end. */
static void
stream_run(struct stream *s, struct wish *w, struct browse_page *page)
{
	struct edge *e = s->ask->edge;
	struct fail why = {0};

	if (s->json)
		bytes_adds(&s->out, "{\"certificates\":[\n");
	else
		row_csv_head(&s->out);
	if (pages_send(s, w, page, &why) != 0)
		log_fail("an export ended early", &why);
	else if (s->json)
		bytes_adds(&s->out, "\n],\"complete\":true}\n");
	if (!e->broken && e->write(e, span_of(&s->out)) != 0)
		log_write(LOG_LEVEL_INFO,
		    "an export was not delivered (request %s)", s->ask->id);
}

static int
export_as(struct ask *ask, struct sheet *sheet, bool json, struct fail *why)
{
	struct stream s = {.ask = ask, .json = json};
	struct browse_page page;
	struct wish w;
	char at[WHEN_LEN];
	int rc = wish_read(&w, &ask->query, ask->now, why);

	w.rules.rows = BROWSE_MOST;
	w.rules.patience = WISH_LONGER;
	if (rc == 0)
		rc = store_browse(
		    ask->ca->store, &page, &w.filter, &w.rules, why);
	if (rc == 0) {
		when_write(at, ask->now);
		(void)snprintf(sheet->filename, sizeof(sheet->filename),
		    "certificates-%.10s.%s", at, json ? "json" : "csv");
		sheet->type =
		    json ? "application/json" : "text/csv; charset=utf-8";
		sheet->sent = true;
		front_head(&s.out, ask, sheet);
		if (ask->head) {
			browse_free(&page);
			(void)ask->edge->write(ask->edge, span_of(&s.out));
		} else {
			stream_run(&s, &w, &page);
		}
	}
	bytes_free(&s.out);
	wish_free(&w);
	return rc;
}

int
api_export_csv(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	return export_as(ask, sheet, false, why);
}

int
api_export_json(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	return export_as(ask, sheet, true, why);
}

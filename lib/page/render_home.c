/* The overview: how many there are, and the last few. */
#include <string.h>

#include "lib/page/frame.h"
#include "lib/page/render.h"

#define WEEK (7 * 86400)

/* ---- figures ------------------------------------------------------------- */

struct tile {
	int64_t n;
	const char *what, *link;
	const char *class; /* when there are any */
};

static void
tile_write(struct bytes *out, const struct tile *t)
{
	html_addf(out, "<li class=\"%s\">", t->n > 0 ? t->class : "");
	if (t->link != NULL)
		html_addf(out, "<a href=\"/inventory/%s\">", t->link);
	else
		bytes_adds(out, "<span>");
	bytes_adds(out, "<strong>");
	html_count(out, t->n);
	html_addf(out, "</strong> %s", t->what);
	bytes_adds(out, t->link != NULL ? "</a></li>\n" : "</span></li>\n");
}

static void
tiles(struct bytes *out, const struct census *c)
{
	int64_t soon = 0;

	for (int i = 0; i < 4; i++)
		soon += c->week[i];
	const struct tile all[] = {
	    {c->certificates, "issued", "certificates", ""},
	    {c->good, "good", "certificates?state=good", ""},
	    {soon, "end in four weeks",
		"certificates?state=expiring&within=28d&order=ending", "warn"},
	    {c->expired, "expired", "certificates?state=expired", ""},
	    {c->revoked, "revoked", "certificates?state=revoked", ""},
	    {c->held, "on hold", "certificates?state=held", "warn"},
	    {c->pending, "requests wait", "pending", "warn"},
	    {c->outbox, "to be told to the cloud", NULL, ""},
	    {c->dead, "devices the cloud refuses", NULL, "bad"},
	    {c->audit, "records in the audit", NULL, ""},
	    {c->retired, "retired into files", NULL, ""},
	};

	bytes_adds(out, "<ul class=\"tiles\">\n");
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		tile_write(out, &all[i]);
	bytes_adds(out, "</ul>\n");
}

static void
counted(struct bytes *out, const struct census *c, int64_t now)
{
	const struct chart issued = {.id = "issued",
	    .title = "Issued by day",
	    .column = "Day",
	    .unit = "on",
	    .none = "None in these 30 days.",
	    .begin = c->day_begin,
	    .step = 86400,
	    .count = c->day,
	    .n = CENSUS_DAYS};
	const struct chart ending = {.id = "ending",
	    .title = "Good ones, by week of their end",
	    .column = "Week from",
	    .unit = "in the week from",
	    .none = "None ends in these 26 weeks.",
	    .begin = c->when,
	    .step = WEEK,
	    .count = c->week,
	    .n = CENSUS_WEEKS};

	tiles(out, c);
	bytes_adds(out, "<div class=\"charts\">\n");
	chart_bars(out, &issued);
	chart_bars(out, &ending);
	bytes_adds(out, "</div>\n<p class=\"note\">Counted ");
	if (now - c->when < 2)
		bytes_adds(out, "just now");
	else
		html_ago(out, c->when, now);
	bytes_adds(out, ". ");
	html_count(out, c->later);
	html_addf(
	    out, " good ones end after those %d weeks.</p>\n", CENSUS_WEEKS);
}

/* A million take a second: nobody waits for that. */
static void
figures(struct bytes *out, const struct view_home *v)
{
	bytes_adds(out, "<section aria-labelledby=\"figures\">"
			"<h2 id=\"figures\">Certificates</h2>\n");
	if (v->census->when != 0)
		counted(out, v->census, v->view.now);
	else
		bytes_adds(out,
		    "<p class=\"waiting\" role=\"status\">They are being "
		    "counted for the first time since this program was "
		    "started. <a href=\"/inventory/\">Load again</a></p>\n");
	bytes_adds(out, "</section>\n");
}

/* ---- the last few -------------------------------------------------------- */

static void
latest(struct bytes *out, const struct view_home *v)
{
	bytes_adds(out, "<section aria-labelledby=\"latest\">"
			"<h2 id=\"latest\">Issued last</h2>\n");
	if (v->latest->rows == 0)
		bytes_adds(out,
		    "<p>None so far. A device gets its certificate by "
		    "<code>est-client enroll</code> or any other client of "
		    "EST, "
		    "or by <code>microca issue</code>.</p>\n");
	else
		bytes_adds(out, "<ul class=\"rows\">\n");
	for (size_t i = 0; i < v->latest->rows; i++) {
		const struct record *r = &v->latest->row[i];

		bytes_adds(out, "<li>");
		frame_link(out, r);
		bytes_adds(out, "<span class=\"note\">");
		html_ago(out, r->issued, v->view.now);
		html_addf(out, ", %s</span></li>\n", r->profile);
	}
	bytes_adds(
	    out, v->latest->rows > 0 ? "</ul>\n</section>\n" : "</section>\n");
}

void
render_home(struct bytes *out, const struct view_home *v)
{
	frame_begin(out, &v->view, FRAME_HOME, "Overview");
	render_health(out, v);
	figures(out, v);
	bytes_adds(out, "<div class=\"beside\">\n");
	render_lifetimes(out, v);
	latest(out, v);
	bytes_adds(out, "</div>\n");
	frame_end(out, &v->view);
}

/* Charts as SVG: attributes and classes alone, since the policy forbids styles
 * that stand in a page.  The bars are stretched to the width there is; figures
 * beside the axes are HTML, which is not. */
#include "lib/page/frame.h"

#include "lib/base/when.h"

#define BAR 10   /* a bar with its gap */
#define HIGH 100 /* the axis' upper end */

static int64_t
highest(const struct chart *c)
{
	int64_t most = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->count[i] > most)
			most = c->count[i];
	return most;
}

/* Where the axis ends: 2, 4, 6, 8 or 10 of a power of ten, so that its half is
 * a whole number as well. */
static int64_t
axis_end(int64_t most)
{
	int64_t unit = 1;

	while (unit * 10 < most)
		unit *= 10;
	for (int64_t n = 2; n < 10; n += 2)
		if (n * unit >= most)
			return n * unit;
	return 10 * unit;
}

/* What is not nothing is seen. */
static int
height(int64_t count, int64_t end)
{
	int h = (int)((double)count / (double)end * HIGH);

	return h == 0 && count > 0 ? 1 : h;
}

/* A title has no elements in it. */
static void
day_plain(struct bytes *out, int64_t when)
{
	char text[WHEN_LEN];

	when_write(text, when);
	text[10] = '\0';
	bytes_adds(out, text);
}

static void
bars(struct bytes *out, const struct chart *c, int64_t end)
{
	for (size_t i = 0; i < c->n; i++) {
		int h = height(c->count[i], end);

		html_addf(out,
		    "<rect x=\"%zu\" y=\"%d\" width=\"%d\" height=\"%d\">"
		    "<title>",
		    i * BAR + 1, HIGH - h, BAR - 2, h);
		day_plain(out, c->begin + (int64_t)i * c->step);
		bytes_adds(out, ": ");
		html_count(out, c->count[i]);
		bytes_adds(out, "</title></rect>\n");
	}
}

static void
table(struct bytes *out, const struct chart *c)
{
	html_addf(out,
	    "<details><summary>The same as a table<span class=\"hidden\">: %s"
	    "</span></summary>\n<table class=\"narrow\">"
	    "<thead><tr><th scope=\"col\">%s</th>"
	    "<th scope=\"col\" class=\"number\">Certificates</th></tr></thead>"
	    "<tbody>\n",
	    c->title, c->column);
	for (size_t i = 0; i < c->n; i++) {
		bytes_adds(out, "<tr><th scope=\"row\">");
		html_day(out, c->begin + (int64_t)i * c->step);
		bytes_adds(out, "</th><td class=\"number\">");
		html_count(out, c->count[i]);
		bytes_adds(out, "</td></tr>\n");
	}
	bytes_adds(out, "</tbody></table></details>\n");
}

/* What a reader of the bars sees at once, in words. */
static void
summary(struct bytes *out, const struct chart *c, int64_t most)
{
	size_t at = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->count[i] == most)
			at = i;
	if (most == 0) {
		html_addf(out, "<p class=\"note\">%s</p>\n", c->none);
		return;
	}
	html_addf(out, "<p class=\"note\">Most: ");
	html_count(out, most);
	html_addf(out, ", %s ", c->unit);
	html_day(out, c->begin + (int64_t)at * c->step);
	bytes_adds(out, "</p>\n");
}

static void
axes(struct bytes *out, const struct chart *c, int64_t end)
{
	bytes_adds(out, "<p class=\"axis y\" aria-hidden=\"true\"><span>");
	html_count(out, end);
	bytes_adds(out, "</span><span>");
	html_count(out, end / 2);
	bytes_adds(out, "</span><span>0</span></p>\n"
			"<p class=\"axis x\" aria-hidden=\"true\"><span>");
	html_day(out, c->begin);
	bytes_adds(out, "</span><span class=\"wide\">");
	html_day(out, c->begin + (int64_t)(c->n / 2) * c->step);
	bytes_adds(out, "</span><span>");
	html_day(out, c->begin + (int64_t)(c->n - 1) * c->step);
	bytes_adds(out, "</span></p>\n");
}

void
chart_bars(struct bytes *out, const struct chart *c)
{
	int64_t most = highest(c), end = axis_end(most), sum = 0;

	for (size_t i = 0; i < c->n; i++)
		sum += c->count[i];
	html_addf(out,
	    "<figure class=\"chart\"><figcaption id=\"%s\">%s "
	    "<span class=\"sum\">",
	    c->id, c->title);
	html_count(out, sum);
	html_addf(out,
	    " in all</span></figcaption>\n<div class=\"plot\">"
	    "<svg role=\"img\" aria-labelledby=\"%s\" "
	    "viewBox=\"0 0 %zu %d\" preserveAspectRatio=\"none\">\n"
	    "<path class=\"grid\" d=\"M0 .5H%zuM0 50H%zu\"></path>\n",
	    c->id, c->n * BAR, HIGH, c->n * BAR, c->n * BAR);
	bars(out, c, end);
	html_addf(out, "<path d=\"M0 99.5H%zu\"></path></svg>\n", c->n * BAR);
	axes(out, c, end);
	bytes_adds(out, "</div>\n");
	summary(out, c, most);
	table(out, c);
	bytes_adds(out, "</figure>\n");
}

void
chart_share(struct bytes *out, const char *label, double share)
{
	int used = share <= 0 ? 0 : share >= 1 ? 100 : (int)(share * 100);

	html_addf(out,
	    "<svg class=\"share%s\" role=\"img\" aria-label=\"%s: %d %%\" "
	    "viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\">"
	    "<rect class=\"whole\" width=\"100\" height=\"8\"></rect>"
	    "<rect class=\"used\" width=\"%d\" height=\"8\"></rect></svg>"
	    "<small class=\"percent\" "
	    "aria-hidden=\"true\">%d&nbsp;%%</small>\n",
	    used >= 90 ? " much" : "", label, used, used, used);
}

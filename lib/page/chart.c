/* Charts as SVG: attributes and classes alone, since the policy forbids styles
 * that stand in a page. */
#include "lib/page/frame.h"

#include "lib/base/when.h"

#define BAR 10   /* a bar with its gap */
#define HIGH 100 /* of the bars */
#define SPAN 92  /* of a bar that is the highest: a number is above it */

static int64_t
highest(const struct chart *c)
{
	int64_t most = 0;

	for (size_t i = 0; i < c->n; i++)
		if (c->count[i] > most)
			most = c->count[i];
	return most;
}

/* What is not nothing is seen. */
static int
height(int64_t count, int64_t most)
{
	int h = most > 0 ? (int)((double)count / (double)most * SPAN) : 0;

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
bars(struct bytes *out, const struct chart *c, int64_t most)
{
	for (size_t i = 0; i < c->n; i++) {
		int h = height(c->count[i], most);

		html_addf(out,
		    "<rect x=\"%zu\" y=\"%d\" width=\"%d\" height=\"%d\">"
		    "<title>",
		    i * BAR, HIGH - h, BAR - 2, h);
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
	    "<details><summary>The same as a table</summary>\n<table>"
	    "<thead><tr><th scope=\"col\">%s</th>"
	    "<th scope=\"col\" class=\"number\">Certificates</th></tr></thead>"
	    "<tbody>\n",
	    c->column);
	for (size_t i = 0; i < c->n; i++) {
		bytes_adds(out, "<tr><th scope=\"row\">");
		html_day(out, c->begin + (int64_t)i * c->step);
		bytes_adds(out, "</th><td class=\"number\">");
		html_count(out, c->count[i]);
		bytes_adds(out, "</td></tr>\n");
	}
	bytes_adds(out, "</tbody></table></details>\n");
}

void
chart_bars(struct bytes *out, const struct chart *c)
{
	int64_t most = highest(c), sum = 0;

	for (size_t i = 0; i < c->n; i++)
		sum += c->count[i];
	html_addf(out,
	    "<figure class=\"chart\"><figcaption id=\"%s\">%s: ", c->id,
	    c->title);
	html_count(out, sum);
	html_addf(out,
	    "</figcaption>\n<svg role=\"img\" aria-labelledby=\"%s\" "
	    "viewBox=\"0 0 %zu %d\" preserveAspectRatio=\"none\">\n",
	    c->id, c->n * BAR - 2, HIGH + 1);
	bars(out, c, most);
	html_addf(out,
	    "<path d=\"M0 %d.5H%zu\"></path></svg>\n<p class=\"axis\"><span>",
	    HIGH, c->n * BAR);
	html_day(out, c->begin);
	bytes_adds(out, "</span><span>at most ");
	html_count(out, most);
	bytes_adds(out, "</span><span>");
	html_day(out, c->begin + (int64_t)(c->n - 1) * c->step);
	bytes_adds(out, "</span></p>\n");
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
	    "<rect class=\"used\" width=\"%d\" height=\"8\"></rect></svg>\n",
	    used >= 90 ? " much" : "", label, used, used);
}

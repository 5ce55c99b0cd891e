#include <stdlib.h>
#include <string.h>

#include "lib/ca/profile.h"
#include "lib/page/frame.h"
#include "lib/page/render.h"
#include "lib/page/wish.h"

/* ---- the form ------------------------------------------------------------ */

static void
text_field(struct bytes *out, const char *name, const char *label,
    const char *type, const char *value, const char *hint)
{
	html_addf(out,
	    "<p><label for=\"%s\">%s</label><input id=\"%s\" name=\"%s\" "
	    "type=\"%s\" value=\"%s\" placeholder=\"%s\" "
	    "autocomplete=\"off\"></p>\n",
	    name, label, name, name, type, value, hint);
}

static void
choice(
    struct bytes *out, const char *value, const char *text, const char *chosen)
{
	html_addf(out, "<option value=\"%s\"", value);
	if (strcmp(value, chosen) == 0)
		bytes_adds(out, " selected");
	html_addf(out, ">%s</option>\n", text);
}

static void
select_begin(struct bytes *out, const char *name, const char *label)
{
	html_addf(out,
	    "<p><label for=\"%s\">%s</label><select id=\"%s\" name=\"%s\">\n",
	    name, label, name, name);
}

static void
state_field(struct bytes *out, const struct view_query *q)
{
	select_begin(out, "state", "State");
	choice(out, "", "any", q->state);
	for (int s = BROWSE_GOOD; s <= BROWSE_HELD; s++)
		choice(out, browse_state_word((enum browse_state)s),
		    browse_state_word((enum browse_state)s), q->state);
	bytes_adds(out, "</select></p>\n");
}

static void
order_field(struct bytes *out, const struct view_query *q)
{
	static const char *const texts[] = {
	    "newest first", "oldest first", "ending first", "ended last first"};

	select_begin(out, "order", "Order");
	for (int o = BROWSE_NEWEST; o <= BROWSE_ENDED; o++)
		/* The first is what an empty query means. */
		choice(out,
		    o != BROWSE_NEWEST ? browse_order_word((enum browse_order)o)
				       : "",
		    texts[o], q->order);
	bytes_adds(out, "</select></p>\n");
}

/* Those that there are, and what was typed though it is not one. */
static void
profile_field(struct bytes *out, const struct view_list *v)
{
	const struct conf_list *all = &v->view.ca->settings->profiles->list;
	const struct profile *profile = all->item;
	bool known = *v->query->profile == '\0';

	select_begin(out, "profile", "Profile");
	choice(out, "", "any", v->query->profile);
	for (size_t i = 0; i < all->n; i++) {
		choice(
		    out, profile[i].name, profile[i].name, v->query->profile);
		known |= strcmp(profile[i].name, v->query->profile) == 0;
	}
	if (!known)
		choice(out, v->query->profile, v->query->profile,
		    v->query->profile);
	bytes_adds(out, "</select></p>\n");
}

static bool
narrow(const struct view_query *q)
{
	const char *const more[] = {q->san, q->serial, q->fingerprint,
	    q->profile, q->endpoint, q->device, q->within, q->issued_from,
	    q->issued_until, q->ends_from, q->ends_until};

	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++)
		if (*more[i] != '\0')
			return true;
	return false;
}

static void
more_fields(struct bytes *out, const struct view_list *v)
{
	const struct view_query *q = v->query;

	bytes_adds(out, narrow(q) ? "<details open>" : "<details>");
	bytes_adds(out, "<summary>More to look for</summary>"
			"<div class=\"fields\">\n");
	text_field(out, "san", "Alternative name", "text", q->san,
	    "DNS:pump-*.example");
	text_field(out, "serial", "Serial", "text", q->serial, "hex digits");
	text_field(out, "fingerprint", "SHA-256 fingerprint", "text",
	    q->fingerprint, "its beginning");
	profile_field(out, v);
	text_field(out, "endpoint", "Endpoint", "text", q->endpoint, "");
	text_field(out, "device", "Azure device", "text", q->device, "");
	text_field(out, "within", "Expiring within", "text", q->within, "30d");
	text_field(out, "issued_from", "Issued from", "date", q->issued_from,
	    "2026-01-31");
	text_field(out, "issued_until", "Issued before", "date",
	    q->issued_until, "2026-01-31");
	text_field(
	    out, "ends_from", "Ends from", "date", q->ends_from, "2026-01-31");
	text_field(out, "ends_until", "Ends before", "date", q->ends_until,
	    "2026-01-31");
	bytes_adds(out, "</div></details>\n");
}

static void
form(struct bytes *out, const struct view_list *v)
{
	const struct view_query *q = v->query;

	bytes_adds(out, "<form class=\"search\" role=\"search\" method=\"get\" "
			"action=\"/inventory/certificates\">\n"
			"<div class=\"fields\">\n");
	text_field(out, "subject", "Subject", "search", q->subject,
	    "a part, or CN=pump-*");
	state_field(out, q);
	order_field(out, q);
	bytes_adds(out, "</div>\n");
	more_fields(out, v);
	if (*q->rows != '\0')
		html_addf(out,
		    "<input type=\"hidden\" name=\"rows\" value=\"%s\">\n",
		    q->rows);
	bytes_adds(out, "<p class=\"buttons\"><button>Search</button> "
			"<a href=\"/inventory/certificates\">Everything</a>"
			"</p>\n</form>\n");
}

/* ---- what was found ------------------------------------------------------ */

static void
row(struct bytes *out, const struct record *r, int64_t now)
{
	char sha[2 * SHA256_LEN + 1];

	hex_write(sha, (struct span){r->sha256, SHA256_LEN}, false);
	html_addf(out,
	    "<tr><th scope=\"row\"><a href=\"/inventory/certificates/%s\">%s"
	    "</a>",
	    sha,
	    r->subject != NULL && *r->subject != '\0' ? r->subject
						      : "(no subject)");
	if (r->san != NULL && *r->san != '\0')
		html_addf(out, "<br><small>%s</small>", r->san);
	bytes_adds(out, "</th><td>");
	frame_state(out, browse_state_at(r, now));
	html_addf(out,
	    "</td><td data-label=\"Profile\">%s</td>"
	    "<td data-label=\"Endpoint\">%s</td><td data-label=\"Issued\">",
	    r->profile, r->endpoint);
	html_time(out, r->issued);
	bytes_adds(out, "</td><td data-label=\"Ends\">");
	html_day(out, r->not_after);
	html_addf(out,
	    "</td><td data-label=\"Serial\"><code>%s</code></td></tr>\n",
	    r->serial);
}

static void
rows(struct bytes *out, const struct view_list *v)
{
	static const char *const columns[] = {"Subject", "State", "Profile",
	    "Endpoint", "Issued", "Ends", "Serial"};

	bytes_adds(out, "<div class=\"scroll\" tabindex=\"0\" role=\"group\" "
			"aria-label=\"Certificates\">\n"
			"<table class=\"list cards\"><thead><tr>");
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		html_addf(out, "<th scope=\"col\">%s</th>", columns[i]);
	bytes_adds(out, "</tr></thead><tbody>\n");
	for (size_t i = 0; i < v->page->rows; i++)
		row(out, &v->page->row[i], v->view.now);
	bytes_adds(out, "</tbody></table></div>\n");
}

static void
said(struct bytes *out, const struct view_list *v)
{
	if (v->page->searching) {
		bytes_adds(out, "<p role=\"status\">");
		html_count(out, v->page->looked);
		bytes_adds(out, " certificates were looked at; there are "
				"more.</p>\n");
	} else if (v->page->rows == 0) {
		html_addf(out, "<p role=\"status\">There %s.</p>\n",
		    v->on ? "are no more" : "is none of this kind");
	}
}

static void
pager(struct bytes *out, const struct view_list *v)
{
	bytes_adds(out, "<nav class=\"pager\" aria-label=\"More pages\"><p>");
	if (v->on)
		html_addf(out,
		    "<a href=\"/inventory/certificates%s\">First page</a> ",
		    v->first);
	if (v->next != NULL)
		html_addf(out,
		    "<a rel=\"next\" href=\"/inventory/certificates%s\">%s</a>",
		    v->next, v->page->searching ? "Search on" : "Next page");
	html_addf(out,
	    "</p><p>All of them as <a href=\"%s\" download>CSV</a> or "
	    "<a href=\"%s\" download>JSON</a></p></nav>\n",
	    v->csv, v->json);
}

void
render_list(struct bytes *out, const struct view_list *v)
{
	frame_begin(out, &v->view, FRAME_LIST, "Certificates");
	frame_trouble(out, v->trouble);
	form(out, v);
	if (v->page != NULL) {
		said(out, v);
		if (v->page->rows > 0)
			rows(out, v);
		pager(out, v);
	}
	frame_end(out, &v->view);
}

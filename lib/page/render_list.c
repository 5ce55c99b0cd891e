#include <stdlib.h>
#include <string.h>

#include "lib/ca/profile.h"
#include "lib/page/frame.h"
#include "lib/page/render.h"
#include "lib/page/wish.h"

/* ---- the form ------------------------------------------------------------ */

/* Is it this field that the trouble begins with ("serial: want …")? */
static const char *
wrong(const struct view_list *v, const char *name)
{
	size_t len = strlen(name);

	return v->trouble != NULL && strncmp(v->trouble, name, len) == 0 &&
	               v->trouble[len] == ':'
	           ? " aria-invalid=\"true\" aria-describedby=\"trouble\""
	           : "";
}

struct input {
	const char *name, *label, *type, *hint;
};

static void
text_field(struct bytes *out, const struct view_list *v, const struct input *f,
    const char *value)
{
	html_addf(out,
	    "<p><label for=\"%s\">%s</label><input id=\"%s\" name=\"%s\" "
	    "type=\"%s\" value=\"%s\" placeholder=\"%s\" "
	    "autocomplete=\"off\"",
	    f->name, f->label, f->name, f->name, f->type, value, f->hint);
	bytes_adds(out, wrong(v, f->name));
	bytes_adds(out, "></p>\n");
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
select_begin(struct bytes *out, const struct view_list *v, const char *name,
    const char *label)
{
	html_addf(out,
	    "<p><label for=\"%s\">%s</label><select id=\"%s\" name=\"%s\"",
	    name, label, name, name);
	bytes_adds(out, wrong(v, name));
	bytes_adds(out, ">\n");
}

static void
state_field(struct bytes *out, const struct view_list *v)
{
	const char *chosen = v->query->state;

	select_begin(out, v, "state", "State");
	choice(out, "", "any", chosen);
	for (int s = BROWSE_GOOD; s <= BROWSE_HELD; s++)
		choice(out, browse_state_word((enum browse_state)s),
		    browse_state_word((enum browse_state)s), chosen);
	bytes_adds(out, "</select></p>\n");
}

static void
order_field(struct bytes *out, const struct view_list *v)
{
	static const char *const texts[] = {
	    "newest first", "oldest first", "who ends first", "who ends last"};

	select_begin(out, v, "order", "Order");
	choice(out, "", "as fits the state", v->query->order);
	for (int o = BROWSE_NEWEST; o <= BROWSE_ENDED; o++)
		choice(out, browse_order_word((enum browse_order)o), texts[o],
		    v->query->order);
	bytes_adds(out, "</select></p>\n");
}

/* Those that there are, and what was typed though it is not one. */
static void
profile_field(struct bytes *out, const struct view_list *v)
{
	const struct conf_list *all = &v->view.ca->settings->profiles->list;
	const struct profile *profile = all->item;
	bool known = *v->query->profile == '\0';

	select_begin(out, v, "profile", "Profile");
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
	static const struct input fields[] = {
	    {"san", "Alternative name", "search", "a part, or DNS:pump-*"},
	    {"serial", "Serial", "search", "all its hex digits"},
	    {"fingerprint", "SHA-256 fingerprint", "search",
		"the first digits"},
	    {"device", "Azure device", "search", "its whole name"},
	    {"endpoint", "Endpoint", "search", "its whole name"},
	    {"within", "Expiring within", "text", "30d"},
	    {"issued_from", "Issued from", "date", "2026-01-31"},
	    {"issued_until", "Issued before", "date", "2026-01-31"},
	    {"ends_from", "Ends from", "date", "2026-01-31"},
	    {"ends_until", "Ends before", "date", "2026-01-31"},
	};
	const char *const values[] = {q->san, q->serial, q->fingerprint,
	    q->device, q->endpoint, q->within, q->issued_from, q->issued_until,
	    q->ends_from, q->ends_until};

	bytes_adds(out, narrow(q) ? "<details open>" : "<details>");
	bytes_adds(out, "<summary>More to search by</summary>"
			"<div class=\"fields\">\n");
	profile_field(out, v);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		text_field(out, v, &fields[i], values[i]);
	bytes_adds(out, "</div></details>\n");
}

static void
form(struct bytes *out, const struct view_list *v)
{
	static const struct input subject = {
	    "subject", "Subject", "search", "a part, or CN=pump-*"};

	bytes_adds(out, "<form class=\"search\" role=\"search\" method=\"get\" "
			"action=\"/inventory/certificates\">\n"
			"<div class=\"fields\">\n");
	text_field(out, v, &subject, v->query->subject);
	state_field(out, v);
	order_field(out, v);
	bytes_adds(out, "</div>\n");
	more_fields(out, v);
	if (*v->query->rows != '\0')
		html_addf(out,
		    "<input type=\"hidden\" name=\"rows\" value=\"%s\">\n",
		    v->query->rows);
	bytes_adds(out, "<p class=\"buttons\"><button>Search</button> "
			"<a href=\"/inventory/certificates\">Clear</a>"
			"</p>\n</form>\n");
}

/* ---- what was found ------------------------------------------------------ */

static void
row(struct bytes *out, const struct record *r, int64_t now)
{
	bytes_adds(out, "<tr><th scope=\"row\">");
	frame_link(out, r);
	bytes_adds(out, "</th><td data-label=\"State\">");
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

	bytes_adds(out,
	    "<div class=\"panel scroll\" tabindex=\"0\" role=\"group\" "
	    "aria-label=\"What was found\">\n"
	    "<table class=\"list cards\"><thead><tr>");
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		html_addf(out, "<th scope=\"col\">%s</th>", columns[i]);
	bytes_adds(out, "</tr></thead><tbody>\n");
	for (size_t i = 0; i < v->page->rows; i++)
		row(out, &v->page->row[i], v->view.now);
	bytes_adds(out, "</tbody></table></div>\n");
}

static bool
asked(const struct view_query *q)
{
	return *q->subject != '\0' || *q->state != '\0' || narrow(q);
}

static void
retired_one(struct bytes *out, const struct gone *gone)
{
	html_addf(out,
	    "<p class=\"panel empty\" role=\"status\"><strong>It was retired"
	    "</strong> Certificate <code>%s</code> ended ",
	    gone->serial);
	html_day(out, gone->retired.not_after);
	html_addf(out,
	    "%s, and is in the file <code>%s</code> now: <code>microca show "
	    "%s</code> on the CA shows it.</p>\n",
	    gone->retired.status == STORE_REVOKED ? ", was revoked before" : "",
	    gone->retired.path, gone->serial);
}

/* None is found, but it may be in a file. */
static void
retired_some(struct bytes *out, const struct gone *gone)
{
	if (gone->all == 0)
		return;
	bytes_adds(out, "<p class=\"note\">");
	html_count(out, gone->all);
	bytes_adds(out, " certificates that ended long ago were retired into "
			"files; they are found by their serial alone.</p>\n");
}

static void
said(struct bytes *out, const struct view_list *v)
{
	if (v->page->searching) {
		bytes_adds(out, "<p role=\"status\">");
		html_count(out, v->page->looked);
		bytes_adds(out, " certificates were looked at so far; the "
				"search is not over.</p>\n");
	} else if (v->page->rows > 0) {
		return;
	} else if (v->gone->found) {
		retired_one(out, v->gone);
	} else if (v->on) {
		bytes_adds(out, "<p class=\"panel empty\" role=\"status\">"
				"<strong>There are no more</strong></p>\n");
	} else if (asked(v->query)) {
		bytes_adds(out,
		    "<p class=\"panel empty\" role=\"status\"><strong>None is "
		    "of "
		    "this kind</strong> A text without * or ? is looked for "
		    "anywhere in the name; with them, the whole name has to "
		    "fit.</p>\n");
		retired_some(out, v->gone);
	} else {
		bytes_adds(out,
		    "<p class=\"panel empty\" role=\"status\"><strong>Nothing "
		    "is "
		    "issued yet</strong> The first certificate is here as "
		    "soon as a device has it.</p>\n");
	}
}

static void
pager(struct bytes *out, const struct view_list *v)
{
	bytes_adds(out, "<nav class=\"pager\" aria-label=\"More\"><p>");
	if (v->on)
		html_addf(out,
		    "<a href=\"/inventory/certificates%s\">First page</a> ",
		    v->first);
	if (v->next != NULL)
		html_addf(out,
		    "<a class=\"button\" rel=\"next\" "
		    "href=\"/inventory/certificates%s\">%s</a>",
		    v->next, v->page->searching ? "Search on" : "Next page");
	bytes_adds(out, "</p>");
	if (v->page->rows > 0)
		html_addf(out,
		    "<p>All that fit: <a href=\"%s\" download>CSV</a> "
		    "<a href=\"%s\" download>JSON</a></p>",
		    v->csv, v->json);
	bytes_adds(out, "</nav>\n");
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

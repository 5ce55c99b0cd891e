#include <string.h>

#include "lib/page/frame.h"
#include "lib/page/render.h"

/* ---- requests that wait -------------------------------------------------- */

static void
way(struct bytes *out, const struct pending *p, const char *act,
    const char *text, const char *class)
{
	html_addf(out,
	    "<a class=\"%s\" href=\"/inventory/pending/%lld/%s\">%s"
	    "<span class=\"hidden\"> request %lld</span></a> ",
	    class, (long long)p->id, act, text, (long long)p->id);
}

/* The other decision may still be taken while nothing is issued. */
static void
ways(struct bytes *out, const struct pending *p)
{
	bytes_adds(out, "</td><td class=\"buttons\">");
	if (p->state == PENDING_OPEN)
		way(out, p, "approve", "Approve…", "button");
	way(out, p, "deny", "Deny…", "button danger");
}

static void
waiting(
    struct bytes *out, const struct pending *p, const struct view_pending *v)
{
	html_addf(out,
	    "<tr><td class=\"number\" data-label=\"Number\">%lld</td>"
	    "<th scope=\"row\">%s",
	    (long long)p->id,
	    p->subject != NULL && *p->subject != '\0' ? p->subject
						      : "(no subject)");
	if (p->san != NULL && *p->san != '\0')
		html_addf(out, "<br><small>%s</small>", p->san);
	html_addf(out,
	    "</th><td>%s%s<br><small>%s</small></td>"
	    "<td>%s<br><small>%s, %s</small></td>"
	    "<td>%s<br><small>%s</small></td><td data-label=\"Asked\">",
	    pending_state_word(p->state), p->decider != NULL ? " by" : "",
	    p->decider, p->profile, p->endpoint, p->operation, p->requester,
	    p->peer);
	html_ago(out, p->created, v->view.now);
	bytes_adds(out, "</td><td data-label=\"Given up\">");
	html_ago(out, p->expires, v->view.now);
	if (v->may_decide)
		ways(out, p);
	bytes_adds(out, "</td></tr>\n");
}

static void
table(struct bytes *out, const struct view_pending *v)
{
	static const char *const columns[] = {"Number", "Subject", "State",
	    "Profile", "Who asks", "Asked", "Given up", "Decide"};
	size_t n = sizeof(columns) / sizeof(*columns) - !v->may_decide;

	bytes_adds(out, "<div class=\"scroll\" tabindex=\"0\" role=\"group\" "
			"aria-label=\"Requests\"><table class=\"cards\">"
			"<thead><tr>");
	for (size_t i = 0; i < n; i++)
		html_addf(out, "<th scope=\"col\">%s</th>", columns[i]);
	bytes_adds(out, "</tr></thead><tbody>\n");
	for (size_t i = 0; i < v->rows; i++)
		waiting(out, &v->row[i], v);
	bytes_adds(out, "</tbody></table></div>\n");
}

void
render_pending(struct bytes *out, const struct view_pending *v)
{
	frame_begin(out, &v->view, FRAME_PENDING, "Requests that wait");
	if (v->rows == 0)
		bytes_adds(out, "<p>No request waits for a decision.</p>\n");
	else
		table(out, v);
	if (!v->all)
		bytes_adds(out, "<p class=\"note\">There are more: decide of "
				"these first, or use <code>microca pending"
				"</code>.</p>\n");
	frame_end(out, &v->view);
}

/* ---- the question before an act ------------------------------------------ */

struct question {
	const char *act, *title, *button, *text;
	bool note, danger;
};

static const struct question questions[] = {
    {"revoke", "Revoke this certificate?", "Revoke",
	"This cannot be taken back. The device is refused at its next "
	"renewal, and everywhere that the revocation is asked for.",
	false, true},
    {"hold", "Put this certificate on hold?", "Put on hold",
	"It counts as revoked until it is released.", false, true},
    {"release", "Release this certificate?", "Release",
	"It is good again from now on.", false, false},
    {"approve", "Approve this request?", "Approve",
	"The device has its certificate when it asks again.", true, false},
    {"deny", "Deny this request?", "Deny",
	"The device is refused when it asks again.", true, true},
};

static const struct question *
question_of(const char *act)
{
	size_t i = 0;

	while (i < sizeof(questions) / sizeof(*questions) - 1 &&
	       strcmp(questions[i].act, act) != 0)
		i++;
	return &questions[i];
}

static void
about(struct bytes *out, const struct view_confirm *v)
{
	bytes_adds(out, "<dl>\n");
	if (v->record != NULL) {
		frame_term(out, "Subject", v->record->subject);
		frame_term(out, "Alternative names", v->record->san);
		frame_term(out, "Serial", v->record->serial);
		frame_term(out, "Azure device", v->record->device);
	}
	if (v->pending != NULL) {
		frame_term(out, "Subject", v->pending->subject);
		frame_term(out, "Alternative names", v->pending->san);
		frame_term(out, "Profile", v->pending->profile);
		frame_term(out, "Endpoint", v->pending->endpoint);
		frame_term(out, "Who asks", v->pending->requester);
		frame_term(out, "From", v->pending->peer);
	}
	bytes_adds(out, "</dl>\n");
}

/* RFC 5280, 5.3.1, without the hold, which is an act of its own. */
static void
reasons(struct bytes *out)
{
	bytes_adds(out, "<p><label for=\"reason\">Reason</label>"
			"<select id=\"reason\" name=\"reason\" required>\n"
			"<option value=\"\">Choose one</option>\n");
	for (int r = REASON_UNSPECIFIED; r <= REASON_PRIVILEGE_WITHDRAWN; r++)
		if (r != REASON_HOLD && store_reason_word(r) != NULL)
			html_addf(out, "<option value=\"%s\">%s</option>\n",
			    store_reason_word(r), store_reason_word(r));
	bytes_adds(out, "</select></p>\n");
}

void
render_confirm(struct bytes *out, const struct view_confirm *v)
{
	const struct question *q = question_of(v->act);

	frame_begin(out, &v->view,
	    v->pending != NULL ? FRAME_PENDING : FRAME_LIST, q->title);
	frame_trouble(out, v->trouble);
	about(out, v);
	html_addf(out,
	    "<p>%s</p>\n<form class=\"act\" method=\"post\" action=\"%s\">\n"
	    "<input type=\"hidden\" name=\"token\" value=\"%s\">\n"
	    "<input type=\"hidden\" name=\"confirm\" value=\"yes\">\n",
	    q->text, v->path, v->view.token);
	if (strcmp(q->act, "revoke") == 0)
		reasons(out);
	if (q->note)
		bytes_adds(out,
		    "<p><label for=\"note\">Note for the audit"
		    "</label><input id=\"note\" name=\"note\" "
		    "maxlength=\"200\" autocomplete=\"off\"></p>\n");
	html_addf(out,
	    "<p class=\"buttons\"><button class=\"%s\">%s</button> "
	    "<a href=\"%s\">No, go back</a></p>\n</form>\n",
	    q->danger ? "danger" : "", q->button, v->back);
	frame_end(out, &v->view);
}

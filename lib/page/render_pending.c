#include <string.h>

#include <openssl/err.h>

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
	html_addf(out, "<tr><th scope=\"row\">%s",
	    p->subject != NULL && *p->subject != '\0' ? p->subject
						      : "(no subject)");
	if (p->san != NULL && *p->san != '\0')
		html_addf(out, "<small>%s</small>", p->san);
	html_addf(out,
	    "</th><td data-label=\"State\"><div><span class=\"state %s\">%s"
	    "</span>",
	    pending_state_word(p->state), pending_state_word(p->state));
	if (p->decider != NULL)
		html_addf(out, "<small>by %s</small>", p->decider);
	html_addf(out,
	    "</div></td><td data-label=\"Profile\"><div>%s"
	    "<small>%s, %s</small></div></td>"
	    "<td data-label=\"Who asks\"><div>%s<small>%s</small></div></td>"
	    "<td data-label=\"Asked\">",
	    p->profile, p->endpoint, p->operation, p->requester, p->peer);
	html_ago(out, p->created, v->view.now);
	bytes_adds(out, "</td><td data-label=\"Given up\">");
	html_ago(out, p->expires, v->view.now);
	html_addf(out, "</td><td class=\"number\" data-label=\"Number\">%lld",
	    (long long)p->id);
	if (v->may_decide)
		ways(out, p);
	bytes_adds(out, "</td></tr>\n");
}

static void
table(struct bytes *out, const struct view_pending *v)
{
	static const char *const columns[] = {"Subject", "State", "Profile",
	    "Who asks", "Asked", "Given up", "Number", "Decide"};
	size_t n = sizeof(columns) / sizeof(*columns) - !v->may_decide;

	bytes_adds(out,
	    "<div class=\"panel scroll\" tabindex=\"0\" role=\"group\" "
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
		bytes_adds(out,
		    "<p class=\"panel empty\"><strong>No request "
		    "waits</strong> "
		    "Those that an endpoint with <code>approval</code> wants "
		    "decided by somebody are here.</p>\n");
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
	bool danger;
};

static const struct question questions[] = {
    {"revoke", "Revoke this certificate?", "Revoke",
	"This cannot be taken back. The device is refused at its next "
	"renewal, and wherever somebody asks whether it is revoked.",
	true},
    {"hold", "Put this certificate on hold?", "Put on hold",
	"It counts as revoked until it is released.", true},
    {"release", "Release this certificate?", "Release",
	"It is good again from now on.", false},
    {"approve", "Approve this request?", "Approve",
	"The device has its certificate when it asks again.", false},
    {"deny", "Deny this request?", "Deny",
	"The device is refused when it asks again.", true},
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
about_record(struct bytes *out, const struct view_confirm *v)
{
	const struct record *r = v->record;

	frame_term(
	    out, "Subject", *r->subject != '\0' ? r->subject : "(empty)");
	frame_term(out, "Alternative names", r->san);
	frame_term(out, "Serial", r->serial);
	frame_term(out, "Profile", r->profile);
	frame_time(out, "Valid until", r->not_after, v->view.now);
	frame_term(out, "Azure device", r->device);
}

/* What the decision is about: a name, and whose key gets it. */
static void
about_pending(struct bytes *out, const struct view_confirm *v)
{
	const struct pending *p = v->pending;
	const uint8_t *der = p->csr.data;
	X509_REQ *req =
	    der != NULL ? d2i_X509_REQ(NULL, &der, (long)p->csr.len) : NULL;

	frame_term(out, "Subject", p->subject);
	frame_term(out, "Alternative names", p->san);
	frame_term(out, "Profile", p->profile);
	frame_term(out, "Endpoint", p->endpoint);
	if (req != NULL)
		frame_key(out, X509_REQ_get0_pubkey(req));
	frame_sha256(out, "SHA-256 of the request", p->csr_sha256);
	frame_term(out, "Who asks", p->requester);
	frame_term(out, "From", p->peer);
	frame_time(out, "Asked", p->created, v->view.now);
	X509_REQ_free(req);
	ERR_clear_error();
}

static void
about(struct bytes *out, const struct view_confirm *v)
{
	bytes_adds(out, "<section><dl>\n");
	if (v->record != NULL)
		about_record(out, v);
	if (v->pending != NULL)
		about_pending(out, v);
	bytes_adds(out, "</dl></section>\n");
}

/* RFC 5280, 5.3.1, without the hold, which is an act of its own. */
static void
reasons(struct bytes *out, const char *typed)
{
	bytes_adds(out, "<p><label for=\"reason\">Reason</label>"
			"<select id=\"reason\" name=\"reason\" required>\n"
			"<option value=\"\">Choose one</option>\n");
	for (int r = REASON_UNSPECIFIED; r <= REASON_PRIVILEGE_WITHDRAWN; r++) {
		const char *word = store_reason_word(r);

		if (r == REASON_HOLD || word == NULL)
			continue;
		html_addf(out, "<option value=\"%s\"%s>%s</option>\n", word,
		    typed != NULL && strcmp(typed, word) == 0 ? " selected"
							      : "",
		    word);
	}
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
	    "<section class=\"text\"><p>%s</p>\n<form class=\"act\" "
	    "method=\"post\" action=\"%s\">\n"
	    "<input type=\"hidden\" name=\"token\" value=\"%s\">\n"
	    "<input type=\"hidden\" name=\"confirm\" value=\"yes\">\n",
	    q->text, v->path, v->view.token);
	if (strcmp(q->act, "revoke") == 0)
		reasons(out, v->reason);
	html_addf(out,
	    "<p><label for=\"note\">Note for the audit (optional)"
	    "</label><input id=\"note\" name=\"note\" value=\"%s\" "
	    "maxlength=\"200\" autocomplete=\"off\"></p>\n",
	    v->note);
	html_addf(out,
	    "<p class=\"buttons\"><button class=\"%s\">%s</button> "
	    "<a href=\"%s\">No, go back</a></p>\n</form></section>\n",
	    q->danger ? "danger" : "", q->button, v->back);
	frame_end(out, &v->view);
}

/* One certificate, requests that wait, and what is done with them. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/page/api.h"
#include "lib/page/pages.h"
#include "lib/page/render.h"

#define HTML "text/html; charset=utf-8"
#define PENDING_ROWS 500

static bool
acts(const struct ask *ask)
{
	return ask->who.role == ROLE_OPERATOR;
}

/* ---- one certificate ----------------------------------------------------- */

struct events {
	struct view_event *item;
	size_t n;
};

static int64_t
time_of(const struct json *j)
{
	char text[WHEN_LEN] = "";
	const char *time = json_str_of(j, "time");
	struct fail why = {0};
	int64_t when = 0;

	/* Microseconds are more than a page shows. */
	if (time == NULL || strlen(time) < WHEN_LEN - 1)
		return 0;
	memcpy(text, time, WHEN_LEN - 2);
	text[WHEN_LEN - 2] = 'Z';
	return when_read(&when, text, &why) == 0 ? when : 0;
}

static int
event_take(int64_t seq, const char *record, void *arg)
{
	struct events *events = arg;
	struct view_event *e;
	struct fail why = {0};
	struct json *j;

	if (json_read(&j, record, &why) != 0)
		return 0;
	events->item =
	    mem_grow(events->item, events->n + 1, sizeof(*events->item));
	e = &events->item[events->n++];
	*e = (struct view_event){
	    .seq = seq,
	    .when = time_of(j),
	    .event = str_dup(json_str_of(j, "event")),
	    .who = str_dup(json_str_of(j, "requester")),
	    .reason = str_dup(json_str_of(j, "reason")),
	    .text = str_dup(json_str_of(j, "text")),
	    .request = str_dup(json_str_of(j, "request")),
	    .peer = str_dup(json_str_of(j, "peer")),
	};
	json_free(j);
	return 0;
}

static void
events_free(struct events *events)
{
	for (size_t i = 0; i < events->n; i++) {
		free(events->item[i].event);
		free(events->item[i].who);
		free(events->item[i].reason);
		free(events->item[i].text);
		free(events->item[i].request);
		free(events->item[i].peer);
	}
	free(events->item);
}

static const STACK_OF(X509) *
    chain_of(const struct ask *ask, const struct record *r)
{
	const struct issuers *all = ask->ca->issuers;
	const struct issuer *issuer =
	    all != NULL ? issuers_any_by_keyid(all, r->issuer, ask->now) : NULL;

	return issuer != NULL ? issuer->authority->chain : NULL;
}

int
pages_cert(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	static const char *const names[] = {"done", NULL};
	struct view_cert v = {.view = pages_view(ask)};
	struct events events = {0};
	struct record r = {0};
	int rc = fields_known(&ask->query, names, why);

	if (rc == 0)
		rc = ask_record(&r, ask, why);
	if (rc == 0)
		rc = store_history(ask->ca->store, &r, VIEW_HISTORY, &v.all,
		    event_take, &events, why);
	if (rc == 0) {
		v.record = &r;
		v.state = browse_state_at(&r, ask->now);
		v.chain = chain_of(ask, &r);
		v.event = events.item;
		v.events = events.n;
		v.may_revoke = acts(ask) && r.status != STORE_REVOKED;
		v.may_hold = acts(ask) && r.status == STORE_GOOD;
		v.may_release = acts(ask) && r.status == STORE_HELD;
		sheet->type = HTML;
		render_cert(&sheet->body, &v);
	}
	events_free(&events);
	record_free(&r);
	return rc;
}

/* ---- requests that wait -------------------------------------------------- */

struct waiting {
	struct pending *row;
	size_t n;
};

/* A copy for the page: the texts that it shows. */
static int
pending_take(const struct pending *p, void *arg)
{
	struct waiting *w = arg;
	struct pending *copy;

	w->row = mem_grow(w->row, w->n + 1, sizeof(*w->row));
	copy = &w->row[w->n++];
	*copy = *p;
	copy->request = str_dup(p->request);
	copy->endpoint = str_dup(p->endpoint);
	copy->operation = str_dup(p->operation);
	copy->profile = str_dup(p->profile);
	copy->requester = str_dup(p->requester);
	copy->holder = str_dup(p->holder);
	copy->subject = str_dup(p->subject);
	copy->san = str_dup(p->san);
	copy->peer = str_dup(p->peer);
	copy->decider = str_dup(p->decider);
	copy->note = str_dup(p->note);
	copy->csr = copy->der = (struct bytes){0};
	bytes_add(&copy->csr, p->csr.data, p->csr.len);
	return w->n > PENDING_ROWS;
}

static void
waiting_free(struct waiting *w)
{
	for (size_t i = 0; i < w->n; i++)
		pending_free(&w->row[i]);
	free(w->row);
}

static int
waiting_read(struct waiting *w, const struct ask *ask, struct fail *why)
{
	const struct pending_filter filter = {.now = ask->now};

	return store_pending_list(
	    ask->ca->store, &filter, pending_take, w, why);
}

int
pages_pending(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	static const char *const names[] = {"done", NULL};
	struct view_pending v = {.view = pages_view(ask)};
	struct waiting w = {0};
	int rc = fields_known(&ask->query, names, why);

	if (rc == 0)
		rc = waiting_read(&w, ask, why);
	if (rc == 0) {
		v.row = w.row;
		v.all = w.n <= PENDING_ROWS;
		v.rows = v.all ? w.n : PENDING_ROWS;
		v.may_decide = acts(ask);
		sheet->type = HTML;
		render_pending(&sheet->body, &v);
	}
	waiting_free(&w);
	return rc;
}

/* ---- questions ----------------------------------------------------------- */

static int
may_ask(const struct ask *ask, bool there, struct fail *why)
{
	static const char *const names[] = {NULL};

	if (!there)
		return fail(why, FAIL_ABSENT, "path",
		    "nothing is served under this path");
	if (!acts(ask))
		return fail(why, FAIL_DENIED, "operator-role",
		    "a viewer may look, not act");
	return fields_known(&ask->query, names, why);
}

static void
confirm_write(struct sheet *sheet, const struct ask *ask,
    const struct record *r, const struct pending *p, const char *trouble)
{
	char *back =
	    r != NULL ? str_fmt("/inventory/certificates/%s", ask->segment[0])
		      : str_dup("/inventory/pending");
	struct view_confirm v = {.view = pages_view(ask),
	    .act = ask->segment[1],
	    .path = ask->path,
	    .back = back,
	    .record = r,
	    .pending = p,
	    .reason = field_of(&ask->form, "reason"),
	    .note = field_of(&ask->form, "note"),
	    .trouble = trouble};

	sheet->type = HTML;
	render_confirm(&sheet->body, &v);
	free(back);
}

int
pages_cert_ask(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	struct record r = {0};
	int rc = may_ask(ask, act_is(ask->segment[1]), why);

	if (rc == 0)
		rc = ask_record(&r, ask, why);
	if (rc == 0)
		confirm_write(sheet, ask, &r, NULL, NULL);
	record_free(&r);
	return rc;
}

static const struct pending *
waiting_find(const struct waiting *w, const char *number)
{
	char *end;
	long long id = strtoll(number, &end, 10);

	for (size_t i = 0; *end == '\0' && i < w->n; i++)
		if (w->row[i].id == id)
			return &w->row[i];
	return NULL;
}

int
pages_pending_ask(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	const struct pending *p;
	struct waiting w = {0};
	int rc = may_ask(ask, act_decides(ask->segment[1]), why);

	if (rc == 0)
		rc = waiting_read(&w, ask, why);
	if (rc == 0 && (p = waiting_find(&w, ask->segment[0])) == NULL)
		rc = fail(why, FAIL_ABSENT, "unknown-request",
		    "no request of this number waits");
	else if (rc == 0)
		confirm_write(sheet, ask, NULL, p, NULL);
	waiting_free(&w);
	return rc;
}

/* ---- acts ---------------------------------------------------------------- */

/* RFC 9110, 15.4.4: what was done is shown by a page of its own, so that
 * loading it again does nothing again. */
static int
see(struct sheet *sheet, const char *path, const char *id, const char *done)
{
	sheet->status = 303;
	sheet->location = str_fmt("%s%s?done=%s", path, id, done);
	return 0;
}

/* The word that the page shows then. */
static const char *
done_word(const char *act)
{
	if (strcmp(act, "release") == 0)
		return "released";
	return strcmp(act, "hold") == 0 ? "held" : "revoked";
}

/* The question once more, with what was wrong and what was typed. */
static int
ask_again(struct sheet *sheet, const struct ask *ask, const struct record *r,
    struct fail *why)
{
	confirm_write(sheet, ask, r, NULL, why->text);
	sheet->status = fail_http(why->kind);
	memset(why, 0, sizeof(*why));
	return 0;
}

int
pages_cert_act(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	struct record r = {0};
	bool changed;
	int rc = ask_record(&r, ask, why);

	if (rc == 0)
		rc = act_certificate(&changed, ask, &r, ask->segment[1], why);
	if (rc == 0)
		rc = see(sheet, "/inventory/certificates/", ask->segment[0],
		    done_word(ask->segment[1]));
	else if (r.id != 0 && why->kind == FAIL_MALFORMED)
		rc = ask_again(sheet, ask, &r, why);
	record_free(&r);
	return rc;
}

int
pages_pending_act(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	bool changed;

	if (act_request(&changed, ask, ask->segment[0], ask->segment[1], why) !=
	    0)
		return -1;
	return see(sheet, "/inventory/pending", "",
	    ask->segment[1][0] == 'a' ? "approved" : "denied");
}

void
pages_refuse(struct bytes *out, const struct ask *ask, const struct fail *why)
{
	struct view_trouble v = {.view = pages_view(ask),
	    .status = fail_http(why->kind),
	    .reason = why->reason,
	    .text = why->text,
	    .shown = ask->who.shown ? ask->who.sha256 : NULL};

	render_trouble(out, &v);
}

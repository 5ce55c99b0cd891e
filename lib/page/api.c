#include "lib/page/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/page/counts.h"
#include "lib/page/gone.h"
#include "lib/page/rows.h"
#include "lib/page/wish.h"
#include "lib/web/vitals.h"
#include "lib/wire/cert.h"

#define PENDING_ROWS 500

static const char *const nothing[] = {NULL};

/* Takes `j` over. */
static int
answer(struct sheet *sheet, struct json *j)
{
	char *text = json_text(j, 0);

	sheet->type = "application/json";
	bytes_addf(&sheet->body, "%s\n", text);
	free(text);
	json_free(j);
	return 0;
}

int
ask_record(struct record *r, const struct ask *ask, struct fail *why)
{
	const char *hex = ask->segment[0];
	struct bytes sha = {0};
	bool found = false;
	int rc;

	memset(r, 0, sizeof(*r));
	if (strlen(hex) != 64 || strspn(hex, "0123456789abcdef") != 64 ||
	    !hex_read(&sha, hex)) {
		bytes_free(&sha);
		return fail(why, FAIL_MALFORMED, "query",
		    "a certificate's fingerprint is 64 hex digits in lower "
		    "case");
	}
	rc = store_find(ask->ca->store, r, &found, sha.data, why);
	bytes_free(&sha);
	if (rc == 0 && !found)
		rc = fail(why, FAIL_ABSENT, "unknown-certificate",
		    "there is no certificate with this fingerprint in the "
		    "database");
	return rc;
}

/* ---- certificates -------------------------------------------------------- */

static int
list_json(struct sheet *sheet, const struct browse_page *page,
    const struct gone *gone, int64_t now)
{
	struct json *j = json_new_object(), *rows = json_new_array();

	for (size_t i = 0; i < page->rows; i++)
		json_push(rows, row_json(&page->row[i], now));
	json_add(j, "certificates", rows);
	if (page->more)
		json_str(j, "next", page->next);
	else
		json_none(j, "next");
	json_bool(j, "searching", page->searching);
	json_int(j, "looked_at", page->looked);
	if (gone->found)
		json_add(j, "retired", gone_json(gone));
	return answer(sheet, j);
}

int
api_list(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	struct browse_page page;
	struct gone gone;

	if (gone_browse(
		&page, &gone, ask->ca->store, &ask->query, ask->now, why) != 0)
		return -1;
	(void)list_json(sheet, &page, &gone, ask->now);
	browse_free(&page);
	return 0;
}

static void
etag_of(struct sheet *sheet, const struct record *r, const char *state)
{
	char hex[2 * SHA256_LEN + 1];

	hex_write(hex, (struct span){r->sha256, SHA256_LEN}, false);
	(void)snprintf(
	    sheet->etag, sizeof(sheet->etag), "\"%.48s-%s\"", hex, state);
}

static int
one_write(struct sheet *sheet, const struct ask *ask, const struct record *r)
{
	struct json *j = row_json(r, ask->now);
	struct bytes pem = {0};

	cert_pem_write(&pem, span_of(&r->der));
	json_str(j, "pem", (const char *)pem.data);
	bytes_free(&pem);
	return answer(sheet, j);
}

int
api_one(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	struct record r = {0};
	int rc = fields_known(&ask->query, nothing, why);

	if (rc == 0)
		rc = ask_record(&r, ask, why);
	if (rc == 0)
		rc = one_write(sheet, ask, &r);
	record_free(&r);
	return rc;
}

static int
file_of(struct ask *ask, struct sheet *sheet, bool pem, struct fail *why)
{
	struct record r = {0};
	int rc = ask_record(&r, ask, why);

	if (rc == 0) {
		(void)snprintf(sheet->filename, sizeof(sheet->filename),
		    "%.64s.%s", r.serial, pem ? "pem" : "cer");
		sheet->type =
		    pem ? "application/x-pem-file" : "application/pkix-cert";
		/* The octets of a fingerprint never change. */
		etag_of(sheet, &r, pem ? "pem" : "der");
		if (pem)
			cert_pem_write(&sheet->body, span_of(&r.der));
		else
			bytes_add(&sheet->body, r.der.data, r.der.len);
	}
	record_free(&r);
	return rc;
}

int
api_pem(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	return file_of(ask, sheet, true, why);
}

int
api_der(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	return file_of(ask, sheet, false, why);
}

/* ---- history ------------------------------------------------------------- */

static int
event_push(int64_t seq, const char *record, void *arg)
{
	struct json *list = arg, *j = json_new_object(), *its;
	struct fail why = {0};

	json_int(j, "seq", seq);
	if (json_read(&its, record, &why) == 0)
		json_add(j, "record", its);
	else
		json_str(j, "record", record);
	json_push(list, j);
	return 0;
}

int
api_history(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	struct json *j = json_new_object(), *list = json_new_array();
	struct record r = {0};
	bool all = false;
	int rc = ask_record(&r, ask, why);

	if (rc == 0)
		rc = store_history(ask->ca->store, &r, VIEW_HISTORY, &all,
		    event_push, list, why);
	json_add(j, "events", list);
	json_bool(j, "complete", all);
	record_free(&r);
	if (rc == 0)
		return answer(sheet, j);
	json_free(j);
	return rc;
}

/* ---- requests that wait -------------------------------------------------- */

struct waiting {
	struct json *list;
	size_t n;
};

static int
pending_push(const struct pending *p, void *arg)
{
	struct waiting *w = arg;

	if (w->n++ < PENDING_ROWS)
		json_push(w->list, row_pending(p));
	return w->n > PENDING_ROWS;
}

int
api_pending(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	const struct pending_filter filter = {.now = ask->now};
	struct json *j = json_new_object();
	struct waiting w = {.list = json_new_array()};
	int rc = fields_known(&ask->query, nothing, why);

	if (rc == 0)
		rc = store_pending_list(
		    ask->ca->store, &filter, pending_push, &w, why);
	json_add(j, "requests", w.list);
	json_bool(j, "complete", w.n <= PENDING_ROWS);
	if (rc == 0)
		return answer(sheet, j);
	json_free(j);
	return rc;
}

/* ---- the rest ------------------------------------------------------------ */

int
api_statistics(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	struct findings findings = {0};
	struct census census;
	struct json *j;

	if (fields_known(&ask->query, nothing, why) != 0)
		return -1;
	counts_now(&census, ask->ca, ask->now,
	    ask->edge->once ? COUNTS_HERE : COUNTS_API);
	if (census.when == 0)
		return fail(why, FAIL_BUSY, "counting",
		    "the certificates are not counted yet");
	j = row_census(&census);
	vitals_take(&findings, ask->ca, ask->now);
	json_str(j, "health", vitals_word(findings.state));
	findings_free(&findings);
	return answer(sheet, j);
}

int
api_session(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	struct json *j;

	if (fields_known(&ask->query, nothing, why) != 0)
		return -1;
	j = json_new_object();
	json_str(j, "name", ask->who.name);
	json_str(j, "role", role_word(ask->who.role));
	json_str(j, "token", ask->token);
	json_time(j, "token_ends", ask->now + GUARD_LIFE);
	return answer(sheet, j);
}

static int
act_answer(struct sheet *sheet, bool changed)
{
	struct json *j = json_new_object();

	json_bool(j, "changed", changed);
	return answer(sheet, j);
}

int
api_act(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	struct record r = {0};
	bool changed = false;
	int rc = ask_record(&r, ask, why);

	if (rc == 0)
		rc = act_certificate(&changed, ask, &r, ask->segment[1], why);
	record_free(&r);
	return rc == 0 ? act_answer(sheet, changed) : -1;
}

int
api_decide(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	bool changed;

	if (act_request(&changed, ask, ask->segment[0], ask->segment[1], why) !=
	    0)
		return -1;
	return act_answer(sheet, changed);
}

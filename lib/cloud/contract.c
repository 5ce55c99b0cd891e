#include "lib/cloud/contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/store/store.h"

/* ---- what an edge sends -------------------------------------------------- */

/* What is not known is told as null. */
static void
text_add(struct json *j, const char *key, const char *text)
{
	if (text != NULL && *text != '\0')
		json_str(j, key, text);
	else
		json_none(j, key);
}

static void
time_add(struct json *j, const char *key, int64_t when)
{
	if (when != 0)
		json_time(j, key, when);
	else
		json_none(j, key);
}

static void
cert_add(struct json *j, const struct cloud_cert *cert)
{
	text_add(j, "serial", cert->serial);
	text_add(j, "issuer", cert->issuer);
	time_add(j, "notBefore", cert->not_before);
	time_add(j, "notAfter", cert->not_after);
	text_add(j, "profile", cert->profile);
}

static void
revocation_add(struct json *item, const struct wanted *w)
{
	struct json *j;
	const char *reason = store_reason_word(w->reason);

	if (w->state != CLOUD_REVOKED) {
		json_none(item, "revocation");
		return;
	}
	j = json_new_object();
	time_add(j, "time", w->revoked);
	json_str(j, "reason", reason != NULL ? reason : "unspecified");
	json_add(item, "revocation", j);
}

static void
previous_add(struct json *item, const struct wanted *w)
{
	struct json *j;

	text_add(item, "replaces", w->previous.sha256);
	if (w->previous.sha256[0] == '\0')
		return;
	j = json_new_object();
	cert_add(j, &w->previous);
	json_add(item, "previous", j);
}

/* A certificate that is good does not become "revoked" by what became of one
 * before it. */
static const char *
event_of(const struct wanted *w)
{
	if (w->state == CLOUD_REVOKED)
		return "revoked";
	return w->event == CLOUD_ISSUED ? "issued" : "renewed";
}

static struct json *
item_write(const struct wanted *w)
{
	struct json *j = json_new_object();

	json_int(j, "seq", w->seq);
	json_str(j, "event", event_of(w));
	json_str(j, "deviceId", w->device);
	json_str(j, "certSha256", w->current.sha256);
	cert_add(j, &w->current);
	text_add(j, "site", w->site);
	previous_add(j, w);
	revocation_add(j, w);
	return j;
}

char *
contract_batch_write(const struct contract_batch *batch)
{
	struct json *j = json_new_object(), *items = json_new_array();
	char *text;

	json_str(j, "schema", CONTRACT_SCHEMA);
	json_str(j, "edgeId", batch->edge);
	json_str(j, "batchId", batch->batch);
	json_time(j, "sentAt", batch->sent);
	for (size_t i = 0; i < batch->n; i++)
		json_push(items, item_write(&batch->items[i]));
	json_add(j, "items", items);
	text = json_text(j, 0);
	json_free(j);
	return text;
}

void
contract_batch_free(struct contract_batch *batch)
{
	free(batch->edge);
	free(batch->batch);
	for (size_t i = 0; i < CONTRACT_ITEMS; i++)
		wanted_free(&batch->items[i]);
	memset(batch, 0, sizeof(*batch));
}

/* ---- what it is answered ------------------------------------------------- */

static const struct {
	enum cloud_outcome outcome;
	const char *word;
} statuses[] = {
    {CLOUD_APPLIED, "applied"},
    {CLOUD_UNCHANGED, "unchanged"},
    {CLOUD_SUPERSEDED, "superseded"},
    {CLOUD_DEFERRED, "deferred"},
    {CLOUD_REJECTED, "rejected"},
    /* Perhaps it is done: the edge asks again, as for one that waits. */
    {CLOUD_UNKNOWN, "deferred"},
};
#define STATUSES (sizeof(statuses) / sizeof(statuses[0]))

/* Reason words that have a code of the contract's, and back; others are spelled
 * its way. */
static const struct {
	const char *reason, *code;
	enum fail_kind kind;
} codes[] = {
    {"bad-item", "bad_item", FAIL_MALFORMED},
    {"id-not-allowed", "id_not_allowed", FAIL_DENIED},
    {"site-not-allowed", "site_not_allowed", FAIL_DENIED},
    {"cloud-foreign", "foreign_identity", FAIL_DENIED},
    {"cloud-id", "cloud_id", FAIL_DENIED},
    {"cloud-size", "cloud_size", FAIL_DENIED},
    {"cloud-tag", "cloud_tag", FAIL_DENIED},
};
#define CODES (sizeof(codes) / sizeof(codes[0]))

static char *
code_of(const char *reason)
{
	char *code;

	for (size_t i = 0; i < CODES; i++)
		if (strcmp(codes[i].reason, reason) == 0)
			return str_dup(codes[i].code);
	code = str_dup(reason);
	for (char *p = code; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
	return code;
}

static void
code_add(struct json *j, const char *text, const struct fail *why)
{
	char *code;

	if (why->kind == FAIL_NONE) {
		json_none(j, "code");
		json_none(j, text);
		return;
	}
	code = code_of(why->reason);
	json_str(j, "code", code);
	json_str(j, text, why->text);
	free(code);
}

static struct json *
result_write(const struct wanted *item, const struct cloud_result *result)
{
	static const struct fail none;
	bool done = result->outcome <= CLOUD_SUPERSEDED;
	const struct fail *why = done ? &none : &result->why;
	struct json *j = json_new_object();

	if (item->seq > 0)
		json_int(j, "seq", item->seq);
	else
		json_none(j, "seq");
	text_add(j, "certSha256", item->current.sha256);
	json_str(j, "status", statuses[result->outcome].word);
	code_add(j, "detail", why);
	if (!done && result->outcome != CLOUD_REJECTED)
		json_int(j, "retryAfter", why->retry > 0 ? why->retry : 60);
	else
		json_none(j, "retryAfter");
	if (result->outcome == CLOUD_SUPERSEDED)
		text_add(j, "current", result->there);
	return j;
}

char *
contract_results_write(
    const struct contract_batch *batch, const struct cloud_result *results)
{
	struct json *j = json_new_object(), *all = json_new_array();
	char *text;

	json_str(j, "batchId", batch->batch);
	for (size_t i = 0; i < batch->n; i++)
		json_push(all, result_write(&batch->items[i], &results[i]));
	json_add(j, "results", all);
	text = json_text(j, 0);
	json_free(j);
	return text;
}

/* Another's text: what may stand in a line of our log. */
static void
said(char *out, size_t size, const char *code, const char *detail)
{
	struct bytes text = {0};

	if (code != NULL)
		text_escape(&text, span_str(code));
	if (code != NULL && detail != NULL)
		bytes_adds(&text, ": ");
	if (detail != NULL)
		text_escape(&text, span_str(detail));
	(void)snprintf(
	    out, size, "%s", text.len > 0 ? (const char *)text.data : "");
	bytes_free(&text);
}

static void
rejected(struct cloud_result *r, const char *code, const char *text)
{
	enum fail_kind kind = FAIL_DENIED;
	const char *reason = "cloud-refused";

	for (size_t i = 0; i < CODES; i++)
		if (code != NULL && strcmp(codes[i].code, code) == 0) {
			kind = codes[i].kind;
			reason = codes[i].reason;
		}
	(void)fail(&r->why, kind, reason, "the connector: %s", text);
}

static void
unknown(struct cloud_result *r)
{
	r->outcome = CLOUD_UNKNOWN;
	(void)fail(&r->why, FAIL_BUSY, "cloud-answer",
	    "the connector's answer does not tell of it");
}

/* An item's own: at its place, with its seq and its certificate. */
static bool
is_of(const struct json *j, const struct wanted *item)
{
	const char *sha = json_str_of(j, "certSha256");

	return json_int_of(j, "seq", 0) == item->seq && sha != NULL &&
	       strcmp(sha, item->current.sha256) == 0;
}

static void
result_take(
    struct cloud_result *r, const struct json *j, const struct wanted *item)
{
	const char *word = json_str_of(j, "status"),
		   *code = json_str_of(j, "code"),
		   *there = json_str_of(j, "current");
	int64_t retry = json_int_of(j, "retryAfter", 0);
	char text[200];
	size_t i = 0;

	while (
	    i < STATUSES && word != NULL && strcmp(statuses[i].word, word) != 0)
		i++;
	if (word == NULL || i == STATUSES || !is_of(j, item)) {
		unknown(r);
		return;
	}
	said(text, sizeof(text), code, json_str_of(j, "detail"));
	*r = (struct cloud_result){.outcome = statuses[i].outcome};
	if (r->outcome == CLOUD_SUPERSEDED && there != NULL &&
	    strlen(there) == THUMBPRINT_LEN)
		memcpy(r->there, there, sizeof(r->there));
	if (r->outcome == CLOUD_REJECTED)
		rejected(r, code, text);
	if (r->outcome == CLOUD_DEFERRED) {
		(void)fail(&r->why, FAIL_BUSY, "cloud-deferred",
		    "the connector: %s", text);
		r->why.retry = retry > 0 && retry < 86400 ? (int)retry : 60;
	}
}

struct results {
	struct cloud_result *result;
	const struct contract_batch *batch;
	size_t at;
};

static int
result_each(const char *key, const struct json *value, void *arg)
{
	struct results *rs = arg;

	(void)key;
	if (rs->at >= rs->batch->n)
		return 1;
	result_take(&rs->result[rs->at], value, &rs->batch->items[rs->at]);
	rs->at++;
	return 0;
}

int
contract_results_read(struct cloud_result *results,
    const struct contract_batch *batch, const char *text, struct fail *why)
{
	struct results rs = {results, batch, 0};
	const struct json *all;
	const char *id;
	struct json *j;
	int rc = 0;

	memset(results, 0, batch->n * sizeof(*results));
	for (size_t i = 0; i < batch->n; i++)
		unknown(&results[i]);
	if (json_read(&j, text, why) != 0)
		return -1;
	id = json_str_of(j, "batchId");
	all = json_of(j, "results");
	if (id == NULL || strcmp(id, batch->batch) != 0 || all == NULL ||
	    json_type_of(all) != JSON_IS_ARRAY)
		rc = fail(why, FAIL_MALFORMED, "schema",
		    CONTRACT_SCHEMA ": no results of this batch");
	else
		(void)json_each(all, result_each, &rs);
	json_free(j);
	return rc;
}

/* ---- a refusal of the whole ---------------------------------------------- */

char *
contract_error_write(const struct fail *why, const char *request)
{
	struct json *j = json_new_object(), *error = json_new_object();
	char *text;

	code_add(error, "message", why);
	if (request != NULL && *request != '\0')
		json_str(error, "request", request);
	json_add(j, "error", error);
	text = json_text(j, 0);
	json_free(j);
	return text;
}

void
contract_error_read(char *detail, size_t size, const char *text)
{
	struct fail ignored = {0};
	const struct json *error;
	struct json *j;

	detail[0] = '\0';
	if (json_read(&j, text, &ignored) != 0)
		return;
	error = json_of(j, "error");
	if (error != NULL && json_type_of(error) == JSON_IS_OBJECT)
		said(detail, size, json_str_of(error, "code"),
		    json_str_of(error, "message"));
	json_free(j);
}

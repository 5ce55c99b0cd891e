#include "lib/ca/audit_verify.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/json.h"

struct walk {
	struct audit_report *report;
	struct store *store;
	struct fail *why;
	int64_t id; /* of the last certificate that had its record */
	bool failed;
};

static int
broken(struct walk *w, int64_t lane, int64_t seq, const char *text)
{
	struct audit_report *r = w->report;

	r->broken = true;
	r->lane = lane;
	r->seq = seq;
	(void)snprintf(r->text, sizeof(r->text), "%s", text);
	return 1;
}

/* What is wrong with the certificate of an issue record; NULL: nothing. */
static const char *
issued_wrong(struct walk *w, const struct record *r, bool found,
    const uint8_t sha256_recorded[SHA256_LEN])
{
	uint8_t hash[SHA256_LEN];

	if (!found)
		return "its certificate is not there";
	sha256(hash, span_of(&r->der));
	if (memcmp(hash, sha256_recorded, SHA256_LEN) != 0)
		return "its certificate is another one";
	if (r->id > w->id + 1)
		return "a certificate before it has no record";
	return r->id <= w->id ? "its certificate had a record before" : NULL;
}

static int
issued_look(struct walk *w, const struct json *j, int64_t lane, int64_t seq)
{
	const char *hex = json_str_of(j, "cert_sha256"), *wrong;
	struct bytes hash = {0};
	struct record r = {0};
	bool found;
	int rc = 0;

	if (hex == NULL || !hex_read(&hash, hex) || hash.len != SHA256_LEN) {
		rc = broken(w, lane, seq, "it names no certificate");
	} else if (store_find(w->store, &r, &found, hash.data, w->why) != 0) {
		w->failed = true;
		rc = 1;
	} else if ((wrong = issued_wrong(w, &r, found, hash.data)) != NULL) {
		rc = broken(w, lane, seq, wrong);
	} else {
		w->id = r.id;
		w->report->issued++;
	}
	record_free(&r);
	bytes_free(&hash);
	return rc;
}

static int
record_look(struct walk *w, int64_t lane, int64_t seq, const char *record)
{
	struct fail why = {0};
	struct json *j = NULL;
	const char *event = NULL;
	int rc = 0;

	if (json_read(&j, record, &why) == 0)
		event = json_str_of(j, "event");
	if (event == NULL)
		rc = broken(w, lane, seq, "it is no record");
	else if (strcmp(event, "issue") == 0)
		rc = issued_look(w, j, lane, seq);
	json_free(j);
	return rc;
}

static int
each(int64_t lane, int64_t seq, const char *record,
    const uint8_t hash[SHA256_LEN], void *arg)
{
	struct walk *w = arg;
	struct audit_report *r = w->report;
	uint8_t should[SHA256_LEN];

	if (seq != r->records + 1)
		return broken(w, lane, r->records + 1, "it is not there");
	audit_hash(should, r->hash, record);
	if (memcmp(should, hash, SHA256_LEN) != 0)
		return broken(w, lane, seq, "it is not what was written");
	if (record_look(w, lane, seq, record) != 0)
		return 1;
	memcpy(r->hash, hash, SHA256_LEN);
	r->records++;
	return 0;
}

int
audit_verify(struct audit_report *report, struct store *store, struct fail *why)
{
	struct walk w = {report, store, why, 0, false};
	struct store_counts before;
	int rc;

	memset(report, 0, sizeof(*report));
	if (store_count(store, &before, 0, why) != 0)
		return -1;
	rc = store_audit_list(store, each, &w, why);
	if (w.failed || (rc != 0 && !report->broken))
		return -1;
	if (!report->broken && report->records < before.audit)
		(void)broken(&w, 0, report->records + 1, "it is not there");
	if (!report->broken && report->issued < before.certificates)
		(void)broken(&w, 0, 0, "the last certificates have no record");
	return 0;
}

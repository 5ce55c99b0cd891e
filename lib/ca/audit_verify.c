#include "lib/ca/audit_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ca/audit_cert.h"
#include "lib/ca/audit_shelf.h"
#include "lib/store/trail.h"

int
walk_broken(struct walk *w, int64_t lane, int64_t seq, const char *text)
{
	struct audit_report *r = w->report;

	r->broken = true;
	r->lane = lane;
	r->seq = seq;
	(void)snprintf(r->text, sizeof(r->text), "%s", text);
	return 1;
}

int
walk_failed(struct walk *w)
{
	w->failed = true;
	return 1;
}

/* ---- a record and its certificate ------------------------------------------- */

static bool
seen(struct walk *w, int64_t id)
{
	uint8_t bit = (uint8_t)(1 << (id & 7));
	bool was = (w->seen[id >> 3] & bit) != 0;

	w->seen[id >> 3] |= bit;
	return was;
}

/* What is wrong with the certificate of an issue record; NULL: nothing. */
static const char *
issued_wrong(const struct record *r, const struct json *j, bool found,
    const uint8_t sha256_recorded[SHA256_LEN])
{
	if (!found)
		return "its certificate is not there";
	return audit_cert_wrong(r, j, sha256_recorded);
}

/* It is the next one. */
static int
numbered(struct walk *w, const struct trail_row *row, int64_t id)
{
	if (w->dense && id > w->id + 1)
		return walk_broken(w, row->lane, row->seq,
		    "a certificate before it has no record");
	if (id <= w->id || id > w->last || seen(w, id))
		return walk_broken(w, row->lane, row->seq,
		    "its certificate had a record before");
	w->id = id;
	w->report->issued++;
	return 0;
}

/* One that left the database; `id` 0: it did not. */
static int
retired_look(struct walk *w, int64_t *id, const char **wrong,
    const struct json *j, const uint8_t sha256_recorded[SHA256_LEN])
{
	if (audit_shelf_look(
		w->shelves, id, wrong, j, sha256_recorded, w->why) != 0)
		return -1;
	if (*id != 0 && *wrong == NULL)
		w->report->retired++;
	return 0;
}

static int
issued_look(struct walk *w, const struct trail_row *row, const struct json *j)
{
	const char *hex = json_str_of(j, "cert_sha256"), *wrong = NULL;
	struct bytes hash = {0};
	struct record r = {0};
	int64_t id = 0;
	bool found;
	int rc = 0;

	if (hex == NULL || !hex_read(&hash, hex) || hash.len != SHA256_LEN) {
		rc = walk_broken(
		    w, row->lane, row->seq, "it names no certificate");
	} else if (store_find(w->store, &r, &found, hash.data, w->why) != 0) {
		rc = walk_failed(w);
	} else if (!found && retired_look(w, &id, &wrong, j, hash.data) != 0) {
		rc = walk_failed(w);
	} else if (!found && id != 0) {
		rc = wrong != NULL ? walk_broken(w, row->lane, row->seq, wrong)
		                   : numbered(w, row, id);
	} else if ((wrong = issued_wrong(&r, j, found, hash.data)) != NULL) {
		rc = walk_broken(w, row->lane, row->seq, wrong);
	} else {
		rc = numbered(w, row, r.id);
	}
	record_free(&r);
	bytes_free(&hash);
	return rc;
}

/* ---- what revokes and releases ------------------------------------------------ */

/* The reason of a hold is the hold itself. */
static const char *
standing_wrong(const struct trail_standing *s)
{
	bool held = s->why == REASON_HOLD;

	if (!s->found)
		return "its certificate is not there";
	if (s->seq == 0 || !s->revokes)
		return s->status == STORE_GOOD
		           ? NULL
		           : "is revoked or held without a record";
	if (s->status != (held ? STORE_HELD : STORE_REVOKED) ||
	    s->reason != s->why)
		return "is not revoked or held as it was recorded";
	return NULL;
}

static int
revoked_look(struct walk *w, const struct trail_row *row, const struct json *j)
{
	const char *serial = json_str_of(j, "serial"), *wrong;
	struct trail_standing s;
	char *text;
	int rc = 0;

	if (serial == NULL)
		return walk_broken(
		    w, row->lane, row->seq, "it names no serial");
	if (store_trail_standing(w->store, &s, serial, w->why) != 0)
		return walk_failed(w);
	/* Later records have their turn. */
	if (s.seq != row->seq || (wrong = standing_wrong(&s)) == NULL)
		return 0;
	text = str_fmt("certificate %s %s", serial, wrong);
	rc = walk_broken(w, row->lane, row->seq, text);
	free(text);
	return rc;
}

static int
off_look(const char *serial, void *arg)
{
	struct walk *w = arg;
	struct trail_standing s;
	const char *wrong;
	char *text;
	int rc;

	if (store_trail_standing(w->store, &s, serial, w->why) != 0)
		return walk_failed(w);
	if ((wrong = standing_wrong(&s)) == NULL)
		return 0;
	text = str_fmt("certificate %s %s", serial, wrong);
	rc = walk_broken(w, 0, s.seq, text);
	free(text);
	return rc;
}

static int
retired_off_look(const struct store_revoked *r, const char *issuer, void *arg)
{
	(void)issuer;
	return off_look(r->serial, arg);
}

/* ---- the walk ----------------------------------------------------------------------- */

/* What the columns beside the record repeat of it. */
static bool
columns_agree(const struct trail_row *row, const struct json *j)
{
	char when[AUDIT_TIME_LEN];

	audit_time(when, row->time);
	return audit_says(j, "time", when) &&
	       audit_says(j, "event", row->event) &&
	       audit_says(j, "reason", row->reason) &&
	       audit_says(j, "serial", row->serial);
}

static int
event_look(struct walk *w, const struct trail_row *row, const struct json *j)
{
	if (strcmp(row->event, "issue") == 0)
		return issued_look(w, row, j);
	if (strcmp(row->event, "revoke") == 0 ||
	    strcmp(row->event, "release") == 0)
		return revoked_look(w, row, j);
	if (strcmp(row->event, "retire") == 0)
		audit_shelf_told(w->shelves, json_str_of(j, "text"));
	return strcmp(row->event, "gap") == 0 ? walk_gap(w, row, j) : 0;
}

static int
record_look(struct walk *w, const struct trail_row *row)
{
	struct fail why = {0};
	struct json *j = NULL;
	int rc;

	if (json_read(&j, row->record, &why) != 0 ||
	    json_str_of(j, "event") == NULL)
		rc = walk_broken(w, row->lane, row->seq, "it is no record");
	else if (!columns_agree(row, j))
		rc = walk_broken(w, row->lane, row->seq,
		    "the columns beside it do not say the same");
	else
		rc = event_look(w, row, j);
	json_free(j);
	return rc;
}

static int
each(const struct trail_row *row, void *arg)
{
	struct walk *w = arg;
	uint8_t should[SHA256_LEN];

	if (row->seq != w->seq + 1)
		return walk_broken(w, row->lane,
		    row->seq < 1 ? row->seq : w->seq + 1,
		    row->seq < 1 ? "it is before the first"
				 : "it is not there");
	audit_hash(should, w->hash, row->record);
	if (memcmp(should, row->hash, SHA256_LEN) != 0)
		return walk_broken(
		    w, row->lane, row->seq, "it is not what was written");
	if (record_look(w, row) != 0)
		return 1;
	memcpy(w->hash, row->hash, SHA256_LEN);
	w->seq++;
	w->report->records++;
	return walk_marks(w, row->seq, row->hash);
}

/* Files of retired certificates, and what the chain says of them. */
static int
shelves_look(struct walk *w)
{
	char text[300] = "";

	if (audit_shelves_wrong(w->shelves, text, sizeof(text), w->why) != 0)
		return -1;
	if (text[0] != '\0')
		(void)walk_broken(w, 0, 0, text);
	return 0;
}

/* One lane to its end, or to what is broken; -1 when that cannot be told. */
static int
lane_walk(struct walk *w, int64_t lane, struct fail *why)
{
	struct audit_report *r = w->report;
	struct trail_end end;
	int64_t before;

	w->lane = lane;
	w->seq = w->id = w->covered = 0;
	memset(w->hash, 0, SHA256_LEN);
	if (store_trail_end(w->store, lane, &end, why) != 0 ||
	    store_trail_before(w->store, lane, &before, why) != 0)
		return -1;
	if ((w->marks != NULL &&
		w->marks->begin(w->marks->arg, lane, why) != 0) ||
	    (walk_mark_next(w) == 0 &&
		store_trail(w->store, lane, before, each, w, why) != 0))
		return -1;
	if (!w->failed && !r->broken && w->seq < end.seq)
		(void)walk_broken(w, lane, w->seq + 1, "it is not there");
	if (!w->failed && !r->broken)
		(void)walk_marks(w, INT64_MAX, w->hash);
	memcpy(r->hash, w->hash, SHA256_LEN);
	r->covered += w->covered;
	w->end[w->lanes].lane = lane;
	w->end[w->lanes++].records = w->seq;
	return w->failed ? -1 : 0;
}

static int
walk_all(struct walk *w, const int64_t *lane, size_t n, int64_t certificates,
    struct fail *why)
{
	struct audit_report *r = w->report;

	for (size_t i = 0; i < n && !r->broken; i++)
		if (lane_walk(w, lane[i], why) != 0)
			return -1;
	if (!r->broken && r->issued < certificates)
		(void)walk_broken(w, 0, 0,
		    w->dense ? "the last certificates have no record"
			     : "certificates have no record");
	if (!r->broken && store_trail_revoked(w->store, off_look, w, why) != 0)
		return -1;
	if (!r->broken &&
	    (store_retired_off(w->store, retired_off_look, w, why) != 0 ||
		shelves_look(w) != 0))
		return -1;
	if (!w->failed)
		walk_settle(w);
	return w->failed ? -1 : 0;
}

/* Those of the store and those that heads tell of, at least one. */
static int
lanes_find(
    struct walk *w, int64_t lane[TRAIL_LANES], size_t *n, struct fail *why)
{
	if (store_trail_lanes(w->store, lane, n, why) != 0 ||
	    (w->marks != NULL &&
		w->marks->lanes(w->marks->arg, lane, n, why) != 0))
		return -1;
	if (*n == 0)
		lane[(*n)++] = store_lane(w->store);
	return 0;
}

int
audit_verify(struct audit_report *report, struct store *store,
    const struct audit_marks *marks, struct fail *why)
{
	return audit_verify_all(report, store, marks, NULL, why);
}

int
audit_verify_all(struct audit_report *report, struct store *store,
    const struct audit_marks *marks, const char *folder, struct fail *why)
{
	struct walk w = {
	    .report = report, .store = store, .why = why, .marks = marks};
	int64_t lane[TRAIL_LANES], certificates;
	size_t n;
	int rc;

	memset(report, 0, sizeof(*report));
	if (lanes_find(&w, lane, &n, why) != 0 ||
	    store_trail_certificates(store, &certificates, &w.last, why) != 0)
		return -1;
	w.dense = n == 1 && certificates == w.last;
	/* Of what comes meanwhile there may be a million. */
	w.last += 1 << 20;
	w.seen = mem_new((size_t)(w.last >> 3) + 1);
	w.shelves = audit_shelves_new(store, folder);
	rc = walk_all(&w, lane, n, certificates, why);
	audit_shelves_free(w.shelves);
	free(w.seen);
	free(w.doubt);
	free(w.gap);
	return rc;
}

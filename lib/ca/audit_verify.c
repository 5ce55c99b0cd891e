#include "lib/ca/audit_verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/ca/audit_cert.h"
#include "lib/ca/audit_shelf.h"
#include "lib/store/trail.h"

#define DOUBTS 4096 /* heads of records that are not here, looked at later */

struct span_of_records {
	int64_t lane, from, to;
	int64_t time; /* of the record that says so, Unix us */
};

struct walk {
	struct audit_report *report;
	struct store *store;
	struct fail *why;
	const struct audit_marks *marks;
	struct audit_mark mark; /* the next one */
	bool more;              /* … there is one */
	struct audit_mark *doubt;
	size_t doubts;
	struct span_of_records *gap;
	size_t gaps;
	/* Of this lane: how many were good, the last one's hash and
	 * certificate; what its last good head told of. */
	int64_t lane, seq, id, covered;
	uint8_t hash[SHA256_LEN];
	/* One lane, and no number of a certificate was left out: then each
	 * record's is the next. */
	bool dense;
	uint8_t *seen; /* a bit for each certificate that had its record */
	int64_t last;  /* certificate's number */
	struct {
		int64_t lane, records;
	} end[TRAIL_LANES];
	size_t lanes;
	struct audit_shelves *shelves;
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

static int
failed(struct walk *w)
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
		return broken(w, row->lane, row->seq,
		    "a certificate before it has no record");
	if (id <= w->id || id > w->last || seen(w, id))
		return broken(w, row->lane, row->seq,
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
		rc = broken(w, row->lane, row->seq, "it names no certificate");
	} else if (store_find(w->store, &r, &found, hash.data, w->why) != 0) {
		rc = failed(w);
	} else if (!found && retired_look(w, &id, &wrong, j, hash.data) != 0) {
		rc = failed(w);
	} else if (!found && id != 0) {
		rc = wrong != NULL ? broken(w, row->lane, row->seq, wrong)
		                   : numbered(w, row, id);
	} else if ((wrong = issued_wrong(&r, j, found, hash.data)) != NULL) {
		rc = broken(w, row->lane, row->seq, wrong);
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
		return broken(w, row->lane, row->seq, "it names no serial");
	if (store_trail_standing(w->store, &s, serial, w->why) != 0)
		return failed(w);
	/* Later records have their turn. */
	if (s.seq != row->seq || (wrong = standing_wrong(&s)) == NULL)
		return 0;
	text = str_fmt("certificate %s %s", serial, wrong);
	rc = broken(w, row->lane, row->seq, text);
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
		return failed(w);
	if ((wrong = standing_wrong(&s)) == NULL)
		return 0;
	text = str_fmt("certificate %s %s", serial, wrong);
	rc = broken(w, 0, s.seq, text);
	free(text);
	return rc;
}

static int
retired_off_look(const struct store_revoked *r, const char *issuer, void *arg)
{
	(void)issuer;
	return off_look(r->serial, arg);
}

/* ---- gaps that are known ------------------------------------------------------- */

char *
audit_gap_text(int64_t lane, int64_t from, int64_t to, int64_t head_time)
{
	char when[WHEN_LEN], of[40] = "";

	if (lane != 0)
		(void)snprintf(
		    of, sizeof(of), " of lane %lld", (long long)lane);
	when_write(when, head_time);
	return str_fmt("records %lld to %lld%s are lost: a head of %s told of "
		       "them",
	    (long long)from, (long long)to, of, when);
}

bool
audit_gap_read(int64_t *lane, int64_t *from, int64_t *to, const char *text)
{
	long long a, b, l = 0;

	if (sscanf(text, "records %15lld to %15lld of lane %15lld are lost", &a,
		&b, &l) != 3 &&
	    sscanf(text, "records %15lld to %15lld are lost", &a, &b) != 2)
		return false;
	*lane = l;
	*from = a;
	*to = b;
	return true;
}

static int
gap_look(struct walk *w, const struct trail_row *row, const struct json *j)
{
	const char *text = json_str_of(j, "text");
	struct span_of_records gap = {.time = row->time};

	if (text == NULL ||
	    !audit_gap_read(&gap.lane, &gap.from, &gap.to, text))
		return broken(w, row->lane, row->seq, "it tells of no gap");
	w->gap = mem_grow(w->gap, w->gaps + 1, sizeof(*w->gap));
	w->gap[w->gaps++] = gap;
	w->report->gaps++;
	return 0;
}

static bool
forgiven(const struct walk *w, const struct audit_mark *m)
{
	for (size_t i = 0; i < w->gaps; i++)
		if (m->time <= w->gap[i].time / 1000000 &&
		    (m->back || (m->lane == w->gap[i].lane &&
				    m->seq >= w->gap[i].from &&
				    m->seq <= w->gap[i].to)))
			return true;
	return false;
}

/* ---- heads ----------------------------------------------------------------------- */

static int
mark_next(struct walk *w)
{
	w->more = false;
	if (w->marks != NULL &&
	    w->marks->next(w->marks->arg, &w->mark, &w->more, w->why) != 0)
		return failed(w);
	return 0;
}

static int
mark_wrong(struct walk *w)
{
	const struct audit_mark *m = &w->mark;
	char text[640];

	(void)snprintf(text, sizeof(text), "%s: %s", m->where, m->wrong);
	return broken(w, m->lane, m->seq, text);
}

static int
mark_doubt(struct walk *w)
{
	if (w->doubts == DOUBTS)
		return broken(w, w->mark.lane, w->mark.seq,
		    "thousands of heads tell of records that are not here");
	w->doubt = mem_grow(w->doubt, w->doubts + 1, sizeof(*w->doubt));
	w->doubt[w->doubts++] = w->mark;
	return 0;
}

static int
mark_good(struct walk *w)
{
	struct audit_report *r = w->report;
	char text[640];

	if (w->dense && w->mark.certificates >= 0 &&
	    w->mark.certificates != r->issued) {
		(void)snprintf(text, sizeof(text),
		    "%s tells of %lld certificates, not %lld", w->mark.where,
		    (long long)w->mark.certificates, (long long)r->issued);
		return broken(w, w->mark.lane, w->mark.seq, text);
	}
	r->heads += !w->mark.again;
	w->covered = w->mark.seq;
	if (r->covered_at < w->mark.time)
		r->covered_at = w->mark.time;
	return 0;
}

/* Those of the record that was just looked at, and before. */
static int
marks_look(struct walk *w, int64_t seq, const uint8_t hash[SHA256_LEN])
{
	int rc = 0;

	while (rc == 0 && w->more && w->mark.seq <= seq) {
		const struct audit_mark *m = &w->mark;

		if (m->wrong[0] != '\0' && !m->back)
			rc = mark_wrong(w);
		else if (!m->back && m->seq == seq &&
			 memcmp(m->hash, hash, SHA256_LEN) == 0)
			rc = mark_good(w);
		else
			rc = mark_doubt(w);
		if (rc == 0)
			rc = mark_next(w);
	}
	return rc;
}

static int64_t
records_of(const struct walk *w, int64_t lane)
{
	for (size_t i = 0; i < w->lanes; i++)
		if (w->end[i].lane == lane)
			return w->end[i].records;
	return 0;
}

static void
doubt_tell(struct walk *w, const struct audit_mark *m)
{
	int64_t records = records_of(w, m->lane);
	bool past = m->seq > records;
	char when[WHEN_LEN], text[640];

	when_write(when, m->time);
	if (m->back)
		(void)snprintf(text, sizeof(text),
		    "%s: on %s the audit had gone back: %s", m->where, when,
		    m->wrong);
	else if (past)
		(void)snprintf(text, sizeof(text),
		    "it is not there: %s, a head of %s, tells of %lld "
		    "records; they were cut off, or an older database was put "
		    "back",
		    m->where, when, (long long)m->seq);
	else
		(void)snprintf(text, sizeof(text),
		    "it is not what was signed: %s, a head of %s, tells of "
		    "another one; the chain was made anew, or an older "
		    "database was put back",
		    m->where, when);
	(void)broken(w, m->lane, past ? records + 1 : m->seq, text);
}

/* The first head of something else than is here, unless a gap is known. */
static void
doubts_settle(struct walk *w)
{
	const struct audit_report *r = w->report;
	size_t i = 0;

	while (i < w->doubts && forgiven(w, &w->doubt[i]))
		i++;
	if (i < w->doubts &&
	    !(r->broken && r->seq != 0 &&
		(r->lane != w->doubt[i].lane || r->seq <= w->doubt[i].seq)))
		doubt_tell(w, &w->doubt[i]);
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
	return strcmp(row->event, "gap") == 0 ? gap_look(w, row, j) : 0;
}

static int
record_look(struct walk *w, const struct trail_row *row)
{
	struct fail why = {0};
	struct json *j = NULL;
	int rc;

	if (json_read(&j, row->record, &why) != 0 ||
	    json_str_of(j, "event") == NULL)
		rc = broken(w, row->lane, row->seq, "it is no record");
	else if (!columns_agree(row, j))
		rc = broken(w, row->lane, row->seq,
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
		return broken(w, row->lane,
		    row->seq < 1 ? row->seq : w->seq + 1,
		    row->seq < 1 ? "it is before the first"
				 : "it is not there");
	audit_hash(should, w->hash, row->record);
	if (memcmp(should, row->hash, SHA256_LEN) != 0)
		return broken(
		    w, row->lane, row->seq, "it is not what was written");
	if (record_look(w, row) != 0)
		return 1;
	memcpy(w->hash, row->hash, SHA256_LEN);
	w->seq++;
	w->report->records++;
	return marks_look(w, row->seq, row->hash);
}

/* Files of retired certificates, and what the chain says of them. */
static int
shelves_look(struct walk *w)
{
	char text[300] = "";

	if (audit_shelves_wrong(w->shelves, text, sizeof(text), w->why) != 0)
		return -1;
	if (text[0] != '\0')
		(void)broken(w, 0, 0, text);
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
	    (mark_next(w) == 0 &&
		store_trail(w->store, lane, before, each, w, why) != 0))
		return -1;
	if (!w->failed && !r->broken && w->seq < end.seq)
		(void)broken(w, lane, w->seq + 1, "it is not there");
	if (!w->failed && !r->broken)
		(void)marks_look(w, INT64_MAX, w->hash);
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
		(void)broken(w, 0, 0,
		    w->dense ? "the last certificates have no record"
			     : "certificates have no record");
	if (!r->broken && store_trail_revoked(w->store, off_look, w, why) != 0)
		return -1;
	if (!r->broken &&
	    (store_retired_off(w->store, retired_off_look, w, why) != 0 ||
		shelves_look(w) != 0))
		return -1;
	if (!w->failed)
		doubts_settle(w);
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

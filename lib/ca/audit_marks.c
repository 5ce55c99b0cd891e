#include "lib/ca/audit_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"

#define DOUBTS 4096 /* heads of records that are not here, looked at later */

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

int
walk_gap(struct walk *w, const struct trail_row *row, const struct json *j)
{
	const char *text = json_str_of(j, "text");
	struct span_of_records gap = {.time = row->time};

	if (text == NULL ||
	    !audit_gap_read(&gap.lane, &gap.from, &gap.to, text))
		return walk_broken(
		    w, row->lane, row->seq, "it tells of no gap");
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

int
walk_mark_next(struct walk *w)
{
	w->more = false;
	if (w->marks != NULL &&
	    w->marks->next(w->marks->arg, &w->mark, &w->more, w->why) != 0)
		return walk_failed(w);
	return 0;
}

static int
mark_wrong(struct walk *w)
{
	const struct audit_mark *m = &w->mark;
	char text[640];

	(void)snprintf(text, sizeof(text), "%s: %s", m->where, m->wrong);
	return walk_broken(w, m->lane, m->seq, text);
}

static int
mark_doubt(struct walk *w)
{
	if (w->doubts == DOUBTS)
		return walk_broken(w, w->mark.lane, w->mark.seq,
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
		return walk_broken(w, w->mark.lane, w->mark.seq, text);
	}
	r->heads += !w->mark.again;
	w->covered = w->mark.seq;
	if (r->covered_at < w->mark.time)
		r->covered_at = w->mark.time;
	return 0;
}

int
walk_marks(struct walk *w, int64_t seq, const uint8_t hash[SHA256_LEN])
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
			rc = walk_mark_next(w);
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
	(void)walk_broken(w, m->lane, past ? records + 1 : m->seq, text);
}

void
walk_settle(struct walk *w)
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

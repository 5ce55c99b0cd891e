#include "lib/web/meters.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/meter.h"
#include "lib/base/prom.h"

#define PREFIX "metrics-"
#define MOST 32 /* programs */
#define US 1e6

struct meters {
	struct meter item[MOST];
	size_t n;
};

/* ---- read -------------------------------------------------------------------- */

static int
is_meter(const struct dirent *entry)
{
	return strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0;
}

static void
one_read(struct meters *m, const char *run, const char *name)
{
	char *path = file_path(run, name);
	struct meter *one = &m->item[m->n];
	struct fail why = {0};

	if (meter_read(one, path, &why) == 0) {
		/* By its place: no two are of one name. */
		(void)snprintf(one->program, sizeof(one->program), "%s",
		    name + strlen(PREFIX));
		m->n++;
	} else if (why.kind != FAIL_ABSENT) {
		log_fail("what a program counted is not told", &why);
	}
	free(path);
}

static void
all_read(struct meters *m, const char *run)
{
	struct dirent **names = NULL;
	int n = scandir(run, &names, is_meter, alphasort);

	for (int i = 0; i < n; i++) {
		if (m->n < MOST)
			one_read(m, run, names[i]->d_name);
		free(names[i]);
	}
	free(names);
}

/* ---- events ------------------------------------------------------------------ */

struct family {
	enum meter_event what;
	const char *name, *help;
	const char *label, *second; /* their names; NULL: there is none */
};

static const struct family families[] = {
    {METER_ANSWER, "microca_requests_total", "Answers, by HTTP status.",
	"status", NULL},
    {METER_ISSUED, "microca_issued_total", "Certificates issued.", "endpoint",
	"profile"},
    {METER_REPEATED, "microca_repeated_total",
	"Certificates given again for the same request, from the record.",
	"endpoint", "profile"},
    {METER_REFUSED, "microca_refused_total", "Refusals, by reason word.",
	"reason", NULL},
    {METER_TOKEN_ERROR, "microca_token_errors_total",
	"What the token or key file failed to do, by reason word.", "reason",
	NULL},
    {METER_STORE_ERROR, "microca_store_errors_total",
	"What the database failed to do, by reason word.", "reason", NULL},
};

static const struct meter_events *
event_find(const struct meter *m, enum meter_event what, const char *label,
    const char *second)
{
	for (size_t i = 0; i < m->events; i++)
		if (m->event[i].what == what &&
		    strcmp(m->event[i].label, label) == 0 &&
		    strcmp(m->event[i].second, second) == 0)
			return &m->event[i];
	return NULL;
}

static void
count_write(struct bytes *out, const struct family *f, const struct meter *m,
    const char *label, const char *second, uint64_t count)
{
	prom_value(out, f->name, (double)count,
	    PROM_LABELS("program", m->program, f->label, label,
		f->second != NULL ? f->second : "second", second));
}

/* What has not happened yet. */
static void
zeros_write(struct bytes *out, const struct family *f, const struct meter *m,
    const struct settings *s)
{
	const struct endpoint *e = s->endpoints.item;

	if (strcmp(f->label, "reason") == 0 &&
	    event_find(m, f->what, "other", "") == NULL)
		count_write(out, f, m, "other", "", 0);
	if (f->what != METER_ISSUED)
		return;
	for (size_t i = 0; i < s->endpoints.n; i++)
		if (strcmp(m->program, "cacerts") != 0 &&
		    strcmp(m->program, "csrattrs") != 0 &&
		    endpoint_operation(&e[i], m->program) &&
		    event_find(m, f->what, e[i].name, e[i].profile_name) ==
			NULL)
			count_write(out, f, m, e[i].name, e[i].profile_name, 0);
}

static void
family_write(struct bytes *out, const struct family *f, const struct meters *m,
    const struct settings *s)
{
	prom_head(out, f->name, "counter", f->help);
	for (size_t i = 0; i < m->n; i++) {
		const struct meter *one = &m->item[i];

		for (size_t k = 0; k < one->events; k++)
			if (one->event[k].what == f->what)
				count_write(out, f, one, one->event[k].label,
				    one->event[k].second, one->event[k].count);
		zeros_write(out, f, one, s);
	}
}

/* ---- durations --------------------------------------------------------------- */

static const struct {
	enum meter_time what;
	const char *name, *help;
} histograms[] = {
    {METER_REQUEST, "microca_request_duration_seconds",
	"From a request's header to the end of its answer."},
    {METER_SIGN, "microca_sign_duration_seconds",
	"One signature of the token or key file."},
    {METER_COMMIT, "microca_commit_duration_seconds",
	"One transaction, until the disk has it."},
};

static void
histogram_write(struct bytes *out, const char *name, const struct meter *m,
    const struct meter_times *t)
{
	char *bucket = str_fmt("%s_bucket", name);
	char *sum = str_fmt("%s_sum", name), *count = str_fmt("%s_count", name);
	uint64_t n = 0;
	char le[32];

	for (size_t i = 0; i < METER_BOUNDS; i++) {
		n += t->bucket[i];
		(void)snprintf(le, sizeof(le), "%.15g", meter_bounds[i] / US);
		prom_value(out, bucket, (double)n,
		    PROM_LABELS("program", m->program, "le", le));
	}
	n += t->bucket[METER_BOUNDS];
	prom_value(out, bucket, (double)n,
	    PROM_LABELS("program", m->program, "le", "+Inf"));
	prom_value(
	    out, sum, (double)t->us / US, PROM_LABELS("program", m->program));
	prom_value(out, count, (double)n, PROM_LABELS("program", m->program));
	free(count);
	free(sum);
	free(bucket);
}

/* A program that never does such a thing has no such histogram. */
static bool
happened(const struct meter_times *t)
{
	for (size_t i = 0; i <= METER_BOUNDS; i++)
		if (t->bucket[i] > 0)
			return true;
	return false;
}

static void
histograms_write(struct bytes *out, const struct meters *m)
{
	for (size_t h = 0; h < sizeof(histograms) / sizeof(histograms[0]);
	     h++) {
		prom_head(
		    out, histograms[h].name, "histogram", histograms[h].help);
		for (size_t i = 0; i < m->n; i++) {
			const struct meter_times *t =
			    &m->item[i].time[histograms[h].what];

			if (happened(t))
				histogram_write(
				    out, histograms[h].name, &m->item[i], t);
		}
	}
}

void
meters_write(struct bytes *out, const struct settings *settings)
{
	static const char since[] = "microca_counting_since_timestamp_seconds";
	struct meters *m = mem_new(sizeof(*m));

	all_read(m, settings->run);
	prom_head(out, since, "gauge", "When a program's counts began.");
	for (size_t i = 0; i < m->n; i++)
		prom_value(out, since, (double)m->item[i].since,
		    PROM_LABELS("program", m->item[i].program));
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		family_write(out, &families[i], m, settings);
	histograms_write(out, m);
	for (size_t i = 0; i < m->n; i++)
		meter_free(&m->item[i]);
	free(m);
}

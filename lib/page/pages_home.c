/* The overview: what is gathered for it. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "lib/page/counts.h"
#include "lib/page/pages.h"
#include "lib/page/render.h"
#include "lib/web/vitals.h"

#define LATEST 5
#define PROGRAMS 3

/* With what is not yet moved from its log into it. */
static int64_t
database_size(const char *path)
{
	char *wal = str_fmt("%s-wal", path);
	struct stat st;
	int64_t size = -1;

	if (stat(path, &st) == 0)
		size = st.st_size;
	if (size >= 0 && stat(wal, &st) == 0)
		size += st.st_size;
	free(wal);
	return size;
}

static void
disk_take(struct view_home *v, const struct settings *s)
{
	static const char scheme[] = "sqlite:";
	struct statvfs fs;

	v->disk_free = v->disk_size = v->database = -1;
	if (statvfs(s->state, &fs) == 0) {
		v->disk_free = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
		v->disk_size = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
	}
	if (strncmp(s->store, scheme, sizeof(scheme) - 1) == 0)
		v->database = database_size(s->store + sizeof(scheme) - 1);
}

static bool
in_use(const struct settings *s, const char *program)
{
	const struct endpoint *e = s->endpoints.item;

	for (size_t i = 0; i < s->endpoints.n; i++)
		if (endpoint_operation(&e[i], program))
			return true;
	return false;
}

/* What each says of the token and the store (pulse.h). */
static size_t
programs_take(struct view_program out[PROGRAMS], const struct settings *s)
{
	static const char *const names[PROGRAMS] = {
	    "simpleenroll", "simplereenroll", "serverkeygen"};
	size_t n = 0;

	for (size_t i = 0; i < PROGRAMS; i++) {
		struct fail why = {0};

		if (!in_use(s, names[i]))
			continue;
		out[n].name = names[i];
		/* One that cannot be read is none. */
		if (pulse_read(&out[n].pulse, s, names[i], &why) != 0)
			out[n].pulse.when = 0;
		n++;
	}
	return n;
}

int
pages_home(struct ask *ask, struct sheet *sheet, struct fail *why)
{
	static const char *const nothing[] = {NULL};
	const struct browse_filter any = {0};
	const struct browse_rules rules = {.rows = LATEST, .now = ask->now};
	struct view_program program[PROGRAMS] = {0};
	struct view_home v = {.view = pages_view(ask), .program = program};
	struct findings findings = {0};
	struct browse_page latest;
	struct census census;

	if (fields_known(&ask->query, nothing, why) != 0 ||
	    store_browse(ask->ca->store, &latest, &any, &rules, why) != 0)
		return -1;
	counts_now(&census, ask->ca, ask->now,
	    ask->edge->once ? COUNTS_HERE : COUNTS_PAGE);
	vitals_take(&findings, ask->ca, ask->now);
	disk_take(&v, ask->ca->settings);
	v.programs = programs_take(program, ask->ca->settings);
	v.census = &census;
	v.findings = &findings;
	v.latest = &latest;
	sheet->type = "text/html; charset=utf-8";
	render_home(&sheet->body, &v);
	for (size_t i = 0; i < v.programs; i++)
		pulse_free(&program[i].pulse);
	findings_free(&findings);
	browse_free(&latest);
	return 0;
}

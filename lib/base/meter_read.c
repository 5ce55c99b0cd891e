#include "lib/base/meter_sheet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/bytes.h"

void
meter_free(struct meter *meter)
{
	free(meter->event);
	memset(meter, 0, sizeof(*meter));
}

static int
event_order(const void *a, const void *b)
{
	const struct meter_events *x = a, *y = b;
	int order = (int)x->what - (int)y->what;

	if (order == 0)
		order = strcmp(x->label, y->label);
	return order != 0 ? order : strcmp(x->second, y->second);
}

/* In order, and those that took two slots as one. */
static void
events_fold(struct meter *m)
{
	size_t n = 0;

	if (m->events == 0)
		return;
	qsort(m->event, m->events, sizeof(*m->event), event_order);
	for (size_t i = 1; i < m->events; i++)
		if (event_order(&m->event[n], &m->event[i]) == 0)
			m->event[n].count += m->event[i].count;
		else
			m->event[++n] = m->event[i];
	m->events = n + 1;
}

static void
event_add(struct meter *m, uint32_t what, const char *label, const char *second,
    uint64_t count)
{
	struct meter_events *e = &m->event[m->events];

	if (count == 0 || what >= METER_EVENTS)
		return;
	*e = (struct meter_events){
	    .what = (enum meter_event)what, .count = count};
	(void)snprintf(e->label, sizeof(e->label), "%s", label);
	(void)snprintf(e->second, sizeof(e->second), "%s", second);
	m->events++;
}

static void
slots_read(struct meter *m, const struct meter_sheet *sh)
{
	m->event = mem_new((METER_SLOTS + METER_EVENTS) * sizeof(*m->event));
	for (int i = 0; i < METER_SLOTS; i++) {
		const struct meter_slot *s = &sh->slot[i];
		char labels[METER_LABEL + 1] = {0};

		if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != SLOT_READY)
			continue;
		memcpy(labels, s->labels, METER_LABEL - 1);
		event_add(m, s->what, labels, labels + strlen(labels) + 1,
		    meter_value(&s->count));
	}
	for (uint32_t e = 0; e < METER_EVENTS; e++)
		event_add(m, e, "other", "", meter_value(&sh->other[e]));
	events_fold(m);
}

static void
sheet_read(struct meter *m, const struct meter_sheet *sh)
{
	memcpy(m->program, sh->program, sizeof(m->program) - 1);
	m->since = sh->since;
	for (int t = 0; t < METER_TIMES; t++) {
		for (int i = 0; i <= METER_BOUNDS; i++)
			m->time[t].bucket[i] =
			    meter_value(&sh->time[t].bucket[i]);
		m->time[t].us = meter_value(&sh->time[t].us);
	}
	slots_read(m, sh);
}

static int
not_ours(struct fail *why, const char *path)
{
	return fail(why, FAIL_BROKEN, "file",
	    "%s holds no counts of this version's programs", path);
}

/* A file that is there at full size never shrinks. */
static int
map_read(struct meter *m, int fd, const char *path, struct fail *why)
{
	const struct meter_sheet *sh;
	struct stat st;
	int rc = -1;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_size != (off_t)sizeof(*sh))
		return not_ours(why, path);
	sh = mmap(NULL, sizeof(*sh), PROT_READ, MAP_SHARED, fd, 0);
	if (sh == MAP_FAILED)
		return not_ours(why, path);
	if (__atomic_load_n(&sh->magic, __ATOMIC_ACQUIRE) == METER_MAGIC) {
		sheet_read(m, sh);
		rc = 0;
	} else {
		(void)not_ours(why, path);
	}
	(void)munmap((void *)sh, sizeof(*sh));
	return rc;
}

int
meter_read(struct meter *meter, const char *path, struct fail *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int rc;

	memset(meter, 0, sizeof(*meter));
	if (fd < 0) {
		fail(why, errno == ENOENT ? FAIL_ABSENT : FAIL_BROKEN, "file",
		    "%s cannot be opened", path);
		return fail_errno(why, "%s", path);
	}
	rc = map_read(meter, fd, path, why);
	(void)close(fd);
	return rc;
}

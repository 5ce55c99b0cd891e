#include "lib/base/meter_sheet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/bytes.h"
#include "lib/base/when.h"

const uint32_t meter_bounds[METER_BOUNDS] = {500, 1000, 2500, 5000, 10000,
    25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
    30000000};

static struct meter_sheet own;
static struct meter_sheet *sheet = &own;
static dev_t device; /* of the file that it is … */
static ino_t inode;  /* … which is not gone while it is mapped */

static struct meter_sheet *
here(void)
{
	return __atomic_load_n(&sheet, __ATOMIC_ACQUIRE);
}

static void
more(uint64_t *count, uint64_t n)
{
	(void)__atomic_fetch_add(count, n, __ATOMIC_RELAXED);
}

uint64_t
meter_value(const uint64_t *count)
{
	return __atomic_load_n(count, __ATOMIC_RELAXED);
}

/* ---- counting ------------------------------------------------------------ */

void
meter_time(enum meter_time what, double seconds)
{
	struct meter_times *t = &here()->time[what];
	uint64_t us = seconds > 0 ? (uint64_t)(seconds * 1e6) : 0;
	size_t i = 0;

	while (i < METER_BOUNDS && us > meter_bounds[i])
		i++;
	more(&t->us, us);
	more(&t->bucket[i], 1);
}

/* Both labels, or what fits of them; returns where to look first. */
static uint32_t
labels_make(char labels[METER_LABEL], enum meter_event what, const char *label,
    const char *second)
{
	uint32_t hash = 2166136261U ^ (uint32_t)what;
	size_t n = 0;

	memset(labels, 0, METER_LABEL);
	for (; label != NULL && *label != '\0' && n < METER_LABEL - 2; label++)
		labels[n++] = *label;
	n++;
	for (; second != NULL && *second != '\0' && n < METER_LABEL - 1;
	     second++)
		labels[n++] = *second;
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (uint8_t)labels[i]) * 16777619U;
	return hash % METER_SLOTS;
}

/* Whoever ends between the two stores leaves a slot that nobody uses. */
static bool
slot_take(struct meter_slot *s, enum meter_event what, const char *labels)
{
	uint32_t state = SLOT_FREE;

	if (!__atomic_compare_exchange_n(&s->state, &state, SLOT_TAKEN, false,
		__ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
		return false;
	s->what = (uint32_t)what;
	memcpy(s->labels, labels, METER_LABEL);
	__atomic_store_n(&s->state, SLOT_READY, __ATOMIC_RELEASE);
	return true;
}

/* Two that come at once may take one slot each: readers add these up. */
static uint64_t *
slot_of(struct meter_sheet *sh, enum meter_event what, const char *label,
    const char *second)
{
	char labels[METER_LABEL];
	uint32_t first = labels_make(labels, what, label, second);

	for (uint32_t i = 0; i < METER_SLOTS; i++) {
		struct meter_slot *s = &sh->slot[(first + i) % METER_SLOTS];
		uint32_t state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);

		if (state == SLOT_FREE && slot_take(s, what, labels))
			return &s->count;
		if (state == SLOT_READY && s->what == (uint32_t)what &&
		    memcmp(s->labels, labels, METER_LABEL) == 0)
			return &s->count;
	}
	return &sh->other[what];
}

void
meter_count(enum meter_event what, const char *label, const char *second)
{
	more(slot_of(here(), what, label, second), 1);
}

void
meter_status(int status)
{
	char code[16];

	(void)snprintf(code, sizeof(code), "%d", status);
	meter_count(METER_ANSWER, code, NULL);
}

/* ---- the file ------------------------------------------------------------ */

static void
sheet_begin(struct meter_sheet *sh, const char *program)
{
	sh->size = sizeof(*sh);
	sh->since = when_now();
	(void)snprintf(sh->program, sizeof(sh->program), "%s", program);
	__atomic_store_n(&sh->magic, METER_MAGIC, __ATOMIC_RELEASE);
}

/* What was counted before there was a file; what comes meanwhile as well. */
static void
own_move(struct meter_sheet *to)
{
	for (int t = 0; t < METER_TIMES; t++) {
		for (int i = 0; i <= METER_BOUNDS; i++)
			more(&to->time[t].bucket[i],
			    __atomic_exchange_n(
				&own.time[t].bucket[i], 0, __ATOMIC_RELAXED));
		more(&to->time[t].us,
		    __atomic_exchange_n(&own.time[t].us, 0, __ATOMIC_RELAXED));
	}
	for (int e = 0; e < METER_EVENTS; e++)
		more(&to->other[e],
		    __atomic_exchange_n(&own.other[e], 0, __ATOMIC_RELAXED));
	for (int i = 0; i < METER_SLOTS; i++) {
		struct meter_slot *s = &own.slot[i];
		uint64_t n =
		    __atomic_exchange_n(&s->count, 0, __ATOMIC_RELAXED);

		if (n > 0)
			more(slot_of(to, (enum meter_event)s->what, s->labels,
				 s->labels + strlen(s->labels) + 1),
			    n);
	}
}

/* A file of ours, under its lock: 0 new, 1 of this layout, -1 of another. */
static int
kind_of(int fd, struct stat *st)
{
	uint64_t magic = 0;

	if (fstat(fd, st) != 0 || !S_ISREG(st->st_mode) ||
	    st->st_uid != geteuid())
		return -1;
	if (st->st_size == 0)
		return 0;
	return st->st_size == (off_t)sizeof(struct meter_sheet) &&
	               pread(fd, &magic, sizeof(magic), 0) ==
	                   (ssize_t)sizeof(magic) &&
	               magic == METER_MAGIC
	           ? 1
	           : -1;
}

/* `again`: another layout's file is out of the way now. */
static struct meter_sheet *
sheet_map(const char *path, const char *program, bool *again)
{
	struct meter_sheet *sh = MAP_FAILED;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;
	int kind;

	*again = false;
	if (fd < 0)
		return NULL;
	if (flock(fd, LOCK_EX) == 0) {
		kind = kind_of(fd, &st);
		*again = kind < 0 && unlink(path) == 0;
		if (kind > 0 && st.st_dev == device && st.st_ino == inode)
			sh = here();
		else if (kind > 0 ||
			 (kind == 0 && ftruncate(fd, (off_t)sizeof(*sh)) == 0))
			sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
			    MAP_SHARED, fd, 0);
		if (sh != MAP_FAILED && kind == 0)
			sheet_begin(sh, program);
		if (sh != MAP_FAILED) {
			device = st.st_dev;
			inode = st.st_ino;
		}
		(void)flock(fd, LOCK_UN); /* a mapping would keep it */
	}
	(void)close(fd);
	return sh == MAP_FAILED ? NULL : sh;
}

/* A program that gave up opening files to write has this one already. */
static bool
is_mapped(const char *path)
{
	struct stat st;

	return inode != 0 && lstat(path, &st) == 0 && st.st_dev == device &&
	       st.st_ino == inode;
}

int
meter_open(const char *run, const char *program, struct fail *why)
{
	char *path = str_fmt("%s/metrics-%s", run, program);
	struct meter_sheet *sh;
	bool again;
	int rc = 0;

	if (is_mapped(path)) {
		free(path);
		return 0;
	}
	if ((sh = sheet_map(path, program, &again)) == NULL && again)
		sh = sheet_map(path, program, &again);
	if (sh == NULL) {
		fail(why, FAIL_BROKEN, "file",
		    "what is counted is not told: %s", path);
		rc = fail_errno(why, "%s", path);
	} else {
		/* An older mapping stays: others may count in it still. */
		__atomic_store_n(&sheet, sh, __ATOMIC_RELEASE);
		own_move(sh);
	}
	free(path);
	return rc;
}

#include "lib/web/seen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct seen_file {
	char *path;
	struct stat seen; /* all zero: there was none */
};

struct seen {
	struct seen_file *file;
	size_t n;
};

static void
look(const char *path, struct stat *st)
{
	if (stat(path, st) != 0)
		memset(st, 0, sizeof(*st));
}

struct seen *
seen_new(void)
{
	return mem_new(sizeof(struct seen));
}

void
seen_add(struct seen *s, char *path)
{
	if (path == NULL)
		return;
	s->file = mem_grow(s->file, s->n + 1, sizeof(*s->file));
	s->file[s->n].path = path;
	look(path, &s->file[s->n].seen);
	s->n++;
}

/* File times run behind by a clock tick. */
void
seen_doubt(struct seen *s, int64_t began_us)
{
	for (size_t i = 0; i < s->n; i++) {
		struct stat *st = &s->file[i].seen;

		if ((int64_t)st->st_ctim.tv_sec * 1000000 +
			st->st_ctim.tv_nsec / 1000 >
		    began_us - 50000)
			memset(st, 0, sizeof(*st));
	}
}

void
seen_free(struct seen *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->file[i].path);
	free(s->file);
	free(s);
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size && a->st_mode == b->st_mode &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool
seen_changed(struct seen *s)
{
	bool changed = false;

	for (size_t i = 0; i < s->n; i++) {
		struct seen_file *f = &s->file[i];
		struct stat now;

		look(f->path, &now);
		if (!same_file(&now, &f->seen)) {
			f->seen = now;
			changed = true;
		}
	}
	return changed;
}

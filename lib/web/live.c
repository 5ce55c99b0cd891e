#include "lib/web/live.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/when.h"

struct watched {
	char *path;
	struct stat seen; /* all zero: there was none */
};

struct watch {
	struct watched *file;
	size_t n;
};

static void
look(const char *path, struct stat *st)
{
	if (stat(path, st) != 0)
		memset(st, 0, sizeof(*st));
}

/* Takes `path` over. */
static void
watch_add(struct watch *w, char *path)
{
	if (path == NULL)
		return;
	w->file = mem_grow(w->file, w->n + 1, sizeof(*w->file));
	w->file[w->n].path = path;
	look(path, &w->file[w->n].seen);
	w->n++;
}

static struct watch *
watch_new(const struct settings *s)
{
	struct watch *w = mem_new(sizeof(*w));
	const struct endpoint *e = s->endpoints.item;

	watch_add(w, str_dup(s->path));
	watch_add(w, str_dup(s->profiles_path));
	watch_add(w, settings_issuer_path(s));
	watch_add(w, settings_issuers_path(s)); /* a folder: any file of it */
	watch_add(w, settings_chain_path(s));
	for (size_t i = 0; i < s->endpoints.n; i++) {
		const struct allow *a = e[i].allow.item;

		for (size_t k = 0; k < e[i].allow.n; k++) {
			watch_add(w, str_dup(a[k].issuer));
			watch_add(w, str_dup(a[k].intermediates));
			watch_add(w, str_dup(a[k].crl));
		}
	}
	return w;
}

/* A file that changed while it was read may have been read too early: it
 * counts as changed once more.  File times run behind by a clock tick. */
static void
watch_doubt(struct watch *w, int64_t began_us)
{
	for (size_t i = 0; i < w->n; i++) {
		struct stat *st = &w->file[i].seen;

		if ((int64_t)st->st_ctim.tv_sec * 1000000 +
			st->st_ctim.tv_nsec / 1000 >
		    began_us - 50000)
			memset(st, 0, sizeof(*st));
	}
}

static void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->n; i++)
		free(w->file[i].path);
	free(w->file);
	free(w);
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
live_stale(struct live *live)
{
	bool stale = false;

	for (size_t i = 0; i < live->watch->n; i++) {
		struct watched *f = &live->watch->file[i];
		struct stat now;

		look(f->path, &now);
		if (!same_file(&now, &f->seen)) {
			f->seen = now;
			stale = true;
		}
	}
	return stale;
}

static int
user_of(uid_t *uid, const char *name, struct fail *why)
{
	const struct passwd *pw;
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(name, &end, 10);
	if (name[0] >= '0' && name[0] <= '9' && *end == '\0' && errno == 0 &&
	    n < UINT32_MAX) {
		*uid = (uid_t)n;
		return 0;
	}
	if ((pw = getpwnam(name)) == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "web_server_users: there is no user %s", name);
	*uid = pw->pw_uid;
	return 0;
}

static int
users_read(struct live *live, struct fail *why)
{
	const struct conf_strings *names =
	    &live->ca->settings->web_server_users;

	live->users = mem_grow(NULL, names->n, sizeof(*live->users));
	for (size_t i = 0; i < names->n; i++)
		if (user_of(
			&live->users[live->nusers++], names->text[i], why) != 0)
			return -1;
	return 0;
}

bool
live_admits(const struct live *live, uid_t peer)
{
	for (size_t i = 0; i < live->nusers; i++)
		if (live->users[i] == peer)
			return true;
	return false;
}

int
live_open(struct live **out, const struct operation *op, const char *conf,
    bool sockets, const struct live *old, struct fail *why)
{
	struct live *live = mem_new(sizeof(*live));
	int64_t began = when_now_us();

	*out = NULL;
	live->refs = 1;
	if (ca_open(&live->ca, conf, op->need, old != NULL ? old->ca : NULL,
		why) != 0 ||
	    (sockets && users_read(live, why) != 0)) {
		live_drop(live);
		return -1;
	}
	live->watch = watch_new(live->ca->settings);
	watch_doubt(live->watch, began);
	if (op->load != NULL &&
	    op->load(&live->loaded, live->ca, &live->loaded_why) != 0) {
		if (old != NULL) {
			*why = live->loaded_why;
			live_drop(live);
			return -1;
		}
	}
	*out = live;
	return 0;
}

struct live *
live_hold(struct live *live)
{
	(void)__atomic_add_fetch(&live->refs, 1, __ATOMIC_RELAXED);
	return live;
}

void
live_drop(struct live *live)
{
	if (live == NULL ||
	    __atomic_sub_fetch(&live->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	ca_drop(live->ca);
	watch_free(live->watch);
	bytes_free(&live->loaded);
	free(live->users);
	free(live);
}

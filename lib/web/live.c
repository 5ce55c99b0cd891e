#include "lib/web/live.h"

#include <stdlib.h>
#include <string.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/ca/responder.h"
#include "lib/ca/upstream_crls.h"
#include "lib/cloud/guard.h"

static struct seen *
files_of(const struct settings *s)
{
	struct seen *w = seen_new();
	const struct endpoint *e = s->endpoints.item;

	seen_add(w, str_dup(s->path));
	seen_add(w, str_dup(s->profiles_path));
	seen_add(w, settings_issuer_path(s));
	seen_add(w, settings_issuers_path(s)); /* a folder: any file of it */
	seen_add(w, str_dup(s->ca.peers));
	seen_add(w, settings_chain_path(s));
	seen_add(w, responders_folder(s));
	for (size_t i = 0; i < s->upstream.crls.n; i++)
		seen_add(w, upstream_crls_path(s, i));
	seen_add(w, str_dup(s->inventory.anchors));
	seen_add(w, str_dup(s->inventory.intermediates));
	seen_add(w, str_dup(s->inventory.crl));
	for (size_t i = 0; i < s->endpoints.n; i++) {
		const struct allow *a = e[i].allow.item;

		for (size_t k = 0; k < e[i].allow.n; k++) {
			seen_add(w, str_dup(a[k].issuer));
			seen_add(w, str_dup(a[k].intermediates));
			seen_add(w, str_dup(a[k].crl));
		}
	}
	return w;
}

bool
live_stale(struct live *live)
{
	return seen_changed(live->watch);
}

bool
live_admits(const struct live *live, uid_t peer)
{
	return users_admit(&live->users, peer);
}

/* Its text is written once, before anybody is told to read it. */
void
live_guard(struct live *live, const struct operation *op)
{
	struct fail why = {0};
	bool was = __atomic_load_n(&live->guarded, __ATOMIC_ACQUIRE), is;

	if (op->guard == NULL || live->ca->store == NULL)
		return;
	is = op->guard(live->ca, &why) != 0 && why.kind == FAIL_BUSY &&
	     strcmp(why.reason, GUARD_BEHIND) == 0;
	if (is == was)
		return;
	if (is && live->guard_why.kind == FAIL_NONE)
		live->guard_why = why;
	__atomic_store_n(&live->guarded, is, __ATOMIC_RELEASE);
	if (is)
		log_fail("nothing is issued or answered", &why);
	else
		log_write(
		    LOG_LEVEL_INFO, "the database is not behind any more");
}

int
live_guarded(struct live *live, struct fail *why)
{
	if (!__atomic_load_n(&live->guarded, __ATOMIC_ACQUIRE))
		return 0;
	*why = live->guard_why;
	return -1;
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
	    (sockets && users_read(&live->users,
			    &live->ca->settings->web_server_users, why) != 0)) {
		live_drop(live);
		return -1;
	}
	live->watch = files_of(live->ca->settings);
	seen_doubt(live->watch, began);
	live->close = op->close;
	if (old != NULL) { /* what is told is what changed */
		live->guarded =
		    __atomic_load_n(&old->guarded, __ATOMIC_ACQUIRE);
		live->guard_why = old->guard_why;
	}
	live_guard(live, op);
	if ((op->load != NULL &&
		op->load(&live->loaded, live->ca, &live->loaded_why) != 0) ||
	    (op->open != NULL &&
		op->open(&live->own, live->ca, &live->loaded_why) != 0)) {
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
	if (live->own != NULL)
		live->close(live->own);
	ca_drop(live->ca);
	seen_free(live->watch);
	bytes_free(&live->loaded);
	users_free(&live->users);
	free(live);
}

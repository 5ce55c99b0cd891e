#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fault.h"
#include "lib/base/when.h"
#include "lib/ca/issuers.h"
#include "lib/ca/issuers_extra.h"
#include "lib/ca/issuers_folder.h"

static bool
usable(const struct authority *authority, int64_t now)
{
	struct fail why = {0};

	return authority_usable(authority, now, &why) == 0;
}

/* Late enough for the web server's reload, early enough for no dead hour. */
static int64_t
activation(const struct settings *s, const struct issuers *present,
    const struct issuer_wish *wish, const struct authority *fresh, int64_t now)
{
	const struct authority *active;
	int64_t at = now + s->ca.activate_after, half;

	if (present == NULL)
		return INT64_MIN;
	active = issuers_active(present, now)->authority;
	if (!usable(active, now))
		return now;
	if (wish->activate != ISSUER_DEFAULT)
		return wish->activate < now ? now : wish->activate;
	half = active->not_after < fresh->not_after ? active->not_after
	                                            : fresh->not_after;
	half = now + (half - now) / 2;
	return at < half ? at : half;
}

static int
room_ok(const struct issuers *present, int64_t activate, int64_t now,
    struct fail *why)
{
	if (present == NULL)
		return 0;
	if (present->n >= ISSUERS_MAX)
		return fail(why, FAIL_DENIED, "issuer-many",
		    "%d issuing certificates are kept already", ISSUERS_MAX);
	for (size_t i = 0; i < present->n && activate > now; i++)
		if (issuers_state(present, present->item[i], now) ==
		    ISSUER_STAGED)
			return fail(why, FAIL_DENIED, "issuer-staged",
			    "issuing certificate %s is staged already: drop "
			    "it first",
			    present->item[i]->serial);
	return 0;
}

/* One certificate's generation among those present. */
static struct issuer *
twin(const struct issuers *present, X509 *cert)
{
	for (size_t i = 0; present != NULL && i < present->n; i++)
		if (X509_cmp(present->item[i]->authority->issuer, cert) == 0)
			return present->item[i];
	return NULL;
}

/* With another key beside it ca.key may come to mean that: those that follow
 * ca.key are told which it was. */
static int
keys_pin(const struct settings *s, const struct issuers *present,
    const struct issuer *fresh, struct fail *why)
{
	if (present == NULL || fresh->key == NULL)
		return 0;
	for (size_t i = 0; i < present->n; i++) {
		struct issuer pinned = *present->item[i];

		if (pinned.key != NULL)
			continue;
		pinned.key = s->ca.key;
		if (issuer_write(&pinned, why) != 0)
			return -1;
	}
	return 0;
}

/* Those present but its twin, and it, in their order; borrowed. */
static void
joined(struct issuers *all, const struct issuers *present, struct issuer *fresh)
{
	size_t n = present != NULL ? present->n : 0, at = 0;

	all->peers = present != NULL ? present->peers : NULL;
	all->item = mem_new((n + 1) * sizeof(struct issuer *));
	for (size_t i = 0; i < n; i++)
		if (X509_cmp(present->item[i]->authority->issuer,
			fresh->authority->issuer) != 0)
			all->item[all->n++] = present->item[i];
	while (at < all->n && all->item[at]->activate <= fresh->activate)
		at++;
	memmove(&all->item[at + 1], &all->item[at],
	    (all->n - at) * sizeof(struct issuer *));
	all->item[at] = fresh;
	all->n++;
}

static int
tell_begin(const struct issuer_wish *wish, const struct issuer *fresh,
    int64_t now, struct fail *why)
{
	char at[WHEN_LEN], text[64];

	when_write(at, fresh->activate != INT64_MIN ? fresh->activate : now);
	(void)snprintf(text, sizeof(text), "intermediate, active from %s", at);
	return issuers_say(&wish->tell, fresh, text, why);
}

/* Publish with it, then keep it. */
static int
keep(const struct settings *s, const struct issuers *present,
    struct issuer *fresh, int64_t now, struct fail *why)
{
	struct issuers all = {0};
	int rc = -1;

	joined(&all, present, fresh);
	fault_point("issuer-recorded");
	if (issuers_publish(s, &all, now, why) == 0 &&
	    keys_pin(s, present, fresh, why) == 0) {
		fault_point("issuer-published");
		rc = issuer_write(fresh, why);
		fault_point("issuer-staged");
	}
	free(all.item);
	return rc;
}

static int
tell_and_keep(const struct settings *s, const struct issuers *present,
    const struct issuer_wish *wish, struct issuer *fresh, int64_t now,
    struct fail *why)
{
	if (tell_begin(wish, fresh, now, why) != 0)
		return -1;
	return issuers_said(
	    &wish->tell, fresh, keep(s, present, fresh, now, why));
}

/* Borrows from `wish` but authority, extra and path. */
static int
fresh_make(struct issuer *fresh, const struct settings *s,
    const struct issuers *present, const struct issuer_wish *wish, int64_t now,
    struct fail *why)
{
	char *folder;

	if (authority_make(&fresh->authority, wish->chain, why) != 0)
		return -1;
	fresh->extra = issuers_extra(present, wish);
	fresh->activate = activation(s, present, wish, fresh->authority, now);
	if (wish->key != NULL && strcmp(wish->key, s->ca.key) != 0)
		fresh->key = (char *)wish->key;
	folder = settings_issuers_path(s);
	fresh->path = present == NULL ? settings_issuer_path(s)
	                              : issuer_path(fresh, folder);
	free(folder);
	return 0;
}

static void
fresh_free(struct issuer *fresh)
{
	authority_free(fresh->authority);
	sk_X509_pop_free(fresh->extra, X509_free);
	free(fresh->path);
}

/* It is there already: published again, its time moved while it is staged and
 * another one is asked for. */
static int
again(const struct settings *s, const struct issuers *present,
    const struct issuer *old, const struct issuer_wish *wish, int64_t now,
    int64_t *activate, struct fail *why)
{
	struct issuer moved = *old;

	if (wish->activate != ISSUER_DEFAULT &&
	    issuers_state(present, old, now) == ISSUER_STAGED)
		moved.activate =
		    activation(s, present, wish, old->authority, now);
	*activate = moved.activate;
	if (moved.activate != old->activate)
		return tell_and_keep(s, present, wish, &moved, now, why);
	if (tell_begin(wish, old, now, why) != 0)
		return -1;
	return issuers_said(
	    &wish->tell, old, issuers_publish(s, present, now, why));
}

static int
stage(const struct settings *s, const struct issuer_wish *wish, int64_t now,
    int64_t *activate, struct fail *why)
{
	struct issuers *present = NULL;
	struct issuer fresh = {0};
	const struct issuer *old;
	int rc = -1;

	if (issuers_present(&present, s, why) != 0 ||
	    issuers_check(s, present, wish, now, why) != 0)
		goto out;
	old = twin(present, sk_X509_value(wish->chain, 0));
	if (old != NULL) {
		rc = again(s, present, old, wish, now, activate, why);
		goto out;
	}
	if (fresh_make(&fresh, s, present, wish, now, why) != 0 ||
	    room_ok(present, fresh.activate, now, why) != 0)
		goto out;
	*activate = fresh.activate;
	rc = tell_and_keep(s, present, wish, &fresh, now, why);
out:
	fresh_free(&fresh);
	issuers_free(present);
	return rc;
}

int
issuers_stage(const struct settings *settings, const struct issuer_wish *wish,
    int64_t now, int64_t *activate, struct fail *why)
{
	int fd, rc = -1;

	if (issuers_lock(&fd, settings, why) == 0)
		rc = stage(settings, wish, now, activate, why);
	issuers_unlock(fd);
	return rc;
}

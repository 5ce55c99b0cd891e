#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/ca/issuers.h"
#include "lib/ca/issuers_extra.h"

#define FILE_MODE 0600
#define LOCK_WAIT 20.0 /* s */
#define DROP_LEAST 30  /* s before it begins: LOCK_WAIT and a program's look */

/* ---- the folder --------------------------------------------------------- */

/* One change at a time. */
static int
folder_lock(int *fd, const struct settings *s, struct fail *why)
{
	char *folder = settings_issuers_path(s);
	int rc;

	*fd = -1;
	if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
		fail(why, FAIL_BROKEN, "file", "cannot make %s", folder);
		rc = fail_errno(why, "mkdir");
	} else {
		rc = file_lock_folder(fd, folder, LOCK_WAIT, why);
	}
	free(folder);
	return rc;
}

static void
folder_unlock(int fd)
{
	if (fd >= 0)
		(void)close(fd);
}

/* Those that are; none, or none that is sound, is NULL. */
static int
present_read(
    struct issuers **present, const struct settings *s, struct fail *why)
{
	*present = NULL;
	if (issuers_read(present, s, why) == 0)
		return 0;
	if (strcmp(why->reason, "issuer-absent") != 0 &&
	    strcmp(why->reason, "issuer-cert") != 0)
		return -1;
	*why = (struct fail){0};
	return 0;
}

/* "20261123233000Z-0123456789abcdef.pem": begin and fingerprint. */
static char *
path_of(const struct issuer *issuer, const struct settings *s)
{
	char *folder = settings_issuers_path(s), *path;
	char hash[2 * SHA256_LEN + 1];
	struct when_parts at;

	when_split(&at, issuer->authority->cert->not_before);
	hex_write(hash,
	    (struct span){issuer->authority->cert->sha256, SHA256_LEN}, false);
	path = str_fmt("%s/%04d%02d%02d%02d%02d%02dZ-%.16s.pem", folder,
	    at.year, at.month, at.day, at.hour, at.minute, at.second, hash);
	free(folder);
	return path;
}

static int
issuer_write(const struct issuer *issuer, struct fail *why)
{
	struct bytes text = {0};
	char at[WHEN_LEN];
	int rc;

	if (issuer->activate != INT64_MIN) {
		when_write(at, issuer->activate);
		bytes_addf(&text, "Activate: %s\n", at);
	}
	if (issuer->key != NULL)
		bytes_addf(&text, "Key: %s\n", issuer->key);
	cert_pems_write(&text, issuer->authority->chain);
	cert_pems_write(&text, issuer->extra);
	rc = file_write(issuer->path, span_of(&text), FILE_MODE, why);
	bytes_free(&text);
	return rc;
}

/* ---- staging ------------------------------------------------------------ */

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

/* Publish with it, then keep it. */
static int
keep(const struct settings *s, const struct issuers *present,
    struct issuer *fresh, int64_t now, struct fail *why)
{
	struct issuers all = {0};
	int rc = -1;

	joined(&all, present, fresh);
	if (issuers_publish(s, &all, now, why) == 0 &&
	    keys_pin(s, present, fresh, why) == 0)
		rc = issuer_write(fresh, why);
	free(all.item);
	return rc;
}

/* Borrows from `wish` but authority, extra and path. */
static int
fresh_make(struct issuer *fresh, const struct settings *s,
    const struct issuers *present, const struct issuer_wish *wish, int64_t now,
    struct fail *why)
{
	if (authority_make(&fresh->authority, wish->chain, why) != 0)
		return -1;
	fresh->extra = issuers_extra(present, wish);
	fresh->activate = activation(s, present, wish, fresh->authority, now);
	if (wish->key != NULL && strcmp(wish->key, s->ca.key) != 0)
		fresh->key = (char *)wish->key;
	fresh->path =
	    present == NULL ? settings_issuer_path(s) : path_of(fresh, s);
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
	if (moved.activate == old->activate)
		return issuers_publish(s, present, now, why);
	return keep(s, present, &moved, now, why);
}

static int
stage(const struct settings *s, const struct issuer_wish *wish, int64_t now,
    int64_t *activate, struct fail *why)
{
	struct issuers *present = NULL;
	struct issuer fresh = {0};
	const struct issuer *old;
	int rc = -1;

	if (present_read(&present, s, why) != 0 ||
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
	rc = keep(s, present, &fresh, now, why);
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

	if (folder_lock(&fd, settings, why) == 0)
		rc = stage(settings, wish, now, activate, why);
	folder_unlock(fd);
	return rc;
}

/* ---- tidying up --------------------------------------------------------- */

/* Of the active one the public does not say so yet. */
static X509 *
news(const struct settings *s, const struct issuer *active)
{
	char *path = settings_chain_path(s);
	STACK_OF(X509) *certs = NULL;
	struct fail why = {0};
	X509 *fresh = NULL;

	if (cert_file_read(&certs, path, &why) == 0 &&
	    X509_cmp(sk_X509_value(certs, 0), active->authority->issuer) != 0) {
		fresh = active->authority->issuer;
		(void)X509_up_ref(fresh);
	}
	sk_X509_pop_free(certs, X509_free);
	free(path);
	return fresh;
}

static int
gone(const struct issuer *issuer, struct fail *why)
{
	if (unlink(issuer->path) == 0 || errno == ENOENT)
		return 0;
	fail(why, FAIL_BROKEN, "file", "cannot remove %s", issuer->path);
	return fail_errno(why, "unlink");
}

static bool
over(const struct issuers *all, const struct issuer *issuer, int64_t now)
{
	return issuers_state(all, issuer, now) == ISSUER_PAST &&
	       issuer->authority->cert->not_after < now;
}

/* The rest is published before the files go: what is published twice does no
 * harm, what is missing does. */
static int
drop_those(const struct settings *s, const struct issuers *all,
    const bool *leaves, int64_t now, struct fail *why)
{
	struct issuers rest = {.item = mem_new(all->n * sizeof(*rest.item))};
	int rc;

	for (size_t i = 0; i < all->n; i++)
		if (!leaves[i])
			rest.item[rest.n++] = all->item[i];
	rc = issuers_publish(s, &rest, now, why);
	for (size_t i = 0; i < all->n && rc == 0; i++)
		if (leaves[i])
			rc = gone(all->item[i], why);
	free(rest.item);
	return rc;
}

static int
promote(struct promoted *promoted, const struct settings *s, int64_t now,
    struct fail *why)
{
	struct issuers *all = NULL;
	bool *leaves;
	int rc;

	if (present_read(&all, s, why) != 0)
		return -1;
	if (all == NULL)
		return 0;
	leaves = mem_new(all->n * sizeof(*leaves));
	for (size_t i = 0; i < all->n; i++) {
		leaves[i] = over(all, all->item[i], now);
		promoted->dropped += leaves[i];
	}
	promoted->active = news(s, issuers_active(all, now));
	rc = drop_those(s, all, leaves, now, why);
	free(leaves);
	issuers_free(all);
	return rc;
}

int
issuers_promote(struct promoted *promoted, const struct settings *settings,
    int64_t now, struct fail *why)
{
	int fd, rc = -1;

	*promoted = (struct promoted){0};
	if (folder_lock(&fd, settings, why) == 0)
		rc = promote(promoted, settings, now, why);
	folder_unlock(fd);
	return rc;
}

void
promoted_free(struct promoted *promoted)
{
	X509_free(promoted->active);
	*promoted = (struct promoted){0};
}

static int
drop(const struct settings *s, const char *which, int64_t now, struct fail *why)
{
	struct issuers *all = NULL;
	const struct issuer *x;
	bool *leaves;
	int rc = -1;

	if (issuers_read(&all, s, why) != 0)
		return -1;
	leaves = mem_new(all->n * sizeof(*leaves));
	x = issuers_find(all, which);
	if (x == NULL) {
		fail(why, FAIL_ABSENT, "issuer-unknown",
		    "no issuing certificate, or more than one, is \"%s\"",
		    which);
	} else if (issuers_state(all, x, now) != ISSUER_STAGED) {
		fail(why, FAIL_DENIED, "issuer-inuse",
		    "issuing certificate %s is not staged: certificates need "
		    "it",
		    x->serial);
	} else if (x->activate <= now + DROP_LEAST) {
		fail(why, FAIL_DENIED, "issuer-inuse",
		    "issuing certificate %s begins to issue within %d seconds: "
		    "programs may not hear of it in time",
		    x->serial, DROP_LEAST);
	} else {
		for (size_t i = 0; i < all->n; i++)
			leaves[i] = all->item[i] == x;
		rc = drop_those(s, all, leaves, now, why);
	}
	free(leaves);
	issuers_free(all);
	return rc;
}

int
issuers_drop(const struct settings *settings, const char *keyid_or_serial,
    int64_t now, struct fail *why)
{
	int fd, rc = -1;

	if (folder_lock(&fd, settings, why) == 0)
		rc = drop(settings, keyid_or_serial, now, why);
	folder_unlock(fd);
	return rc;
}

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/ca/issuers_folder.h"

#define DROP_LEAST 30 /* s before it begins: the lock and a program's look */

/* What is asked for, and who hears of it. */
struct tidy {
	const struct settings *settings;
	const struct issuers_tell *tell;
	int64_t now;
	struct fail *why;
};

/* ---- past their end ----------------------------------------------------- */

static char *
over_folder(const struct settings *s)
{
	char *issuers = settings_issuers_path(s);
	char *folder = file_path(issuers, "over");

	free(issuers);
	return folder;
}

static int
move(const struct issuer *issuer, const char *folder, struct fail *why)
{
	char *path = issuer_path(issuer, folder);
	int rc = 0;

	if ((mkdir(folder, 0700) != 0 && errno != EEXIST) ||
	    (rename(issuer->path, path) != 0 && errno != ENOENT)) {
		fail(why, FAIL_BROKEN, "file", "cannot move %s to %s",
		    issuer->path, folder);
		rc = fail_errno(why, "rename");
	}
	free(path);
	return rc;
}

static bool
ended(const struct issuer *issuer, int64_t now)
{
	return issuer->authority->cert->not_after < now;
}

/* The clock had run ahead when they went. */
static int
bring_back(size_t *back, const struct tidy *t)
{
	struct issuers *past = mem_new(sizeof(*past));
	char *over = over_folder(t->settings);
	char *folder = settings_issuers_path(t->settings);
	int rc = 0;

	issuers_add_folder(past, over);
	for (size_t i = 0; i < past->n && rc == 0; i++) {
		if (ended(past->item[i], t->now))
			continue;
		rc = issuers_say(t->tell, past->item[i],
		    "intermediate, not past its end, is back", t->why);
		if (rc == 0)
			rc = issuers_said(t->tell, past->item[i],
			    move(past->item[i], folder, t->why));
		*back += rc == 0;
	}
	issuers_free(past);
	free(folder);
	free(over);
	return rc;
}

/* ---- what goes ---------------------------------------------------------- */

/* Of the active one the public does not say so yet. */
static const struct issuer *
news(const struct settings *s, const struct issuer *active)
{
	char *path = settings_chain_path(s);
	STACK_OF(X509) *certs = NULL;
	struct fail why = {0};
	bool fresh =
	    cert_file_read(&certs, path, &why) == 0 &&
	    X509_cmp(sk_X509_value(certs, 0), active->authority->issuer) != 0;

	sk_X509_pop_free(certs, X509_free);
	free(path);
	return fresh ? active : NULL;
}

static int
gone(const struct issuer *issuer, struct fail *why)
{
	if (unlink(issuer->path) == 0 || errno == ENOENT)
		return 0;
	fail(why, FAIL_BROKEN, "file", "cannot remove %s", issuer->path);
	return fail_errno(why, "unlink");
}

/* The rest is published before the files go: what is published twice does no
 * harm, what is missing does. */
static int
drop_those(const struct tidy *t, const struct issuers *all, const bool *leaves,
    const char *aside)
{
	struct issuers rest = {
	    .item = mem_new(all->n * sizeof(*rest.item)), .peers = all->peers};
	int rc;

	for (size_t i = 0; i < all->n; i++)
		if (!leaves[i])
			rest.item[rest.n++] = all->item[i];
	rc = issuers_publish(t->settings, &rest, t->now, t->why);
	for (size_t i = 0; i < all->n && rc == 0; i++)
		if (leaves[i])
			rc = aside != NULL ? move(all->item[i], aside, t->why)
			                   : gone(all->item[i], t->why);
	free(rest.item);
	return rc;
}

/* ---- promote ------------------------------------------------------------ */

static int
promoted_say(struct promoted *p, const struct tidy *t,
    const struct issuers *all, const bool *leaves)
{
	const struct issuer *fresh =
	    news(t->settings, issuers_active(all, t->now));
	int rc = 0;

	if (fresh != NULL) {
		p->active = fresh->authority->issuer;
		(void)X509_up_ref(p->active);
		rc = issuers_say(
		    t->tell, fresh, "intermediate, has become active", t->why);
	}
	for (size_t i = 0; i < all->n && rc == 0; i++)
		if (leaves[i])
			rc = issuers_say(t->tell, all->item[i],
			    "intermediate, past its end, is dropped", t->why);
	return rc;
}

static int
promote(struct promoted *promoted, const struct tidy *t)
{
	struct issuers *all = NULL;
	char *over;
	bool *leaves;
	int rc;

	if (bring_back(&promoted->back, t) != 0 ||
	    issuers_present(&all, t->settings, t->why) != 0)
		return -1;
	if (all == NULL)
		return 0;
	over = over_folder(t->settings);
	leaves = mem_new(all->n * sizeof(*leaves));
	for (size_t i = 0; i < all->n; i++) {
		leaves[i] =
		    ended(all->item[i], t->now) &&
		    issuers_state(all, all->item[i], t->now) == ISSUER_PAST;
		promoted->dropped += leaves[i];
	}
	rc = promoted_say(promoted, t, all, leaves);
	if (rc == 0) {
		rc = drop_those(t, all, leaves, over);
		for (size_t i = 0; i < all->n; i++)
			if (leaves[i])
				(void)issuers_said(t->tell, all->item[i], rc);
	}
	free(over);
	free(leaves);
	issuers_free(all);
	return rc;
}

int
issuers_promote(struct promoted *promoted, const struct settings *settings,
    const struct issuers_tell *tell, int64_t now, struct fail *why)
{
	const struct tidy t = {settings, tell, now, why};
	int fd, rc = -1;

	*promoted = (struct promoted){0};
	if (issuers_lock(&fd, settings, why) == 0)
		rc = promote(promoted, &t);
	issuers_unlock(fd);
	return rc;
}

void
promoted_free(struct promoted *promoted)
{
	X509_free(promoted->active);
	*promoted = (struct promoted){0};
}

/* ---- as it is ----------------------------------------------------------- */

int
issuers_republish(
    const struct settings *settings, int64_t now, struct fail *why)
{
	struct issuers *all = NULL;
	int fd, rc = -1;

	if (issuers_lock(&fd, settings, why) == 0 &&
	    issuers_read(&all, settings, why) == 0)
		rc = issuers_publish(settings, all, now, why);
	issuers_free(all);
	issuers_unlock(fd);
	return rc;
}

/* ---- drop --------------------------------------------------------------- */

static int
drop_ok(const struct tidy *t, const struct issuers *all, const struct issuer *x,
    const char *which)
{
	if (x == NULL)
		return fail(t->why, FAIL_ABSENT, "issuer-unknown",
		    "no issuing certificate, or more than one, is \"%s\"",
		    which);
	if (issuers_state(all, x, t->now) != ISSUER_STAGED)
		return fail(t->why, FAIL_DENIED, "issuer-inuse",
		    "issuing certificate %s is not staged: certificates need "
		    "it",
		    x->serial);
	if (x->activate <= t->now + DROP_LEAST)
		return fail(t->why, FAIL_DENIED, "issuer-inuse",
		    "issuing certificate %s begins to issue within %d seconds: "
		    "programs may not hear of it in time",
		    x->serial, DROP_LEAST);
	return 0;
}

static int
drop(const struct tidy *t, const char *which)
{
	struct issuers *all = NULL;
	const struct issuer *x;
	bool *leaves;
	int rc;

	if (issuers_read(&all, t->settings, t->why) != 0)
		return -1;
	leaves = mem_new(all->n * sizeof(*leaves));
	x = issuers_find(all, which);
	rc = drop_ok(t, all, x, which);
	for (size_t i = 0; i < all->n; i++)
		leaves[i] = all->item[i] == x;
	if (rc == 0)
		rc = issuers_say(
		    t->tell, x, "intermediate, staged, is dropped", t->why);
	if (rc == 0)
		rc = issuers_said(t->tell, x, drop_those(t, all, leaves, NULL));
	free(leaves);
	issuers_free(all);
	return rc;
}

int
issuers_drop(const struct settings *settings, const char *keyid_or_serial,
    const struct issuers_tell *tell, int64_t now, struct fail *why)
{
	const struct tidy t = {settings, tell, now, why};
	int fd, rc = -1;

	if (issuers_lock(&fd, settings, why) == 0)
		rc = drop(&t, keyid_or_serial);
	issuers_unlock(fd);
	return rc;
}

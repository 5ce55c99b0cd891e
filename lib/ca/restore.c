#include "lib/ca/restore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/base/work.h"
#include "lib/ca/audit_verify.h"
#include "lib/ca/crls.h"
#include "lib/ca/backup.h"
#include "lib/ca/issuers_folder.h"
#include "lib/store/backup.h"

#define WORK ".microca-restore"
#define SCHEME "sqlite:"

/* One restoring. */
struct restoring {
	struct restore_report *report;
	const struct settings *settings;
	const struct restore_wish *wish;
	const char *place; /* where the database is to be */
	struct work work;  /* beside it, with all that the archive holds */
	struct issuers *issuers; /* of this CA; NULL: none yet */
	struct store *former;    /* the database that is there; NULL: none that
	                            can be read */
};

void
restore_report_free(struct restore_report *r)
{
	archive_free(&r->archive);
	free(r->aside);
	for (size_t i = 0; i < r->placed.n; i++)
		free(r->placed.item[i]);
	free(r->placed.item);
	for (size_t i = 0; i < r->kept.n; i++)
		free(r->kept.item[i]);
	free(r->kept.item);
	memset(r, 0, sizeof(*r));
}

/* ---- whose is it? ------------------------------------------------------------------- */

static bool
tells_of(const struct manifest *m, const char *keyid)
{
	for (size_t i = 0; i < m->issuers; i++)
		if (strcmp(m->issuer[i].keyid, keyid) == 0)
			return true;
	return false;
}

static int
same_ca(const struct restoring *k, struct fail *why)
{
	const struct manifest *m = &k->report->archive.manifest;

	if (k->issuers == NULL || m->issuers == 0)
		return 0;
	for (size_t i = 0; i < k->issuers->n; i++)
		if (tells_of(m, k->issuers->item[i]->authority->keyid))
			return 0;
	return fail(why, FAIL_CONFLICT, "other-ca",
	    "the backup is another CA's: its key is %s (%s), this one's %s",
	    m->issuer[0].keyid, m->issuer[0].subject,
	    k->issuers->item[0]->authority->keyid);
}

/* ---- what would be lost ---------------------------------------------------------------- */

/* No database, or one that cannot be read: others may know that there was
 * more. */
static bool
others_know(const struct restoring *k)
{
	const struct manifest *m = &k->report->archive.manifest;

	for (size_t i = 0; k->issuers != NULL && i < k->issuers->n; i++) {
		const char *keyid = k->issuers->item[i]->authority->keyid;
		struct crls_state state;
		struct fail no = {0};
		int64_t known = 0;

		for (size_t j = 0; j < m->crls; j++)
			if (strcmp(m->crl[j].keyid, keyid) == 0)
				known = m->crl[j].number;
		if (crls_read(&state, k->settings, keyid, &no) == 0 &&
		    state.number > known)
			return true;
	}
	return false;
}

static void
loss(struct restore_report *r, const char *text)
{
	r->loss = true;
	(void)snprintf(r->loss_text, sizeof(r->loss_text), "%s", text);
}

static void
judge_known(struct restore_report *r)
{
	const struct manifest *m = &r->archive.manifest;
	int64_t records = r->records - m->records;
	int64_t certificates = r->certificates - m->certificates;
	int64_t revoked = r->revoked - m->revoked;
	char text[200];

	if (!r->diverged && records <= 0)
		return;
	(void)snprintf(text, sizeof(text),
	    r->diverged
		? "the database here has another history (%lld records, %lld "
		  "certificates, %lld revoked): all of it"
		: "%lld records, %lld certificates and %lld revocations",
	    (long long)(r->diverged ? r->records : records),
	    (long long)(r->diverged ? r->certificates : certificates),
	    (long long)(r->diverged   ? r->revoked
			: revoked > 0 ? revoked
				      : 0));
	loss(r, text);
}

static void
judge(const struct restoring *k)
{
	struct restore_report *r = k->report;
	int64_t known = k->wish->known - r->archive.manifest.records;
	char text[200];

	if (r->there && !r->readable) {
		loss(r, "nobody knows what: the database here cannot be read");
		return;
	}
	if (r->there)
		judge_known(r);
	else if (others_know(k))
		loss(r, "nobody knows what: there is no database here, and a "
			"published revocation list is newer than the backup");
	if (!r->loss && known > 0) {
		(void)snprintf(text, sizeof(text),
		    "at least %lld records, as a signed head tells",
		    (long long)known);
		loss(r, text);
	}
}

/* ---- the database that is there ---------------------------------------------------------- */

static int
former_read(struct restoring *k, struct store *store, struct fail *why)
{
	struct restore_report *r = k->report;
	const struct manifest *m = &r->archive.manifest;
	uint8_t hash[SHA256_LEN];
	struct store_counts counts;
	bool found;

	if (store_head(store, 0, &r->records, r->hash, why) != 0 ||
	    store_count(store, &counts, k->wish->now, why) != 0)
		return -1;
	r->certificates = counts.certificates;
	r->revoked = counts.revoked;
	/* One chain is the beginning of the other, or they are two. */
	if (r->records >= m->records) {
		if (store_link(store, &found, hash, 0, m->records, why) != 0)
			return -1;
		r->diverged =
		    m->records > 0 &&
		    (!found || memcmp(hash, m->hash, SHA256_LEN) != 0);
	}
	return 0;
}

/* Is what it has the beginning of the backup's? */
static int
beginning_look(struct restoring *k, struct store *backup, struct fail *why)
{
	struct restore_report *r = k->report;
	uint8_t hash[SHA256_LEN];
	bool found;

	if (!r->there || !r->readable || r->records == 0 ||
	    r->records >= r->archive.manifest.records)
		return 0;
	if (store_link(backup, &found, hash, 0, r->records, why) != 0)
		return -1;
	r->diverged = !found || memcmp(hash, r->hash, SHA256_LEN) != 0;
	return 0;
}

static bool
is_damage(const struct fail *why)
{
	return strcmp(why->reason, "db-corrupt") == 0 ||
	       strcmp(why->reason, "db-missing") == 0;
}

/* Under store_alone()'s lock. */
static int
former_look(struct restoring *k, struct fail *why)
{
	struct restore_report *r = k->report;

	r->there = access(k->place, F_OK) == 0;
	if (!r->there)
		return 0;
	if (store_open_alone(&k->former, k->settings->store, why) == 0 &&
	    former_read(k, k->former, why) == 0) {
		r->readable = true;
		return 0;
	}
	store_free(k->former);
	k->former = NULL;
	if (!is_damage(why))
		return -1;
	*why = (struct fail){0};
	return 0;
}

/* ---- the backup's own, made ready ------------------------------------------------------------ */

static int
gap_tell(const struct restoring *k, struct store *store, struct fail *why)
{
	const struct restore_report *r = k->report;
	int64_t from = r->archive.manifest.records + 1;
	int64_t to = r->readable ? r->records : k->wish->known;
	struct audit entry = {.event = "gap",
	    .operation = "restore",
	    .requester = k->wish->requester};
	char *text;
	int rc;

	if (to < from)
		return 0;
	text = audit_gap_text(0, from, to, k->wish->now);
	entry.text = text;
	rc = store_audit(store, &entry, true, why);
	free(text);
	return rc;
}

static char *
restore_text(const struct restoring *k)
{
	const struct restore_report *r = k->report;
	const struct manifest *m = &r->archive.manifest;
	char hash[2 * SHA256_LEN + 1], made[WHEN_LEN];
	struct bytes text = {0};

	when_write(made, m->made);
	hex_write(hash, (struct span){r->archive.sha256, SHA256_LEN}, false);
	bytes_addf(&text, "the backup of %s, manifest %s", made, hash);
	if (!r->there) {
		bytes_adds(&text, "; there was no database");
	} else if (!r->readable) {
		bytes_adds(&text, "; the former database could not be read");
	} else {
		hex_write(hash, (struct span){r->hash, SHA256_LEN}, false);
		bytes_addf(&text,
		    "; the former database ended with record %lld, hash %s",
		    (long long)r->records, hash);
	}
	if (r->loss)
		bytes_addf(&text, "; lost: %s", r->loss_text);
	if (k->wish->text != NULL)
		bytes_addf(&text, "; %s", k->wish->text);
	return (char *)text.data;
}

static int
restore_tell(const struct restoring *k, struct store *store, struct fail *why)
{
	char *text = restore_text(k);
	const struct audit entry = {
	    .event = "restore", .requester = k->wish->requester, .text = text};
	int rc =
	    store_restored(store, k->report->loss, &entry, k->wish->now, why);

	free(text);
	return rc;
}

static int
not_accepted(const struct restoring *k, struct fail *why)
{
	const struct restore_report *r = k->report;
	char made[WHEN_LEN];

	when_write(made, r->archive.manifest.made);
	return fail(why, FAIL_CONFLICT, "loss",
	    "the backup is of %s; what would be lost: %s (--accept-loss)", made,
	    r->loss_text);
}

/* Judged, then written into the database that came out of the archive. */
static int
ready(struct restoring *k, const char *database, struct fail *why)
{
	struct restore_report *r = k->report;
	char *url = str_fmt(SCHEME "%s", database);
	struct store *store = NULL;
	int rc = -1;

	if (store_open(&store, url, false, 3, 0, why) == 0 &&
	    beginning_look(k, store, why) == 0) {
		judge(k);
		if (r->loss && !k->wish->accept_loss)
			rc = not_accepted(k, why);
		else if (gap_tell(k, store, why) == 0 &&
			 restore_tell(k, store, why) == 0 &&
			 restore_former(r, store, k->former, k->wish, why) == 0)
			rc = restore_lists(
			    r, store, k->issuers, k->settings, k->wish, why);
	}
	store_free(store);
	free(url);
	return rc;
}

/* The first chain of a machine that has none yet comes with the backup. */
static int
issuers_find_any(struct restoring *k, struct fail *why)
{
	struct settings copy = *k->settings;
	int rc;

	if (k->issuers != NULL)
		return 0;
	copy.state = file_path(k->work.path, "state");
	rc = issuers_present(&k->issuers, &copy, why);
	free(copy.state);
	return rc;
}

/* ---- all of it -------------------------------------------------------------------------------- */

/* Nobody opens the database from here to the end. */
static int
change(struct restoring *k, struct fail *why)
{
	char *database = file_path(k->work.path, MANIFEST_DATABASE);
	int lock = -1, rc = -1;

	if (store_alone(&lock, k->settings->store, why) == 0 &&
	    former_look(k, why) == 0)
		rc = ready(k, database, why);
	/* Its WAL is in it then. */
	store_free(k->former);
	if (rc == 0)
		rc = restore_files(k->report, k->settings, k->work.path, why);
	if (rc == 0)
		rc = restore_database(
		    k->report, k->place, database, k->wish->now, why);
	k->report->done = rc == 0;
	if (lock >= 0)
		(void)close(lock);
	free(database);
	return rc;
}

static int
checked(struct restoring *k, struct fail *why)
{
	const char *slash = strrchr(k->place, '/');
	char *folder = mem_dup(k->place, (size_t)(slash - k->place) + 1);
	int rc = -1;

	if (store_unused(k->settings->store, why) == 0 &&
	    work_make(&k->work, folder, WORK, why) == 0 &&
	    backup_check(&k->report->archive, k->wish->fd, k->work.path, false,
		why) == 0 &&
	    archive_is(&k->report->archive, k->wish->sha256, why) == 0 &&
	    same_ca(k, why) == 0)
		rc = issuers_find_any(k, why);
	free(folder);
	return rc;
}

int
restore_apply(struct restore_report *report, const struct settings *settings,
    const struct restore_wish *wish, struct fail *why)
{
	struct restoring k = {
	    .report = report, .settings = settings, .wish = wish};
	char *path = file_path(settings->state, "restore.lock");
	int lock = -1, rc = -1;

	memset(report, 0, sizeof(*report));
	if (strncmp(settings->store, SCHEME "/", sizeof(SCHEME)) != 0)
		rc = fail(why, FAIL_CONFIG, "db-url",
		    "%s is not a database that a backup is put into: restore "
		    "into \"sqlite:PATH\", then \"microca store copy\"",
		    settings->store);
	else if (file_lock(&lock, path, 0, why) == 0) {
		k.place = settings->store + strlen(SCHEME);
		if (issuers_present(&k.issuers, settings, why) == 0 &&
		    checked(&k, why) == 0)
			rc = change(&k, why);
	}
	work_remove(&k.work);
	issuers_free(k.issuers);
	if (lock >= 0)
		(void)close(lock);
	free(path);
	return rc;
}

#include "lib/ca/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/fault.h"
#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/base/work.h"
#include "lib/ca/audit_verify.h"
#include "lib/ca/crls.h"
#include "lib/store/backup.h"
#include "lib/store/retire.h"
#include "lib/store/sql.h"
#include "lib/wire/name.h"

#define WORK ".microca-backup"
#define ROOM ((int64_t)16 * 1024 * 1024) /* octets, for all but databases */

/* What no backup holds, whatever there is. */
static const char *const never[] = {
    "keys in the token (PKCS#11): back them up as its maker says, or have a "
    "second token",
    "the PIN, and passwords and keys for other services",
    "private keys in files: of the CA's own certificates, of the OCSP "
    "responder, of serverkeygen's signature",
    "the web server's configuration and certificates: microca httpd, microca "
    "enroll and microca renew make them again",
    "chains and client CAs that are published: microca install published "
    "makes them again",
    "counts of wrong secrets, the measured rate of the token, what programs "
    "keep in memory",
    "what was issued, revoked or recorded after it was made",
};

/* ---- what it tells ------------------------------------------------------------------- */

static void
issuers_tell_of(struct manifest *m, const struct ca *ca)
{
	for (size_t i = 0; ca->issuers != NULL && i < ca->issuers->n; i++) {
		const struct authority *a = ca->issuers->item[i]->authority;
		char *subject = name_text(X509_get_subject_name(a->issuer));

		manifest_add_issuer(m, a->keyid, subject, a->not_after);
		free(subject);
	}
}

/* By the files as they are now: at least as new as those that are copied
 * would have to be. */
static void
crls_tell_of(struct manifest *m, const struct ca *ca)
{
	for (size_t i = 0; ca->issuers != NULL && i < ca->issuers->n; i++) {
		const char *keyid = ca->issuers->item[i]->authority->keyid;
		struct crls_state state;
		struct fail no = {0};

		if (crls_read(&state, ca->settings, keyid, &no) == 0 &&
		    state.number > 0)
			manifest_add_crl(
			    m, keyid, state.number, state.next_update);
	}
}

static int
audit_broken(const struct audit_report *r, struct fail *why)
{
	(void)fail(why, FAIL_CONFLICT, "audit",
	    "the audit chain is broken at record %lld: see microca audit "
	    "verify",
	    (long long)r->seq);
	return fail_cause(why, "%s", r->text);
}

/* The database by itself: whole, its chain unbroken; what it holds. */
static int
database_look(struct manifest *m, const char *path, struct fail *why)
{
	char *url = str_fmt("sqlite:%s", path);
	struct store_counts counts;
	struct audit_report report = {0};
	struct store *store = NULL;
	int rc = -1;

	if (store_open(&store, url, false, 3, 0, why) == 0 &&
	    store_whole(store, why) == 0 &&
	    audit_verify(&report, store, NULL, why) == 0 &&
	    store_count(store, &counts, m->made, why) == 0 &&
	    store_head(store, 0, &m->records, m->hash, why) == 0)
		rc = report.broken ? audit_broken(&report, why) : 0;
	store_free(store);
	if (rc == 0) {
		m->certificates = counts.certificates;
		m->live = counts.live;
		m->revoked = counts.revoked;
		m->outbox = counts.outbox;
	}
	free(url);
	return rc;
}

static int
shelf_count(const struct shelf *shelf, void *arg)
{
	(void)shelf;
	++*(size_t *)arg;
	return 0;
}

/* They never change, so a copy of each once is enough. */
static int
retired_tell_of(struct manifest *m, struct ca *ca, struct fail *why)
{
	size_t n = 0;
	char *text;

	if (store_shelf_each(ca->store, shelf_count, &n, why) != 0)
		return -1;
	if (n == 0)
		return 0;
	text = str_fmt("%zu files of certificates that were retired: copy %s "
		       "as well, what is there never changes",
	    n, ca->settings->retention.folder);
	manifest_add_text(&m->never, text);
	free(text);
	return 0;
}

/* ---- made ------------------------------------------------------------------------------ */

struct making {
	struct ca *ca;
	const struct backup_wish *wish;
	struct work work;
	char *database; /* its copy */
	struct archive archive;
	struct backup_files files;
};

/* The copy, and the archive with a copy of that; what the CA wants to have
 * free on its own disk stays so. */
static int
room_ok(const struct making *k, struct fail *why)
{
	const struct settings *s = k->ca->settings;
	int64_t octets, need;
	struct stat here, state;
	struct statvfs v;

	if (store_size(k->ca->store, &octets, why) != 0)
		return -1;
	need = octets * (k->wish->to != NULL ? 2 : 1) + ROOM;
	if (stat(k->work.path, &here) == 0 && stat(s->state, &state) == 0 &&
	    here.st_dev == state.st_dev)
		need += s->disk_reserve;
	if (statvfs(k->work.path, &v) != 0 ||
	    (int64_t)v.f_bavail * (int64_t)v.f_frsize >= need)
		return 0;
	return fail(why, FAIL_BUSY, "disk-full",
	    "there is no room for a backup in %s: it takes %lld MB free",
	    k->work.path, (long long)(need >> 20));
}

static int
copied(struct making *k, struct fail *why)
{
	struct manifest *m = &k->archive.manifest;

	k->database = file_path(k->work.path, MANIFEST_DATABASE);
	m->program = str_dup(k->wish->program);
	m->made = k->wish->now;
	m->schema = SQL_VERSION;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		manifest_add_text(&m->never, never[i]);
	issuers_tell_of(m, k->ca);
	if (room_ok(k, why) != 0 || retired_tell_of(m, k->ca, why) != 0 ||
	    store_copy(k->ca->store, k->database, why) != 0 ||
	    database_look(m, k->database, why) != 0)
		return -1;
	fault_point("backup-copied");
	/* After the database: what is published may only be newer. */
	crls_tell_of(m, k->ca);
	return backup_files_find(&k->files, &m->left_out, k->ca->settings, why);
}

/* What the disk gives back is what was written. */
static int
read_again(const struct making *k, int fd, struct fail *why)
{
	struct archive again;
	int rc;

	if (fsync(fd) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
		(void)fail(
		    why, FAIL_BROKEN, "file", "cannot write the archive");
		return fail_errno(why, "fsync");
	}
	/* From the disk, as far as the kernel lets us. */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	rc = archive_read(&again, fd, NULL, NULL, why);
	if (rc == 0 && memcmp(again.sha256, k->archive.sha256, SHA256_LEN) != 0)
		rc = fail(why, FAIL_BROKEN, "file",
		    "the archive is not what was written: is the disk good?");
	archive_free(&again);
	return rc;
}

static int
folder_sync(const char *folder, struct fail *why)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd >= 0 ? fsync(fd) : -1;

	if (rc != 0) {
		(void)fail(why, FAIL_BROKEN, "file",
		    "cannot sync the folder %s", folder);
		(void)fail_errno(why, "fsync");
	}
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

/* Never over a file that is there, as far as the file system can. */
static int
named(const char *from, const char *to, const char *folder, struct fail *why)
{
	int rc = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);

	if (rc != 0 && errno == EINVAL)
		rc = rename(from, to);
	if (rc == 0)
		return folder_sync(folder, why);
	if (errno == EEXIST)
		return fail(
		    why, FAIL_CONFIG, "file", "%s is there already", to);
	(void)fail(why, FAIL_BROKEN, "file", "cannot make %s", to);
	return fail_errno(why, "rename");
}

static int
file_make(
    struct making *k, const char *path, const char *folder, struct fail *why)
{
	char *tmp = file_path(k->work.path, "archive");
	int fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;
	int rc = -1;

	if (fd < 0) {
		(void)fail(why, FAIL_BROKEN, "file", "cannot make %s", tmp);
		(void)fail_errno(why, "open");
	} else if (archive_write(
		       &k->archive, fd, k->database, &k->files, why) == 0 &&
		   read_again(k, fd, why) == 0) {
		k->archive.size = fstat(fd, &st) == 0 ? st.st_size : 0;
		fault_point("backup-written");
		rc = named(tmp, path, folder, why);
		fault_point("backup-named");
	}
	if (fd >= 0)
		(void)close(fd);
	free(tmp);
	return rc;
}

/* ---- where -------------------------------------------------------------------------------- */

#define KEYID_SHOWN 8

/* "microca-KEYID-": of the issuing key, so that two CAs may share a folder. */
static char *
prefix_of(const struct ca *ca, int64_t now)
{
	const struct authority *a = ca_authority(ca, now);

	return str_fmt(
	    "microca-%.*s-", KEYID_SHOWN, a != NULL ? a->keyid : "00000000");
}

static bool
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static char *
name_of(const struct ca *ca, int64_t now)
{
	char *prefix = prefix_of(ca, now), *name;
	struct when_parts t;

	when_split(&t, now);
	name = str_fmt("%s%04d%02d%02dT%02d%02d%02dZ.tar", prefix, t.year,
	    t.month, t.day, t.hour, t.minute, t.second);
	free(prefix);
	return name;
}

/* The folder, and the file in it. */
static void
place_of(char **folder, char **path, const struct ca *ca,
    const struct backup_wish *wish)
{
	const char *slash;
	char *name;

	if (is_folder(wish->to)) {
		name = name_of(ca, wish->now);
		*folder = str_dup(wish->to);
		*path = file_path(*folder, name);
		free(name);
		return;
	}
	slash = strrchr(wish->to, '/');
	*folder = slash == NULL ? str_dup(".")
	          : slash == wish->to
	              ? str_dup("/")
	              : mem_dup(wish->to, (size_t)(slash - wish->to));
	*path = str_dup(wish->to);
}

static int
to_file(struct making *k, char **path, struct fail *why)
{
	char *folder;
	int rc = -1;

	place_of(&folder, path, k->ca, k->wish);
	if (access(*path, F_OK) == 0)
		rc = fail(
		    why, FAIL_CONFIG, "file", "%s is there already", *path);
	else if (work_make(&k->work, folder, WORK, why) == 0 &&
		 copied(k, why) == 0)
		rc = file_make(k, *path, folder, why);
	free(folder);
	return rc;
}

static int
to_stream(struct making *k, struct fail *why)
{
	if (work_make(&k->work, k->ca->settings->state, WORK, why) != 0 ||
	    copied(k, why) != 0)
		return -1;
	return archive_write(
	    &k->archive, k->wish->fd, k->database, &k->files, why);
}

int
backup_make(struct backup_report *report, struct ca *ca,
    const struct backup_wish *wish, struct fail *why)
{
	struct making k = {.ca = ca, .wish = wish};
	char *path = NULL;
	int rc;

	memset(report, 0, sizeof(*report));
	rc = wish->to != NULL ? to_file(&k, &path, why) : to_stream(&k, why);
	if (rc == 0) {
		report->archive = k.archive;
		report->path = path;
	} else {
		archive_free(&k.archive);
		free(path);
	}
	work_remove(&k.work);
	backup_files_free(&k.files);
	free(k.database);
	return rc;
}

/* ---- no more than so many ------------------------------------------------------------------ */

#define STAMP "00000000T000000Z.tar"

static bool
is_backup(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strlen(name) != len + sizeof(STAMP) - 1 ||
	    strncmp(name, prefix, len) != 0)
		return false;
	name += len;
	for (size_t i = 0; STAMP[i] != '\0'; i++)
		if (STAMP[i] == '0' ? (name[i] < '0' || name[i] > '9')
				    : name[i] != STAMP[i])
			return false;
	return true;
}

int
backup_rotate(size_t *removed, const struct ca *ca, const char *folder,
    size_t keep, int64_t now, struct fail *why)
{
	char *prefix = prefix_of(ca, now);
	struct dirent **names = NULL;
	int n = scandir(folder, &names, NULL, alphasort), rc = 0;
	size_t kept = 0;

	*removed = 0;
	if (n < 0) {
		(void)fail(why, FAIL_BROKEN, "file", "cannot read %s", folder);
		rc = fail_errno(why, "opendir");
	}
	/* By time, as their names say it: the newest first. */
	for (int i = n - 1; i >= 0; i--) {
		char *path = file_path(folder, names[i]->d_name);

		if (is_backup(names[i]->d_name, prefix) && ++kept > keep) {
			if (unlink(path) == 0)
				(*removed)++;
			else if (rc == 0) {
				(void)fail(why, FAIL_BROKEN, "file",
				    "cannot remove %s", path);
				rc = fail_errno(why, "unlink");
			}
		}
		free(path);
		free(names[i]);
	}
	free(names);
	free(prefix);
	return rc;
}

/* ---- read and checked ------------------------------------------------------------------------ */

static int
differs(struct fail *why, const char *text)
{
	return fail(why, FAIL_MALFORMED, "archive",
	    "the backup is not what its manifest tells: %s", text);
}

static int
contents_check(
    const struct manifest *told, const char *database, struct fail *why)
{
	struct manifest m = {.made = told->made};

	if (database_look(&m, database, why) != 0)
		return -1;
	/* An older schema was brought up to date, which is a record more. */
	if (told->schema < SQL_VERSION && m.records == told->records + 1)
		return 0;
	if (m.records != told->records ||
	    memcmp(m.hash, told->hash, SHA256_LEN) != 0)
		return differs(why, "the audit chain ends elsewhere");
	if (m.certificates != told->certificates ||
	    m.revoked != told->revoked || m.outbox != told->outbox)
		return differs(why, "there are other rows");
	return 0;
}

int
backup_check(struct archive *a, int fd, const char *into, bool only_database,
    struct fail *why)
{
	char *database;
	int rc;

	if (archive_read(a, fd, into, only_database ? MANIFEST_DATABASE : NULL,
		why) != 0)
		return -1;
	if (a->manifest.schema > SQL_VERSION) {
		rc = fail(why, FAIL_CONFIG, "db-schema",
		    "the backup has schema %lld, this program needs %d: %s "
		    "made it",
		    (long long)a->manifest.schema, SQL_VERSION,
		    a->manifest.program);
	} else {
		database = file_path(into, MANIFEST_DATABASE);
		rc = contents_check(&a->manifest, database, why);
		free(database);
	}
	if (rc != 0)
		archive_free(a);
	return rc;
}

#include "lib/ca/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/wire/crl.h"

#define FILE_MAX ((size_t)256 * 1024 * 1024) /* octets: a revocation list's */
#define TRIES 100 /* names of folders within one second */

static int
failed(struct fail *why, const char *what, const char *path)
{
	int error = errno;

	(void)fail(why, FAIL_BROKEN, "file", "cannot %s %s", what, path);
	errno = error;
	return fail_errno(why, "%s", what);
}

/* ---- files ------------------------------------------------------------------------- */

static bool
is_public(const char *name)
{
	return strncmp(name, "public/", 7) == 0;
}

/* Folders that the file wants to be in, below those that are there. */
static int
folders_make(const char *path, mode_t mode, struct fail *why)
{
	char *folder = str_dup(path);
	char *slash = strrchr(folder, '/');
	int rc = 0;

	*slash = '\0';
	if (access(folder, F_OK) != 0) {
		rc = folders_make(folder, mode, why);
		/* Whatever the umask: the web server reads what is public. */
		if (rc == 0 && ((mkdir(folder, mode) != 0 && errno != EEXIST) ||
				   chmod(folder, mode) != 0))
			rc = failed(why, "make", folder);
	}
	free(folder);
	return rc;
}

/* The list that goes further stays. */
static bool
list_newer(struct span ours, struct span there)
{
	struct crl_info a, b;
	struct fail no = {0};

	if (crl_read(&a, ours, &no) != 0)
		return false;
	return crl_read(&b, there, &no) != 0 || a.number > b.number;
}

static int
file_place(struct restore_report *r, const char *name, const char *from,
    const char *to, struct fail *why)
{
	struct bytes ours = {0}, there = {0};
	struct fail no = {0};
	mode_t mode = is_public(name) ? 0644 : 0600;
	bool absent, same, place;
	int rc = file_read(&ours, from, FILE_MAX, why);

	absent =
	    file_read(&there, to, FILE_MAX, &no) != 0 && no.kind == FAIL_ABSENT;
	same = !absent && span_equal(span_of(&ours), span_of(&there));
	place = absent || (is_public(name) && !same &&
			      list_newer(span_of(&ours), span_of(&there)));
	if (rc == 0 && place) {
		rc = folders_make(to, is_public(name) ? 0755 : 0700, why);
		if (rc == 0)
			rc = file_write(to, span_of(&ours), mode, why);
		if (rc == 0)
			manifest_add_text(&r->placed, to);
	} else if (rc == 0 && !same) {
		manifest_add_text(&r->kept, to);
	}
	bytes_free(&ours);
	bytes_free(&there);
	return rc;
}

int
restore_files(struct restore_report *r, const struct settings *settings,
    const char *from, struct fail *why)
{
	const struct manifest *m = &r->archive.manifest;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < m->members; i++) {
		const char *name = m->member[i].name;
		char *to = backup_file_place(settings, name);
		char *path = file_path(from, name);

		if (to != NULL)
			rc = file_place(r, name, path, to, why);
		free(path);
		free(to);
	}
	return rc;
}

/* ---- the database -------------------------------------------------------------------- */

static int
path_sync(const char *path, struct fail *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd >= 0 && fsync(fd) == 0 ? 0 : failed(why, "sync", path);

	if (fd >= 0)
		(void)close(fd);
	return rc;
}

/* before-restore-TIME: none that is there already. */
static int
aside_make(char **aside, const char *folder, int64_t now, struct fail *why)
{
	struct when_parts t;
	int rc = -1;

	when_split(&t, now);
	for (int i = 1; i <= TRIES; i++) {
		*aside = str_fmt("%sbefore-restore-%04d%02d%02dT%02d%02d%02dZ",
		    folder, t.year, t.month, t.day, t.hour, t.minute, t.second);
		if (i > 1) {
			char *next = str_fmt("%s-%d", *aside, i);

			free(*aside);
			*aside = next;
		}
		rc = mkdir(*aside, 0700);
		if (rc == 0 || errno != EEXIST)
			break;
		free(*aside);
		*aside = NULL;
	}
	return rc == 0 ? 0 : failed(why, "make", folder);
}

/* Another name in the folder aside; it is there under both. */
static int
also_aside(const char *aside, const char *path, struct fail *why)
{
	char *to = file_path(aside, strrchr(path, '/') + 1);
	int rc = link(path, to);

	if (rc != 0 && errno == ENOENT)
		rc = 0;
	else if (rc != 0)
		rc = failed(why, "keep", path);
	free(to);
	return rc;
}

static int
gone(const char *path, struct fail *why)
{
	return unlink(path) == 0 || errno == ENOENT
	           ? 0
	           : failed(why, "remove", path);
}

/*
 * A WAL beside it belongs to a database that could not be opened: it is kept,
 * and must not be taken for the new one's.  A cut between here and the rename
 * leaves that damaged one without it, and both aside.
 */
static int
former_keep(const char *aside, const char *place, struct fail *why)
{
	char *wal = str_fmt("%s-wal", place), *shm = str_fmt("%s-shm", place);
	int rc = -1;

	if (also_aside(aside, place, why) == 0 &&
	    also_aside(aside, wal, why) == 0 && path_sync(aside, why) == 0 &&
	    gone(wal, why) == 0)
		rc = gone(shm, why);
	free(wal);
	free(shm);
	return rc;
}

int
restore_database(struct restore_report *r, const char *place,
    const char *database, int64_t now, struct fail *why)
{
	const char *slash = strrchr(place, '/');
	char *folder =
	    slash == NULL ? NULL : mem_dup(place, (size_t)(slash - place) + 1);
	int rc = -1;

	if (folder == NULL)
		return fail(why, FAIL_CONFIG, "db-url",
		    "%s is not an absolute path", place);
	if (path_sync(database, why) == 0 &&
	    (!r->there || (aside_make(&r->aside, folder, now, why) == 0 &&
			      former_keep(r->aside, place, why) == 0))) {
		rc = rename(database, place) == 0
		         ? path_sync(folder, why)
		         : failed(why, "rename", database);
	}
	free(folder);
	return rc;
}

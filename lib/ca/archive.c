#include "lib/ca/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/tar.h"

#define PART ((size_t)256 * 1024) /* octets at a time */
#define MEMBERS 10000

void
archive_free(struct archive *a)
{
	manifest_free(&a->manifest);
	memset(a, 0, sizeof(*a));
}

int
archive_is(const struct archive *a, const char *sha256, struct fail *why)
{
	char hash[2 * SHA256_LEN + 1];

	hex_write(hash, (struct span){a->sha256, SHA256_LEN}, false);
	if (sha256 == NULL || strcasecmp(hash, sha256) == 0)
		return 0;
	return fail(why, FAIL_CONFLICT, "archive",
	    "it is another backup: the sha256 of its manifest is %s", hash);
}

/* ---- written --------------------------------------------------------------------- */

struct writing {
	struct archive *archive;
	struct tar tar;
	uint8_t *part;
};

static int
cannot_read(const char *path, struct fail *why)
{
	int error = errno;

	(void)fail(why, FAIL_BROKEN, "file", "cannot read %s", path);
	errno = error;
	return fail_errno(why, "read");
}

/* As many octets as the file had when it was opened: one that only grows may
 * have more by now. */
static int
content_write(
    struct writing *w, int fd, int64_t size, const char *path, struct fail *why)
{
	while (size > 0) {
		size_t want = size < (int64_t)PART ? (size_t)size : PART;
		ssize_t n = read(fd, w->part, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cannot_read(path, why);
		if (n == 0)
			return fail(why, FAIL_BROKEN, "file",
			    "%s became shorter while it was read", path);
		if (tar_write(
			&w->tar, (struct span){w->part, (size_t)n}, why) != 0)
			return -1;
		size -= n;
	}
	return 0;
}

static int
member_write(struct writing *w, int fd, const char *name, const char *path,
    struct fail *why)
{
	struct tar_entry e = {.mode = 0600};
	uint8_t hash[SHA256_LEN];
	struct stat st;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return cannot_read(path, why);
	e.size = st.st_size;
	e.when = st.st_mtime;
	if (!tar_name_ok(name))
		return fail(why, FAIL_BROKEN, "archive",
		    "\"%s\" is no name for a member", name);
	memcpy(e.name, name, strlen(name) + 1);
	if (tar_begin(&w->tar, &e, why) != 0 ||
	    content_write(w, fd, e.size, path, why) != 0 ||
	    tar_close(&w->tar, hash, why) != 0)
		return -1;
	manifest_add_member(&w->archive->manifest, name, e.size, hash);
	return 0;
}

static int
file_add(struct writing *w, const char *name, const char *path, bool must,
    struct fail *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc;

	if (fd < 0 && (must || errno != ENOENT))
		return cannot_read(path, why);
	if (fd < 0) {
		char *text = str_fmt("%s: it is gone", name);

		manifest_add_text(&w->archive->manifest.left_out, text);
		free(text);
		return 0;
	}
	rc = member_write(w, fd, name, path, why);
	(void)close(fd);
	return rc;
}

static int
manifest_add(struct writing *w, struct fail *why)
{
	struct archive *a = w->archive;
	struct bytes text = {0};
	struct tar_entry e = {.name = MANIFEST_NAME, .mode = 0600};
	int rc = -1;

	manifest_write(&text, &a->manifest);
	e.size = (int64_t)text.len;
	e.when = a->manifest.made;
	if (text.len > MANIFEST_MAX)
		rc = fail(why, FAIL_BROKEN, "backup",
		    "the manifest is too long: there are too many files");
	else if (tar_begin(&w->tar, &e, why) == 0 &&
		 tar_write(&w->tar, span_of(&text), why) == 0)
		rc = tar_close(&w->tar, a->sha256, why);
	bytes_free(&text);
	return rc;
}

int
archive_write(struct archive *a, int fd, const char *database,
    const struct backup_files *files, struct fail *why)
{
	struct writing w = {.archive = a, .tar = {.fd = fd}};
	int rc;

	w.part = mem_new(PART);
	rc = file_add(&w, MANIFEST_DATABASE, database, true, why);
	for (size_t i = 0; rc == 0 && i < files->n; i++)
		rc = file_add(
		    &w, files->item[i].name, files->item[i].path, false, why);
	if (rc == 0)
		rc = manifest_add(&w, why);
	if (rc == 0)
		rc = tar_finish(&w.tar, why);
	tar_free(&w.tar);
	free(w.part);
	return rc;
}

/* ---- read ---------------------------------------------------------------------------- */

struct reading {
	struct tar tar;
	const char *into, *only;
	uint8_t *part;
	struct manifest seen; /* its members are what came */
	struct bytes text;    /* the manifest's */
	uint8_t text_hash[SHA256_LEN];
	int64_t size;
};

static int
changed(struct fail *why, const char *name, const char *text)
{
	return fail(why, FAIL_MALFORMED, "archive",
	    "the backup is not what was written: %s %s", name, text);
}

static int
cannot_write(const char *path, struct fail *why)
{
	bool full = errno == ENOSPC || errno == EDQUOT;
	int error = errno;

	(void)fail(why, full ? FAIL_BUSY : FAIL_BROKEN,
	    full ? "disk-full" : "file",
	    full ? "the disk is full: %s cannot be written" : "cannot write %s",
	    path);
	errno = error;
	return fail_errno(why, "write");
}

/* The folders of "a/b/c" below `into`: names are harmless by now. */
static int
folders_make(const char *path, size_t from, struct fail *why)
{
	char *copy = str_dup(path), *slash = copy + from;
	int rc = 0;

	while (rc == 0 && (slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		if (mkdir(copy, 0700) != 0 && errno != EEXIST)
			rc = cannot_write(copy, why);
		*slash = '/';
	}
	free(copy);
	return rc;
}

static int
part_write(
    int fd, const uint8_t *p, size_t len, const char *path, struct fail *why)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return cannot_write(path, why);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int
content_read(struct reading *r, int fd, const char *path, struct fail *why)
{
	size_t got = 1;

	while (got > 0) {
		if (tar_read(&r->tar, &got, r->part, PART, why) != 0 ||
		    part_write(fd, r->part, got, path, why) != 0)
			return -1;
	}
	return fsync(fd) == 0 ? 0 : cannot_write(path, why);
}

static int
member_extract(struct reading *r, const char *name, struct fail *why)
{
	char *path = file_path(r->into, name);
	int fd = -1, rc = folders_make(path, strlen(r->into), why);

	if (rc == 0) {
		fd = open(path,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		rc = fd < 0 ? cannot_write(path, why)
		            : content_read(r, fd, path, why);
	}
	if (fd >= 0)
		(void)close(fd);
	free(path);
	return rc;
}

static int
manifest_keep(struct reading *r, const struct tar_entry *e, struct fail *why)
{
	size_t got;

	if (e->size > (int64_t)MANIFEST_MAX)
		return changed(why, MANIFEST_NAME, "is too long");
	bytes_room(&r->text, (size_t)e->size);
	if (tar_read(&r->tar, &got, r->text.data, (size_t)e->size, why) != 0)
		return -1;
	r->text.len = got;
	r->text.data[got] = '\0';
	return tar_read_close(&r->tar, r->text_hash, why);
}

static int
member_read(struct reading *r, const struct tar_entry *e, struct fail *why)
{
	uint8_t hash[SHA256_LEN];

	if (r->seen.members >= MEMBERS)
		return changed(why, e->name, "is one too many");
	if (manifest_member(&r->seen, e->name) != NULL)
		return changed(why, e->name, "is there twice");
	if (r->into != NULL &&
	    (r->only == NULL || strcmp(r->only, e->name) == 0) &&
	    member_extract(r, e->name, why) != 0)
		return -1;
	if (tar_read_close(&r->tar, hash, why) != 0)
		return -1;
	manifest_add_member(&r->seen, e->name, e->size, hash);
	return 0;
}

static int
members_read(struct reading *r, struct fail *why)
{
	struct tar_entry e;
	bool found = true;
	int rc = 0;

	while (rc == 0 && found) {
		rc = tar_next(&r->tar, &e, &found, why);
		if (rc != 0 || !found)
			break;
		r->size += e.size;
		if (r->text.data != NULL)
			rc = changed(why, e.name, "follows the manifest");
		else if (strcmp(e.name, MANIFEST_NAME) == 0)
			rc = manifest_keep(r, &e, why);
		else
			rc = member_read(r, &e, why);
	}
	if (rc == 0 && r->text.data == NULL)
		rc = changed(why, MANIFEST_NAME, "is missing");
	return rc;
}

static int
compare(const struct reading *r, const struct manifest *m, struct fail *why)
{
	for (size_t i = 0; i < m->members; i++) {
		const struct manifest_member *want = &m->member[i];
		const struct manifest_member *got =
		    manifest_member(&r->seen, want->name);

		if (got == NULL)
			return changed(why, want->name, "is missing");
		if (got->size != want->size ||
		    memcmp(got->sha256, want->sha256, SHA256_LEN) != 0)
			return changed(why, want->name, "is another one");
	}
	if (r->seen.members != m->members)
		return changed(why, "a member", "is not in its manifest");
	return 0;
}

int
archive_read(struct archive *a, int fd, const char *into, const char *only,
    struct fail *why)
{
	struct reading r = {.tar = {.fd = fd}, .into = into, .only = only};
	int rc;

	memset(a, 0, sizeof(*a));
	r.part = mem_new(PART);
	rc = members_read(&r, why);
	if (rc == 0)
		rc = manifest_read(&a->manifest, span_of(&r.text), why);
	if (rc == 0)
		rc = compare(&r, &a->manifest, why);
	if (rc == 0) {
		memcpy(a->sha256, r.text_hash, SHA256_LEN);
		a->size = r.size;
	} else {
		archive_free(a);
	}
	tar_free(&r.tar);
	manifest_free(&r.seen);
	bytes_free(&r.text);
	free(r.part);
	return rc;
}

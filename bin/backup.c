/* microca backup - all of the CA but its keys, in one file. */
#include "bin/microca.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/base/work.h"
#include "lib/ca/backup.h"

#define WORK ".microca-verify"

struct options {
	bool verify, json;
	int64_t keep; /* 0: all */
	const char *sha256, *work;
};

/* ---- what was made, or found ------------------------------------------------- */

static void
texts_say(FILE *to, const char *title, const struct manifest_texts *texts)
{
	if (texts->n > 0)
		(void)fprintf(to, "%s:\n", title);
	for (size_t i = 0; i < texts->n; i++) {
		struct bytes safe = {0};

		text_escape(&safe, span_str(texts->item[i]));
		(void)fprintf(to, "  - %s\n", (const char *)safe.data);
		bytes_free(&safe);
	}
}

void
archive_say(FILE *to, const struct archive *a, const char *path)
{
	const struct manifest *m = &a->manifest;
	char hash[2 * SHA256_LEN + 1], when[WHEN_LEN];

	when_write(when, m->made);
	(void)fprintf(to, "%s: made %s, %lld octets, good\n", path, when,
	    (long long)a->size);
	hex_write(hash, (struct span){a->sha256, SHA256_LEN}, false);
	(void)fprintf(to, "sha256 of its manifest: %s\n", hash);
	hex_write(hash, (struct span){m->hash, SHA256_LEN}, false);
	(void)fprintf(to,
	    "schema %lld, %lld certificates (%lld revoked), %zu files\n"
	    "%lld audit records, the last one's hash is %s\n",
	    (long long)m->schema, (long long)m->certificates,
	    (long long)m->revoked, m->members - 1, (long long)m->records, hash);
	for (size_t i = 0; i < m->crls; i++)
		(void)fprintf(to, "revocation list of %s: number %lld\n",
		    m->crl[i].keyid, (long long)m->crl[i].number);
	texts_say(to, "left out", &m->left_out);
	texts_say(to, "not in it", &m->never);
}

static struct json *
archive_json(const struct archive *a, const char *path)
{
	struct bytes text = {0};
	struct json *j = NULL;
	struct fail no = {0};
	char hash[2 * SHA256_LEN + 1];

	manifest_write(&text, &a->manifest);
	if (json_read(&j, (const char *)text.data, &no) != 0)
		j = json_new_object();
	hex_write(hash, (struct span){a->sha256, SHA256_LEN}, false);
	json_str(j, "path", path);
	json_int(j, "size", a->size);
	json_str(j, "sha256", hash);
	bytes_free(&text);
	return j;
}

static void
archive_tell(const struct archive *a, const char *path, bool json)
{
	struct json *j;
	char *text;

	if (!json) {
		archive_say(stdout, a, path);
		return;
	}
	j = archive_json(a, path);
	text = json_text(j, 2);
	(void)puts(text);
	free(text);
	json_free(j);
}

/* ---- verify ---------------------------------------------------------------------- */

int
archive_open(int *fd, const char *path, struct fail *why)
{
	*fd = strcmp(path, "-") == 0
	          ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
	          : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (*fd >= 0)
		return 0;
	(void)fail(why, FAIL_ABSENT, "file", "cannot read %s", path);
	return fail_errno(why, "open");
}

/* Where the database is put for a look: room is where the archive is. */
static char *
work_folder(const char *path, const char *work)
{
	const char *slash = strrchr(path, '/'), *tmp;
	char *folder = work != NULL    ? str_dup(work)
	               : slash == NULL ? str_dup(".")
	               : slash == path ? str_dup("/")
	                               : mem_dup(path, (size_t)(slash - path));

	if (work != NULL ||
	    (strcmp(path, "-") != 0 && access(folder, W_OK) == 0))
		return folder;
	free(folder);
	tmp = secure_getenv("TMPDIR");
	return str_dup(tmp != NULL && *tmp == '/' ? tmp : "/var/tmp");
}

static int
verify(const char *path, const struct options *o, struct fail *why)
{
	char *folder = work_folder(path, o->work);
	struct work work = {0};
	struct archive a = {0};
	int fd, rc = archive_open(&fd, path, why);

	if (rc == 0) {
		rc = work_make(&work, folder, WORK, why);
		if (rc == 0)
			rc = backup_check(&a, fd, work.path, true, why);
		work_remove(&work);
		(void)close(fd);
	}
	if (rc == 0)
		rc = archive_is(&a, o->sha256, why);
	if (rc == 0)
		archive_tell(&a, path, o->json);
	archive_free(&a);
	free(folder);
	return rc;
}

/* ---- make -------------------------------------------------------------------------- */

static int
record(const struct tool *tool, struct ca *ca, const struct backup_report *r,
    struct fail *why)
{
	const struct manifest *m = &r->archive.manifest;
	struct audit entry = {.event = "backup"};
	char hash[2 * SHA256_LEN + 1], *text;
	int rc;

	hex_write(hash, (struct span){r->archive.sha256, SHA256_LEN}, false);
	text = str_fmt("%s: records 1 to %lld, %lld certificates, manifest %s",
	    r->path != NULL ? r->path : "standard output",
	    (long long)m->records, (long long)m->certificates, hash);
	entry.text = text;
	rc = tool_audit(tool, ca->store, &entry, why);
	free(text);
	return rc;
}

static bool
is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int
rotate(const struct ca *ca, const char *folder, const struct options *o,
    struct fail *why)
{
	size_t removed;

	if (o->keep == 0)
		return 0;
	if (backup_rotate(
		&removed, ca, folder, (size_t)o->keep, when_now(), why) != 0)
		return -1;
	if (removed > 0 && !o->json)
		printf("%zu older removed\n", removed);
	return 0;
}

static int
make(struct tool *tool, const char *to, const struct options *o,
    struct fail *why)
{
	bool stream = strcmp(to, "-") == 0;
	struct backup_wish wish = {.to = stream ? NULL : to,
	    .fd = STDOUT_FILENO,
	    .program = "microca " PACKAGE_VERSION,
	    .now = when_now()};
	struct backup_report r = {0};
	struct ca *ca = NULL;
	int rc = tool_ca(&ca, tool, CA_STORE, why);

	if (rc == 0)
		rc = backup_make(&r, ca, &wish, why);
	if (rc == 0)
		rc = record(tool, ca, &r, why);
	if (rc == 0)
		rc = backup_note(ca->settings, &r, wish.now, why);
	if (rc == 0 && stream)
		archive_say(stderr, &r.archive, "standard output");
	else if (rc == 0)
		archive_tell(&r.archive, r.path, o->json);
	if (rc == 0)
		rc = rotate(ca, to, o, why);
	archive_free(&r.archive);
	free(r.path);
	ca_drop(ca);
	return rc;
}

static int
options_fit(const struct options *o, const char *to, struct fail *why)
{
	if (o->verify && o->keep > 0)
		return fail(why, FAIL_CONFIG, "usage",
		    "--keep goes with a backup, not with --verify");
	if (!o->verify && (o->sha256 != NULL || o->work != NULL))
		return fail(why, FAIL_CONFIG, "usage",
		    "--sha256 and --work go with --verify");
	if (o->keep > 0 && !is_folder(to))
		return fail(why, FAIL_CONFIG, "usage",
		    "--keep wants a folder: %s is none", to);
	if (!o->verify && o->json && strcmp(to, "-") == 0)
		return fail(why, FAIL_CONFIG, "usage",
		    "--json and the backup cannot both go to standard output");
	if (!o->verify && strcmp(to, "-") == 0 && isatty(STDOUT_FILENO))
		return fail(
		    why, FAIL_CONFIG, "usage", "standard output is a terminal");
	return 0;
}

int
backup_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct options o = {0};
	const struct option_spec options[] = {
	    {"verify", 0, OPTION_FLAG, &o.verify, 0, 0, NULL},
	    {"json", 0, OPTION_FLAG, &o.json, 0, 0, NULL},
	    {"keep", 0, OPTION_INT, &o.keep, 1, 100000, NULL},
	    {"sha256", 0, OPTION_TEXT, &o.sha256, 0, 0, NULL},
	    {"work", 0, OPTION_TEXT, &o.work, 0, 0, NULL},
	};

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0 ||
	    options_fit(&o, argv[0], why) != 0)
		return -1;
	return o.verify ? verify(argv[0], &o, why)
	                : make(tool, argv[0], &o, why);
}

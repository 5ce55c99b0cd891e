/* microca restore - a backup put in the place of what is there. */
#include "bin/microca.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/base/work.h"
#include "lib/ca/backup.h"
#include "lib/ca/counter.h"
#include "lib/ca/restore.h"
#include "lib/cloud/heads.h"

#define WORK ".microca-restore"

struct options {
	bool accept_loss;
	const char *into, *sha256, *text;
};

/* ---- --into: the files alone ---------------------------------------------------- */

/* Where the folder is to be, and that it is not there or empty. */
static int
target_look(char **parent, const char *into, struct fail *why)
{
	char *copy = str_dup(into), *slash;
	size_t len = strlen(copy);

	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	slash = strrchr(copy, '/');
	if (slash == NULL)
		*parent = str_dup(".");
	else
		*parent = slash == copy ? str_dup("/")
		                        : mem_dup(copy, (size_t)(slash - copy));
	free(copy);
	if (rmdir(into) == 0 || errno == ENOENT)
		return 0;
	free(*parent);
	*parent = NULL;
	return fail(why, FAIL_CONFIG, "folder",
	    "%s is there already, and not an empty folder", into);
}

static int
extract_to(struct archive *a, int fd, const struct work *work,
    const struct options *o, struct fail *why)
{
	char *files = file_path(work->path, "files");
	int rc = -1;

	if (mkdir(files, 0700) != 0) {
		(void)fail(why, FAIL_BROKEN, "folder", "cannot make %s", files);
		(void)fail_errno(why, "mkdir");
	} else if (backup_check(a, fd, files, false, why) == 0 &&
		   archive_is(a, o->sha256, why) == 0) {
		rc = rename(files, o->into);
		if (rc != 0) {
			(void)fail(why, FAIL_BROKEN, "folder", "cannot make %s",
			    o->into);
			(void)fail_errno(why, "rename");
		}
	}
	free(files);
	return rc;
}

static int
extract(const char *path, const struct options *o, struct fail *why)
{
	struct archive a = {0};
	struct work work = {0};
	char *parent = NULL;
	int fd, rc;

	if (o->accept_loss || o->text != NULL)
		return fail(why, FAIL_CONFIG, "usage",
		    "with --into nothing is changed here: no --accept-loss, no "
		    "--text");
	if (archive_open(&fd, path, why) != 0)
		return -1;
	rc = target_look(&parent, o->into, why);
	if (rc == 0)
		rc = work_make(&work, parent, WORK, why);
	if (rc == 0)
		rc = extract_to(&a, fd, &work, o, why);
	if (rc == 0) {
		archive_say(stdout, &a, path);
		printf("its files are in %s\n", o->into);
	}
	archive_free(&a);
	work_remove(&work);
	free(parent);
	(void)close(fd);
	return rc;
}

/* ---- in the place of what is there ------------------------------------------------ */

/* The last record that a signed head of this machine tells of. */
static int
known_find(int64_t *known, const struct settings *settings, struct fail *why)
{
	struct checkpoint cp = {0};
	bool found;

	*known = 0;
	if (heads_last(&cp, &found, settings, why) != 0)
		return -1;
	for (size_t i = 0; found && i < cp.n; i++)
		if (cp.lane[i].lane == 0)
			*known = cp.lane[i].seq;
	if (found)
		checkpoint_free(&cp);
	return 0;
}

static void
texts_say(const char *what, const struct manifest_texts *texts)
{
	for (size_t i = 0; i < texts->n; i++)
		printf("%s: %s\n", what, texts->item[i]);
}

static void
report_say(const struct restore_report *r, const struct settings *settings)
{
	const struct manifest *m = &r->archive.manifest;
	char made[WHEN_LEN];

	when_write(made, m->made);
	printf("restored: the backup of %s, %lld certificates, %lld records\n",
	    made, (long long)m->certificates, (long long)m->records);
	if (r->loss)
		printf("lost: %s\n", r->loss_text);
	if (r->aside != NULL)
		printf("what was here is in %s\n", r->aside);
	texts_say("restored", &r->placed);
	texts_say("left as it is, for it is another one", &r->kept);
	if (r->revocations + r->forgotten > 0)
		printf("stay revoked: %zu, and %zu of which the backup knows "
		       "nothing else\n",
		    r->revocations, r->forgotten);
	puts("now: microca check; microca install published; microca ocsp; "
	     "microca crl --force");
	if (settings->cloud.mode != CLOUD_OFF)
		puts("and: microca cloud reconcile");
	puts("then start the programs again");
}

/* A token may be of another machine, or come later: NULL then. */
static struct key *
token_open(const struct settings *settings)
{
	struct key_place place = settings_key_place(settings);
	struct fail no = {0};
	struct key *key = NULL;

	if (!counter_wanted(settings) ||
	    (key_open(&key, &place, &no) == 0 &&
		key_ready(key, TOOL_TOKEN_WAIT, &no) == 0))
		return key;
	fprintf(stderr,
	    "microca restore: whether the token counts more than was restored "
	    "is not known (%s): run microca audit gap when it is there\n",
	    no.reason);
	key_free(key);
	return NULL;
}

/* Heads and the token tell of what is not there any more: verifying knows it
 * from now on. */
static int
gap_tell(const struct tool *tool, struct fail *why)
{
	struct store *store;
	struct key *key;
	bool gap;
	int rc = store_open_node(&store, tool->settings->store,
	    tool->settings->node, false, 2, 0, why);

	if (rc == 0) {
		key_harden_process();
		key = token_open(tool->settings);
		rc = heads_gap(&gap, tool->settings, store, key,
		    tool->who->requester, when_now(), why);
		key_free(key);
		store_free(store);
	}
	if (rc != 0)
		fprintf(stderr,
		    "microca restore: the backup is restored, but the gap is "
		    "not told to the signed heads: run microca audit gap\n");
	return rc;
}

static int
apply(struct tool *tool, int fd, const struct options *o, struct fail *why)
{
	struct restore_wish wish = {.fd = fd,
	    .sha256 = o->sha256,
	    .accept_loss = o->accept_loss,
	    .requester = tool->who->requester,
	    .text = o->text,
	    .now = when_now()};
	struct restore_report r = {0};
	int rc = known_find(&wish.known, tool->settings, why);

	if (rc == 0)
		rc = restore_apply(&r, tool->settings, &wish, why);
	if (rc == 0) {
		report_say(&r, tool->settings);
		rc = gap_tell(tool, why);
	}
	restore_report_free(&r);
	return rc;
}

int
restore_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct options o = {0};
	const struct option_spec options[] = {
	    {"into", 0, OPTION_TEXT, &o.into, 0, 0, NULL},
	    {"accept-loss", 0, OPTION_FLAG, &o.accept_loss, 0, 0, NULL},
	    {"sha256", 0, OPTION_TEXT, &o.sha256, 0, 0, NULL},
	    {"text", 0, OPTION_TEXT, &o.text, 0, 0, NULL},
	};
	int fd, rc = -1;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0)
		return -1;
	if (o.into != NULL)
		return extract(argv[0], &o, why);
	/* Opened by whoever started us: it may be closed to the owner. */
	if (tool_settings(tool, why) != 0 ||
	    archive_open(&fd, argv[0], why) != 0)
		return -1;
	if (folders_make(tool->settings, why) == 0 &&
	    tool_become_owner(tool, why) == 0)
		rc = apply(tool, fd, &o, why);
	(void)close(fd);
	return rc;
}

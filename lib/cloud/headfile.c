#include "lib/cloud/headfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/json.h"

#define LOCK_WAIT 5.0
#define TAIL (4 * CHECKPOINT_MAX) /* octets read at first */

static int
broken(struct fail *why, const char *path, const char *what)
{
	fail(why, FAIL_BROKEN, "file", "%s: the edge's heads", path);
	return fail_errno(why, "%s", what);
}

/* ---- what was last ------------------------------------------------------- */

struct last {
	struct checkpoint accepted;
	bool have;  /* … there is one */
	char *mark; /* head of a refusal that came after it, or NULL */
	bool torn;  /* the file's last line was cut */
};

static void
line_take(struct last *last, const char *line)
{
	struct fail ignored = {0};
	struct checkpoint cp;
	const char *result;
	struct json *j;

	if (json_read(&j, line, &ignored) != 0)
		return;
	result = json_str_of(j, "result");
	if (result != NULL && checkpoint_read(&cp, line, &ignored) == 0) {
		if (strcmp(result, "accepted") == 0) {
			last->accepted = cp;
			last->have = true;
		} else if (last->mark == NULL) {
			last->mark = str_dup(cp.head);
			checkpoint_free(&cp);
		} else {
			checkpoint_free(&cp);
		}
	}
	json_free(j);
}

/* From the end; without `whole` the first line may be a part of one. */
static void
lines_take(struct last *last, char *text, size_t len, bool whole)
{
	last->torn = len > 0 && text[len - 1] != '\n';
	while (len > 0 && !last->have) {
		if (text[len - 1] == '\n')
			text[--len] = '\0';
		while (len > 0 && text[len - 1] != '\n')
			len--;
		if (len > 0 || whole)
			line_take(last, text + len);
	}
}

static void
last_free(struct last *last)
{
	checkpoint_free(&last->accepted);
	free(last->mark);
	memset(last, 0, sizeof(*last));
}

static int
last_read(struct last *last, int fd, const char *path, struct fail *why)
{
	off_t size = lseek(fd, 0, SEEK_END), want = TAIL;
	char *text = NULL;
	bool whole;

	if (size < 0)
		return broken(why, path, "lseek");
	do {
		want = want < size ? want : size;
		whole = want == size;
		last_free(last);
		text = mem_grow(text, (size_t)want + 1, 1);
		if (pread(fd, text, (size_t)want, size - want) != want) {
			free(text);
			return broken(why, path, "read");
		}
		text[want] = '\0';
		lines_take(last, text, (size_t)want, whole);
		want *= 4; /* marks alone, so far */
	} while (!last->have && !whole);
	free(text);
	return 0;
}

/* ---- one more ------------------------------------------------------------ */

static char *
line_write(const struct checkpoint *cp, bool verified, int64_t now,
    const char *result, const char *text)
{
	struct json *j = json_new_object();
	char *line, *whole;

	json_time(j, "at", now);
	json_str(j, "result", result);
	json_str(j, "text", text);
	json_bool(j, "verified", verified);
	json_str(j, "schema", CHECKPOINT_SCHEMA);
	json_str(j, "head", cp->head);
	json_str(j, "signature", cp->signature);
	line = json_text(j, 0);
	whole = str_fmt("%s\n", line);
	free(line);
	json_free(j);
	return whole;
}

static int
line_add(int fd, const char *path, const struct last *last, const char *line,
    struct fail *why)
{
	char *text = str_fmt("%s%s", last->torn ? "\n" : "", line);
	size_t len = strlen(text);
	ssize_t n = write(fd, text, len);
	int rc = 0;

	/* What is cut by a full disk is no line. */
	if (n != (ssize_t)len || fsync(fd) != 0)
		rc = broken(why, path, "write");
	free(text);
	return rc;
}

static int
add(bool *added, int fd, const char *path, const struct checkpoint *cp,
    bool verified, int64_t now, struct fail *why)
{
	enum checkpoint_step step = CHECKPOINT_ON;
	const char *word = "accepted";
	struct last last = {0};
	char text[128] = "", *line;
	int rc = last_read(&last, fd, path, why);

	if (rc == 0 && last.have)
		step = checkpoint_step(text, &last.accepted, cp);
	if (step >= CHECKPOINT_BACK)
		word = step == CHECKPOINT_BACK ? "head-back" : "head-fork";
	*added = rc == 0 && step != CHECKPOINT_SAME &&
	         (step == CHECKPOINT_ON || last.mark == NULL ||
		     strcmp(last.mark, cp->head) != 0);
	if (*added) {
		line = line_write(
		    cp, verified, now, word, text[0] != '\0' ? text : NULL);
		rc = line_add(fd, path, &last, line, why);
		free(line);
	}
	if (rc == 0 && step >= CHECKPOINT_BACK)
		rc = fail(why, FAIL_CONFLICT, word,
		    "the audit of %s went back: %s", cp->edge, text);
	last_free(&last);
	return rc;
}

/* A new file is durable only when its folder is. */
static int
folder_make(const char *folder, struct fail *why)
{
	int fd, rc = 0;

	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		return broken(why, folder, "mkdir");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		rc = broken(why, folder, "fsync");
	if (fd >= 0)
		(void)close(fd);
	return rc;
}

int
headfile_add(bool *added, const char *state, const struct checkpoint *cp,
    bool verified, int64_t now, struct fail *why)
{
	char *folder = file_path(state, "heads");
	char *path = file_path(folder, cp->edge);
	int fd = -1, rc;

	*added = false;
	if ((rc = folder_make(folder, why)) == 0 &&
	    (rc = file_lock(&fd, path, LOCK_WAIT, why)) == 0 &&
	    (rc = folder_make(folder, why)) == 0) {
		if (fcntl(fd, F_SETFL, O_APPEND) != 0)
			rc = broken(why, path, "fcntl");
		else
			rc = add(added, fd, path, cp, verified, now, why);
	}
	if (fd >= 0)
		(void)close(fd);
	free(path);
	free(folder);
	return rc;
}

int
headfile_last(struct checkpoint *cp, bool *found, const char *state,
    const char *edge, struct fail *why)
{
	char *folder = file_path(state, "heads");
	char *path = file_path(folder, edge);
	struct last last = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	*found = false;
	if (fd >= 0)
		rc = last_read(&last, fd, path, why);
	else if (errno != ENOENT)
		rc = broken(why, path, "open");
	if (rc == 0 && last.have) {
		*cp = last.accepted;
		memset(&last.accepted, 0, sizeof(last.accepted));
		*found = true;
	}
	last_free(&last);
	if (fd >= 0)
		(void)close(fd);
	free(path);
	free(folder);
	return rc;
}

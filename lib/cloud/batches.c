#include "lib/cloud/batches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"

#define FILE_MAX (64 * 1024) /* octets */
#define LOCK_WAIT 2.0

/* Lines "ID HEX"; a line that was cut is none. */
struct lines {
	const char *id, *hex;
	const char *begin[2 * BATCHES_KEPT + 1];
	size_t n;
	bool known, other;
};

static void
line_look(struct lines *all, const char *line, size_t len)
{
	size_t id = strlen(all->id);

	if (len != id + 1 + 2 * SHA256_LEN || line[id] != ' ' ||
	    memcmp(line, all->id, id) != 0)
		return;
	if (memcmp(line + id + 1, all->hex, 2 * SHA256_LEN) == 0)
		all->known = true;
	else
		all->other = true;
}

static void
lines_look(struct lines *all, const struct bytes *text)
{
	const char *p = (const char *)text->data, *end;

	for (; p != NULL && (end = strchr(p, '\n')) != NULL; p = end + 1) {
		line_look(all, p, (size_t)(end - p));
		if (all->n < sizeof(all->begin) / sizeof(all->begin[0]))
			all->begin[all->n++] = p;
	}
}

static int
cannot(struct fail *why, const char *path)
{
	fail(why, FAIL_BROKEN, "file", "cannot write %s", path);
	return fail_errno(why, "write");
}

/* In place: who reads has the lock. */
static int
line_add(int fd, const char *path, const struct lines *all,
    const struct bytes *old, struct fail *why)
{
	struct bytes text = {0};
	int rc = 0;

	if (all->n >= 2 * BATCHES_KEPT)
		bytes_adds(&text, all->begin[all->n - BATCHES_KEPT + 1]);
	else if (old->data != NULL)
		bytes_add(&text, old->data, old->len);
	/* A line that was cut ends here. */
	if (text.len > 0 && text.data[text.len - 1] != '\n')
		bytes_addc(&text, '\n');
	bytes_addf(&text, "%s %s\n", all->id, all->hex);
	if (pwrite(fd, text.data, text.len, 0) != (ssize_t)text.len ||
	    ftruncate(fd, (off_t)text.len) != 0)
		rc = cannot(why, path);
	bytes_free(&text);
	return rc;
}

static int
note(int fd, const char *path, const char *batch, struct span body,
    struct fail *why)
{
	char hex[2 * SHA256_LEN + 1];
	uint8_t sha[SHA256_LEN];
	struct lines all = {.id = batch, .hex = hex};
	struct bytes text = {0};
	int rc;

	sha256(sha, body);
	hex_write(hex, (struct span){sha, sizeof(sha)}, false);
	if ((rc = file_read(&text, path, FILE_MAX, why)) == 0) {
		lines_look(&all, &text);
		if (all.other)
			rc = fail(why, FAIL_CONFLICT, "batch-reused",
			    "batch %s came before with another body", batch);
		else if (!all.known)
			rc = line_add(fd, path, &all, &text, why);
	}
	bytes_free(&text);
	return rc;
}

int
batches_note(const char *state, const char *edge, const char *batch,
    struct span body, struct fail *why)
{
	char *folder = file_path(state, "batches");
	char *path = file_path(folder, edge);
	int fd = -1, rc;

	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		rc = cannot(why, folder);
	else
		rc = file_lock(&fd, path, LOCK_WAIT, why);
	if (rc == 0)
		rc = note(fd, path, batch, body, why);
	if (fd >= 0)
		(void)close(fd);
	free(path);
	free(folder);
	return rc;
}

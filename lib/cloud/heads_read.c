#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/conf.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/ca/issuers_folder.h"
#include "lib/cloud/detached.h"
#include "lib/cloud/heads.h"

#define LINE_MAX_OCTETS (2 * CHECKPOINT_MAX)
#define SOURCES 64 /* files */

/* One file, and its next head. */
struct source {
	char *path;
	FILE *file;
	off_t end; /* what it held at first */
	int64_t line;
	struct checkpoint before; /* the last that was good */
	bool have_before;
	struct audit_mark mark;
	struct checkpoint cp;
	bool more;
};

struct heads {
	const STACK_OF(X509) * signers;
	struct source source[SOURCES];
	size_t n;
	int64_t lane; /* that is told of; -1: each head's first */
	bool begun;   /* nothing was told yet, and it is at the beginning */
};

/* ---- one line ---------------------------------------------------------------------- */

static void
wrong(struct source *s, const char *text)
{
	(void)snprintf(s->mark.wrong, sizeof(s->mark.wrong), "%s", text);
}

/* What the file's keeper said of it at that time. */
static bool
was_accepted(struct source *s, const char *line)
{
	struct fail ignored = {0};
	struct json *j = NULL;
	const char *result = NULL, *text;

	if (json_read(&j, line, &ignored) == 0)
		result = json_str_of(j, "result");
	s->mark.back = result != NULL && strcmp(result, "accepted") != 0;
	if (s->mark.back) {
		text = json_str_of(j, "text");
		wrong(s, text != NULL ? text : result);
	}
	json_free(j);
	return !s->mark.back;
}

static bool
is_signed(
    struct source *s, const STACK_OF(X509) * signers, const char *signature)
{
	struct fail why = {0};

	if (signature == NULL) {
		wrong(s, "the head is not signed");
		return false;
	}
	if (detached_verify(signature, span_str(s->cp.head), signers, &why) ==
	    0)
		return true;
	wrong(s, why.text);
	return false;
}

static bool
is_later(struct source *s)
{
	char text[128], what[200];

	if (!s->have_before ||
	    checkpoint_step(text, &s->before, &s->cp) < CHECKPOINT_BACK)
		return true;
	(void)snprintf(what, sizeof(what),
	    "the head is not one after the line before: %s", text);
	wrong(s, what);
	return false;
}

static void
mark_fill(struct source *s, int64_t number)
{
	const struct checkpoint_lane *lane = &s->cp.lane[0];
	struct bytes hash = {0};

	for (size_t i = 0; i < s->cp.n; i++)
		if (s->cp.lane[i].lane == number)
			lane = &s->cp.lane[i];

	s->mark.lane = lane->lane;
	s->mark.again = lane != &s->cp.lane[0];
	s->mark.seq = lane->seq;
	s->mark.time = s->cp.time;
	s->mark.certificates = s->cp.certificates > 0 ? s->cp.certificates : -1;
	if (hex_read(&hash, lane->hash) && hash.len == SHA256_LEN)
		memcpy(s->mark.hash, hash.data, SHA256_LEN);
	bytes_free(&hash);
}

static void
remember(struct source *s)
{
	checkpoint_free(&s->before);
	s->before = s->cp;
	s->before.edge = str_dup(s->cp.edge);
	s->before.head = str_dup(s->cp.head);
	s->before.signature = str_dup(s->cp.signature);
	s->have_before = true;
}

static void
line_look(struct source *s, const STACK_OF(X509) * signers, int64_t lane,
    const char *line)
{
	struct fail why = {0};

	memset(&s->mark, 0, sizeof(s->mark));
	(void)snprintf(s->mark.where, sizeof(s->mark.where), "%s, line %lld",
	    s->path, (long long)s->line);
	checkpoint_free(&s->cp);
	if (checkpoint_read(&s->cp, line, &why) != 0) {
		memset(&s->cp, 0, sizeof(s->cp));
		wrong(s, "this is no head of an audit");
		return;
	}
	mark_fill(s, lane);
	if (was_accepted(s, line) && is_signed(s, signers, s->cp.signature) &&
	    is_later(s))
		remember(s);
}

/* ---- a file ------------------------------------------------------------------------- */

/* A line of syslog has something before it; what a loss of power cut off at the
 * end counts for nothing. */
static int
source_line(struct source *s, const STACK_OF(X509) * signers, int64_t lane,
    struct fail *why)
{
	char *line = NULL, *brace = NULL;
	size_t size = 0;
	ssize_t n = -1;

	s->more = false;
	while (brace == NULL && ftello(s->file) < s->end &&
	       (n = getline(&line, &size, s->file)) > 0) {
		s->line++;
		if (n > LINE_MAX_OCTETS)
			break;
		brace = line[n - 1] == '\n' ? strchr(line, '{') : NULL;
	}
	if (ferror(s->file) || n > LINE_MAX_OCTETS) {
		free(line);
		return fail(why, FAIL_BROKEN, "file",
		    "%s: line %lld cannot be read", s->path,
		    (long long)s->line);
	}
	if (brace != NULL) {
		s->more = true;
		line_look(s, signers, lane, brace);
	}
	free(line);
	return 0;
}

/* Heads that do not tell of the lane are nothing to it. */
static int
source_next(struct source *s, const struct heads *h, struct fail *why)
{
	int rc;

	do
		rc = source_line(s, h->signers, h->lane, why);
	while (rc == 0 && s->more && h->lane >= 0 && s->cp.n > 0 &&
	       s->mark.lane != h->lane && s->mark.wrong[0] == '\0');
	return rc;
}

/* Takes `path` over. */
static int
source_add(struct heads *h, char *path, struct fail *why)
{
	struct source *s = &h->source[h->n];
	struct stat st;

	if (h->n == SOURCES) {
		free(path);
		return fail(why, FAIL_CONFIG, "file",
		    "heads are in more than %d files", SOURCES);
	}
	h->n++;
	s->path = path;
	s->file = fopen(path, "re");
	if (s->file == NULL || fstat(fileno(s->file), &st) != 0) {
		fail(why, FAIL_CONFIG, "file", "cannot read %s", path);
		return fail_errno(why, "open");
	}
	s->end = S_ISREG(st.st_mode) ? st.st_size : INT64_MAX;
	return source_next(s, h, why);
}

static int
folder_add(struct heads *h, const char *folder, struct fail *why)
{
	DIR *dir = opendir(folder);
	const struct dirent *e;
	int rc = 0;

	if (dir == NULL && errno == ENOENT)
		return 0;
	if (dir == NULL) {
		fail(why, FAIL_BROKEN, "file", "cannot read %s", folder);
		return fail_errno(why, "opendir");
	}
	while (rc == 0 && (e = readdir(dir)) != NULL)
		if (conf_is_name(e->d_name) && e->d_name[0] != '.')
			rc = source_add(h, file_path(folder, e->d_name), why);
	(void)closedir(dir);
	return rc;
}

/* ---- all of them ---------------------------------------------------------------------- */

int
heads_open(struct heads **heads, const struct settings *settings,
    const char *const *more, size_t n, const STACK_OF(X509) * signers,
    struct fail *why)
{
	struct heads *h = mem_new(sizeof(*h));
	char *folder = file_path(settings->state, "heads");
	int rc;

	*heads = NULL;
	h->signers = signers;
	h->lane = -1;
	h->begun = true;
	rc = folder_add(h, folder, why);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = source_add(h, str_dup(more[i]), why);
	free(folder);
	if (rc != 0)
		heads_close(h);
	else
		*heads = h;
	return rc;
}

void
heads_close(struct heads *heads)
{
	if (heads == NULL)
		return;
	for (size_t i = 0; i < heads->n; i++) {
		struct source *s = &heads->source[i];

		if (s->file != NULL)
			(void)fclose(s->file);
		checkpoint_free(&s->before);
		checkpoint_free(&s->cp);
		free(s->path);
	}
	free(heads);
}

int
heads_next(struct heads *heads, struct audit_mark *mark, struct checkpoint *cp,
    bool *more, struct fail *why)
{
	struct source *first = NULL;

	for (size_t i = 0; i < heads->n; i++) {
		struct source *s = &heads->source[i];

		if (s->more && (first == NULL || s->mark.seq < first->mark.seq))
			first = s;
	}
	*more = first != NULL;
	heads->begun = false;
	if (first == NULL)
		return 0;
	*mark = first->mark;
	if (cp != NULL) {
		*cp = first->cp;
		memset(&first->cp, 0, sizeof(first->cp));
	}
	return source_next(first, heads, why);
}

/* ---- lane by lane -------------------------------------------------------------------- */

static int
source_begin(struct source *s, const struct heads *h, struct fail *why)
{
	if (fseeko(s->file, 0, SEEK_SET) != 0) {
		(void)fail(why, FAIL_CONFIG, "file",
		    "%s can be read once, and the audit has several lanes: "
		    "wanted a file",
		    s->path);
		return fail_errno(why, "fseek");
	}
	checkpoint_free(&s->before);
	s->have_before = false;
	s->line = 0;
	return source_next(s, h, why);
}

int
heads_lane(struct heads *h, int64_t lane, struct fail *why)
{
	int rc = 0;

	h->lane = lane;
	for (size_t i = 0; i < h->n && rc == 0; i++)
		rc = source_begin(&h->source[i], h, why);
	return rc;
}

static int
lane_begin(void *arg, int64_t lane, struct fail *why)
{
	struct heads *h = arg;

	/* What can be read once will do for SQLite's only one. */
	return h->begun && lane == 0 && h->lane < 0 ? 0
	                                            : heads_lane(h, lane, why);
}

static void
lane_add(int64_t lane[TRAIL_LANES], size_t *n, int64_t one)
{
	size_t at = 0;

	while (at < *n && lane[at] < one)
		at++;
	if (*n == TRAIL_LANES || (at < *n && lane[at] == one))
		return;
	memmove(&lane[at + 1], &lane[at], (*n - at) * sizeof(*lane));
	lane[at] = one;
	(*n)++;
}

/* Of the last heads: a lane is in all that come after its first. */
static int
lanes_add(void *arg, int64_t lane[TRAIL_LANES], size_t *n, struct fail *why)
{
	struct heads *h = arg;
	struct audit_mark mark;
	struct checkpoint cp = {0};
	bool more = true;
	int rc = 0;

	for (size_t i = 0; i < h->n; i++)
		if (fseeko(h->source[i].file, 0, SEEK_CUR) != 0)
			return 0;
	while (rc == 0 && more) {
		rc = heads_next(h, &mark, &cp, &more, why);
		for (size_t i = 0; rc == 0 && more && i < cp.n; i++)
			if (mark.wrong[0] == '\0')
				lane_add(lane, n, cp.lane[i].lane);
		checkpoint_free(&cp);
	}
	return rc;
}

static int
mark_next(void *arg, struct audit_mark *mark, bool *more, struct fail *why)
{
	return heads_next(arg, mark, NULL, more, why);
}

struct audit_marks
heads_marks(struct heads *heads)
{
	return (struct audit_marks){.lanes = lanes_add,
	    .begin = lane_begin,
	    .next = mark_next,
	    .arg = heads};
}

static void
signers_add(STACK_OF(X509) * signers, const struct issuers *issuers)
{
	for (size_t i = 0; issuers != NULL && i < issuers->n; i++) {
		X509 *x509 = issuers->item[i]->authority->issuer;

		if (!X509_up_ref(x509) || !sk_X509_push(signers, x509))
			abort(); /* out of memory */
	}
}

int
heads_signers(STACK_OF(X509) * *signers, const struct settings *settings,
    struct fail *why)
{
	struct issuers *present = NULL, *past = mem_new(sizeof(*past));
	char *folder = settings_issuers_path(settings);
	char *over = file_path(folder, "over");
	int rc = issuers_present(&present, settings, why);

	*signers = NULL;
	issuers_add_folder(past, over);
	if (rc == 0) {
		if ((*signers = sk_X509_new_null()) == NULL)
			abort(); /* out of memory */
		signers_add(*signers, past);
		signers_add(*signers, present);
		if (present != NULL)
			signers_add(*signers, present->peers);
	}
	issuers_free(present);
	issuers_free(past);
	free(over);
	free(folder);
	return rc;
}

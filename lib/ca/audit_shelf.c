#include "lib/ca/audit_shelf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ca/audit_cert.h"
#include "lib/ca/retire.h"

struct audit_shelves {
	struct store *store;
	const char *folder;
	struct shelf *told; /* by the chain */
	size_t n;
	/* While all are looked at: */
	char *text;
	size_t size;
	struct fail *why;
	bool failed;
};

struct audit_shelves *
audit_shelves_new(struct store *store, const char *folder)
{
	struct audit_shelves *s = mem_new(sizeof(*s));

	s->store = store;
	s->folder = folder;
	return s;
}

void
audit_shelves_free(struct audit_shelves *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->told[i].path);
	free(s->told);
	free(s);
}

int
audit_shelf_look(struct audit_shelves *s, int64_t *id, const char **wrong,
    const struct json *record, const uint8_t sha256[SHA256_LEN],
    struct fail *why)
{
	const char *serial = json_str_of(record, "serial");
	struct retired it;
	struct record r;
	bool found;

	*id = 0;
	*wrong = NULL;
	if (serial == NULL)
		return 0;
	if (store_retired_find(s->store, &it, &found, serial, why) != 0)
		return -1;
	if (!found || memcmp(it.sha256, sha256, SHA256_LEN) != 0)
		return 0;
	*id = it.id;
	if (s->folder == NULL)
		return 0;
	if (retired_file_one(&r, s->folder, &it, why) != 0) {
		*wrong = "its line in the file that it was retired to is not "
			 "what was written";
		return why->kind == FAIL_MALFORMED ? 0 : -1;
	}
	*wrong = r.id != it.id
	             ? "its certificate has another number in its file"
	             : audit_cert_wrong(&r, record, sha256);
	record_free(&r);
	return 0;
}

void
audit_shelf_told(struct audit_shelves *s, const char *text)
{
	struct shelf one;

	if (text == NULL || !retire_text_read(&one, text))
		return;
	s->told = mem_grow(s->told, s->n + 1, sizeof(*s->told));
	s->told[s->n++] = one;
}

static bool
is_told(const struct audit_shelves *s, const struct shelf *shelf)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->told[i].path, shelf->path) == 0 &&
		    memcmp(s->told[i].sha256, shelf->sha256, SHA256_LEN) == 0 &&
		    s->told[i].certificates == shelf->certificates)
			return true;
	return false;
}

static int
shelf_look(const struct shelf *shelf, void *arg)
{
	struct audit_shelves *s = arg;
	int64_t n = 0;

	if (!is_told(s, shelf))
		(void)snprintf(s->text, s->size,
		    "no record tells of %s, to which certificates are said to "
		    "have been retired",
		    shelf->path);
	else if (store_retired_count(s->store, &n, shelf->id, s->why) != 0)
		s->failed = true;
	else if (n > shelf->certificates ||
		 (shelf->done && n < shelf->certificates))
		(void)snprintf(s->text, s->size,
		    "%lld certificates were retired to %s, and it has %lld",
		    (long long)n, shelf->path, (long long)shelf->certificates);
	/* Each line was compared; here it is the file as a whole. */
	else if (s->folder != NULL &&
		 retired_file_read(s->folder, shelf->path, shelf->sha256, NULL,
		     NULL, s->why) != 0) {
		s->failed = s->why->kind != FAIL_MALFORMED;
		(void)snprintf(s->text, s->size, "%s", s->why->text);
	}
	return s->failed || s->text[0] != '\0';
}

int
audit_shelves_wrong(
    struct audit_shelves *s, char *text, size_t size, struct fail *why)
{
	s->text = text;
	s->size = size;
	s->why = why;
	text[0] = '\0';
	return store_shelf_each(s->store, shelf_look, s, why) == 0 && !s->failed
	           ? 0
	           : -1;
}

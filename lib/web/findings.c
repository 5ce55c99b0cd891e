#include "lib/web/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/log.h"

#define FILE_MOST ((size_t)64 << 10)

const char *
vitals_word(enum vitals v)
{
	static const char *const words[] = {"ok", "degraded", "down"};

	return words[v];
}

void
findings_add(struct findings *f, enum vitals state, const char *word,
    const char *about, const char *fmt, ...)
{
	struct finding *one;
	char text[512];
	va_list args;

	if (f->n == f->room) {
		f->room = f->room == 0 ? 8 : 2 * f->room;
		f->item = mem_grow(f->item, f->room, sizeof(*f->item));
	}
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	one = &f->item[f->n++];
	*one = (struct finding){
	    .state = state, .about = str_dup(about), .text = str_dup(text)};
	(void)snprintf(one->word, sizeof(one->word), "%s", word);
	if (state > f->state)
		f->state = state;
}

void
findings_free(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->item[i].about);
		free(f->item[i].text);
	}
	free(f->item);
	memset(f, 0, sizeof(*f));
}

/* ---- since when ---------------------------------------------------------- */

static struct json *
known_read(const char *path)
{
	struct bytes text = {0};
	struct fail ignored = {0};
	struct json *known = NULL;

	if (file_read(&text, path, FILE_MOST, &ignored) == 0 && text.len > 0 &&
	    json_read(&known, (const char *)text.data, &ignored) == 0 &&
	    json_type_of(known) != JSON_IS_OBJECT) {
		json_free(known);
		known = NULL;
	}
	bytes_free(&text);
	return known != NULL ? known : json_new_object();
}

static int
count_one(const char *key, const struct json *value, void *arg)
{
	(void)key;
	(void)value;
	++*(size_t *)arg;
	return 0;
}

/* The same name twice is one. */
static void
keep(struct json *now, const char *name, int64_t since)
{
	if (json_of(now, name) == NULL)
		json_int(now, name, since);
}

static void
known_write(const struct json *known, const char *path)
{
	char *text = json_text(known, 0);
	struct fail why = {0};

	if (file_write(path, span_str(text), 0600, &why) != 0)
		log_fail("since when something is wrong is not kept", &why);
	free(text);
}

void
findings_since(struct findings *f, const char *run, int64_t now)
{
	char *path = str_fmt("%s/findings", run);
	struct json *before = known_read(path), *after = json_new_object();
	size_t had = 0, have = 0;
	bool news = false;

	for (size_t i = 0; i < f->n; i++) {
		struct finding *one = &f->item[i];
		char *name = str_fmt("%s %s", one->word, one->about);

		one->since = json_int_of(before, name, 0);
		if (one->since <= 0 || one->since > now) {
			one->since = now;
			news = true;
		}
		keep(after, name, one->since);
		free(name);
	}
	(void)json_each(before, count_one, &had);
	(void)json_each(after, count_one, &have);
	if (news || had != have)
		known_write(after, path);
	json_free(before);
	json_free(after);
	free(path);
}

/* ---- told ---------------------------------------------------------------- */

void
findings_text(struct bytes *out, const struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *one = &f->item[i];

		bytes_addf(out, "%s: %s: %s%s%s\n", vitals_word(one->state),
		    one->word, one->about, one->about[0] != '\0' ? ": " : "",
		    one->text);
	}
}

static struct json *
finding_json(const struct finding *one)
{
	struct json *j = json_new_object();

	json_str(j, "word", one->word);
	json_str(j, "state", vitals_word(one->state));
	if (one->about[0] != '\0')
		json_str(j, "about", one->about);
	json_str(j, "text", one->text);
	if (one->since > 0)
		json_time(j, "since", one->since);
	return j;
}

void
findings_json(
    struct bytes *out, const struct findings *f, bool all, int64_t now)
{
	struct json *j = json_new_object(), *reasons = json_new_array();
	char *text;

	json_str(j, "status", vitals_word(f->state));
	json_time(j, "time", now);
	for (size_t i = 0; all && i < f->n; i++)
		json_push(reasons, finding_json(&f->item[i]));
	if (all)
		json_add(j, "reasons", reasons);
	else
		json_free(reasons);
	text = json_text(j, 0);
	bytes_addf(out, "%s\n", text);
	free(text);
	json_free(j);
}

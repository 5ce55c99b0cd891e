#include "lib/ca/counter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/ca/ca.h"
#include "lib/key/note.h"
#include "lib/key/pkcs11uri.h"

#define SCHEMA "microca.counter/1"
#define LOCK_WAIT 10.0 /* s */

/* ---- as text ------------------------------------------------------------------- */

static void
text_write(struct bytes *out, const struct counter *c)
{
	char when[WHEN_LEN], hex[2 * SHA256_LEN + 1];

	when_write(when, c->time);
	bytes_addf(out, SCHEMA " %s\n", when);
	for (size_t i = 0; i < c->n; i++) {
		hex_write(
		    hex, (struct span){c->lane[i].hash, SHA256_LEN}, false);
		bytes_addf(out, "%lld %lld %s\n", (long long)c->lane[i].lane,
		    (long long)c->lane[i].seq, hex);
	}
}

static bool
lane_read(struct counter_lane *lane, const char *line)
{
	struct bytes hash = {0};
	char hex[2 * SHA256_LEN + 1];
	long long number, seq;
	bool good;

	if (sscanf(line, "%15lld %15lld %64[0-9a-f]", &number, &seq, hex) != 3)
		return false;
	good = hex_read(&hash, hex) && hash.len == SHA256_LEN;
	if (good) {
		lane->lane = number;
		lane->seq = seq;
		memcpy(lane->hash, hash.data, SHA256_LEN);
	}
	bytes_free(&hash);
	return good;
}

static bool
text_read(struct counter *c, const struct bytes *text)
{
	struct fail ignored = {0};
	char when[WHEN_LEN];
	const char *line = (const char *)text->data;

	*c = (struct counter){0};
	if (line == NULL || strlen(line) != text->len ||
	    sscanf(line, SCHEMA " %20[0-9TZ:-]", when) != 1 ||
	    when_read(&c->time, when, &ignored) != 0)
		return false;
	while ((line = strchr(line, '\n')) != NULL && *++line != '\0')
		if (c->n == TRAIL_LANES || !lane_read(&c->lane[c->n++], line))
			return false;
	return c->n > 0 && line != NULL;
}

static bool
same_place(const struct counter *a, const struct counter *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; i < a->n && same; i++)
		same =
		    a->lane[i].lane == b->lane[i].lane &&
		    a->lane[i].seq == b->lane[i].seq &&
		    memcmp(a->lane[i].hash, b->lane[i].hash, SHA256_LEN) == 0;
	return same;
}

static int64_t
seq_of(const struct counter *c, int64_t lane)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->lane[i].lane == lane)
			return c->lane[i].seq;
	return 0;
}

static bool
goes_back(const struct counter *from, const struct counter *to)
{
	for (size_t i = 0; i < from->n; i++)
		if (seq_of(to, from->lane[i].lane) < from->lane[i].seq)
			return true;
	return false;
}

static bool
is_later(const struct counter *a, const struct counter *b)
{
	return a->time > b->time || (a->time == b->time && !goes_back(b, a));
}

/* ---- in the token ---------------------------------------------------------------- */

bool
counter_wanted(const struct settings *settings)
{
	return settings->ca.audit_counter && pkcs11uri_is(settings->ca.key);
}

static char *
label_of(const struct settings *s)
{
	struct pkcs11uri *uri;
	struct fail ignored = {0};
	char *id, *label;

	if (pkcs11uri_read(&uri, s->ca.key, &ignored) != 0)
		return str_dup("microca audit");
	id = mem_new(2 * uri->id.len + 1);
	hex_write(id, span_of(&uri->id), false);
	label = str_fmt("microca audit %s %lld",
	    uri->object != NULL ? uri->object : id, (long long)s->node);
	pkcs11uri_free(uri);
	free(id);
	return label;
}

/* Two are there when a change was cut off: the later one counts. */
int
counter_read(struct counter *counter, bool *found,
    const struct settings *settings, struct key *key, struct fail *why)
{
	char *label = label_of(settings);
	struct notes notes;
	struct counter one;
	int rc = key_notes(&notes, key, label, why);

	*found = false;
	*counter = (struct counter){0};
	free(label);
	if (rc != 0)
		return -1;
	for (size_t i = 0; i < notes.n; i++)
		if (text_read(&one, &notes.note[i]) &&
		    (!*found || is_later(&one, counter))) {
			*counter = one;
			*found = true;
		}
	if (notes.n > 0 && !*found)
		rc = fail(why, FAIL_BUSY, "data-object",
		    "what the token keeps is no counter that this version "
		    "reads");
	notes_free(&notes);
	return rc;
}

/* ---- beside it --------------------------------------------------------------------- */

/* What cannot be read is as none: the token has the right one. */
bool
counter_file(struct counter *c, const struct settings *settings)
{
	char *path = file_path(settings->state, "counter");
	struct bytes text = {0};
	struct fail ignored = {0};
	bool found = file_read(&text, path, NOTE_MAX, &ignored) == 0 &&
	             text_read(c, &text);

	bytes_free(&text);
	free(path);
	return found;
}

int
counter_forget(const struct settings *settings, struct fail *why)
{
	char *path = file_path(settings->state, "counter");
	int rc = 0;

	if (unlink(path) != 0 && errno != ENOENT) {
		(void)fail(why, FAIL_BROKEN, "file", "cannot remove %s", path);
		rc = fail_errno(why, "unlink");
	}
	free(path);
	return rc;
}

static int
file_keep(
    const struct settings *settings, const struct counter *c, struct fail *why)
{
	char *path = file_path(settings->state, "counter");
	struct bytes text = {0};
	int rc;

	text_write(&text, c);
	rc = file_write(path, span_of(&text), 0600, why);
	bytes_free(&text);
	free(path);
	return rc;
}

/* The token told this: is it news? */
static int
file_follow(
    const struct settings *settings, const struct counter *c, struct fail *why)
{
	struct counter have;

	if (counter_file(&have, settings) &&
	    (same_place(&have, c) || is_later(&have, c)))
		return 0;
	return file_keep(settings, c, why);
}

/* ---- is it here? --------------------------------------------------------------------- */

int
counter_lane_fits(bool *fits, const struct counter_lane *lane,
    struct store *store, struct fail *why)
{
	uint8_t hash[SHA256_LEN];
	char *record;

	if (store_trail_find(
		store, &record, hash, lane->lane, lane->seq, why) != 0)
		return -1;
	*fits = record != NULL && memcmp(hash, lane->hash, SHA256_LEN) == 0;
	free(record);
	return 0;
}

static int
behind(const struct counter_lane *lane, struct store *store, struct fail *why)
{
	struct trail_end end = {0};
	struct fail ignored = {0};

	(void)!store_trail_end(store, lane->lane, &end, &ignored);
	(void)fail(why, FAIL_BUSY, GUARD_BEHIND,
	    "the database is older than what this CA's token counts");
	return fail_cause(why,
	    "the token's counter tells of record %lld of lane %lld, which is "
	    "not in the database (it ends at %lld)",
	    (long long)lane->seq, (long long)lane->lane, (long long)end.seq);
}

int
counter_fits(
    const struct counter *counter, struct store *store, struct fail *why)
{
	for (size_t i = 0; i < counter->n; i++) {
		bool fits;

		if (counter_lane_fits(&fits, &counter->lane[i], store, why) !=
		    0)
			return -1;
		if (!fits)
			return behind(&counter->lane[i], store, why);
	}
	return 0;
}

int
counter_file_fits(
    const struct settings *settings, struct store *store, struct fail *why)
{
	struct counter c;

	if (!counter_wanted(settings) || !counter_file(&c, settings))
		return 0;
	return counter_fits(&c, store, why);
}

/* ---- further --------------------------------------------------------------------------- */

static int
keep(const struct settings *settings, struct key *key, const struct counter *c,
    struct fail *why)
{
	char *label = label_of(settings);
	struct bytes text = {0};
	int rc;

	text_write(&text, c);
	rc = key_note_write(key, label, span_of(&text), why);
	bytes_free(&text);
	free(label);
	return rc == 0 ? file_keep(settings, c, why) : rc;
}

static int
advance(const struct settings *settings, struct store *store, struct key *key,
    const struct counter *counter, struct fail *why)
{
	struct fail file = {0};
	struct counter kept;
	bool found;

	if (counter_read(&kept, &found, settings, key, why) != 0)
		return -1;
	if (!found)
		return keep(settings, key, counter, why);
	if (counter_fits(&kept, store, why) != 0) {
		if (strcmp(why->reason, GUARD_BEHIND) == 0 &&
		    file_follow(settings, &kept, &file) != 0)
			log_fail("the token's counter is not told", &file);
		return -1;
	}
	return same_place(&kept, counter) || goes_back(&kept, counter)
	           ? 0
	           : keep(settings, key, counter, why);
}

static int
lock_take(int *lock, const struct settings *settings, struct fail *why)
{
	char *path = file_path(settings->state, "counter.lock");
	int rc = file_lock(lock, path, LOCK_WAIT, why);

	free(path);
	return rc;
}

int
counter_advance(const struct settings *settings, struct store *store,
    struct key *key, const struct counter *counter, struct fail *why)
{
	int lock, rc;

	if (!counter_wanted(settings))
		return 0;
	if (lock_take(&lock, settings, why) != 0)
		return -1;
	rc = advance(settings, store, key, counter, why);
	(void)close(lock);
	return rc;
}

int
counter_begin(const struct settings *settings, struct store *store,
    struct key *key, int64_t now, struct fail *why)
{
	struct counter c = {.time = now};
	struct trail_ends ends;
	int lock, rc;

	if (store_trail_ends(store, &ends, why) != 0 ||
	    lock_take(&lock, settings, why) != 0)
		return -1;
	for (c.n = 0; c.n < ends.n; c.n++) {
		c.lane[c.n].lane = ends.lane[c.n];
		c.lane[c.n].seq = ends.end[c.n].seq;
		memcpy(c.lane[c.n].hash, ends.end[c.n].hash, SHA256_LEN);
	}
	rc = keep(settings, key, &c, why);
	(void)close(lock);
	return rc;
}

/* ---- before anything is signed ---------------------------------------------------------- */

/* A token that was opened anew is read.  What cannot be told to the file is
 * judged all the same, and read again the next time. */
static int
token_look(struct ca *ca, unsigned opening, struct fail *why)
{
	struct fail no = {0};
	struct counter c;
	bool found;

	if (counter_read(&c, &found, ca->settings, ca->key, &no) != 0) {
		log_fail("the token's counter is not looked at", &no);
		found = false;
	}
	if (found && file_follow(ca->settings, &c, &no) != 0) {
		log_fail("the token's counter is not told", &no);
		return counter_fits(&c, ca->store, why);
	}
	ca->counted.opening = opening;
	ca->counted.doubt = true;
	return 0;
}

static int
look(struct ca *ca, struct fail *why)
{
	unsigned opening = key_opening(ca->key);
	int rc = 0;

	if (opening != 0 && opening != ca->counted.opening)
		rc = token_look(ca, opening, why);
	if (rc == 0 && ca->counted.doubt) {
		rc = counter_file_fits(ca->settings, ca->store, why);
		ca->counted.doubt = rc != 0;
	}
	return rc;
}

int
counter_look(struct ca *ca, struct fail *why)
{
	struct fail no = {0};
	int rc;

	if (ca->key == NULL || ca->store == NULL ||
	    !counter_wanted(ca->settings))
		return 0;
	(void)pthread_mutex_lock(&ca->counted.lock);
	rc = look(ca, &no);
	(void)pthread_mutex_unlock(&ca->counted.lock);
	if (rc == 0 || strcmp(no.reason, GUARD_BEHIND) != 0)
		return 0;
	*why = no;
	return fail_retry(why, 60);
}

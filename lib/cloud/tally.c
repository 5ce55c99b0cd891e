#include "lib/cloud/tally.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/prom.h"
#include "lib/base/when.h"

#define MOST 65536 /* octets of the file */

static const char *const result_words[RUN_RESULTS] = {
    [RUN_DONE] = "done",
    [RUN_LATER] = "later",
    [RUN_REFUSED] = "refused",
    [RUN_DENIED] = "denied",
    [RUN_BROKEN] = "broken",
};

const char *
run_result_word(enum run_result result)
{
	return result_words[result];
}

enum run_result
run_result_of(const struct fail *why)
{
	switch (why->kind) {
	case FAIL_NONE:
		return RUN_DONE;
	case FAIL_BUSY:
	case FAIL_LIMIT:
	case FAIL_TIMEOUT:
	case FAIL_PENDING:
		return RUN_LATER;
	case FAIL_DENIED:
	case FAIL_ANONYMOUS:
		return RUN_DENIED;
	default:
		return RUN_BROKEN;
	}
}

static void
error_free(struct tally *t)
{
	free(t->error_reason);
	free(t->error_text);
	free(t->error_cause);
	t->error_reason = t->error_text = t->error_cause = NULL;
}

void
tally_free(struct tally *tally)
{
	error_free(tally);
	memset(tally, 0, sizeof(*tally));
}

/* ---- the file ------------------------------------------------------------ */

/* In the order of struct tally_devices. */
static const char *const device_words[] = {
    "applied", "unchanged", "superseded", "kept", "refused"};
#define DEVICE_WORDS (sizeof(device_words) / sizeof(device_words[0]))

static int64_t *
device_count(struct tally_devices *d, size_t i)
{
	int64_t *const all[DEVICE_WORDS] = {
	    &d->applied, &d->unchanged, &d->superseded, &d->kept, &d->refused};

	return all[i];
}

static void
counts_read(struct tally *t, const struct json *j)
{
	const struct json *runs = json_of(j, "runs"),
			  *devices = json_of(j, "devices");

	for (size_t i = 0; runs != NULL && i < RUN_RESULTS; i++)
		t->runs[i] = json_int_of(runs, result_words[i], 0);
	for (size_t i = 0; devices != NULL && i < DEVICE_WORDS; i++)
		*device_count(&t->devices, i) =
		    json_int_of(devices, device_words[i], 0);
}

static void
after_read(struct outbox_state *after, const struct json *j)
{
	after->open = json_int_of(j, "open", 0);
	after->oldest = json_int_of(j, "oldest", 0);
	after->failed = json_int_of(j, "failed", 0);
	after->dead = json_int_of(j, "dead", 0);
}

static struct json *
after_json(const struct outbox_state *after)
{
	struct json *j = json_new_object();

	json_int(j, "open", after->open);
	json_int(j, "oldest", after->oldest);
	json_int(j, "failed", after->failed);
	json_int(j, "dead", after->dead);
	return j;
}

static int64_t
time_of(const struct json *j, const char *key)
{
	const char *text = json_str_of(j, key);
	struct fail ignored = {0};
	int64_t when;

	if (text == NULL || when_read(&when, text, &ignored) != 0)
		return 0;
	return when;
}

static void
result_read(struct tally *t, const char *word)
{
	for (int i = 0; word != NULL && i < RUN_RESULTS; i++)
		if (strcmp(result_words[i], word) == 0)
			t->result = (enum run_result)i;
}

static void
error_read(struct tally *t, const struct json *j)
{
	t->error_time = time_of(j, "time");
	t->error_reason = str_dup(json_str_of(j, "reason"));
	t->error_text = str_dup(json_str_of(j, "text"));
	t->error_cause = str_dup(json_str_of(j, "cause"));
}

void
tally_read(struct tally *tally, const char *state)
{
	char *path = file_path(state, "cloud.json");
	struct bytes text = {0};
	struct fail ignored = {0};
	struct json *j = NULL;

	memset(tally, 0, sizeof(*tally));
	if (file_read(&text, path, MOST, &ignored) == 0 && text.len > 0 &&
	    json_read(&j, (const char *)text.data, &ignored) == 0 &&
	    json_type_of(j) == JSON_IS_OBJECT) {
		tally->last_run = time_of(j, "last_run");
		tally->last_success = time_of(j, "last_success");
		tally->duration = json_int_of(j, "duration_ms", 0);
		result_read(tally, json_str_of(j, "result"));
		counts_read(tally, j);
		if (json_of(j, "waiting") != NULL)
			after_read(&tally->after, json_of(j, "waiting"));
		if (json_of(j, "last_error") != NULL)
			error_read(tally, json_of(j, "last_error"));
	}
	json_free(j);
	bytes_free(&text);
	free(path);
}

struct json *
tally_error(const struct tally *t)
{
	struct json *j = json_new_object();

	json_time(j, "time", t->error_time);
	json_str(j, "reason", t->error_reason);
	json_str(j, "text", t->error_text);
	json_str(j, "cause", t->error_cause);
	return j;
}

static struct json *
tally_json(const struct tally *t)
{
	struct json *j = json_new_object(), *runs = json_new_object(),
		    *devices = json_new_object();
	struct tally_devices d = t->devices;

	json_time(j, "last_run", t->last_run);
	if (t->last_success != 0)
		json_time(j, "last_success", t->last_success);
	json_int(j, "duration_ms", t->duration);
	json_str(j, "result", result_words[t->result]);
	for (size_t i = 0; i < RUN_RESULTS; i++)
		json_int(runs, result_words[i], t->runs[i]);
	json_add(j, "runs", runs);
	for (size_t i = 0; i < DEVICE_WORDS; i++)
		json_int(devices, device_words[i], *device_count(&d, i));
	json_add(j, "devices", devices);
	json_add(j, "waiting", after_json(&t->after));
	if (t->error_time != 0)
		json_add(j, "last_error", tally_error(t));
	return j;
}

int
tally_write(const struct tally *tally, const char *state, struct fail *why)
{
	char *path = file_path(state, "cloud.json");
	struct json *j = tally_json(tally);
	char *text = json_text(j, 2), *line = str_fmt("%s\n", text);
	int rc = file_write(path, span_str(line), 0600, why);

	free(line);
	free(text);
	json_free(j);
	free(path);
	return rc;
}

void
tally_add(struct tally *tally, enum run_result result, int64_t now,
    int64_t duration, const struct tally_devices *devices,
    const struct fail *why)
{
	struct tally_devices more = *devices;

	tally->last_run = now;
	if (result == RUN_DONE)
		tally->last_success = now;
	tally->duration = duration;
	tally->result = result;
	tally->runs[result]++;
	for (size_t i = 0; i < DEVICE_WORDS; i++)
		*device_count(&tally->devices, i) += *device_count(&more, i);
	if (why->kind == FAIL_NONE)
		return;
	error_free(tally);
	tally->error_time = now;
	tally->error_reason = str_dup(why->reason);
	tally->error_text = str_dup(why->text);
	if (why->cause[0] != '\0')
		tally->error_cause = str_dup(why->cause);
}

/* ---- Prometheus ---------------------------------------------------------- */

static void
gauge(struct bytes *out, const char *name, const char *help, double value)
{
	prom_head(out, name, "gauge", help);
	prom_value(out, name, value, NULL);
}

static void
counters(struct bytes *out, const struct tally *t)
{
	static const char runs[] = "microca_upload_runs_total",
			  devices[] = "microca_upload_devices_total";
	struct tally_devices d = t->devices;

	prom_head(out, runs, "counter", "Runs, by how they ended.");
	for (size_t i = 0; i < RUN_RESULTS; i++)
		prom_value(out, runs, (double)t->runs[i],
		    PROM_LABELS("result", result_words[i]));
	prom_head(out, devices, "counter",
	    "Devices, by what became of them in a run.");
	for (size_t i = 0; i < DEVICE_WORDS; i++)
		prom_value(out, devices, (double)*device_count(&d, i),
		    PROM_LABELS("outcome", device_words[i]));
}

void
tally_runs_text(struct bytes *out, const struct tally *tally)
{
	gauge(out, "microca_upload_last_run_timestamp_seconds",
	    "When the last run ended.", (double)tally->last_run);
	gauge(out, "microca_upload_last_success_timestamp_seconds",
	    "When a run last left nothing behind.",
	    (double)tally->last_success);
	gauge(out, "microca_upload_duration_seconds",
	    "How long the last run took.", (double)tally->duration / 1000);
	counters(out, tally);
}

void
tally_outbox_text(
    struct bytes *out, const struct outbox_state *outbox, int64_t now)
{
	int64_t age = outbox->oldest != 0 ? now - outbox->oldest : 0;

	gauge(out, "microca_upload_backlog",
	    "Changes that the cloud is still to be told of.",
	    (double)outbox->open);
	gauge(out, "microca_upload_oldest_seconds",
	    "Age of the oldest of them that is not given up.",
	    age > 0 ? (double)age : 0);
	gauge(out, "microca_upload_dead_letters", "Devices that were given up.",
	    (double)outbox->dead);
	gauge(out, "microca_upload_failed_devices",
	    "Devices that failed, given up or tried again.",
	    (double)outbox->failed);
}

int
tally_metrics(const struct tally *tally, const struct outbox_state *outbox,
    int64_t now, const char *path, struct fail *why)
{
	struct bytes out = {0};
	int rc;

	tally_outbox_text(&out, outbox, now);
	tally_runs_text(&out, tally);
	rc = file_write(path, span_of(&out), 0644, why);
	bytes_free(&out);
	return rc;
}

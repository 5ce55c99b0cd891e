/* microca cloud - what the cloud is told of devices' certificates, and was. */
#include "bin/microca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/cloud/tally.h"
#include "lib/store/backup.h"
#include "lib/store/outbox.h"

static const char *const mode_words[] = {
    [CLOUD_OFF] = "off",
    [CLOUD_AZURE] = "azure",
    [CLOUD_CONNECTOR] = "connector",
};

/* ---- status -------------------------------------------------------------- */

struct view {
	const struct settings *settings;
	struct outbox_state outbox;
	struct tally tally;
	int64_t restored; /* from a backup, and not compared since; 0: not */
	int64_t now;
};

static int
status_exit(const struct view *v)
{
	if (v->outbox.dead > 0 || v->restored != 0)
		return EXIT_DIFFERENCE;
	return v->tally.result == RUN_DONE || v->tally.last_run == 0
	           ? 0
	           : fail_exit(FAIL_BUSY);
}

static void
line(struct bytes *out, const char *label, const char *value)
{
	if (value != NULL && *value != '\0')
		bytes_addf(out, "%-18s%s\n", label, value);
}

static void
ago(struct bytes *out, const char *label, int64_t when, int64_t now)
{
	char text[WHEN_LEN];
	int64_t s = now - when;

	if (when == 0) {
		line(out, label, "never");
		return;
	}
	when_write(text, when);
	bytes_addf(out, "%-18s%s (%lld %s ago)\n", label, text,
	    (long long)(s < 120    ? s
			: s < 7200 ? s / 60
				   : s / 3600),
	    s < 120    ? "s"
	    : s < 7200 ? "min"
		       : "h");
}

static void
number(struct bytes *out, const char *label, int64_t n)
{
	bytes_addf(out, "%-18s%lld\n", label, (long long)n);
}

static const char *
place_of(const struct settings *s)
{
	if (s->cloud.mode == CLOUD_AZURE)
		return s->cloud.azure.hub;
	return s->cloud.mode == CLOUD_CONNECTOR ? s->cloud.connector.url : NULL;
}

static void
status_text(struct bytes *out, const struct view *v)
{
	const struct tally *t = &v->tally;

	bytes_addf(out, "%-18s%s%s%s\n",
	    "mode:", mode_words[v->settings->cloud.mode],
	    place_of(v->settings) != NULL ? ", " : "",
	    place_of(v->settings) != NULL ? place_of(v->settings) : "");
	line(out, "edge:", v->settings->cloud.edge);
	if (v->restored != 0) {
		ago(out, "restored:", v->restored, v->now);
		line(out, "", "a backup: run microca cloud reconcile");
	}
	number(out, "to be told:", v->outbox.open);
	if (v->outbox.oldest != 0)
		ago(out, "oldest:", v->outbox.oldest, v->now);
	number(out, "failed devices:", v->outbox.failed);
	number(out, "dead letters:", v->outbox.dead);
	ago(out, "last run:", t->last_run, v->now);
	if (t->last_run != 0)
		line(out, "it ended:", run_result_word(t->result));
	ago(out, "last success:", t->last_success, v->now);
	if (t->error_time == 0)
		return;
	ago(out, "last error:", t->error_time, v->now);
	line(out, "", t->error_text);
	line(out, "", t->error_cause);
}

static int
failed_text(const struct outbox_failed *f, void *arg)
{
	struct bytes *out = arg;
	char when[WHEN_LEN];

	bytes_addf(out, "\n%s: %s: %s\n", f->device,
	    f->reason != NULL ? f->reason : "", f->said != NULL ? f->said : "");
	if (f->dead != 0) {
		when_write(when, f->dead);
		bytes_addf(out, "  given up %s\n", when);
	} else {
		when_write(when, f->next);
		bytes_addf(out, "  %d tr%s, not again before %s\n", f->tries,
		    f->tries == 1 ? "y" : "ies", when);
	}
	return 0;
}

static int
failed_json(const struct outbox_failed *f, void *arg)
{
	struct json *j = json_new_object();

	json_str(j, "device", f->device);
	json_str(j, "reason", f->reason);
	json_str(j, "text", f->said);
	json_int(j, "tries", f->tries);
	if (f->dead != 0)
		json_time(j, "dead_since", f->dead);
	else
		json_time(j, "next_try", f->next);
	json_push(arg, j);
	return 0;
}

static struct json *
status_json(const struct view *v)
{
	const struct tally *t = &v->tally;
	struct json *j = json_new_object();

	json_str(j, "mode", mode_words[v->settings->cloud.mode]);
	json_str(j, "place", place_of(v->settings));
	json_str(j, "edge", v->settings->cloud.edge);
	if (v->restored != 0)
		json_time(j, "restored", v->restored);
	json_int(j, "backlog", v->outbox.open);
	if (v->outbox.oldest != 0)
		json_time(j, "oldest", v->outbox.oldest);
	json_int(j, "failed_devices", v->outbox.failed);
	json_int(j, "dead_letters", v->outbox.dead);
	if (t->last_run != 0) {
		json_time(j, "last_run", t->last_run);
		json_str(j, "last_result", run_result_word(t->result));
	}
	if (t->last_success != 0)
		json_time(j, "last_success", t->last_success);
	if (t->error_time != 0)
		json_add(j, "last_error", tally_error(t));
	return j;
}

static int
status_write(
    const struct view *v, struct store *store, bool json, struct fail *why)
{
	struct bytes text = {0};
	struct json *j, *failed;
	char *whole;
	int rc;

	if (!json) {
		status_text(&text, v);
		rc = store_outbox_failed(store, failed_text, &text, why);
		if (rc == 0)
			fputs((const char *)text.data, stdout);
		bytes_free(&text);
		return rc;
	}
	j = status_json(v);
	failed = json_new_array();
	rc = store_outbox_failed(store, failed_json, failed, why);
	json_add(j, "failed", failed);
	whole = json_text(j, 2);
	if (rc == 0)
		puts(whole);
	free(whole);
	json_free(j);
	return rc;
}

/* Nobody is told anything: there is nothing to be compared. */
static int
restored_look(struct view *v, struct store *store, struct fail *why)
{
	if (v->settings->cloud.mode == CLOUD_OFF)
		return 0;
	return store_restored_when(store, &v->restored, why);
}

static int
cloud_status(struct tool *tool, int argc, char **argv, struct fail *why)
{
	bool json = false;
	const struct option_spec options[] = {
	    {"json", 0, OPTION_FLAG, &json, 0, 0, NULL},
	};
	struct view v = {.now = when_now()};
	struct ca *ca = NULL;
	int rc = -1;

	if (options_read(options, 1, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0 ||
	    tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	v.settings = ca->settings;
	tally_read(&v.tally, ca->settings->state);
	if (store_outbox_state(ca->store, &v.outbox, why) == 0 &&
	    restored_look(&v, ca->store, why) == 0 &&
	    status_write(&v, ca->store, json, why) == 0)
		rc = status_exit(&v);
	tally_free(&v.tally);
	ca_drop(ca);
	return rc;
}

/* ---- retry, drop --------------------------------------------------------- */

static int
retry(struct store *store, const char *device, const struct tool *tool,
    struct fail *why)
{
	const struct audit entry = {.event = "upload-retry",
	    .operation = "cloud",
	    .requester = tool->who->requester,
	    .subject = device};
	int64_t n;

	if (store_outbox_retry(store, &n, device, &entry, why) != 0)
		return -1;
	if (device == NULL)
		printf("%lld to be tried again\n", (long long)n);
	else
		printf("%s: to be tried again\n", device);
	return 0;
}

static int
cloud_retry(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct ca *ca = NULL;
	int rc = 0;

	if (options_read(NULL, 0, &argc, &argv, why) != 0 ||
	    tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	if (argc == 0)
		rc = retry(ca->store, NULL, tool, why);
	for (int i = 0; rc == 0 && i < argc; i++)
		rc = retry(ca->store, argv[i], tool, why);
	ca_drop(ca);
	return rc;
}

static int
drop(struct store *store, const char *device, const char *text,
    const struct tool *tool, struct fail *why)
{
	const struct audit entry = {.event = "upload-drop",
	    .operation = "cloud",
	    .requester = tool->who->requester,
	    .subject = device,
	    .text = text};

	if (store_outbox_drop(store, device, when_now(), &entry, why) != 0)
		return -1;
	printf("%s: dropped\n", device);
	return 0;
}

static int
cloud_drop(struct tool *tool, int argc, char **argv, struct fail *why)
{
	const char *text = NULL;
	const struct option_spec options[] = {
	    {"text", 0, OPTION_TEXT, &text, 0, 0, NULL},
	};
	struct ca *ca = NULL;
	int rc = 0;

	if (options_read(options, 1, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 1, 10000, why) != 0)
		return -1;
	if (text == NULL || *text == '\0')
		return fail(why, FAIL_CONFIG, "usage",
		    "--text is wanted: the audit keeps why it was dropped");
	if (tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	for (int i = 0; rc == 0 && i < argc; i++)
		rc = drop(ca->store, argv[i], text, tool, why);
	ca_drop(ca);
	return rc;
}

int
cloud_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	static const struct {
		const char *word;
		command_run *run;
	} verbs[] = {
	    {"status", cloud_status},
	    {"retry", cloud_retry},
	    {"drop", cloud_drop},
	    {"reconcile", cloud_reconcile},
	};

	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]);
	     i++)
		if (strcmp(argv[1], verbs[i].word) == 0)
			return verbs[i].run(tool, argc - 1, argv + 1, why);
	return fail(why, FAIL_CONFIG, "usage",
	    "wanted: microca cloud status, retry, drop or reconcile");
}

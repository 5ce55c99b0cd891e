/* microca cloud reconcile - what the cloud says, compared with the store. */
#include "bin/microca.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/cloud/reconcile.h"
#include "lib/store/backup.h"

static volatile int stop;

static void
on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

struct work {
	bool repair, force, json;
	const struct tool *tool;
	struct store *store;
	struct json *list;
	int64_t count[DIFFERENCES];
	int64_t repaired;
	struct fail why; /* of a repair */
};

/* What a new row mends: all but what is not ours to change.  Something newer
 * of which the store knows nothing is a device's certificate in use, perhaps:
 * that takes a word of its own. */
static bool
mends(const struct work *w, enum difference difference)
{
	if (!w->repair)
		return false;
	return difference == DIFFERENCE_ABSENT ||
	       difference == DIFFERENCE_OTHER ||
	       (difference == DIFFERENCE_NEWER && w->force);
}

static int
mend(struct work *w, const struct finding *f)
{
	const struct audit entry = {.event = "upload-repair",
	    .operation = "cloud",
	    .requester = w->tool->who->requester,
	    .subject = f->device,
	    .reason = difference_word(f->difference),
	    .text = f->text};

	if (store_outbox_again(w->store, f->device, &entry, &w->why) != 0)
		return -1;
	w->repaired++;
	return 0;
}

static void
finding_print(const struct finding *f, bool mended)
{
	printf("%-8s %s: %s%s\n", difference_word(f->difference), f->device,
	    f->text, mended ? "; is told again" : "");
	if (f->ours != NULL)
		printf("           ours:  %s\n", f->ours);
	if (f->there != NULL)
		printf("           there: %s\n", f->there);
}

static void
finding_json(struct json *list, const struct finding *f, bool mended)
{
	struct json *j = json_new_object();

	json_str(j, "device", f->device);
	json_str(j, "difference", difference_word(f->difference));
	json_str(j, "text", f->text);
	json_str(j, "ours", f->ours);
	json_str(j, "there", f->there);
	json_bool(j, "repaired", mended);
	json_push(list, j);
}

static int
each(const struct finding *f, void *arg)
{
	struct work *w = arg;
	bool mended = mends(w, f->difference);

	w->count[f->difference]++;
	if (f->difference == DIFFERENCE_NONE ||
	    f->difference == DIFFERENCE_WAITING)
		return 0;
	if (mended && mend(w, f) != 0)
		return 1;
	if (w->json)
		finding_json(w->list, f, mended);
	else
		finding_print(f, mended);
	return 0;
}

static int64_t
differences(const struct work *w)
{
	int64_t n = 0;

	for (int i = DIFFERENCE_ABSENT; i < DIFFERENCES; i++)
		n += w->count[i];
	return n;
}

static void
summary(const struct work *w)
{
	struct json *j;
	char *text;

	if (!w->json) {
		printf("%lld as they should be, %lld still to be told, %lld "
		       "differ, %lld of them are told again\n",
		    (long long)w->count[DIFFERENCE_NONE],
		    (long long)w->count[DIFFERENCE_WAITING],
		    (long long)differences(w), (long long)w->repaired);
		return;
	}
	j = json_new_object();
	for (int i = 0; i < DIFFERENCES; i++)
		json_int(j, difference_word((enum difference)i), w->count[i]);
	json_int(j, "repaired", w->repaired);
	json_add(j, "differences", w->list);
	text = json_text(j, 2);
	puts(text);
	free(text);
	json_free(j);
}

static int
compare(struct work *w, const struct settings *settings, int argc, char **argv,
    struct fail *why)
{
	struct reconcile_options o = {.stop = &stop, .each = each, .arg = w};
	int rc = 0;

	if (argc == 0)
		rc = reconcile_run(settings, w->store, &o, why);
	for (int i = 0; rc == 0 && i < argc; i++) {
		o.device = argv[i];
		rc = reconcile_run(settings, w->store, &o, why);
	}
	if (rc == 0 && w->why.kind != FAIL_NONE) {
		*why = w->why;
		rc = -1;
	}
	if (rc == 0 && stop != 0)
		rc = fail(why, FAIL_BUSY, "cloud-stopped",
		    "stopped before all was compared");
	return rc;
}

/* All was compared, and what differs is repaired or the operator has seen to
 * it: a restored backup is not any more what nobody looked at. */
static int
settle(const struct work *w, struct fail *why)
{
	const struct audit entry = {.event = "reconcile",
	    .operation = "cloud",
	    .requester = w->tool->who->requester};
	int64_t restored;

	if (!w->repair && differences(w) > 0)
		return 0;
	if (store_restored_when(w->store, &restored, why) != 0)
		return -1;
	return restored == 0 ? 0 : store_reconciled(w->store, &entry, why);
}

int
cloud_reconcile(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct work w = {.tool = tool};
	const struct option_spec options[] = {
	    {"repair", 0, OPTION_FLAG, &w.repair, 0, 0, NULL},
	    {"force", 0, OPTION_FLAG, &w.force, 0, 0, NULL},
	    {"json", 0, OPTION_FLAG, &w.json, 0, 0, NULL},
	};
	struct ca *ca = NULL;
	int rc;

	if (options_read(options, 3, &argc, &argv, why) != 0)
		return -1;
	if (w.force && !w.repair)
		return fail(
		    why, FAIL_CONFIG, "usage", "--force is for --repair alone");
	if (tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	(void)signal(SIGINT, on_signal);
	(void)signal(SIGTERM, on_signal);
	w.store = ca->store;
	w.list = w.json ? json_new_array() : NULL;
	rc = compare(&w, ca->settings, argc, argv, why);
	if (rc == 0 && argc == 0)
		rc = settle(&w, why);
	if (rc == 0) {
		summary(&w);
		rc = differences(&w) > w.repaired ? EXIT_DIFFERENCE : 0;
	} else {
		json_free(w.list);
	}
	ca_drop(ca);
	return rc;
}

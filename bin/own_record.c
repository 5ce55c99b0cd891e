#include "bin/own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"

#define FILE_MAX 16

int
own_alarm(const struct keep_status *status)
{
	static const int thresholds[] = {5, 10, 25, 50};
	size_t i;

	if (status->life_left_percent < 0 || status->state == KEEP_GOOD)
		return 0;
	for (i = 0; i < sizeof(thresholds) / sizeof(thresholds[0]); i++)
		if (status->life_left_percent <= thresholds[i])
			return thresholds[i];
	return 0;
}

/* ---- audit rows --------------------------------------------------------- */

static void
row_add(struct own_run *run, struct store *store, struct audit *entry,
    struct fail *why)
{
	struct fail second = {0};

	entry->operation = run->name;
	if (tool_audit(run->tool, store, entry, &second) == 0)
		return;
	if (why->kind == FAIL_NONE)
		*why = second;
	else
		fail_cause(why, "not recorded: %s", second.text);
}

static void
enrolled(struct own_run *run, struct store *store,
    const struct keep_status *after, struct fail *why)
{
	struct audit entry = {.event = "own-enrolled",
	    .text = own_source_word(run->own->source),
	    .subject = after->subject,
	    .serial = after->serial,
	    .cert_sha256 = after->fingerprint};

	row_add(run, store, &entry, why);
}

/* Was there a try between the two?  Seconds alone do not tell. */
static bool
tried(const struct keep_status *before, const struct keep_status *after)
{
	return after->tried != before->tried ||
	       after->failures != before->failures ||
	       after->next_try != before->next_try ||
	       after->state != before->state;
}

/* A request that waits is told once, and so is a server that stays away; every
 * refusal is. */
static void
not_enrolled(struct own_run *run, struct store *store,
    const struct keep_status *before, const struct keep_status *after,
    struct fail *why)
{
	bool same = before->reason != NULL && after->reason != NULL &&
	            strcmp(before->reason, after->reason) == 0;
	struct audit entry = {.subject = after->subject,
	    .serial = after->serial,
	    .reason = after->reason,
	    .text = after->text,
	    .cause = why->cause[0] != '\0' ? why->cause : NULL};

	/* What came by hand is refused while its request goes on waiting. */
	bool refused = after->state == KEEP_REFUSED ||
	               (after->state == KEEP_PENDING && after->failures > 0);

	if (refused)
		entry.event = "own-refused";
	else if (after->state == KEEP_PENDING)
		entry.event = "own-pending";
	else
		entry.event = "own-failed";
	if (tried(before, after) && (!same || refused) && after->reason != NULL)
		row_add(run, store, &entry, why);
}

/* ---- alarms ------------------------------------------------------------- */

static int
level_read(const char *path)
{
	struct bytes text = {0};
	struct fail ignored = {0};
	int level = 100;

	if (file_read(&text, path, FILE_MAX, &ignored) == 0 && text.len > 0)
		level = (int)strtol((const char *)text.data, NULL, 10);
	bytes_free(&text);
	return level;
}

static void
level_write(const char *path, int level)
{
	struct fail ignored = {0};
	char text[FILE_MAX];

	(void)snprintf(text, sizeof(text), "%d\n", level);
	(void)!file_write(path, span_str(text), 0644, &ignored);
}

/* Told on each run, recorded once a threshold. */
static void
alarm_tell(struct own_run *run, struct store *store,
    const struct keep_status *after, struct fail *why)
{
	char *path = file_path(run->plan.folder, "alarm"), *text;
	int now = own_alarm(after), told = level_read(path);
	struct audit entry = {.event = "own-alarm",
	    .subject = after->subject,
	    .serial = after->serial,
	    .reason = after->reason};

	if (now > 0) {
		text = str_fmt("%s: %d %% of its life is left, and it is not "
			       "renewed: %s",
		    run->name, after->life_left_percent,
		    after->text != NULL ? after->text : "nobody did it");
		log_write(LOG_LEVEL_ERROR, "alarm: %s", text);
		entry.text = text;
		if (now < told)
			row_add(run, store, &entry, why);
		free(text);
	}
	if ((now > 0 && now < told) || (now == 0 && told < 100))
		level_write(path, now > 0 ? now : 100);
	free(path);
}

void
own_record(struct own_run *run, struct store *store,
    const struct keep_status *before, const struct keep_status *after,
    bool changed, struct fail *why)
{
	if (changed)
		enrolled(run, store, after, why);
	if (!changed || after->reason != NULL)
		not_enrolled(run, store, before, after, why);
	alarm_tell(run, store, after, why);
}

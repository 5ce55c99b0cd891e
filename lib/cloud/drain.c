#include "lib/cloud/drain.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/cloud/plan.h"
#include "lib/cloud/way.h"

_Static_assert(OUTBOX_PAGE <= WAY_ITEMS, "a page is told at once");

/* s between two tries of one device: doubled from the second failure on. */
#define PAUSE 60
#define PAUSE_MOST 3600

struct run {
	const struct settings *settings;
	struct store *store;
	const struct drain_options *options;
	struct drain_report *report;
	struct hub_pace pace;
	struct way *way; /* NULL: nothing to tell yet */
	struct outbox_page page;
	struct wanted wanted[OUTBOX_PAGE];
	struct cloud_result result[OUTBOX_PAGE];
};

/* ---- what became of a page ----------------------------------------------- */

static int64_t
pause_of(int tries, const struct fail *why)
{
	int64_t pause = why->retry;

	if (tries > 0 && pause < PAUSE)
		pause = PAUSE;
	for (int i = 1; i < tries && pause < PAUSE_MOST; i++)
		pause *= 2;
	return pause < PAUSE_MOST ? pause : PAUSE_MOST;
}

/* Is the certificate that the cloud has one of ours, of that device? */
static int
known(bool *known, struct store *store, const char *device, const char *there,
    struct fail *why)
{
	struct bytes sha = {0};
	struct record r;
	bool found = false;
	int rc = 0;

	*known = false;
	if (hex_read(&sha, there) && sha.len == SHA256_LEN) {
		rc = store_find(store, &r, &found, sha.data, why);
		*known = rc == 0 && found && r.device != NULL &&
		         strcmp(r.device, device) == 0;
		if (rc == 0)
			record_free(&r);
	}
	bytes_free(&sha);
	return rc;
}

static int
superseded(struct run *run, struct cloud_result *result, const char *device,
    struct fail *why)
{
	bool ours;

	if (known(&ours, run->store, device, result->there, why) != 0)
		return -1;
	if (ours)
		return 0;
	run->report->alarms++;
	result->outcome = CLOUD_REJECTED;
	memset(&result->why, 0, sizeof(result->why));
	(void)fail(&result->why, FAIL_DENIED, "cloud-superseded",
	    "the cloud has a newer certificate from this CA than the store "
	    "knows of, %s: was an older database restored? See microca cloud "
	    "reconcile",
	    result->there[0] != '\0' ? result->there : "(not told)");
	return 0;
}

static void
count(struct tally_devices *devices, enum cloud_outcome outcome)
{
	switch (outcome) {
	case CLOUD_APPLIED:
		devices->applied++;
		break;
	case CLOUD_UNCHANGED:
		devices->unchanged++;
		break;
	case CLOUD_SUPERSEDED:
		devices->superseded++;
		break;
	case CLOUD_REJECTED:
		devices->refused++;
		break;
	default:
		devices->kept++;
		break;
	}
}

static void
letter_fill(struct audit *entry, const struct run *run,
    const struct wanted *wanted, const struct fail *why)
{
	*entry = (struct audit){.event = "upload-refused",
	    .operation = "upload",
	    .requester = run->options->requester,
	    .subject = wanted->device,
	    .serial = wanted->current.serial,
	    .reason = why->reason,
	    .text = why->text,
	    .cause = why->cause[0] != '\0' ? why->cause : NULL};
	log_write(LOG_LEVEL_ERROR, "device \"%s\" is given up: %s: %s",
	    wanted->device, why->reason, why->text);
}

/* What it says of one device; false: nothing that the store should keep. */
static bool
settled_of(struct outbox_settled *s, struct audit *entry, struct run *run,
    size_t i, bool ended, int64_t now)
{
	const struct outbox_device *d = &run->page.item[i];
	const struct cloud_result *r = &run->result[i];

	*s = (struct outbox_settled){.device = d->device,
	    .seq = d->seq,
	    .end = OUTBOX_DONE,
	    .reason = r->why.reason,
	    .said = r->why.text};
	if (r->outcome == CLOUD_DEFERRED || r->outcome == CLOUD_UNKNOWN) {
		s->end = OUTBOX_LATER;
		s->next = now + pause_of(d->tries, &r->why);
		/* What ended the run says nothing of the device. */
		return !ended;
	}
	if (r->outcome == CLOUD_REJECTED) {
		s->end = OUTBOX_DEAD;
		s->entry = entry;
		letter_fill(entry, run, &run->wanted[i], &r->why);
	}
	return true;
}

static void
remember(struct run *run, const struct fail *why)
{
	if (run->report->why.kind == FAIL_NONE && why->kind != FAIL_NONE)
		run->report->why = *why;
}

static int
page_settle(struct run *run, bool ended, struct fail *why)
{
	struct outbox_settled settled[OUTBOX_PAGE];
	struct audit *entry = mem_new(OUTBOX_PAGE * sizeof(*entry));
	int64_t now = when_now();
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < run->page.n; i++) {
		struct cloud_result *r = &run->result[i];

		if (r->outcome == CLOUD_SUPERSEDED)
			rc = superseded(run, r, run->page.item[i].device, why);
		if (rc != 0)
			break;
		/* What the run's end left untouched was not tried. */
		if (!ended || r->outcome != CLOUD_DEFERRED)
			count(&run->report->devices, r->outcome);
		if (r->outcome > CLOUD_SUPERSEDED && !ended)
			remember(run, &r->why);
		if (settled_of(&settled[n], &entry[n], run, i, ended, now))
			n++;
	}
	if (rc == 0)
		rc = store_outbox_settle(run->store, settled, n, now, why);
	free(entry);
	return rc;
}

/* ---- pages --------------------------------------------------------------- */

static void
page_plan(struct run *run, const struct wanted *wanted[OUTBOX_PAGE],
    bool fresh[OUTBOX_PAGE])
{
	for (size_t i = 0; i < run->page.n; i++) {
		const struct outbox_device *d = &run->page.item[i];

		plan_make(&run->wanted[i], d, &run->settings->cloud);
		wanted[i] = &run->wanted[i];
		fresh[i] = d->confirmed == 0;
		if (plan_leaves_out(d))
			log_write(LOG_LEVEL_WARN,
			    "device \"%s\" has more than two good "
			    "certificates: the oldest, %s, is not told",
			    d->device, d->good[2].serial);
	}
}

/* A whole page of which nothing came: it is not the devices. */
static int
all_wait(const struct run *run, struct fail *why)
{
	for (size_t i = 0; i < run->page.n; i++)
		if (run->result[i].outcome != CLOUD_DEFERRED &&
		    run->result[i].outcome != CLOUD_UNKNOWN)
			return 0;
	if (run->page.n < OUTBOX_PAGE)
		return 0;
	*why = run->result[0].why;
	return -1;
}

/* -1: the run ends here; what was seen is settled all the same. */
static int
page_tell(struct run *run, struct fail *why)
{
	const struct wanted *wanted[OUTBOX_PAGE];
	bool fresh[OUTBOX_PAGE];
	struct fail cause = {0}, worse = {0};
	int rc, settled;

	if (run->way == NULL &&
	    way_open(&run->way, run->settings, &run->pace, why) != 0)
		return -1;
	page_plan(run, wanted, fresh);
	rc = way_apply(
	    run->way, run->result, wanted, fresh, run->page.n, &cause);
	settled = page_settle(run, rc != 0, &worse);
	for (size_t i = 0; i < run->page.n; i++)
		wanted_free(&run->wanted[i]);
	if (rc != 0 || settled != 0) {
		*why = settled != 0 ? worse : cause;
		return -1;
	}
	return all_wait(run, why);
}

static int
no_time(struct fail *why)
{
	return fail(why, FAIL_BUSY, "cloud-budget",
	    "no time is left in this run: the next one goes on");
}

static int
pages(struct run *run, struct fail *why)
{
	int64_t after = 0;
	bool more = true;
	int rc = 0;

	while (rc == 0 && more) {
		rc = store_outbox_page(
		    run->store, &run->page, after, when_now(), why);
		if (rc == 0 && run->page.n > 0)
			rc = pace_open(&run->pace) ? page_tell(run, why)
			                           : no_time(why);
		after = run->page.last;
		more = run->page.more;
		outbox_page_free(&run->page);
		if (run->options->progress != NULL)
			run->options->progress(run->report, run->options->arg);
	}
	return rc;
}

/* ---- the run ------------------------------------------------------------- */

static enum run_result
result_of(const struct drain_report *r, const struct fail *ended)
{
	enum run_result result = run_result_of(ended);

	if (result == RUN_DONE && r->devices.refused > 0)
		return RUN_REFUSED;
	if (result == RUN_DONE && r->devices.kept > 0)
		return RUN_LATER;
	return result;
}

static void
log_run(const struct drain_report *r)
{
	const struct tally_devices *d = &r->devices;
	bool well = r->result == RUN_DONE;

	log_write(well ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
	    "run: %s; %lld told, %lld were so, %lld newer there, %lld kept, "
	    "%lld given up; %lld left, %lld dead; %lld ms%s%s%s%s",
	    run_result_word(r->result), (long long)d->applied,
	    (long long)d->unchanged, (long long)d->superseded,
	    (long long)d->kept, (long long)d->refused, (long long)r->after.open,
	    (long long)r->after.dead, (long long)r->duration, well ? "" : "; ",
	    well ? "" : r->why.text,
	    well || r->why.cause[0] == '\0' ? "" : ": ",
	    well ? "" : r->why.cause);
}

static int
account(struct run *run, struct fail *why)
{
	const struct settings *s = run->settings;
	struct drain_report *r = run->report;
	struct tally tally;
	int64_t now = when_now();
	int rc;

	tally_read(&tally, s->state);
	tally_add(&tally, r->result, now, r->duration, &r->devices, &r->why);
	tally.after = r->after;
	rc = tally_write(&tally, s->state, why);
	if (rc == 0 && s->cloud.metrics != NULL)
		rc = tally_metrics(
		    &tally, &r->after, now, s->cloud.metrics, why);
	tally_free(&tally);
	return rc;
}

static void
finish(struct run *run, const struct fail *ended, double began)
{
	struct drain_report *r = run->report;
	struct fail why = {0};

	if (ended->kind != FAIL_NONE)
		r->why = *ended;
	if (store_outbox_state(run->store, &r->after, &why) != 0 &&
	    r->why.kind == FAIL_NONE)
		r->why = why;
	r->result = ended->kind == FAIL_NONE && why.kind != FAIL_NONE
	                ? run_result_of(&why)
	                : result_of(r, ended);
	r->duration = (int64_t)((when_clock() - began) * 1000);
	memset(&why, 0, sizeof(why));
	if (account(run, &why) != 0) {
		log_fail("the run's account is not written", &why);
		remember(run, &why);
		if (r->result == RUN_DONE)
			r->result = run_result_of(&why);
	}
	log_run(r);
}

/* One at a time; the file stays, for its name is what is locked. */
static int
alone(int *fd, const struct settings *settings, struct fail *why)
{
	char *path = file_path(settings->state, "upload.lock");
	int rc = file_lock(fd, path, 0, why);

	free(path);
	if (rc != 0 && why->kind == FAIL_BUSY)
		return fail(why, FAIL_BUSY, "upload-running",
		    "microca-upload is running already");
	return rc;
}

static void
drain(struct run *run)
{
	double began = when_clock();
	struct fail ended = {0};

	if (store_outbox_state(run->store, &run->report->before, &ended) == 0 &&
	    pages(run, &ended) == 0)
		ended.kind = FAIL_NONE;
	way_close(run->way);
	run->way = NULL;
	finish(run, &ended, began);
}

int
drain_run(struct drain_report *report, const struct settings *settings,
    struct store *store, const struct drain_options *options, struct fail *why)
{
	const struct cloud_settings *cloud = &settings->cloud;
	struct run *run;
	int lock;

	memset(report, 0, sizeof(*report));
	if (cloud->mode == CLOUD_OFF)
		return fail(why, FAIL_CONFIG, "cloud-off",
		    "%s: cloud.mode is \"off\": nobody is told",
		    settings->path);
	if (alone(&lock, settings, why) != 0)
		return -1;
	run = mem_new(sizeof(*run));
	run->settings = settings;
	run->store = store;
	run->options = options;
	run->report = report;
	run->pace = (struct hub_pace){.rate = cloud->rate,
	    .deadline = when_now() + cloud->budget,
	    .wait = true,
	    .stop = options->stop};
	drain(run);
	free(run);
	(void)close(lock);
	return 0;
}

#include "lib/cloud/reconcile.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/cloud/hub_decide.h"
#include "lib/cloud/plan.h"
#include "lib/cloud/viewed.h"
#include "lib/cloud/way.h"

static const char *const words[DIFFERENCES] = {
    [DIFFERENCE_NONE] = "same",
    [DIFFERENCE_WAITING] = "waiting",
    [DIFFERENCE_ABSENT] = "absent",
    [DIFFERENCE_OTHER] = "other",
    [DIFFERENCE_NEWER] = "newer",
    [DIFFERENCE_FOREIGN] = "foreign",
    [DIFFERENCE_UNKNOWN] = "unknown",
};

const char *
difference_word(enum difference difference)
{
	return words[difference];
}

struct check {
	const struct settings *settings;
	struct store *store;
	const struct reconcile_options *options;
	struct way *way;
	bool stopped;
};

static bool
stop_now(struct check *c)
{
	if (c->options->stop != NULL && *c->options->stop != 0)
		c->stopped = true;
	return c->stopped;
}

static void
tell(struct check *c, const char *device, enum difference difference,
    const char *text, const char *ours, const char *there)
{
	const struct finding f = {device, difference, text,
	    ours != NULL && *ours != '\0' ? ours : NULL,
	    there != NULL && *there != '\0' ? there : NULL};

	if (!c->stopped && c->options->each(&f, c->options->arg) != 0)
		c->stopped = true;
}

/* ---- one device ---------------------------------------------------------- */

/* Is what the cloud names one of this device's own certificates? */
static int
is_known(bool *known, struct check *c, const char *device,
    const char *thumbprint, struct fail *why)
{
	struct bytes sha = {0};
	struct record r;
	int rc = 0;

	*known = false;
	if (hex_read(&sha, thumbprint) && sha.len == SHA256_LEN) {
		rc = store_find(c->store, &r, known, sha.data, why);
		if (rc == 0) {
			*known = *known && r.device != NULL &&
			         strcmp(r.device, device) == 0;
			record_free(&r);
		}
	}
	bytes_free(&sha);
	return rc;
}

static const char *
what_differs(enum hub_act act, const struct wanted *wanted,
    const struct hub_device *there)
{
	if (act == HUB_LATE)
		return "its tag is of a later microca";
	if (act == HUB_UNSETTLED)
		return "its tag is newer than its thumbprints";
	if (there->type != NULL && there->status != NULL &&
	    (wanted->state == CLOUD_REVOKED) !=
		(strcmp(there->status, "disabled") == 0))
		return wanted->state == CLOUD_REVOKED ? "it is not disabled"
		                                      : "it is disabled";
	if (strcmp(there->primary, wanted->current.sha256) != 0 &&
	    act == HUB_IDENTITY)
		return "another thumbprint";
	return act == HUB_TAG ? "the tag says something else"
	                      : "the entry says something else";
}

static int
differs(struct check *c, enum hub_act act, const struct wanted *wanted,
    const struct hub_device *there, struct fail *why)
{
	const char *has =
	    there->ours ? there->tag.current.sha256 : there->primary;
	bool known = true;

	if ((act == HUB_SUPERSEDED || act == HUB_UNSETTLED) &&
	    is_known(&known, c, wanted->device, has, why) != 0)
		return -1;
	if (!known)
		tell(c, wanted->device, DIFFERENCE_NEWER,
		    "a newer certificate, which the store does not have",
		    wanted->current.sha256, has);
	else if (act == HUB_FOREIGN)
		tell(c, wanted->device, DIFFERENCE_FOREIGN,
		    "something else made it", wanted->current.sha256,
		    there->primary);
	else
		tell(c, wanted->device, DIFFERENCE_OTHER,
		    what_differs(act, wanted, there), wanted->current.sha256,
		    has);
	return 0;
}

/* A certificate that has expired since it was told may still be there: it is
 * taken away when the device is told of again. */
static int
fits_as_told(bool *fits, struct check *c, const char *device,
    const struct hub_device *there, struct fail *why)
{
	const struct cloud_settings *cloud = &c->settings->cloud;
	struct outbox_page *page = mem_new(sizeof(*page));
	struct wanted wanted;
	int rc = store_device_find(c->store, page, device, 0, why);

	*fits = false;
	if (rc == 0 && page->n > 0) {
		plan_make(&wanted, &page->item[0], cloud);
		*fits =
		    way_hub(c->way) == NULL
			? viewed_fits(there, &wanted)
			: hub_decide(&wanted, there, &cloud->azure) == HUB_DONE;
		wanted_free(&wanted);
	}
	outbox_page_free(page);
	free(page);
	return rc;
}

static int
compare_direct(struct check *c, const struct wanted *wanted, struct fail *why)
{
	const struct azure_settings *azure = &c->settings->cloud.azure;
	struct hub_device there;
	enum hub_act act;
	bool found, fits = false;
	int rc;

	if (hub_find(way_hub(c->way), &there, &found, wanted->device, why) != 0)
		return -1;
	if (!found) {
		tell(c, wanted->device, DIFFERENCE_ABSENT,
		    "the hub does not know it", wanted->current.sha256, NULL);
		return 0;
	}
	act = hub_decide(wanted, &there, azure);
	rc = act == HUB_DONE
	         ? 0
	         : fits_as_told(&fits, c, wanted->device, &there, why);
	if (rc == 0 && (act == HUB_DONE || fits))
		tell(c, wanted->device, DIFFERENCE_NONE, NULL,
		    wanted->current.sha256, there.primary);
	else if (rc == 0)
		rc = differs(c, act, wanted, &there, why);
	hub_device_free(&there);
	return rc;
}

static bool
newer_there(const struct hub_device *there, const struct wanted *wanted)
{
	return there->ours && there->tag.seq > wanted->seq;
}

static int
seen_differs(struct check *c, const struct wanted *wanted,
    const struct hub_device *there, struct fail *why)
{
	bool fits = viewed_fits(there, wanted), known = true;

	if (!fits && fits_as_told(&fits, c, wanted->device, there, why) != 0)
		return -1;
	if (!fits && newer_there(there, wanted) &&
	    is_known(
		&known, c, wanted->device, there->tag.current.sha256, why) != 0)
		return -1;
	if (fits)
		tell(c, wanted->device, DIFFERENCE_NONE, NULL,
		    wanted->current.sha256, there->primary);
	else if (!known)
		tell(c, wanted->device, DIFFERENCE_NEWER,
		    "a newer certificate, which the store does not have",
		    wanted->current.sha256, there->tag.current.sha256);
	else
		tell(c, wanted->device, DIFFERENCE_OTHER,
		    "the entry says something else", wanted->current.sha256,
		    there->primary);
	return 0;
}

static int
compare_seen(struct check *c, const struct wanted *wanted, struct fail *why)
{
	struct hub_device there;
	char *json;
	int rc;

	if (connector_find(way_connector(c->way), &json, wanted->device, why) !=
	    0)
		return -1;
	if (json == NULL) {
		tell(c, wanted->device, DIFFERENCE_ABSENT,
		    "the hub does not know it", wanted->current.sha256, NULL);
		return 0;
	}
	rc = viewed_read(&there, json, why);
	if (rc == 0)
		rc = seen_differs(c, wanted, &there, why);
	hub_device_free(&there);
	free(json);
	return rc;
}

static int
compare(struct check *c, const struct outbox_device *device, struct fail *why)
{
	struct wanted wanted;
	int rc;

	if (device->open) {
		tell(c, device->device, DIFFERENCE_WAITING,
		    "the cloud is still to be told", NULL, NULL);
		return 0;
	}
	plan_make(&wanted, device, &c->settings->cloud);
	rc = way_hub(c->way) != NULL ? compare_direct(c, &wanted, why)
	                             : compare_seen(c, &wanted, why);
	wanted_free(&wanted);
	return rc;
}

/* ---- all of them --------------------------------------------------------- */

static int
compare_page(struct check *c, const struct outbox_page *page, struct fail *why)
{
	for (size_t i = 0; i < page->n && !stop_now(c); i++)
		if (compare(c, &page->item[i], why) != 0)
			return -1;
	return 0;
}

static int
ours_all(struct check *c, struct outbox_page *page, struct fail *why)
{
	char *after = str_dup("");
	bool more = true;
	int rc = 0;

	while (rc == 0 && more && !stop_now(c)) {
		rc = store_device_page(c->store, page, after, when_now(), why);
		if (rc == 0)
			rc = compare_page(c, page, why);
		more = page->more;
		if (page->n > 0) {
			free(after);
			after = str_dup(page->item[page->n - 1].device);
		}
		outbox_page_free(page);
	}
	free(after);
	return rc;
}

static int
ours_one(struct check *c, struct outbox_page *page, struct fail *why)
{
	const char *device = c->options->device;
	int rc = store_device_find(c->store, page, device, when_now(), why);

	if (rc == 0 && page->n == 0)
		rc = fail(why, FAIL_ABSENT, "cloud-device",
		    "this CA never issued a certificate for device \"%s\"",
		    device);
	if (rc == 0)
		rc = compare_page(c, page, why);
	outbox_page_free(page);
	return rc;
}

/* What the hub calls ours; the store decides. */
struct listed {
	struct check *check;
	struct outbox_page *page;
	struct fail *why;
};

static int
theirs_each(const struct hub_device *there, void *arg)
{
	struct listed *l = arg;

	if (store_device_find(
		l->check->store, l->page, there->id, when_now(), l->why) != 0)
		return 1;
	if (l->page->n == 0)
		tell(l->check, there->id, DIFFERENCE_UNKNOWN,
		    "the hub has it from this CA, the store knows nothing of "
		    "it",
		    NULL, there->tag.current.sha256);
	outbox_page_free(l->page);
	return stop_now(l->check);
}

static int
theirs_all(struct check *c, struct outbox_page *page, struct fail *why)
{
	const struct cloud_settings *cloud = &c->settings->cloud;
	struct fail failed = {0};
	struct listed l = {c, page, &failed};
	int rc;

	if (way_hub(c->way) == NULL || !cloud->azure.tags || stop_now(c))
		return 0;
	rc = hub_list(way_hub(c->way), cloud->edge, theirs_each, &l, why);
	if (failed.kind != FAIL_NONE) {
		*why = failed;
		return -1;
	}
	return rc < 0 ? -1 : 0;
}

int
reconcile_run(const struct settings *settings, struct store *store,
    const struct reconcile_options *options, struct fail *why)
{
	const struct hub_pace pace = {
	    .rate = settings->cloud.rate, .wait = true, .stop = options->stop};
	struct check c = {settings, store, options, NULL, false};
	struct outbox_page *page;
	int rc;

	if (settings->cloud.mode == CLOUD_OFF)
		return fail(why, FAIL_CONFIG, "cloud-off",
		    "%s: cloud.mode is \"off\": there is nobody to ask",
		    settings->path);
	if (way_open(&c.way, settings, &pace, why) != 0)
		return -1;
	page = mem_new(sizeof(*page));
	rc = options->device != NULL ? ours_one(&c, page, why)
	                             : ours_all(&c, page, why);
	if (rc == 0 && options->device == NULL)
		rc = theirs_all(&c, page, why);
	free(page);
	way_close(c.way);
	return rc;
}

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/cloud/hub_call.h"
#include "lib/cloud/hub_decide.h"
#include "lib/cloud/hub_json.h"

#define TRIES_MAX 3  /* lost races and answers */
#define STEPS_MAX 24 /* requests; never reached */

/* One device on its way. */
struct work {
	struct hub *hub;
	const struct wanted *wanted;
	struct cloud_result *result;
	bool found, ended;
	struct hub_device there;
	struct json *identity; /* as read: what a PUT starts from */
	bool wrote;            /* something, and it was taken */
	bool doubt;            /* something was sent, and nothing came back */
	unsigned tries;
};

static void
end(struct work *w, enum cloud_outcome outcome)
{
	w->ended = true;
	w->result->outcome = outcome;
}

/* ---- requests ------------------------------------------------------------ */

static int
send(struct hub_reply *reply, struct work *w, const char *method,
    const char *folder, const char *etag, struct json *body, struct fail *why)
{
	struct hub_call call = {.method = method,
	    .path = hub_path(folder, w->wanted->device),
	    .etag = etag,
	    .body = body,
	    .cost = strcmp(folder, "devices") == 0 ? 1 : 0,
	    .answer_max = HUB_DEVICE_MAX};
	int rc = hub_send(reply, w->hub, &call, why);

	/* Cut off after it was sent: only reading tells. */
	if (rc != 0 && body != NULL && why->kind == FAIL_BUSY &&
	    strcmp(why->reason, "cloud-throttled") != 0 &&
	    strcmp(why->reason, "cloud-budget") != 0)
		w->doubt = true;
	hub_call_free(&call);
	return rc;
}

static int
look(struct work *w, struct fail *why)
{
	hub_device_free(&w->there);
	if (hub_find(w->hub, &w->there, &w->found, w->wanted->device, why) != 0)
		return -1;
	return w->found && w->identity != NULL
	           ? hub_identity_read(&w->there, w->identity, why)
	           : 0;
}

/* What a write came to, but for HUB_OK: read again, or give up. */
static int
again(struct work *w, const struct hub_reply *reply, struct fail *why)
{
	json_free(w->identity);
	w->identity = NULL;
	w->doubt = w->doubt || reply->verdict == HUB_TRANSIENT;
	w->result->why = *why;
	if (reply->verdict == HUB_REJECT) {
		end(w, CLOUD_REJECTED);
		return 0;
	}
	if (++w->tries < TRIES_MAX)
		return look(w, why);
	end(w, w->doubt ? CLOUD_UNKNOWN : CLOUD_DEFERRED);
	if (reply->verdict != HUB_TRANSIENT)
		(void)fail(&w->result->why, FAIL_BUSY, "cloud-race",
		    "the device was changed by others %u times meanwhile",
		    w->tries);
	return 0;
}

/* An identity was written.  Without twins the answer is what is there; with
 * them the tag is looked at once more. */
static int
written(struct work *w, const struct hub_reply *reply, struct fail *why)
{
	struct fail no_identity = {0};

	w->wrote = true;
	json_free(w->identity);
	w->identity = NULL;
	if (!w->hub->azure->tags && reply->json != NULL &&
	    hub_identity_read(&w->there, reply->json, &no_identity) == 0) {
		w->found = true;
		return 0;
	}
	return look(w, why);
}

/* ---- steps --------------------------------------------------------------- */

static int
create(struct work *w, struct fail *why)
{
	struct hub_reply reply;
	int rc = send(&reply, w, "PUT", "devices", NULL,
	    hub_create_body(w->wanted, w->hub->azure), why);

	if (rc == 0 && reply.verdict == HUB_OK) {
		rc = written(w, &reply, why);
	} else if (rc == 0) {
		rc = again(w, &reply, why);
	}
	hub_reply_free(&reply);
	return rc;
}

/* The answer is the twin as it is now: no reading is needed. */
static int
tag(struct work *w, struct fail *why)
{
	struct hub_reply reply;
	struct fail no_twin = {0};
	int rc = send(&reply, w, "PATCH", "twins", w->there.twin_etag,
	    hub_tags_body(w->wanted, when_now()), why);

	if (rc == 0 && reply.verdict == HUB_OK) {
		w->wrote = true;
		if (hub_twin_read(&w->there, reply.json, &no_twin) != 0)
			rc = look(w, why);
	} else if (rc == 0) {
		rc = again(w, &reply, why);
	}
	hub_reply_free(&reply);
	return rc;
}

/*
 * What is written has to be read first, all of it: a PUT replaces.  When the
 * identity is another than the twin told, its tag may be, too: it is looked at
 * once more, after the etag that the PUT will name.
 */
static int
read_identity(struct work *w, struct fail *why)
{
	struct hub_reply reply;
	char *etag = str_dup(w->there.etag);
	int rc = send(&reply, w, "GET", "devices", NULL, NULL, why);

	if (rc == 0 && reply.verdict != HUB_OK) {
		rc = again(w, &reply, why);
	} else if (rc == 0) {
		w->identity = reply.json;
		reply.json = NULL;
		rc = hub_identity_read(&w->there, w->identity, why);
		if (rc == 0 && strcmp(etag, w->there.etag) != 0)
			rc = look(w, why);
	}
	free(etag);
	hub_reply_free(&reply);
	return rc;
}

static int
put_identity(struct work *w, struct fail *why)
{
	struct hub_reply reply;
	struct json *body =
	    hub_update_body(w->identity, w->wanted, w->hub->azure);
	int rc = send(&reply, w, "PUT", "devices", w->there.etag, body, why);

	if (rc == 0 && reply.verdict == HUB_OK) {
		w->tries++;
		rc = written(w, &reply, why);
	} else if (rc == 0) {
		rc = again(w, &reply, why);
	}
	hub_reply_free(&reply);
	return rc;
}

static int
identity(struct work *w, struct fail *why)
{
	if (w->tries < TRIES_MAX)
		return w->identity == NULL ? read_identity(w, why)
		                           : put_identity(w, why);
	(void)fail(&w->result->why, FAIL_BUSY, "cloud-race",
	    "what is written to the device does not stay");
	end(w, CLOUD_UNKNOWN);
	return 0;
}

/* ---- the whole ----------------------------------------------------------- */

static void
refuse(struct work *w, const char *reason, const char *text)
{
	(void)fail(&w->result->why, FAIL_DENIED, reason, "%s", text);
	end(w, CLOUD_REJECTED);
}

static void
superseded(struct work *w, bool settled)
{
	memcpy(w->result->there, w->there.tag.current.sha256,
	    sizeof(w->result->there));
	if (settled) {
		end(w, CLOUD_SUPERSEDED);
		return;
	}
	(void)fail(&w->result->why, FAIL_BUSY, "cloud-unsettled",
	    "the hub has a newer tag, and an identity that is not what it "
	    "tells");
	end(w, CLOUD_UNKNOWN);
}

static int
step(struct work *w, struct fail *why)
{
	switch (
	    hub_decide(w->wanted, w->found ? &w->there : NULL, w->hub->azure)) {
	case HUB_CREATE:
		return create(w, why);
	case HUB_TAG:
		return tag(w, why);
	case HUB_IDENTITY:
		return identity(w, why);
	case HUB_SUPERSEDED:
		superseded(w, true);
		break;
	case HUB_UNSETTLED:
		superseded(w, false);
		break;
	case HUB_FOREIGN:
		refuse(w, "cloud-foreign",
		    "the hub has a device of this id that is not ours; adopt "
		    "= true would take it over");
		break;
	case HUB_LATE:
		refuse(w, "cloud-tag",
		    "the device's tag is of a later version of microca");
		break;
	case HUB_DONE:
		end(w, w->wrote || w->doubt ? CLOUD_APPLIED : CLOUD_UNCHANGED);
		break;
	}
	return 0;
}

static int
apply(struct work *w, struct fail *why)
{
	int rc = look(w, why);

	for (int n = 0; rc == 0 && !w->ended && n < STEPS_MAX; n++)
		rc = step(w, why);
	if (w->ended && w->result->outcome < CLOUD_DEFERRED)
		w->result->why = (struct fail){0};
	if (!w->ended) {
		w->result->outcome =
		    w->doubt || w->wrote ? CLOUD_UNKNOWN : CLOUD_DEFERRED;
		w->result->why = *why;
	}
	json_free(w->identity);
	hub_device_free(&w->there);
	return rc;
}

int
hub_apply_one(struct hub *hub, struct cloud_result *result,
    const struct wanted *wanted, bool wrote, struct fail *why)
{
	struct work work = {
	    .hub = hub, .wanted = wanted, .result = result, .wrote = wrote};

	*result = (struct cloud_result){.outcome = CLOUD_DEFERRED};
	if (!hub_id_valid(wanted->device)) {
		refuse(&work, "cloud-id",
		    "a device id of IoT Hub is 1 to 128 letters, digits and "
		    "-:.+%_#*?!(),=@;$'");
		return 0;
	}
	if (!pace_open(hub->pace)) {
		(void)fail(why, FAIL_BUSY, "cloud-budget",
		    "no time is left in this run, or it was told to stop");
		result->why = *why;
		return -1;
	}
	return apply(&work, why);
}

int
hub_apply(struct hub *hub, struct cloud_result *result,
    const struct wanted *wanted, struct fail *why)
{
	return hub_apply_one(hub, result, wanted, false, why);
}

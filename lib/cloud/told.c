#include "lib/cloud/told.h"

#include <stdlib.h>

#include "lib/base/json.h"

static void
text_add(struct json *j, const char *key, const char *text)
{
	if (text != NULL && *text != '\0')
		json_str(j, key, text);
	else
		json_none(j, key);
}

/* What our tag says, null where there is none. */
static void
tag_add(struct json *j, const struct hub_device *d)
{
	const struct wanted *tag = &d->tag;

	if (d->ours) {
		json_int(j, "seq", tag->seq);
		json_str(j, "state",
		    tag->state == CLOUD_REVOKED ? "revoked" : "active");
	} else {
		json_none(j, "seq");
		json_none(j, "state");
	}
	text_add(j, "edgeId", d->ours ? tag->edge : NULL);
	text_add(j, "site", d->ours ? tag->site : NULL);
	text_add(j, "certSha256", d->ours ? tag->current.sha256 : NULL);
	text_add(j, "replaces", d->ours ? tag->previous.sha256 : NULL);
}

char *
told_device(const struct hub_device *device)
{
	struct json *j = json_new_object(), *hub = json_new_object();
	char *text;

	json_str(j, "deviceId", device->id);
	tag_add(j, device);
	text_add(hub, "status", device->status);
	text_add(hub, "statusReason", device->status_reason);
	text_add(hub, "authentication", device->type);
	text_add(hub, "primaryThumbprint", device->primary);
	text_add(hub, "secondaryThumbprint", device->secondary);
	json_add(j, "hub", hub);
	text = json_text(j, 0);
	json_free(j);
	return text;
}

char *
told_health(
    const char *edge, const char *hub, int64_t until, const struct fail *why)
{
	struct json *j = json_new_object(), *token = json_new_object();
	bool ok = why->kind == FAIL_NONE;
	char *text;

	json_str(j, "status", ok ? "ok" : "degraded");
	json_str(j, "edgeId", edge);
	json_str(j, "hub", hub);
	json_bool(token, "ok", ok);
	if (ok && until > 0)
		json_time(token, "expiresAt", until);
	else
		json_none(token, "expiresAt");
	json_add(j, "token", token);
	text = json_text(j, 0);
	json_free(j);
	return text;
}

char *
told_head(const char *edge, bool added, bool verified)
{
	struct json *j = json_new_object();
	char *text;

	json_str(j, "edgeId", edge);
	json_str(j, "status", added ? "recorded" : "unchanged");
	json_bool(j, "verified", verified);
	text = json_text(j, 0);
	json_free(j);
	return text;
}

#include "lib/cloud/viewed.h"

#include <string.h>
#include <strings.h>

#include "lib/base/json.h"
#include "lib/cloud/hub_json.h"

static void
thumbprint_read(
    char out[THUMBPRINT_LEN + 1], const struct json *j, const char *key)
{
	const char *text = json_str_of(j, key);

	out[0] = '\0';
	if (text != NULL && strlen(text) <= THUMBPRINT_LEN)
		memcpy(out, text, strlen(text) + 1);
}

static void
tag_read(struct hub_device *d, const struct json *j)
{
	const char *state = json_str_of(j, "state");

	d->ours = state != NULL;
	if (!d->ours)
		return;
	d->tag.seq = json_int_of(j, "seq", 0);
	d->tag.edge = str_dup(json_str_of(j, "edgeId"));
	d->tag.state =
	    strcmp(state, "revoked") == 0 ? CLOUD_REVOKED : CLOUD_ACTIVE;
	thumbprint_read(d->tag.current.sha256, j, "certSha256");
	thumbprint_read(d->tag.previous.sha256, j, "replaces");
}

static void
identity_read(struct hub_device *d, const struct json *hub)
{
	d->status = str_dup(json_str_of(hub, "status"));
	d->status_reason = str_dup(json_str_of(hub, "statusReason"));
	d->type = str_dup(json_str_of(hub, "authentication"));
	thumbprint_read(d->primary, hub, "primaryThumbprint");
	thumbprint_read(d->secondary, hub, "secondaryThumbprint");
}

int
viewed_read(struct hub_device *device, const char *text, struct fail *why)
{
	const struct json *hub;
	struct json *j;
	int rc = 0;

	memset(device, 0, sizeof(*device));
	if (json_read(&j, text, why) != 0)
		return fail(why, FAIL_BUSY, "cloud-answer",
		    "the connector's view of a device cannot be read");
	hub = json_of(j, "hub");
	if (json_str_of(j, "deviceId") == NULL || hub == NULL ||
	    json_type_of(hub) != JSON_IS_OBJECT) {
		rc = fail(why, FAIL_BUSY, "cloud-answer",
		    "the connector's view of a device is none");
	} else {
		device->id = str_dup(json_str_of(j, "deviceId"));
		tag_read(device, j);
		identity_read(device, hub);
	}
	json_free(j);
	return rc;
}

static bool
same_certs(const char *primary, const char *secondary, const struct wanted *w)
{
	return strcasecmp(primary, w->current.sha256) == 0 &&
	       strcasecmp(secondary, w->previous.sha256) == 0;
}

/* By thumbprints a hub has none of a revoked device. */
static bool
identity_fits(const struct hub_device *d, const struct wanted *w)
{
	bool revoked = w->state == CLOUD_REVOKED;

	if (hub_is_disabled(d->status) && !revoked)
		return !hub_is_revoked(d->status_reason);
	if (hub_is_disabled(d->status) != revoked)
		return false;
	return revoked || d->type == NULL ||
	       strcasecmp(d->type, "selfSigned") != 0 ||
	       same_certs(d->primary, d->secondary, w);
}

bool
viewed_fits(const struct hub_device *device, const struct wanted *wanted)
{
	const struct wanted *tag = &device->tag;

	if (device->ours &&
	    (tag->state != wanted->state ||
		!same_certs(tag->current.sha256, tag->previous.sha256, wanted)))
		return false;
	return identity_fits(device, wanted);
}

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/when.h"
#include "lib/cloud/hub_json.h"

#define TAG_VERSION 1

void
hub_device_free(struct hub_device *device)
{
	free(device->id);
	free(device->etag);
	free(device->twin_etag);
	free(device->status);
	free(device->status_reason);
	free(device->type);
	wanted_free(&device->tag);
	*device = (struct hub_device){0};
}

static void
replace(char **text, const char *value)
{
	free(*text);
	*text = str_dup(value);
}

/* ---- thumbprints --------------------------------------------------------- */

/* What is no SHA-256 is known to be something, and never equal to ours. */
static void
thumbprint_take(char out[THUMBPRINT_LEN + 1], const char *text)
{
	size_t len = strlen(text);

	if (len > THUMBPRINT_LEN)
		len = THUMBPRINT_LEN;
	for (size_t i = 0; i < len; i++)
		out[i] = (char)toupper((unsigned char)text[i]);
	out[len] = '\0';
}

/* Hubs spell them primaryThumbprint and PrimaryThumbprint. */
static int
thumbprint_each(const char *key, const struct json *value, void *arg)
{
	struct hub_device *device = arg;
	char *text = json_scalar(value);

	if (text != NULL && key != NULL) {
		if (strcasecmp(key, "primaryThumbprint") == 0)
			thumbprint_take(device->primary, text);
		if (strcasecmp(key, "secondaryThumbprint") == 0)
			thumbprint_take(device->secondary, text);
	}
	free(text);
	return 0;
}

static void
thumbprints_read(struct hub_device *device, const struct json *x509)
{
	device->primary[0] = device->secondary[0] = '\0';
	if (x509 != NULL)
		(void)json_each(x509, thumbprint_each, device);
}

/* ---- our tag ------------------------------------------------------------- */

static int64_t
time_of(const struct json *j, const char *key)
{
	const char *text = json_str_of(j, key);
	struct fail not_time = {0};
	int64_t when;

	if (text == NULL || when_read(&when, text, &not_time) != 0)
		return 0;
	return when;
}

static void
cert_read_tag(struct cloud_cert *cert, const struct json *j)
{
	const char *sha256 = j == NULL ? NULL : json_str_of(j, "sha256");

	if (sha256 == NULL)
		return;
	thumbprint_take(cert->sha256, sha256);
	cert->serial = str_dup(json_str_of(j, "serial"));
	cert->issuer = str_dup(json_str_of(j, "issuer"));
	cert->profile = str_dup(json_str_of(j, "profile"));
	cert->not_before = time_of(j, "notBefore");
	cert->not_after = time_of(j, "notAfter");
}

static void
tag_read(struct hub_device *device, const struct json *tags)
{
	const struct json *j = tags == NULL ? NULL : json_of(tags, "microca");
	struct wanted *tag = &device->tag;
	const char *state;

	if (j == NULL || json_type_of(j) != JSON_IS_OBJECT)
		return;
	state = json_str_of(j, "state");
	device->ours = true;
	device->late = json_int_of(j, "v", TAG_VERSION) > TAG_VERSION;
	tag->device = str_dup(device->id);
	tag->edge = str_dup(json_str_of(j, "edge"));
	tag->site = str_dup(json_str_of(j, "site"));
	tag->seq = json_int_of(j, "seq", 0);
	tag->state = state != NULL && strcmp(state, "revoked") == 0
	                 ? CLOUD_REVOKED
	                 : CLOUD_ACTIVE;
	cert_read_tag(&tag->current, json_of(j, "cur"));
	cert_read_tag(&tag->previous, json_of(j, "prev"));
}

/* ---- the whole ----------------------------------------------------------- */

/* It goes into a header of ours. */
static bool
is_etag(const char *text)
{
	if (text == NULL || *text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' || *text == '"')
			return false;
	return true;
}

static int
common_read(struct hub_device *device, const struct json *json,
    const char *etag, const char *type, struct fail *why)
{
	const char *id = json_str_of(json, "deviceId");

	if (id == NULL || !is_etag(json_str_of(json, etag)))
		return fail(why, FAIL_BUSY, "cloud-answer",
		    "what the hub answers is no device");
	replace(&device->id, id);
	replace(&device->etag, json_str_of(json, etag));
	replace(&device->status, json_str_of(json, "status"));
	replace(&device->status_reason, json_str_of(json, "statusReason"));
	replace(&device->type, type);
	return 0;
}

int
hub_twin_read(
    struct hub_device *device, const struct json *json, struct fail *why)
{
	hub_device_free(device);
	if (!is_etag(json_str_of(json, "etag")))
		return fail(why, FAIL_BUSY, "cloud-answer",
		    "what the hub answers is no twin");
	if (common_read(device, json, "deviceEtag",
		json_str_of(json, "authenticationType"), why) != 0)
		return -1;
	replace(&device->twin_etag, json_str_of(json, "etag"));
	thumbprints_read(device, json_of(json, "x509Thumbprint"));
	tag_read(device, json_of(json, "tags"));
	return 0;
}

int
hub_identity_read(
    struct hub_device *device, const struct json *json, struct fail *why)
{
	const struct json *auth = json_of(json, "authentication");
	const char *type = auth == NULL ? NULL : json_str_of(auth, "type");

	if (common_read(device, json, "etag", type, why) != 0)
		return -1;
	thumbprints_read(
	    device, auth == NULL ? NULL : json_of(auth, "x509Thumbprint"));
	return 0;
}

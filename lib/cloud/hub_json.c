#include "lib/cloud/hub_json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/when.h"
#include "lib/store/store.h"

#define ID_MAX 128
#define TAG_VERSION 1

bool
hub_id_valid(const char *id)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789"
				  "-:.+%_#*?!(),=@;$'";
	size_t len = strlen(id);

	return len >= 1 && len <= ID_MAX && id[strspn(id, set)] == '\0' &&
	       strcmp(id, ".") != 0 && strcmp(id, "..") != 0;
}

bool
hub_is_disabled(const char *status)
{
	return status != NULL && strcasecmp(status, "disabled") == 0;
}

bool
hub_is_revoked(const char *reason)
{
	return reason != NULL &&
	       strncmp(reason, HUB_REVOKED, strlen(HUB_REVOKED)) == 0;
}

/* ---- authentication and status ------------------------------------------- */

static void
thumbprint_add(struct json *j, const char *key, const char *thumbprint)
{
	if (*thumbprint != '\0')
		json_str(j, key, thumbprint);
	else
		json_none(j, key);
}

/* A PUT without it would make the device one with symmetric keys. */
static struct json *
authentication(const struct wanted *w, const struct azure_settings *azure)
{
	struct json *auth = json_new_object(), *x509;

	if (azure->identity == IDENTITY_CA) {
		json_str(auth, "type", "certificateAuthority");
		return auth;
	}
	json_str(auth, "type", "selfSigned");
	x509 = json_new_object();
	thumbprint_add(x509, "primaryThumbprint",
	    w->state == CLOUD_ACTIVE ? w->current.sha256 : "");
	thumbprint_add(x509, "secondaryThumbprint",
	    w->state == CLOUD_ACTIVE ? w->previous.sha256 : "");
	json_add(auth, "x509Thumbprint", x509);
	return auth;
}

/* `status`, `reason`: what is there, NULL: nothing. */
static void
status_add(struct json *j, const struct wanted *w, const char *status,
    const char *reason)
{
	const char *word = store_reason_word(w->reason);
	char *text;

	/* What somebody else switched off stays off, and says why. */
	if (hub_is_disabled(status) && !hub_is_revoked(reason)) {
		json_str(j, "status", "disabled");
		json_str(j, "statusReason", reason);
		return;
	}
	if (w->state == CLOUD_ACTIVE) {
		json_str(j, "status", "enabled");
		json_str(j, "statusReason",
		    hub_is_revoked(reason) || reason == NULL || *reason == '\0'
			? HUB_MARK
			: reason);
		return;
	}
	text = str_fmt(HUB_REVOKED "%s", word != NULL ? word : "unspecified");
	json_str(j, "status", "disabled");
	json_str(j, "statusReason", text);
	free(text);
}

static struct json *
capabilities(void)
{
	struct json *j = json_new_object();

	json_bool(j, "iotEdge", false);
	return j;
}

struct json *
hub_create_body(const struct wanted *wanted, const struct azure_settings *azure)
{
	struct json *j = json_new_object();

	json_str(j, "deviceId", wanted->device);
	status_add(j, wanted, NULL, NULL);
	json_add(j, "authentication", authentication(wanted, azure));
	json_add(j, "capabilities", capabilities());
	return j;
}

struct json *
hub_update_body(const struct json *identity, const struct wanted *wanted,
    const struct azure_settings *azure)
{
	static const char *const kept[] = {"etag", "generationId",
	    "connectionState", "connectionStateUpdatedTime",
	    "statusUpdatedTime", "lastActivityTime",
	    "cloudToDeviceMessageCount", "authentication"};
	struct json *j = json_dup(identity);

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		json_remove(j, kept[i]);
	status_add(j, wanted, json_str_of(identity, "status"),
	    json_str_of(identity, "statusReason"));
	json_add(j, "authentication", authentication(wanted, azure));
	return j;
}

/* ---- our tag ------------------------------------------------------------- */

static void
text_add(struct json *j, const char *key, const char *text)
{
	if (text != NULL && *text != '\0')
		json_str(j, key, text);
	else
		json_none(j, key);
}

static void
time_add(struct json *j, const char *key, int64_t when)
{
	if (when > 0)
		json_time(j, key, when);
	else
		json_none(j, key);
}

static void
cert_add(struct json *tag, const char *key, const struct cloud_cert *cert)
{
	struct json *j;

	if (cert->sha256[0] == '\0') {
		json_none(tag, key);
		return;
	}
	j = json_new_object();
	json_str(j, "sha256", cert->sha256);
	text_add(j, "serial", cert->serial);
	text_add(j, "issuer", cert->issuer);
	time_add(j, "notBefore", cert->not_before);
	time_add(j, "notAfter", cert->not_after);
	text_add(j, "profile", cert->profile);
	json_add(tag, key, j);
}

static struct json *
tags_of(const struct wanted *w, int64_t now)
{
	struct json *tags = json_new_object(), *j = json_new_object();

	json_int(j, "v", TAG_VERSION);
	text_add(j, "edge", w->edge);
	text_add(j, "site", w->site);
	json_int(j, "seq", w->seq);
	json_str(j, "state", w->state == CLOUD_ACTIVE ? "active" : "revoked");
	cert_add(j, "cur", &w->current);
	cert_add(j, "prev", &w->previous);
	json_time(j, "at", now);
	json_add(tags, "microca", j);
	return tags;
}

struct json *
hub_tags_body(const struct wanted *wanted, int64_t now)
{
	struct json *j = json_new_object();

	json_add(j, "tags", tags_of(wanted, now));
	return j;
}

struct json *
hub_bulk_item(const struct wanted *wanted, const struct azure_settings *azure,
    int64_t now)
{
	struct json *j = json_new_object();

	json_str(j, "id", wanted->device);
	json_str(j, "importMode", "create");
	status_add(j, wanted, NULL, NULL);
	json_add(j, "authentication", authentication(wanted, azure));
	json_add(j, "capabilities", capabilities());
	if (azure->tags)
		json_add(j, "tags", tags_of(wanted, now));
	return j;
}

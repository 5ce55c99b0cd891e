/*
 * hub_json - what IoT Hub is sent and what it says: bodies of its REST
 * interface.  Pure.
 *
 * Inner part of hub.
 */
#ifndef MICROCA_HUB_JSON_H
#define MICROCA_HUB_JSON_H

#include "lib/base/json.h"
#include "lib/cloud/hub.h"

/* What we write where an identity has no reason of its own, so that one whose
 * tag is not written yet is known as ours. */
#define HUB_MARK "microca"
/* What the reason of a device begins with that we disabled. */
#define HUB_REVOKED "certificate revoked: "

/* 1 to 128 of the characters that a device id is made of, but "." and "..". */
bool hub_id_valid(const char *id);
/* A status, a reason, either may be NULL. */
bool hub_is_disabled(const char *status);
bool hub_is_revoked(const char *reason); /* … and so disabled by us */

/* Filled anew.  Thumbprints in upper case.  FAIL_BUSY "cloud-answer": it is
 * none. */
MUST_CHECK int hub_twin_read(
    struct hub_device *device, const struct json *json, struct fail *why);
/* Only id, etag, status, reason, type and thumbprints. */
MUST_CHECK int hub_identity_read(
    struct hub_device *device, const struct json *json, struct fail *why);

/* PUT without If-Match.  All the caller's to free. */
struct json *hub_create_body(
    const struct wanted *wanted, const struct azure_settings *azure);
/* PUT with If-Match: what was read, all of it but what the hub keeps by
 * itself, with status, reason and authentication as wanted. */
struct json *hub_update_body(const struct json *identity,
    const struct wanted *wanted, const struct azure_settings *azure);
/* PATCH of the twin: {"tags":{"microca":{…}}}, each member told, so that none
 * of an older one stays. */
struct json *hub_tags_body(const struct wanted *wanted, int64_t now);
/* One element of a bulk creation. */
struct json *hub_bulk_item(const struct wanted *wanted,
    const struct azure_settings *azure, int64_t now);

#endif

#include "lib/cloud/hub_call.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/cloud/hub_json.h"

#define PAGE "500"                  /* devices in one answer of a query */
#define PAGE_MAX (16 * 1024 * 1024) /* octets of it */

int
hub_open(struct hub **hub, const struct azure_settings *azure,
    const struct hub_pace *pace, const char *state, struct fail *why)
{
	char *url = str_fmt("https://%s", azure->hub);
	struct line_place place = {.url = url,
	    .connect_to = azure->endpoint,
	    .anchors = azure->anchors,
	    .timeout = azure->timeout};
	struct hub *h = mem_new(sizeof(*h));
	int rc = -1;

	*hub = NULL;
	h->azure = azure;
	h->pace = pace;
	if (credential_open(&h->credential, azure, pace, state, why) == 0 &&
	    line_open(&h->line, &place, why) == 0)
		rc = 0;
	if (rc == 0)
		*hub = h;
	else
		hub_close(h);
	free(url);
	return rc;
}

void
hub_close(struct hub *hub)
{
	if (hub == NULL)
		return;
	credential_close(hub->credential);
	line_close(hub->line);
	free(hub);
}

int64_t
hub_token_until(const struct hub *hub)
{
	return credential_until(hub->credential);
}

int
hub_token(struct hub *hub, struct fail *why)
{
	const char *authorization;

	return credential_show(
	    &authorization, hub->credential, when_now(), why);
}

/* ---- reading ------------------------------------------------------------- */

static int
read_device(struct hub_device *device, const struct json *json, bool twin,
    const char *id, struct fail *why)
{
	if ((twin ? hub_twin_read(device, json, why)
		  : hub_identity_read(device, json, why)) != 0)
		return -1;
	return strcmp(device->id, id) == 0
	           ? 0
	           : fail(why, FAIL_BUSY, "cloud-answer",
			 "the hub answers with another device");
}

/* The twin tells all; without twins the identity has to. */
int
hub_find(struct hub *hub, struct hub_device *device, bool *found,
    const char *id, struct fail *why)
{
	bool twin = hub->azure->tags;
	struct hub_call call = {.method = "GET",
	    .path = hub_path(twin ? "twins" : "devices", id),
	    .cost = twin ? 0 : 1,
	    .answer_max = HUB_DEVICE_MAX};
	struct hub_reply reply;
	int rc = hub_send(&reply, hub, &call, why);

	*device = (struct hub_device){0};
	*found = rc == 0 && reply.verdict == HUB_OK;
	if (*found)
		rc = read_device(device, reply.json, twin, id, why);
	else if (rc == 0 && reply.verdict != HUB_ABSENT)
		rc = -1;
	if (rc != 0) {
		*found = false;
		hub_device_free(device);
	}
	hub_reply_free(&reply);
	hub_call_free(&call);
	return rc;
}

/* ---- listing ------------------------------------------------------------- */

struct listing {
	int (*each)(const struct hub_device *device, void *arg);
	void *arg;
	struct fail *why;
	int rc; /* of `each`, or -1 */
};

static int
list_each(const char *key, const struct json *value, void *arg)
{
	struct listing *l = arg;
	struct hub_device device = {0};

	(void)key;
	l->rc = hub_twin_read(&device, value, l->why);
	if (l->rc == 0)
		l->rc = l->each(&device, l->arg);
	hub_device_free(&device);
	return l->rc;
}

/* The query language has no way to write a quote within quotes. */
static struct json *
query_of(const char *edge)
{
	struct json *j = json_new_object();
	char *text = str_fmt("SELECT * FROM devices "
			     "WHERE tags.microca.edge = '%s'",
	    edge);

	json_str(j, "query", text);
	free(text);
	return j;
}

/* One page; `more`: where the next begins. */
static int
page(struct hub *hub, struct hub_call *call, char **more,
    struct listing *listing, struct fail *why)
{
	struct hub_reply reply;
	char *at =
	    *more == NULL ? NULL : str_fmt("x-ms-continuation: %s", *more);
	int rc;

	call->more[1] = at;
	rc = hub_send(&reply, hub, call, why);
	free(at);
	free(*more);
	*more = NULL;
	if (rc == 0 && reply.verdict != HUB_OK)
		rc = -1;
	if (rc == 0 &&
	    (reply.json == NULL || json_type_of(reply.json) != JSON_IS_ARRAY))
		rc = fail(why, FAIL_BUSY, "cloud-answer",
		    "what the hub answers to a query is no list");
	if (rc == 0) {
		*more = str_dup(reply.continuation);
		rc = json_each(reply.json, list_each, listing);
	}
	hub_reply_free(&reply);
	return rc;
}

int
hub_list(struct hub *hub, const char *edge,
    int (*each)(const struct hub_device *device, void *arg), void *arg,
    struct fail *why)
{
	struct listing listing = {each, arg, why, 0};
	struct hub_call call = {.method = "POST",
	    .more = {"x-ms-max-item-count: " PAGE},
	    .answer_max = PAGE_MAX};
	char *more = NULL;
	int rc;

	if (!hub->azure->tags)
		return fail(why, FAIL_CONFIG, "cloud-tier",
		    "without tags nobody can tell which devices are ours");
	if (strchr(edge, '\'') != NULL || strchr(edge, '\\') != NULL)
		return fail(why, FAIL_CONFIG, "cloud-refused",
		    "the edge's name cannot be asked for");
	call.path = str_dup("/devices/query" HUB_API);
	call.body = query_of(edge);
	do
		rc = page(hub, &call, &more, &listing, why);
	while (rc == 0 && more != NULL && *more != '\0');
	free(more);
	hub_call_free(&call);
	return rc;
}

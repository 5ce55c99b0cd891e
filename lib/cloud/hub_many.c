#include <string.h>

#include "lib/base/when.h"
#include "lib/cloud/hub_call.h"
#include "lib/cloud/hub_json.h"

struct bulk {
	const struct wanted *const *wanted;
	size_t n;
	bool made[HUB_BULK]; /* as far as the answer says */
};

/* Each id once: the hub refuses the whole otherwise. */
static bool
belongs(const struct bulk *bulk, size_t i)
{
	if (!hub_id_valid(bulk->wanted[i]->device))
		return false;
	for (size_t k = 0; k < i; k++)
		if (strcmp(bulk->wanted[k]->device, bulk->wanted[i]->device) ==
		    0)
			return false;
	return true;
}

static int
error_each(const char *key, const struct json *error, void *arg)
{
	struct bulk *bulk = arg;
	const char *id = json_str_of(error, "deviceId");

	(void)key;
	for (size_t i = 0; id != NULL && i < bulk->n; i++)
		if (strcmp(bulk->wanted[i]->device, id) == 0)
			bulk->made[i] = false;
	return 0;
}

/* A list of errors comes with 200 and with 400. */
static bool
is_list(const struct hub_reply *reply)
{
	return reply->json != NULL &&
	       json_type_of(reply->json) == JSON_IS_OBJECT &&
	       json_of(reply->json, "isSuccessful") != NULL;
}

static struct json *
bulk_body(struct bulk *bulk, const struct azure_settings *azure)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < bulk->n; i++) {
		bulk->made[i] = belongs(bulk, i);
		if (bulk->made[i])
			json_push(list,
			    hub_bulk_item(bulk->wanted[i], azure, when_now()));
	}
	return list;
}

/* Whatever comes of it, each device is looked at afterwards. */
static int
bulk_send(struct bulk *bulk, struct hub *hub, struct fail *why)
{
	struct hub_call call = {.method = "POST",
	    .path = str_dup("/devices" HUB_API),
	    .body = bulk_body(bulk, hub->azure),
	    .cost = (unsigned)bulk->n,
	    .answer_max = HUB_DEVICE_MAX};
	struct hub_reply reply;
	const struct json *errors;
	int rc = hub_send(&reply, hub, &call, why);

	if (rc != 0)
		memset(bulk->made, 0, sizeof(bulk->made));
	/* It needs the right to delete, too: one by one does without. */
	if (rc != 0 && why->kind == FAIL_DENIED &&
	    strcmp(why->reason, "cloud-auth") == 0) {
		hub->no_bulk = true;
		rc = 0;
	}
	errors =
	    rc == 0 && is_list(&reply) ? json_of(reply.json, "errors") : NULL;
	if (errors != NULL)
		(void)json_each(errors, error_each, bulk);
	else if (reply.verdict != HUB_OK && reply.verdict != HUB_TRANSIENT)
		memset(bulk->made, 0, sizeof(bulk->made));
	hub_reply_free(&reply);
	hub_call_free(&call);
	return rc;
}

int
hub_apply_many(struct hub *hub, struct cloud_result *results,
    const struct wanted *const *wanted, size_t n, struct fail *why)
{
	struct bulk bulk = {.wanted = wanted, .n = n < HUB_BULK ? n : HUB_BULK};
	size_t done = 0;
	int rc = 0;

	if (n > 1 && hub->azure->bulk && !hub->no_bulk && pace_open(hub->pace))
		rc = bulk_send(&bulk, hub, why);
	for (; rc == 0 && done < n; done++)
		rc = hub_apply_one(hub, &results[done], wanted[done],
		    done < bulk.n && bulk.made[done], why);
	/* Those that nobody came to: made, perhaps, but not seen. */
	for (; done < n; done++)
		results[done] = (struct cloud_result){
		    .outcome = CLOUD_DEFERRED, .why = *why};
	return rc;
}

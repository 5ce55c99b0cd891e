#include "lib/cloud/hub_call.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/cloud/escape.h"
#include "lib/cloud/guid.h"

#define FAILURES_MAX 3   /* transient ones in a row */
#define THROTTLED_MAX 20 /* waits for one request */

void
hub_call_free(struct hub_call *call)
{
	free(call->path);
	json_free(call->body);
	*call = (struct hub_call){0};
}

void
hub_reply_free(struct hub_reply *reply)
{
	json_free(reply->json);
	free(reply->continuation);
	*reply = (struct hub_reply){0};
}

char *
hub_path(const char *folder, const char *id)
{
	struct bytes path = {0};

	bytes_addf(&path, "/%s/", folder);
	uri_component(&path, id);
	bytes_adds(&path, HUB_API);
	return (char *)path.data;
}

/* ---- one exchange -------------------------------------------------------- */

/* What both sides can find it by, in log and failure. */
static void
note(const struct hub_call *call, const char *id,
    const struct http_answer *answer, struct fail *why)
{
	char *theirs = http_header(answer, "x-ms-request-id");

	log_write(LOG_LEVEL_DEBUG, "azure: %s %s: %d, request %s, %s",
	    call->method, call->path, answer->status, id,
	    theirs != NULL ? theirs : "no x-ms-request-id");
	if (why->kind != FAIL_NONE)
		(void)fail_cause(why, "%s %.160s, request %s, %s", call->method,
		    call->path, id,
		    theirs != NULL ? theirs : "no x-ms-request-id");
	free(theirs);
}

/* Success without anything to read is none: it has to be looked at. */
static void
judge(
    struct hub_reply *reply, const struct http_answer *answer, struct fail *why)
{
	struct fail not_json = {0};
	char *code = http_header(answer, "iothub-errorcode");
	int rc = line_json(&reply->json, answer, &not_json);

	reply->continuation = http_header(answer, "x-ms-continuation");
	reply->verdict = hub_verdict_of(answer->status, code, reply->json, why);
	if (reply->verdict == HUB_OK && rc != 0 && answer->status != 204) {
		reply->verdict = HUB_TRANSIENT;
		*why = not_json;
	}
	free(code);
}

/* Nothing that makes sense came: it may be done, and it may not. */
static bool
is_transient(const struct fail *why)
{
	return why->kind == FAIL_BUSY;
}

static int
exchange(struct hub_reply *reply, struct hub *hub, const struct hub_call *call,
    const struct http_request *request, const char *id, int64_t *retry_after,
    struct fail *why)
{
	struct http_answer answer = {0};
	int rc = line_ask(&answer, hub->line, request, why);

	if (rc == 0) {
		judge(reply, &answer, why);
		*retry_after = answer.retry_after;
		note(call, id, &answer, why);
	} else if (is_transient(why)) {
		reply->verdict = HUB_TRANSIENT;
		(void)fail_cause(why, "request %s", id);
		rc = 0;
	}
	http_answer_free(&answer);
	return rc;
}

/* With a token, a number of its own, and the call's condition. */
static int
send_once(struct hub_reply *reply, struct hub *hub, const struct hub_call *call,
    int64_t *retry_after, struct fail *why)
{
	const char *headers[6] = {0};
	struct http_request request = {.url = call->path,
	    .method = call->method,
	    .type = "application/json; charset=utf-8",
	    .headers = headers,
	    .body_max = call->answer_max,
	    .whole = true};
	char id[GUID_LEN], *name, *match = NULL, *text = NULL;
	size_t n = 0;
	int rc;

	*reply = (struct hub_reply){0};
	if (credential_show(
		&request.authorization, hub->credential, when_now(), why) != 0)
		return -1;
	guid_write(id);
	headers[n++] = name = str_fmt("Request-Id: %s", id);
	if (call->etag != NULL)
		headers[n++] = match = str_fmt("If-Match: \"%s\"", call->etag);
	for (size_t i = 0; i < 3 && call->more[i] != NULL; i++)
		headers[n++] = call->more[i];
	if (call->body != NULL)
		request.body = span_str(text = json_text(call->body, 0));
	rc = exchange(reply, hub, call, &request, id, retry_after, why);
	free(name);
	free(match);
	free(text);
	return rc;
}

/* ---- as often as it takes ------------------------------------------------ */

/* There is something to wait for, and no time for it. */
static int
no_time(const struct hub *hub, double wait, struct fail *why)
{
	if (hub->pace->wait)
		return fail(why, FAIL_BUSY, "cloud-budget",
		    "no time is left in this run, or it was told to stop");
	(void)fail(why, FAIL_BUSY, "cloud-throttled",
	    "the rate of this configuration is used up");
	return fail_retry(why, (int)wait + 1);
}

/* Before a request: its share of the rate, and what failures cost. */
static int
wait_for_turn(struct hub *hub, const struct hub_call *call, struct fail *why)
{
	double wait = 0, turn;

	if (hub->failures > 0 && hub->pace->wait)
		wait = pace_transient(hub->failures, pace_dice());
	if (call->cost > 0) {
		turn = bucket_take(
		    &hub->bucket, hub->pace->rate, call->cost, when_clock());
		wait = turn > wait ? turn : wait;
	}
	if (wait <= 0 || pace_sleep(hub->pace, wait))
		return 0;
	return no_time(hub, wait, why);
}

/* 0: once more. */
static int
throttled(struct hub *hub, unsigned n, int64_t retry_after, struct fail *why)
{
	double wait = pace_throttled(n, retry_after, pace_dice());

	if (n <= THROTTLED_MAX && pace_sleep(hub->pace, wait))
		return 0;
	return fail_retry(why, (int)wait + 1);
}

/* 0: once more, with another token. */
static int
denied(struct hub *hub, bool *doubted, struct fail *why)
{
	if (line_clock(hub->line, why) != 0 || *doubted)
		return -1;
	*doubted = true;
	credential_doubt(hub->credential);
	return 0;
}

static int
transient(struct hub *hub, const struct hub_call *call, bool *again)
{
	hub->failures++;
	*again = strcmp(call->method, "GET") == 0;
	return hub->failures < FAILURES_MAX && pace_open(hub->pace) ? 0 : -1;
}

/* `again`: ask once more. */
static int
weigh(struct hub_reply *reply, struct hub *hub, const struct hub_call *call,
    unsigned *waits, bool *doubted, int64_t retry_after, bool *again,
    struct fail *why)
{
	*again = false;
	if (reply->verdict == HUB_TRANSIENT)
		return transient(hub, call, again);
	hub->failures = 0;
	switch (reply->verdict) {
	case HUB_THROTTLED:
		*again = true;
		return throttled(hub, ++*waits, retry_after, why);
	case HUB_DENIED:
		*again = true;
		return denied(hub, doubted, why);
	case HUB_STOP:
		return -1;
	default:
		return 0;
	}
}

int
hub_send(struct hub_reply *reply, struct hub *hub, const struct hub_call *call,
    struct fail *why)
{
	unsigned waits = 0;
	bool doubted = false, again = true;
	int rc = 0;

	*reply = (struct hub_reply){0};
	*why = (struct fail){0};
	while (rc == 0 && again) {
		int64_t retry_after = -1;

		hub_reply_free(reply);
		rc = wait_for_turn(hub, call, why);
		if (rc != 0)
			break;
		*why = (struct fail){0};
		rc = send_once(reply, hub, call, &retry_after, why);
		if (rc == 0)
			rc = weigh(reply, hub, call, &waits, &doubted,
			    retry_after, &again, why);
	}
	if (rc != 0)
		hub_reply_free(reply);
	return rc;
}

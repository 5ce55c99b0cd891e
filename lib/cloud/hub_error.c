#include "lib/cloud/hub_error.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Text: what the requester of an upload, the operator, is told. */
struct row {
	int status;
	int number;       /* 0: any code of that status */
	const char *code; /* NULL: … */
	enum hub_verdict verdict;
	enum fail_kind kind;
	const char *reason, *text;
};

static const struct row rows[] = {
    {400, 400001, "InvalidProtocolVersion", HUB_STOP, FAIL_CONFIG,
	"cloud-version", "the hub does not take this version of its interface"},
    {400, 0, NULL, HUB_REJECT, FAIL_DENIED, "cloud-refused",
	"the hub does not take what is sent for this device"},
    {401, 0, NULL, HUB_DENIED, FAIL_DENIED, "cloud-auth",
	"the hub does not let us: role or policy missing, or the key is "
	"another"},
    {403, 403002, "IotHubQuotaExceeded", HUB_STOP, FAIL_BUSY, "cloud-quota",
	"the hub's quota for today is used up"},
    {403, 403003, "OperationNotAvailableInCurrentTier", HUB_STOP, FAIL_CONFIG,
	"cloud-tier",
	"the hub's tier has no device twins: tags = false does without"},
    {403, 0, NULL, HUB_DENIED, FAIL_DENIED, "cloud-auth",
	"the hub does not let us: role, network rule or policy"},
    {404, 404001, "DeviceNotFound", HUB_ABSENT, FAIL_ABSENT, "cloud-refused",
	"the hub does not know this device"},
    {404, 0, NULL, HUB_STOP, FAIL_BUSY, "cloud-answer",
	"the hub does not know what is asked"},
    {409, 0, NULL, HUB_CONFLICT, FAIL_BUSY, "cloud-race",
	"the device exists already"},
    {412, 0, NULL, HUB_CONFLICT, FAIL_BUSY, "cloud-race",
	"somebody else changed the device meanwhile"},
    {413, 0, NULL, HUB_REJECT, FAIL_DENIED, "cloud-size",
	"what is sent for this device is too long for the hub"},
    {429, 0, NULL, HUB_THROTTLED, FAIL_BUSY, "cloud-throttled",
	"the hub is asked too often"},
};

/* Answers of the status that mean the same whoever gives them. */
static bool
needs_no_code(int status)
{
	return status == 401 || status == 403 || status == 408 ||
	       status == 409 || status == 412 || status == 429 || status >= 500;
}

static char *
cut(const char *text, const char *end)
{
	size_t len = strcspn(text, end);

	return len == 0 || len > 80 ? NULL : mem_dup(text, len);
}

static char *
code_of(const struct json *body)
{
	const struct json *member;
	const char *message;

	if (body == NULL || json_type_of(body) != JSON_IS_OBJECT)
		return NULL;
	if ((member = json_of(body, "errorCode")) != NULL)
		return json_scalar(member);
	message = json_str_of(body, "Message");
	if (message == NULL)
		return NULL;
	if (strncmp(message, "ErrorCode:", 10) == 0)
		return cut(message + 10, ";");
	/* The second envelope as a text in the first. */
	message = strstr(message, "\"errorCode\":");
	return message == NULL ? NULL : cut(message + 12, ",} ");
}

static bool
is_code(const struct row *row, const char *code)
{
	return row->code == NULL ||
	       (code != NULL &&
		   (strcmp(row->code, code) == 0 || atoi(code) == row->number));
}

static const struct row *
row_of(int status, const char *code)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (rows[i].status == status && is_code(&rows[i], code))
			return &rows[i];
	return NULL;
}

static enum hub_verdict
judge(int status, const char *code, struct fail *why)
{
	const struct row *row = row_of(status, code);

	if (status == 408 || status >= 500) {
		(void)fail(why, FAIL_BUSY, "cloud-server", "the hub answers %d",
		    status);
		return HUB_TRANSIENT;
	}
	if (status < 400 || (code == NULL && !needs_no_code(status))) {
		(void)fail(why, FAIL_BUSY, "cloud-answer",
		    "what answers %d is not IoT Hub", status);
		return HUB_STOP;
	}
	if (row != NULL) {
		(void)fail(why, row->kind, row->reason, "%s", row->text);
		return row->verdict;
	}
	(void)fail(why, FAIL_DENIED, "cloud-refused",
	    "the hub refuses this device with %d", status);
	return HUB_REJECT;
}

enum hub_verdict
hub_verdict_of(
    int status, const char *code, const struct json *body, struct fail *why)
{
	enum hub_verdict verdict;
	char *own;

	if ((status >= 200 && status < 300) ||
	    (status == 400 && body != NULL &&
		json_of(body, "isSuccessful") != NULL))
		return HUB_OK;
	own = code != NULL ? str_dup(code) : code_of(body);
	verdict = judge(status, own, why);
	(void)fail_cause(
	    why, "status %d, %s", status, own != NULL ? own : "no code");
	free(own);
	return verdict;
}

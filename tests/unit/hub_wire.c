/* hub_apply() and its kin against a server that answers by script: what is
 * sent, in which order, and what comes of each answer. */
#include "tests/unit/scripted.h"

#include "lib/base/json.h"
#include "lib/cloud/hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define HOST "h.azure-devices.net"
#define A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define C "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"
#define JSON_TYPE "Content-Type: application/json; charset=utf-8\r\n"

static X509 *hub_cert;
static char *anchors_path, *sas_path;

/* ---- what the server says ------------------------------------------------ */

#define CUR(x) "{\"sha256\":\"" x "\"}"
#define TAG(seq, cur, prev)                                                    \
	"{\"microca\":{\"v\":1,\"edge\":\"e\",\"seq\":" #seq                   \
	",\"state\":\"active\",\"cur\":" cur ",\"prev\":" prev "}}"
#define TWIN(tags, etag, twin_etag, one, two)                                  \
	"{\"deviceId\":\"d1\",\"etag\":\"" twin_etag                           \
	"\",\"deviceEtag\":\"" etag "\",\"status\":\"enabled\","               \
	"\"statusReason\":null,\"authenticationType\":\"selfSigned\","         \
	"\"x509Thumbprint\":{\"primaryThumbprint\":" one                       \
	",\"secondaryThumbprint\":" two "},\"tags\":" tags "}"
#define IDENTITY(etag, one, two)                                               \
	"{\"deviceId\":\"d1\",\"etag\":\"" etag                                \
	"\",\"status\":\"enabled\",\"statusReason\":null,"                     \
	"\"authentication\":{\"type\":\"selfSigned\",\"x509Thumbprint\":{"     \
	"\"primaryThumbprint\":" one ",\"secondaryThumbprint\":" two "}},"     \
	"\"capabilities\":{\"iotEdge\":false}}"
#define Q(x) "\"" x "\""

/* Wanted is always seq 20, B and A before it. */
#define OLD                                                                    \
	.status = "200", TWIN(TAG(10, CUR(A), "null"), "E1", "T1", Q(A), "null")
#define TAGGED                                                                 \
	.status = "200", TWIN(TAG(20, CUR(B), CUR(A)), "E1", "T2", Q(A), "null")
#define NEW                                                                    \
	.status = "200", TWIN(TAG(20, CUR(B), CUR(A)), "E2", "T2", Q(B), Q(A))
#define NEWER                                                                  \
	.status = "200", TWIN(TAG(30, CUR(C), CUR(B)), "E9", "T9", Q(C), Q(B))
#define BARE .status = "200", TWIN("{}", "E2", "T1", Q(B), Q(A))
#define FOREIGN .status = "200", TWIN("{}", "E2", "T1", Q(C), "null")
#define ID_OLD .status = "200", IDENTITY("E1", Q(A), "null")
#define ID_OTHER .status = "200", IDENTITY("E3", Q(C), "null")
#define ID_NEW .status = "200", IDENTITY("E2", Q(B), Q(A))
#define NONE .status = "404 DeviceNotFound", ""
#define EXISTS .status = "409 DeviceAlreadyExists", ""
#define STALE .status = "412 PreconditionFailed", ""
#define GARBAGE .status = "200", "<html>Log in to the guests' network</html>"
#define HTML(n) .status = n, "<html>"

struct said {
	const char *status, *body, *mode, *more;
};

/* What was sent: "GET twins", "PUT devices", with `If-Match`. */
struct row {
	const char *name;
	struct said answers[10];
	const char *sent;
	int rc;
	enum cloud_outcome outcome;
	const char *reason;
	bool no_tags, adopt, no_wait;
};

static const struct row rows[] = {
    {.name = "a new device",
	{{NONE}, {ID_NEW}, {BARE}, {NEW}},
	"GET twins, PUT devices, GET twins, PATCH twins \"T1\"",
	0,
	CLOUD_APPLIED},
    {.name = "a renewal",
	{{OLD}, {TAGGED}, {ID_OLD}, {ID_NEW}, {NEW}},
	"GET twins, PATCH twins \"T1\", GET devices, PUT devices \"E1\", "
	"GET twins",
	0,
	CLOUD_APPLIED},
    {.name = "as wanted already", {{NEW}}, "GET twins", 0, CLOUD_UNCHANGED},
    {.name = "something newer is there",
	{{NEWER}},
	"GET twins",
	0,
	CLOUD_SUPERSEDED},
    {.name = "the tag was written by others",
	{{OLD}, {STALE}, {NEW}},
	"GET twins, PATCH twins \"T1\", GET twins",
	0,
	CLOUD_UNCHANGED},
    {.name = "the identity was written by others, with something newer",
	{{OLD}, {TAGGED}, {ID_OLD}, {STALE}, {NEWER}},
	"GET twins, PATCH twins \"T1\", GET devices, PUT devices \"E1\", "
	"GET twins",
	0,
	CLOUD_SUPERSEDED},
    {.name = "made by others meanwhile",
	{{NONE}, {EXISTS}, {NEW}},
	"GET twins, PUT devices, GET twins",
	0,
	CLOUD_UNCHANGED},
    {.name = "gone meanwhile",
	{{OLD}, {NONE}, {NONE}, {ID_NEW}, {BARE}, {NEW}},
	"GET twins, PATCH twins \"T1\", GET twins, PUT devices, GET twins, "
	"PATCH twins \"T1\"",
	0,
	CLOUD_APPLIED},
    {.name = "a race that is lost three times",
	{{OLD}, {STALE}, {OLD}, {STALE}, {OLD}, {STALE}},
	"GET twins, PATCH twins \"T1\", GET twins, PATCH twins \"T1\", GET "
	"twins, PATCH twins \"T1\"",
	0,
	CLOUD_DEFERRED,
	"cloud-race"},
    {.name = "the identity is another than the twin told",
	{{TAGGED}, {ID_OTHER}, {TAGGED}, {ID_NEW}, {NEW}},
	"GET twins, GET devices, GET twins, PUT devices \"E3\", GET twins",
	0,
	CLOUD_APPLIED},
    {.name = "the twin tells of an identity that is past",
	{{TAGGED}, {ID_NEW}, {TAGGED}},
	"GET twins, GET devices, GET twins",
	0,
	CLOUD_UNCHANGED},
    {.name = "what is written does not stay",
	{{TAGGED}, {ID_OLD}, {ID_NEW}, {TAGGED}, {ID_OLD}, {ID_NEW}, {TAGGED},
	    {ID_OLD}, {ID_NEW}, {TAGGED}},
	"GET twins, GET devices, PUT devices \"E1\", GET twins, GET devices, "
	"PUT devices \"E1\", GET twins, GET devices, PUT devices \"E1\", GET "
	"twins",
	0,
	CLOUD_UNKNOWN,
	"cloud-race"},
    /* libcurl sends it anew when a connection that was used before ends
     * without a word: being conditional, it does no harm. */
    {.name = "cut after the write",
	{{NONE}, {ID_NEW, "cut 0"}, {EXISTS}, {BARE}, {NEW}},
	"GET twins, PUT devices, PUT devices, GET twins, PATCH twins \"T1\"",
	0,
	CLOUD_APPLIED},
    {.name = "half an answer to the write",
	{{NONE}, {ID_NEW, "cut 120"}, {BARE}, {NEW}},
	"GET twins, PUT devices, GET twins, PATCH twins \"T1\"",
	0,
	CLOUD_APPLIED},
    {.name = "500 after the write",
	{{TAGGED}, {ID_OLD}, {HTML("500")}, {NEW}},
	"GET twins, GET devices, PUT devices \"E1\", GET twins",
	0,
	CLOUD_APPLIED},
    {.name = "500 instead of each write",
	{{TAGGED}, {ID_OLD}, {HTML("500")}, {TAGGED}, {ID_OLD}, {HTML("503")},
	    {TAGGED}, {ID_OLD}, {HTML("500")}},
	"GET twins, GET devices, PUT devices \"E1\", GET twins, GET devices, "
	"PUT devices \"E1\", GET twins, GET devices, PUT devices \"E1\"",
	0,
	CLOUD_UNKNOWN,
	"cloud-server"},
    {.name = "the server is down",
	{{HTML("503")}, {HTML("502")}, {HTML("500")}},
	"GET twins, GET twins, GET twins",
	-1,
	CLOUD_DEFERRED,
	"cloud-server"},
    {.name = "a token that has expired",
	{{HTML("401 IotHubUnauthorizedAccess")}, {NEW}},
	"GET twins, GET twins",
	0,
	CLOUD_UNCHANGED},
    {.name = "a role that is missing",
	{{HTML("401 IotHubUnauthorizedAccess")},
	    {HTML("401 IotHubUnauthorizedAccess")}},
	"GET twins, GET twins",
	-1,
	CLOUD_DEFERRED,
	"cloud-auth"},
    {.name = "a clock that is wrong",
	{{.status = "401 IotHubUnauthorizedAccess",
	    "",
	    NULL,
	    "Date: Tue, 24 Nov 2020 03:00:00 GMT\r\n"}},
	"GET twins",
	-1,
	CLOUD_DEFERRED,
	"cloud-clock"},
    {.name = "no twins in this tier",
	{{.status = "403 OperationNotAvailableInCurrentTier", ""}},
	"GET twins",
	-1,
	CLOUD_DEFERRED,
	"cloud-tier"},
    {.name = "the quota is used up",
	{{.status = "403 IotHubQuotaExceeded", ""}},
	"GET twins",
	-1,
	CLOUD_DEFERRED,
	"cloud-quota"},
    {.name = "not an IoT Hub",
	{{HTML("404")}},
	"GET twins",
	-1,
	CLOUD_DEFERRED,
	"cloud-answer"},
    {.name = "elsewhere",
	{{.status = "302", "", NULL, "Location: https://localhost/\r\n"}},
	"GET twins",
	-1,
	CLOUD_DEFERRED,
	"cloud-answer"},
    {.name = "another device's twin",
	{{.status = "200",
	    "{\"deviceId\":\"D1\",\"etag\":\"a\",\"deviceEtag\":\"b\"}"}},
	"GET twins",
	-1,
	CLOUD_DEFERRED,
	"cloud-answer"},
    {.name = "refused",
	{{NONE}, {.status = "400 ArgumentInvalid", ""}},
	"GET twins, PUT devices",
	0,
	CLOUD_REJECTED,
	"cloud-refused"},
    {.name = "too long",
	{{OLD}, {.status = "413 RequestEntityTooLarge", ""}},
	"GET twins, PATCH twins \"T1\"",
	0,
	CLOUD_REJECTED,
	"cloud-size"},
    {.name = "garbage",
	{{GARBAGE}, {GARBAGE}, {GARBAGE}},
	"GET twins, GET twins, GET twins",
	-1,
	CLOUD_DEFERRED,
	"cloud-answer"},
    {.name = "garbage once, and for a write",
	{{GARBAGE}, {OLD}, {GARBAGE}, {NEW}},
	"GET twins, GET twins, PATCH twins \"T1\", GET twins",
	0,
	CLOUD_APPLIED},
    {.name = "no HTTP",
	{{.status = "", "SSH-2.0-OpenSSH\r\n"}, {NEW}},
	"GET twins, GET twins",
	0,
	CLOUD_UNCHANGED},
    {.name = "never an answer",
	{{OLD, "hang 0"}, {OLD, "hang 0"}, {OLD, "hang 0"}},
	"GET twins, GET twins, GET twins",
	-1,
	CLOUD_DEFERRED,
	"cloud-net"},
    {.name = "never an answer to the write",
	{{OLD}, {OLD, "hang 0"}, {NEW}},
	"GET twins, PATCH twins \"T1\", GET twins",
	0,
	CLOUD_APPLIED},
    {.name = "slow", {{NEW, "late 700"}}, "GET twins", 0, CLOUD_UNCHANGED},
    {.name = "throttled, with a time",
	{{.status = "429 ThrottlingException",
	     "",
	     "close",
	     "Retry-After: 0\r\n"},
	    {NEW}},
	"GET twins, GET twins",
	0,
	CLOUD_UNCHANGED},
    {.name = "throttled, when nobody waits",
	{{.status = "429 ThrottlingException", "", "close"}},
	"GET twins",
	-1,
	CLOUD_DEFERRED,
	"cloud-throttled",
	.no_wait = true},
    {.name = "down, when nobody waits",
	{{HTML("503")}, {NEW}},
	"GET twins, GET twins",
	0,
	CLOUD_UNCHANGED,
	.no_wait = true},
    {.name = "another's device",
	{{FOREIGN}},
	"GET twins",
	0,
	CLOUD_REJECTED,
	"cloud-foreign"},
    {.name = "another's device, taken over",
	{{FOREIGN}, {TAGGED}, {ID_OLD}, {ID_NEW}, {NEW}},
	"GET twins, PATCH twins \"T1\", GET devices, PUT devices \"E1\", GET "
	"twins",
	0,
	CLOUD_APPLIED,
	.adopt = true},
    {.name = "a new device without twins",
	{{NONE}, {ID_NEW}},
	"GET devices, PUT devices",
	0,
	CLOUD_APPLIED,
	.no_tags = true},
    {.name = "a renewal without twins",
	{{ID_OLD}, {ID_OLD}, {ID_NEW}},
	"GET devices, GET devices, PUT devices \"E1\"",
	0,
	CLOUD_APPLIED,
	.no_tags = true},
};

static void
answer_put(
    const struct scripted *s, const char *op, int n, const struct said *said)
{
	char name[80], *headers, status[64];
	const char *code = strchr(said->status, ' ');

	(void)snprintf(name, sizeof(name), "%s.%d", op, n);
	(void)snprintf(status, sizeof(status), "%.3s X", said->status);
	headers = str_fmt(JSON_TYPE "%s%s%s%s",
	    code != NULL ? "iothub-errorcode: " : "",
	    code != NULL ? code + 1 : "", code != NULL ? "\r\n" : "",
	    said->more != NULL ? said->more : "");
	if (said->status[0] == '\0')
		scripted_text(s, name, said->body);
	else
		scripted_answer(s, name, status, headers, span_str(said->body));
	if (said->mode != NULL) {
		(void)snprintf(name, sizeof(name), "%s.%d.mode", op, n);
		scripted_text(s, name, said->mode);
	}
	free(headers);
}

/* The requests that came, as in the table. */
static char *
sent(const struct scripted *s)
{
	struct bytes all = {0};
	int n = scripted_requests(s);

	bytes_adds(&all, "");
	for (int i = 1; i <= n; i++) {
		char name[32], method[16], folder[32];
		struct bytes head;
		const char *match;

		(void)snprintf(name, sizeof(name), "request.%d", i);
		head = scripted_file(s, name);
		if (sscanf((char *)head.data, "%15s /%31[a-z]", method,
			folder) != 2)
			fail_msg("%s", (char *)head.data);
		match = strstr((char *)head.data, "\r\nIf-Match: ");
		bytes_addf(&all, "%s%s %s", i > 1 ? ", " : "", method, folder);
		if (match != NULL)
			bytes_addf(&all, " %.*s",
			    (int)strcspn(match + 12, "\r"), match + 12);
		bytes_free(&head);
	}
	return (char *)all.data;
}

/* ---- our side ------------------------------------------------------------ */

static struct azure_settings
settings(char **endpoint, const struct scripted *s)
{
	*endpoint = str_fmt("localhost:%u", s->port);
	return (struct azure_settings){.hub = (char *)HOST,
	    .endpoint = *endpoint,
	    .anchors = anchors_path,
	    .tags = true,
	    .auth = AZURE_SAS,
	    .sas_policy = (char *)"p",
	    .sas_key_file = sas_path,
	    .timeout = 1};
}

static struct wanted
wanted(const char *id)
{
	struct wanted w = {.seq = 20};

	w.device = str_dup(id);
	w.edge = str_dup("e");
	memcpy(w.current.sha256, B, sizeof(w.current.sha256));
	memcpy(w.previous.sha256, A, sizeof(w.previous.sha256));
	return w;
}

static void
run_row(const struct row *row, const struct scripted *s)
{
	char *endpoint, *requests;
	struct azure_settings azure = settings(&endpoint, s);
	struct hub_pace pace = {.wait = !row->no_wait};
	struct wanted w = wanted("d1");
	struct cloud_result result;
	struct fail why = {0};
	struct hub *hub;
	int rc;

	azure.tags = !row->no_tags;
	azure.adopt = row->adopt;
	assert_int_equal(hub_open(&hub, &azure, &pace, pki_folder, &why), 0);
	rc = hub_apply(hub, &result, &w, &why);
	requests = sent(s);
	if (rc != row->rc || result.outcome != row->outcome ||
	    strcmp(requests, row->sent) != 0)
		fail_msg("%s: %d, %s, %s: %s", row->name, rc,
		    cloud_outcome_word(result.outcome), requests, why.text);
	if (row->reason != NULL)
		assert_string_equal(result.why.reason, row->reason);
	else
		assert_null(result.why.reason);
	if (row->outcome == CLOUD_SUPERSEDED)
		assert_string_equal(result.there, C);
	hub_close(hub);
	wanted_free(&w);
	free(requests);
	free(endpoint);
}

static void
each_answer_leads_to_its_end(void **st)
{
	(void)st;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct scripted s = scripted_start(hub_cert, server_key, NULL);

		for (int n = 0; n < 10; n++)
			if (rows[i].answers[n].status != NULL)
				answer_put(
				    &s, "d1", n + 1, &rows[i].answers[n]);
		run_row(&rows[i], &s);
		scripted_stop(&s);
	}
}

/* ---- many ---------------------------------------------------------------- */

#define TWIN_OF(id)                                                            \
	"{\"deviceId\":\"" id "\",\"etag\":\"T2\",\"deviceEtag\":\"E2\","      \
	"\"status\":\"enabled\",\"statusReason\":null,"                        \
	"\"authenticationType\":\"selfSigned\",\"x509Thumbprint\":{"           \
	"\"primaryThumbprint\":\"" B "\",\"secondaryThumbprint\":\"" A         \
	"\"},\"tags\":" TAG(20, CUR(B), CUR(A)) "}"

/* One bulk request's answer, and what each of three devices comes to. */
static const struct {
	const char *name;
	struct said bulk;
	enum cloud_outcome outcome[3];
	const char *sent;
} bulks[] = {
    {"all are made", {.status = "200", "{\"isSuccessful\":true,\"errors\":[]}"},
	{CLOUD_APPLIED, CLOUD_APPLIED, CLOUD_APPLIED},
	"POST devices, GET twins, GET twins, GET twins"},
    {"one was there",
	{.status = "400",
	    "{\"isSuccessful\":false,\"errors\":[{\"deviceId\":\"d2\","
	    "\"errorCode\":\"DeviceAlreadyExists\",\"errorStatus\":\"x\"}]"
	    ",\"warnings\":[]}"},
	{CLOUD_APPLIED, CLOUD_UNCHANGED, CLOUD_APPLIED},
	"POST devices, GET twins, GET twins, GET twins"},
    {"nobody knows", {.status = "500", ""},
	{CLOUD_APPLIED, CLOUD_APPLIED, CLOUD_APPLIED},
	"POST devices, GET twins, GET twins, GET twins"},
    {"too many", {.status = "413 TooManyDevices", ""},
	{CLOUD_UNCHANGED, CLOUD_UNCHANGED, CLOUD_UNCHANGED},
	"POST devices, GET twins, GET twins, GET twins"},
    {"no right to", {.status = "401 IotHubUnauthorizedAccess", ""},
	{CLOUD_UNCHANGED, CLOUD_UNCHANGED, CLOUD_UNCHANGED},
	"POST devices, POST devices, GET twins, GET twins, GET twins"},
};

static void
run_bulk(size_t i, const struct scripted *s)
{
	char *endpoint, *requests;
	struct azure_settings azure = settings(&endpoint, s);
	struct hub_pace pace = {.wait = true};
	struct wanted w[3] = {wanted("d1"), wanted("d2"), wanted("d3")};
	const struct wanted *all[3] = {&w[0], &w[1], &w[2]};
	struct cloud_result results[3];
	struct fail why = {0};
	struct hub *hub;

	azure.bulk = true;
	assert_int_equal(hub_open(&hub, &azure, &pace, pki_folder, &why), 0);
	if (hub_apply_many(hub, results, all, 3, &why) != 0)
		fail_msg("%s: %s", bulks[i].name, why.text);
	requests = sent(s);
	assert_string_equal(requests, bulks[i].sent);
	for (int k = 0; k < 3; k++) {
		if (results[k].outcome != bulks[i].outcome[k])
			fail_msg("%s: %d is %s", bulks[i].name, k,
			    cloud_outcome_word(results[k].outcome));
		wanted_free(&w[k]);
	}
	hub_close(hub);
	free(requests);
	free(endpoint);
}

static void
each_of_many_is_confirmed_by_reading(void **st)
{
	static const struct said twins[] = {{.status = "200", TWIN_OF("d1")},
	    {.status = "200", TWIN_OF("d2")}, {.status = "200", TWIN_OF("d3")}};
	static const char *const names[] = {"d1", "d2", "d3"};

	(void)st;
	for (size_t i = 0; i < COUNT(bulks); i++) {
		struct scripted s = scripted_start(hub_cert, server_key, NULL);

		answer_put(&s, "devices", 1, &bulks[i].bulk);
		answer_put(&s, "devices", 2, &bulks[i].bulk);
		for (int k = 0; k < 3; k++)
			answer_put(&s, names[k], 1, &twins[k]);
		run_bulk(i, &s);
		scripted_stop(&s);
	}
}

static int
listed(const struct hub_device *device, void *arg)
{
	bytes_addf(arg, "%s ", device->id);
	return strcmp(device->id, "d3") == 0 ? 7 : 0;
}

static void
a_list_goes_on_page_by_page(void **st)
{
	static const struct said pages[] = {
	    {"200", "[" TWIN_OF("d1") "," TWIN_OF("d2") "]", NULL,
		"x-ms-continuation: more==\r\n"},
	    {"200", "[" TWIN_OF("d3") "," TWIN_OF("d4") "]", NULL, NULL}};
	struct scripted s = scripted_start(hub_cert, server_key, NULL);
	char *endpoint;
	struct azure_settings azure = settings(&endpoint, &s);
	struct hub_pace pace = {.wait = true};
	struct bytes ids = {0}, second;
	struct fail why = {0};
	struct hub *hub;

	(void)st;
	answer_put(&s, "query", 1, &pages[0]);
	answer_put(&s, "query", 2, &pages[1]);
	assert_int_equal(hub_open(&hub, &azure, &pace, pki_folder, &why), 0);
	assert_int_equal(hub_list(hub, "e", listed, &ids, &why), 7);
	assert_string_equal((char *)ids.data, "d1 d2 d3 ");
	second = scripted_file(&s, "request.2");
	assert_non_null(
	    strstr((char *)second.data, "\r\nx-ms-continuation: more==\r\n"));
	bytes_free(&second);
	assert_int_equal(hub_list(hub, "e' OR '", listed, &ids, &why), -1);
	assert_int_equal(scripted_requests(&s), 2);
	bytes_free(&ids);
	hub_close(hub);
	free(endpoint);
	scripted_stop(&s);
}

/* ---- before anything is sent --------------------------------------------- */

static void
try_once(const struct azure_settings *azure, const struct hub_pace *pace,
    const char *id, int rc, const char *reason)
{
	struct wanted w = wanted(id);
	struct cloud_result result;
	struct fail why = {0};
	struct hub *hub;

	assert_int_equal(hub_open(&hub, azure, pace, pki_folder, &why), 0);
	assert_int_equal(hub_apply(hub, &result, &w, &why), rc);
	assert_string_equal(result.why.reason, reason);
	hub_close(hub);
	wanted_free(&w);
}

static void
nothing_is_sent_to_whom_it_does_not_belong(void **st)
{
	struct scripted s = scripted_start(hub_cert, server_key, NULL);
	char *endpoint;
	struct azure_settings azure = settings(&endpoint, &s), other = azure;
	struct hub_pace pace = {.wait = true}, late = {.wait = true};

	(void)st;
	late.deadline = when_now() - 1;
	try_once(&azure, &late, "d1", -1, "cloud-budget");
	try_once(&azure, &pace, "a/b", 0, "cloud-id");
	other.hub = (char *)"h.azure-devices.example";
	try_once(&other, &pace, "d1", -1, "cloud-tls");
	other = azure;
	other.anchors = NULL; /* the system's: not this CA */
	try_once(&other, &pace, "d1", -1, "cloud-tls");
	assert_int_equal(scripted_requests(&s), 0);
	scripted_stop(&s);
	/* Nobody listens any more; no such name. */
	pace.wait = false;
	try_once(&azure, &pace, "d1", -1, "cloud-net");
	other = azure;
	other.endpoint = (char *)"nowhere.invalid:443";
	try_once(&other, &pace, "d1", -1, "cloud-net");
	free(endpoint);
}

/* A request's line and headers. */
static void
a_request_looks_as_microsofts_does(void **st)
{
	struct scripted s = scripted_start(hub_cert, server_key, NULL);
	char *endpoint;
	struct azure_settings azure = settings(&endpoint, &s);
	struct hub_pace pace = {.wait = true};
	struct hub_device device;
	struct fail why = {0};
	struct bytes head;
	struct hub *hub;
	bool found;

	(void)st;
	assert_int_equal(hub_open(&hub, &azure, &pace, pki_folder, &why), 0);
	answer_put(&s, "a%23%3F%25", 1, &(struct said){NONE, NULL, NULL});
	assert_int_equal(hub_find(hub, &device, &found, "a#?%", &why), 0);
	assert_false(found);
	head = scripted_file(&s, "request.1");
	assert_memory_equal(head.data,
	    "GET /twins/a%23%3F%25?api-version=2021-04-12 HTTP/1.1\r\n", 54);
	assert_non_null(strstr((char *)head.data, "\r\nHost: " HOST "\r\n"));
	assert_non_null(strstr((char *)head.data,
	    "\r\nAuthorization: SharedAccessSignature sr=" HOST "&sig="));
	assert_non_null(strstr((char *)head.data, "\r\nRequest-Id: "));
	assert_non_null(strstr((char *)head.data, "\r\nUser-Agent: microca/"));
	assert_null(strstr((char *)head.data, "If-Match"));
	bytes_free(&head);
	hub_close(hub);
	free(endpoint);
	scripted_stop(&s);
}

/* ---- Microsoft's own requests -------------------------------------------- */

/* Paths of members, one a line; what is in our tag is ours. */
struct keys {
	struct bytes text;
	const char *above;
};

static int
key_each(const char *key, const struct json *value, void *arg)
{
	struct keys *keys = arg;
	const char *above = keys->above;
	char *path = str_fmt("%s/%s", above, key != NULL ? key : "*");

	if (key == NULL || strcmp(key, "etag") != 0)
		bytes_addf(&keys->text, "%s\n", path);
	keys->above = path;
	if (key == NULL || strcmp(key, "microca") != 0)
		(void)json_each(value, key_each, keys);
	keys->above = above;
	free(path);
	return 0;
}

/* Sorted, each line once. */
static char *
keys_of(const struct json *body)
{
	struct keys keys = {.above = ""};
	char *line[64], *save, *at;
	struct bytes sorted = {0};
	size_t n = 0;

	bytes_adds(&keys.text, "");
	if (body != NULL)
		(void)json_each(body, key_each, &keys);
	for (at = strtok_r((char *)keys.text.data, "\n", &save);
	     at != NULL && n < COUNT(line); at = strtok_r(NULL, "\n", &save)) {
		size_t i = n++;

		for (; i > 0 && strcmp(line[i - 1], at) > 0; i--)
			line[i] = line[i - 1];
		line[i] = at;
	}
	bytes_adds(&sorted, "");
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(line[i], line[i - 1]) != 0)
			bytes_addf(&sorted, "%s\n", line[i]);
	bytes_free(&keys.text);
	return (char *)sorted.data;
}

/* One line of what was recorded against our request of that number. */
static void
sdk_compare(const struct scripted *s, int number, const struct json *theirs)
{
	char name[32], *line, *ours, *want;
	struct bytes head, body;
	struct json *sent = NULL;
	struct fail why = {0};

	(void)snprintf(name, sizeof(name), "request.%d", number);
	head = scripted_file(s, name);
	(void)snprintf(name, sizeof(name), "request.%d.body", number);
	body = scripted_file(s, name);
	line = str_fmt("%s %s HTTP/1.1\r\n", json_str_of(theirs, "method"),
	    json_str_of(theirs, "target"));
	if (strncmp((char *)head.data, line, strlen(line)) != 0)
		fail_msg("%s but %s", line, (char *)head.data);
	assert_true((strstr((char *)head.data, "\r\nIf-Match: \"") != NULL) ==
		    (json_str_of(theirs, "match") != NULL));
	if (body.len > 0)
		assert_int_equal(json_read(&sent, (char *)body.data, &why), 0);
	ours = keys_of(sent);
	want = keys_of(json_of(theirs, "body"));
	assert_string_equal(ours, want);
	json_free(sent);
	bytes_free(&head);
	bytes_free(&body);
	free(ours);
	free(want);
	free(line);
}

/* Every request that we know, in the order of `operations`. */
static const char *const operations[] = {"twin", "tag", "read", "update",
    "twin", "twin", "create", "twin", "tag", "bulk", "twin", "twin", "query",
    "escape"};

static void
sdk_play(struct hub *hub, const struct scripted *s)
{
	static const struct said answers[] = {{OLD}, {TAGGED}, {ID_OLD},
	    {ID_NEW}, {NEW}, {NONE}, {ID_NEW}, {BARE}, {NEW}, {NEW}, {NEW}};
	static const struct said list = {.status = "200", "[]"};
	static const struct said none = {NONE};
	struct wanted w = wanted("d1");
	const struct wanted *all[] = {&w, &w};
	struct cloud_result results[2];
	struct hub_device device;
	struct fail why = {0};
	bool found;

	for (size_t i = 0; i < COUNT(answers); i++)
		answer_put(s, "d1", (int)i + 1, &answers[i]);
	answer_put(s, "query", 1, &list);
	answer_put(s, "devices", 1, &none);
	answer_put(s, "a-%3A.%2B%25_%23*%3F!()%2C%3D%40%3B%24'", 1, &none);
	for (int i = 0; i < 2; i++)
		assert_int_equal(hub_apply(hub, results, &w, &why), 0);
	if (hub_apply_many(hub, results, all, 2, &why) != 0 ||
	    hub_list(hub, "e", listed, NULL, &why) != 0)
		fail_msg("%s (%s)", why.text, why.cause);
	assert_int_equal(
	    hub_find(hub, &device, &found, "a-:.+%_#*?!(),=@;$'", &why), 0);
	wanted_free(&w);
}

static struct json *
sdk_find(const char *recorded, const char *operation)
{
	char *copy = str_dup(recorded), *save, *line;
	struct json *j = NULL;

	for (line = strtok_r(copy, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		struct fail why = {0};

		assert_int_equal(json_read(&j, line, &why), 0);
		if (strcmp(json_str_of(j, "operation"), operation) == 0)
			break;
		json_free(j);
		j = NULL;
	}
	free(copy);
	assert_non_null(j);
	return j;
}

static void
our_requests_are_those_of_microsofts_client(void **st)
{
	struct scripted s = scripted_start(hub_cert, server_key, NULL);
	const char *source = getenv("SRCDIR");
	char *endpoint, *path = file_path(source != NULL ? source : ".",
			    "tests/vectors/azure-sdk/requests.json");
	struct azure_settings azure = settings(&endpoint, &s);
	struct hub_pace pace = {.wait = true};
	struct bytes recorded = {0};
	struct fail why = {0};
	struct hub *hub;

	(void)st;
	azure.bulk = true;
	assert_int_equal(file_read(&recorded, path, 1 << 20, &why), 0);
	assert_int_equal(hub_open(&hub, &azure, &pace, pki_folder, &why), 0);
	sdk_play(hub, &s);
	assert_int_equal(scripted_requests(&s), COUNT(operations));
	for (size_t i = 0; i < COUNT(operations); i++) {
		struct json *theirs =
		    sdk_find((char *)recorded.data, operations[i]);

		sdk_compare(&s, (int)i + 1, theirs);
		json_free(theirs);
	}
	hub_close(hub);
	bytes_free(&recorded);
	free(endpoint);
	free(path);
	scripted_stop(&s);
}

/* ---- the group ----------------------------------------------------------- */

static int
group_make(void **st)
{
	static const struct extension names[8] =
	    SERVER_EXTENSIONS("DNS:*.azure-devices.net");
	struct spec spec = {.subject = "CN=a hub"};
	struct fail why = {0};

	if (scripted_make(st) != 0)
		return -1;
	spec.key = server_key;
	spec.issuer = root;
	spec.signer = root_key;
	memcpy(spec.extension, names, sizeof(names));
	hub_cert = pki_cert(&spec);
	pki_pem("anchors.pem", anchors);
	anchors_path = pki_path("anchors.pem");
	sas_path = pki_path("sas");
	return file_write(sas_path, span_str("c2VjcmV0"), 0600, &why);
}

static int
group_remove(void **st)
{
	X509_free(hub_cert);
	free(anchors_path);
	free(sas_path);
	return scripted_remove(st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_answer_leads_to_its_end),
	    cmocka_unit_test(each_of_many_is_confirmed_by_reading),
	    cmocka_unit_test(a_list_goes_on_page_by_page),
	    cmocka_unit_test(nothing_is_sent_to_whom_it_does_not_belong),
	    cmocka_unit_test(a_request_looks_as_microsofts_does),
	    cmocka_unit_test(our_requests_are_those_of_microsofts_client),
	};

	return cmocka_run_group_tests(tests, group_make, group_remove);
}

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/cloud/hub_decide.h"
#include "lib/cloud/hub_error.h"
#include "lib/cloud/hub_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NOW 1790000000

/* Thumbprints of as many octets as they have, told apart by a letter. */
#define A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define C "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"
#define SMALL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void
cert_set(struct cloud_cert *cert, const char *sha256, int64_t not_before)
{
	if (sha256 == NULL)
		return;
	memcpy(cert->sha256, sha256, THUMBPRINT_LEN + 1);
	cert->serial = str_dup("01A2");
	cert->issuer = str_dup("CN=Micro CA 1");
	cert->profile = str_dup("device");
	cert->not_before = not_before;
	cert->not_after = not_before + 1000;
}

/* Of edge e; B's notBefore is later than A's. */
static struct wanted
wanted_of(int64_t seq, const char *current, const char *previous)
{
	struct wanted w = {.seq = seq};

	w.device = str_dup("d1");
	w.edge = str_dup("e");
	w.site = str_dup("s");
	cert_set(&w.current, current, NOW + (current == NULL ? 0 : *current));
	cert_set(
	    &w.previous, previous, NOW + (previous == NULL ? 0 : *previous));
	return w;
}

static struct hub_device
there_of(const struct wanted *tag, const char *status, const char *reason,
    const char *type, const char *primary, const char *secondary)
{
	struct hub_device d = {0};

	d.id = str_dup("d1");
	d.status = str_dup(status);
	d.status_reason = str_dup(reason);
	d.type = str_dup(type);
	memcpy(d.primary, primary, strlen(primary) + 1);
	memcpy(d.secondary, secondary, strlen(secondary) + 1);
	if (tag != NULL) {
		d.ours = true;
		d.tag = *tag;
	}
	return d;
}

/* ---- the decision -------------------------------------------------------- */

/* Tag: 0: none. */
static const struct row {
	const char *name;
	int64_t tag;
	const char *tag_current, *tag_previous;
	enum cloud_state tag_state;
	const char *status, *reason, *type, *primary, *secondary;
	enum hub_act want, adopting, ca;
} rows[] = {
    /* Wanted is always: seq 20, current B, previous A, active. */
    {"as wanted", 20, B, A, 0, "enabled", HUB_MARK, "selfSigned", B, A,
	HUB_DONE, HUB_DONE, HUB_IDENTITY},
    {"thumbprints as wanted, in small letters", 20, B, A, 0, "Enabled",
	"provisioned", "SelfSigned", B, SMALL, HUB_DONE, HUB_DONE,
	HUB_IDENTITY},
    {"the tag is older", 19, B, A, 0, "enabled", NULL, "selfSigned", B, A,
	HUB_TAG, HUB_TAG, HUB_TAG},
    {"the tag tells another certificate", 20, A, NULL, 0, "enabled", NULL,
	"selfSigned", B, A, HUB_TAG, HUB_TAG, HUB_TAG},
    {"the tag tells revoked", 20, B, A, CLOUD_REVOKED, "enabled", NULL,
	"selfSigned", B, A, HUB_TAG, HUB_TAG, HUB_TAG},
    {"only the tag is written yet", 20, B, A, 0, "enabled", NULL, "selfSigned",
	A, "", HUB_IDENTITY, HUB_IDENTITY, HUB_IDENTITY},
    {"the slots are swapped", 20, B, A, 0, "enabled", NULL, "selfSigned", A, B,
	HUB_IDENTITY, HUB_IDENTITY, HUB_IDENTITY},
    {"a third thumbprint", 20, B, A, 0, "enabled", NULL, "selfSigned", B, C,
	HUB_IDENTITY, HUB_IDENTITY, HUB_IDENTITY},
    {"symmetric keys meanwhile", 20, B, A, 0, "enabled", NULL, "sas", "", "",
	HUB_IDENTITY, HUB_IDENTITY, HUB_IDENTITY},
    {"CA mode", 20, B, A, 0, "enabled", NULL, "certificateAuthority", "", "",
	HUB_IDENTITY, HUB_IDENTITY, HUB_DONE},
    {"disabled by us", 20, B, A, 0, "disabled", HUB_REVOKED "superseded",
	"selfSigned", B, A, HUB_IDENTITY, HUB_IDENTITY, HUB_IDENTITY},
    {"disabled by somebody else", 20, B, A, 0, "disabled", "stolen",
	"selfSigned", B, A, HUB_DONE, HUB_DONE, HUB_IDENTITY},
    {"disabled without a word", 20, B, A, 0, "disabled", NULL, "selfSigned", B,
	A, HUB_DONE, HUB_DONE, HUB_IDENTITY},
    {"disabled by hand where we wrote the reason", 20, B, A, 0, "disabled",
	HUB_MARK, "selfSigned", B, A, HUB_DONE, HUB_DONE, HUB_IDENTITY},
    {"newer", 21, C, B, 0, "enabled", NULL, "selfSigned", C, B, HUB_SUPERSEDED,
	HUB_SUPERSEDED, HUB_UNSETTLED},
    {"newer and revoked", 21, B, NULL, CLOUD_REVOKED, "disabled",
	HUB_REVOKED "keyCompromise", "selfSigned", "", "", HUB_SUPERSEDED,
	HUB_SUPERSEDED, HUB_UNSETTLED},
    {"newer, and the identity is not that", 21, C, B, 0, "enabled", NULL,
	"selfSigned", B, A, HUB_UNSETTLED, HUB_UNSETTLED, HUB_UNSETTLED},
    {"no tag, symmetric keys", 0, NULL, NULL, 0, "enabled", NULL, "sas", "", "",
	HUB_FOREIGN, HUB_TAG, HUB_FOREIGN},
    {"no tag, another's thumbprint", 0, NULL, NULL, 0, "enabled", NULL,
	"selfSigned", C, "", HUB_FOREIGN, HUB_TAG, HUB_FOREIGN},
    {"no tag, no thumbprint", 0, NULL, NULL, 0, "enabled", NULL, "selfSigned",
	"", "", HUB_TAG, HUB_TAG, HUB_TAG},
    {"no tag, the previous thumbprint", 0, NULL, NULL, 0, "enabled", NULL,
	"selfSigned", A, "", HUB_TAG, HUB_TAG, HUB_TAG},
    {"no tag, but our mark", 0, NULL, NULL, 0, "enabled", HUB_MARK,
	"selfSigned", C, "", HUB_TAG, HUB_TAG, HUB_TAG},
    {"no tag, disabled by us", 0, NULL, NULL, 0, "disabled",
	HUB_REVOKED "superseded", "selfSigned", "", "", HUB_TAG, HUB_TAG,
	HUB_TAG},
    {"no tag, the CA's kind", 0, NULL, NULL, 0, "enabled", NULL,
	"certificateAuthority", "", "", HUB_FOREIGN, HUB_TAG, HUB_TAG},
};

static void
each_state_of_a_device_has_its_step(void **st)
{
	struct wanted w = wanted_of(20, B, A);
	struct azure_settings plain = {.tags = true};
	struct azure_settings adopt = {.tags = true, .adopt = true};
	struct azure_settings ca = {.tags = true, .identity = IDENTITY_CA};

	(void)st;
	assert_int_equal(hub_decide(&w, NULL, &plain), HUB_CREATE);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *r = &rows[i];
		struct wanted tag =
		    wanted_of(r->tag, r->tag_current, r->tag_previous);
		struct hub_device d;

		tag.state = r->tag_state;
		d = there_of(r->tag != 0 ? &tag : NULL, r->status, r->reason,
		    r->type, r->primary, r->secondary);
		if (hub_decide(&w, &d, &plain) != r->want ||
		    hub_decide(&w, &d, &adopt) != r->adopting ||
		    hub_decide(&w, &d, &ca) != r->ca)
			fail_msg("%s: %d, %d, %d", r->name,
			    hub_decide(&w, &d, &plain),
			    hub_decide(&w, &d, &adopt),
			    hub_decide(&w, &d, &ca));
		if (r->tag == 0)
			wanted_free(&tag);
		hub_device_free(&d);
	}
	wanted_free(&w);
}

static void
a_revoked_device_is_disabled_without_thumbprints(void **st)
{
	static const struct {
		const char *status, *reason, *primary;
		enum hub_act want;
	} tries[] = {
	    {"enabled", HUB_MARK, B, HUB_IDENTITY},
	    {"disabled", HUB_REVOKED "keyCompromise", B, HUB_IDENTITY},
	    {"disabled", HUB_REVOKED "keyCompromise", "", HUB_DONE},
	    {"disabled", "stolen", "", HUB_DONE},
	    {"enabled", HUB_MARK, "", HUB_IDENTITY},
	};
	struct azure_settings azure = {.tags = true};

	(void)st;
	for (size_t i = 0; i < COUNT(tries); i++) {
		struct wanted w = wanted_of(20, B, NULL);
		struct wanted tag = wanted_of(20, B, NULL);
		struct hub_device d;

		w.state = tag.state = CLOUD_REVOKED;
		d = there_of(&tag, tries[i].status, tries[i].reason,
		    "selfSigned", tries[i].primary, "");
		assert_int_equal(hub_decide(&w, &d, &azure), tries[i].want);
		hub_device_free(&d);
		wanted_free(&w);
	}
}

static void
without_twins_only_the_identity_counts(void **st)
{
	struct wanted w = wanted_of(20, B, A);
	struct azure_settings azure = {.tags = false};
	struct hub_device d =
	    there_of(NULL, "enabled", HUB_MARK, "selfSigned", B, A);

	(void)st;
	assert_int_equal(hub_decide(&w, &d, &azure), HUB_DONE);
	memcpy(d.primary, C, sizeof(d.primary));
	assert_int_equal(hub_decide(&w, &d, &azure), HUB_IDENTITY);
	hub_device_free(&d);
	wanted_free(&w);
}

static void
the_newer_state_wins_between_edges_by_time(void **st)
{
	struct wanted a = wanted_of(20, A, NULL), b = wanted_of(10, B, NULL);

	(void)st;
	assert_true(hub_is_newer(&a, &b));
	assert_false(hub_is_newer(&b, &a));
	free(b.edge);
	b.edge = str_dup("f");
	assert_false(hub_is_newer(&a, &b));
	assert_true(hub_is_newer(&b, &a));
	/* One of two is, whatever it is. */
	a.current.not_before = b.current.not_before;
	assert_true(hub_is_newer(&a, &b) != hub_is_newer(&b, &a));
	wanted_free(&a);
	wanted_free(&b);
}

static void
a_tag_of_a_later_version_is_left_alone(void **st)
{
	struct wanted w = wanted_of(20, B, A), tag = wanted_of(1, A, NULL);
	struct azure_settings azure = {.tags = true, .adopt = true};
	struct hub_device d =
	    there_of(&tag, "enabled", NULL, "selfSigned", A, "");

	(void)st;
	d.late = true;
	assert_int_equal(hub_decide(&w, &d, &azure), HUB_LATE);
	hub_device_free(&d);
	wanted_free(&w);
}

/* ---- bodies -------------------------------------------------------------- */

static void
is_text(struct json *j, const char *want)
{
	char *text = json_text(j, 0);

	assert_string_equal(text, want);
	free(text);
	json_free(j);
}

static void
bodies_are_what_the_hub_takes(void **st)
{
	struct wanted w = wanted_of(41, A, NULL);
	struct azure_settings azure = {.tags = true};
	struct azure_settings ca = {.identity = IDENTITY_CA};

	(void)st;
	is_text(hub_create_body(&w, &azure),
	    "{\"deviceId\":\"d1\",\"status\":\"enabled\",\"statusReason\":"
	    "\"microca\",\"authentication\":{\"type\":\"selfSigned\","
	    "\"x509Thumbprint\":{\"primaryThumbprint\":\"" A
	    "\",\"secondaryThumbprint\":null}},\"capabilities\":{\"iotEdge\":"
	    "false}}");
	is_text(hub_create_body(&w, &ca),
	    "{\"deviceId\":\"d1\",\"status\":\"enabled\",\"statusReason\":"
	    "\"microca\",\"authentication\":{\"type\":\"certificateAuthority\"}"
	    ",\"capabilities\":{\"iotEdge\":false}}");
	is_text(hub_tags_body(&w, NOW),
	    "{\"tags\":{\"microca\":{\"v\":1,\"edge\":\"e\",\"site\":\"s\","
	    "\"seq\":41,\"state\":\"active\",\"cur\":{\"sha256\":\"" A
	    "\",\"serial\":\"01A2\",\"issuer\":\"CN=Micro CA 1\","
	    "\"notBefore\":\"2026-09-21T14:14:25Z\",\"notAfter\":"
	    "\"2026-09-21T14:31:05Z\",\"profile\":\"device\"},\"prev\":null,"
	    "\"at\":\"2026-09-21T14:13:20Z\"}}}");
	w.state = CLOUD_REVOKED;
	w.reason = 1;
	free(w.site);
	w.site = NULL;
	is_text(hub_create_body(&w, &azure),
	    "{\"deviceId\":\"d1\",\"status\":\"disabled\",\"statusReason\":"
	    "\"certificate revoked: keyCompromise\",\"authentication\":{"
	    "\"type\":\"selfSigned\",\"x509Thumbprint\":{"
	    "\"primaryThumbprint\":null,\"secondaryThumbprint\":null}},"
	    "\"capabilities\":{\"iotEdge\":false}}");
	wanted_free(&w);
}

static void
a_bulk_item_has_status_and_tags(void **st)
{
	struct wanted w = wanted_of(41, B, A);
	struct azure_settings azure = {.tags = true};
	struct json *j = hub_bulk_item(&w, &azure, NOW);
	const struct json *tags = json_of(j, "tags");

	(void)st;
	assert_string_equal(json_str_of(j, "id"), "d1");
	assert_null(json_of(j, "deviceId"));
	assert_string_equal(json_str_of(j, "importMode"), "create");
	assert_string_equal(json_str_of(j, "status"), "enabled");
	assert_non_null(tags);
	assert_int_equal(json_int_of(json_of(tags, "microca"), "seq", 0), 41);
	json_free(j);
	azure.tags = false;
	j = hub_bulk_item(&w, &azure, NOW);
	assert_null(json_of(j, "tags"));
	json_free(j);
	wanted_free(&w);
}

/* What was read, and what is sent back. */
static const struct {
	enum cloud_state state;
	const char *read, *sent;
} updates[] = {
    {CLOUD_ACTIVE,
	"{\"deviceId\":\"d1\",\"generationId\":\"6\",\"etag\":\"MQ==\","
	"\"connectionState\":\"Disconnected\",\"status\":\"enabled\","
	"\"statusReason\":null,\"connectionStateUpdatedTime\":\"0001\","
	"\"statusUpdatedTime\":\"0001\",\"lastActivityTime\":\"0001\","
	"\"cloudToDeviceMessageCount\":0,\"authentication\":{\"symmetricKey\":"
	"{\"primaryKey\":null,\"secondaryKey\":null},\"x509Thumbprint\":{"
	"\"primaryThumbprint\":\"" A
	"\",\"secondaryThumbprint\":null},\"type\":\"selfSigned\"},"
	"\"capabilities\":{\"iotEdge\":true},\"deviceScope\":"
	"\"ms-azure-iot-edge://d1-6\",\"parentScopes\":[\"p\"],\"new\":{\"x\":"
	"1}}",
	"{\"deviceId\":\"d1\",\"status\":\"enabled\",\"statusReason\":"
	"\"microca\",\"capabilities\":{\"iotEdge\":true},\"deviceScope\":"
	"\"ms-azure-iot-edge://d1-6\",\"parentScopes\":[\"p\"],\"new\":{\"x\":"
	"1},\"authentication\":{\"type\":\"selfSigned\",\"x509Thumbprint\":{"
	"\"primaryThumbprint\":\"" B "\",\"secondaryThumbprint\":\"" A "\"}}}"},
    {CLOUD_ACTIVE,
	"{\"deviceId\":\"d1\",\"etag\":\"MQ==\",\"status\":\"disabled\","
	"\"statusReason\":\"stolen\"}",
	"{\"deviceId\":\"d1\",\"status\":\"disabled\",\"statusReason\":"
	"\"stolen\",\"authentication\":{\"type\":\"selfSigned\","
	"\"x509Thumbprint\":{\"primaryThumbprint\":\"" B
	"\",\"secondaryThumbprint\":\"" A "\"}}}"},
    {CLOUD_ACTIVE,
	"{\"deviceId\":\"d1\",\"status\":\"disabled\",\"statusReason\":"
	"\"certificate revoked: superseded\"}",
	"{\"deviceId\":\"d1\",\"status\":\"enabled\",\"statusReason\":"
	"\"microca\",\"authentication\":{\"type\":\"selfSigned\","
	"\"x509Thumbprint\":{\"primaryThumbprint\":\"" B
	"\",\"secondaryThumbprint\":\"" A "\"}}}"},
    {CLOUD_ACTIVE,
	"{\"deviceId\":\"d1\",\"status\":\"enabled\",\"statusReason\":"
	"\"provisioned\"}",
	"{\"deviceId\":\"d1\",\"status\":\"enabled\",\"statusReason\":"
	"\"provisioned\",\"authentication\":{\"type\":\"selfSigned\","
	"\"x509Thumbprint\":{\"primaryThumbprint\":\"" B
	"\",\"secondaryThumbprint\":\"" A "\"}}}"},
    {CLOUD_REVOKED,
	"{\"deviceId\":\"d1\",\"status\":\"enabled\",\"statusReason\":"
	"\"provisioned\"}",
	"{\"deviceId\":\"d1\",\"status\":\"disabled\",\"statusReason\":"
	"\"certificate revoked: cessationOfOperation\",\"authentication\":{"
	"\"type\":\"selfSigned\",\"x509Thumbprint\":{\"primaryThumbprint\":"
	"null,\"secondaryThumbprint\":null}}}"},
};

static void
an_update_keeps_what_is_not_ours(void **st)
{
	struct azure_settings azure = {.tags = true};

	(void)st;
	for (size_t i = 0; i < COUNT(updates); i++) {
		struct wanted w = wanted_of(2, B, A);
		struct json *read;
		struct fail why = {0};

		w.state = updates[i].state;
		w.reason = 5;
		assert_int_equal(json_read(&read, updates[i].read, &why), 0);
		is_text(hub_update_body(read, &w, &azure), updates[i].sent);
		json_free(read);
		wanted_free(&w);
	}
}

/* ---- reading ------------------------------------------------------------- */

static int
twin(struct hub_device *d, const char *text, struct fail *why)
{
	struct json *j;
	int rc;

	assert_int_equal(json_read(&j, text, why), 0);
	rc = hub_twin_read(d, j, why);
	json_free(j);
	return rc;
}

static void
a_twin_tells_identity_and_tag(void **st)
{
	struct wanted w = wanted_of(41, B, A);
	struct json *tags = hub_tags_body(&w, NOW);
	char *inner, *text;
	struct hub_device d = {0};
	struct fail why = {0};
	struct azure_settings azure = {.tags = true};

	(void)st;
	inner = json_text(tags, 0);
	text = str_fmt("{\"deviceId\":\"d1\",\"etag\":\"AAAAAAAAAAE=\","
		       "\"deviceEtag\":\"OTQ1\",\"status\":\"enabled\","
		       "\"authenticationType\":\"selfSigned\","
		       "\"x509Thumbprint\":{\"PrimaryThumbprint\":\"%s\","
		       "\"SecondaryThumbprint\":\"" SMALL "\"},%s",
	    B, inner + 1);
	assert_int_equal(twin(&d, text, &why), 0);
	assert_string_equal(d.etag, "OTQ1");
	assert_string_equal(d.twin_etag, "AAAAAAAAAAE=");
	assert_string_equal(d.primary, B);
	assert_string_equal(d.secondary, A);
	assert_true(d.ours);
	assert_false(d.late);
	assert_int_equal(d.tag.seq, 41);
	/* What is written is read as the same. */
	assert_int_equal(hub_decide(&w, &d, &azure), HUB_DONE);
	hub_device_free(&d);
	json_free(tags);
	free(inner);
	free(text);
	wanted_free(&w);
}

#define TWIN "\"deviceId\":\"d\",\"etag\":\"A\",\"deviceEtag\":\"B\""

static void
what_is_no_twin_is_told(void **st)
{
	static const struct {
		const char *text;
		bool ok, ours;
	} tries[] = {
	    {"{" TWIN "}", true, false},
	    {"{" TWIN ",\"tags\":null}", true, false},
	    {"{" TWIN ",\"tags\":[],\"x509Thumbprint\":7}", true, false},
	    {"{" TWIN ",\"tags\":{\"microca\":7}}", true, false},
	    {"{" TWIN ",\"tags\":{\"microca\":{}}}", true, true},
	    {"{" TWIN ",\"tags\":{\"microca\":{\"seq\":\"x\",\"cur\":[]}}}",
		true, true},
	    {"{\"deviceId\":\"d\",\"etag\":\"A\"}", false, false},
	    {"{\"deviceId\":\"d\",\"deviceEtag\":\"B\"}", false, false},
	    {"{\"etag\":\"A\",\"deviceEtag\":\"B\"}", false, false},
	    {"{\"deviceId\":\"d\",\"etag\":\"A\",\"deviceEtag\":\"B\\r\\nX: "
	     "y\"}",
		false, false},
	    {"{\"deviceId\":\"d\",\"etag\":\"A\\\"\",\"deviceEtag\":\"B\"}",
		false, false},
	    {"[]", false, false},
	};

	(void)st;
	for (size_t i = 0; i < COUNT(tries); i++) {
		struct hub_device d = {0};
		struct fail why = {0};

		if ((twin(&d, tries[i].text, &why) == 0) != tries[i].ok ||
		    d.ours != tries[i].ours)
			fail_msg("%s", tries[i].text);
		if (!tries[i].ok)
			assert_string_equal(why.reason, "cloud-answer");
		hub_device_free(&d);
	}
}

static void
device_ids_are_those_of_the_hub(void **st)
{
	char long_[130];

	(void)st;
	assert_true(hub_id_valid("a"));
	assert_true(hub_id_valid("A-Za-z0-9:.+%_#*?!(),=@;$'"));
	assert_true(hub_id_valid("..."));
	assert_false(hub_id_valid(""));
	assert_false(hub_id_valid("."));
	assert_false(hub_id_valid(".."));
	assert_false(hub_id_valid("a/b"));
	assert_false(hub_id_valid("a b"));
	assert_false(hub_id_valid("a\n"));
	assert_false(hub_id_valid("\xc3\xa9"));
	memset(long_, 'x', sizeof(long_));
	long_[129] = '\0';
	assert_false(hub_id_valid(long_));
	long_[128] = '\0';
	assert_true(hub_id_valid(long_));
}

/* ---- codes --------------------------------------------------------------- */

static const struct {
	int status;
	const char *code, *body;
	enum hub_verdict verdict;
	enum fail_kind kind;
	const char *reason;
} codes[] = {
    {200, NULL, NULL, HUB_OK, FAIL_NONE, NULL},
    {204, NULL, NULL, HUB_OK, FAIL_NONE, NULL},
    {302, NULL, NULL, HUB_STOP, FAIL_BUSY, "cloud-answer"},
    {400, "ArgumentInvalid", NULL, HUB_REJECT, FAIL_DENIED, "cloud-refused"},
    {400, "IotHubFormatError", NULL, HUB_REJECT, FAIL_DENIED, "cloud-refused"},
    {400, "InvalidProtocolVersion", NULL, HUB_STOP, FAIL_CONFIG,
	"cloud-version"},
    {400, NULL, NULL, HUB_STOP, FAIL_BUSY, "cloud-answer"},
    {400, NULL, "{\"isSuccessful\":false,\"errors\":[]}", HUB_OK, FAIL_NONE,
	NULL},
    {401, "IotHubUnauthorizedAccess", NULL, HUB_DENIED, FAIL_DENIED,
	"cloud-auth"},
    {401, NULL, NULL, HUB_DENIED, FAIL_DENIED, "cloud-auth"},
    {403, "IotHubQuotaExceeded", NULL, HUB_STOP, FAIL_BUSY, "cloud-quota"},
    {403, "OperationNotAvailableInCurrentTier", NULL, HUB_STOP, FAIL_CONFIG,
	"cloud-tier"},
    {403, "IpAddressNotAllowed", NULL, HUB_DENIED, FAIL_DENIED, "cloud-auth"},
    {404, "DeviceNotFound", NULL, HUB_ABSENT, FAIL_ABSENT, "cloud-refused"},
    {404, NULL, "{\"Message\":\"ErrorCode:DeviceNotFound;No such\"}",
	HUB_ABSENT, FAIL_ABSENT, "cloud-refused"},
    {404, NULL, "{\"errorCode\":404001,\"message\":\"x\"}", HUB_ABSENT,
	FAIL_ABSENT, "cloud-refused"},
    {404, NULL,
	"{\"Message\":\"{\\\"errorCode\\\":404001,\\\"trackingId\\\":1}\"}",
	HUB_ABSENT, FAIL_ABSENT, "cloud-refused"},
    {404, "IotHubNotFound", NULL, HUB_STOP, FAIL_BUSY, "cloud-answer"},
    {404, NULL, NULL, HUB_STOP, FAIL_BUSY, "cloud-answer"},
    {405, NULL, NULL, HUB_STOP, FAIL_BUSY, "cloud-answer"},
    {405, "MethodNotAllowed", NULL, HUB_REJECT, FAIL_DENIED, "cloud-refused"},
    {408, NULL, NULL, HUB_TRANSIENT, FAIL_BUSY, "cloud-server"},
    {409, "DeviceAlreadyExists", NULL, HUB_CONFLICT, FAIL_BUSY, "cloud-race"},
    {412, "PreconditionFailed", NULL, HUB_CONFLICT, FAIL_BUSY, "cloud-race"},
    {412, NULL, NULL, HUB_CONFLICT, FAIL_BUSY, "cloud-race"},
    {413, "RequestEntityTooLarge", NULL, HUB_REJECT, FAIL_DENIED, "cloud-size"},
    {413, NULL, NULL, HUB_STOP, FAIL_BUSY, "cloud-answer"},
    {429, "ThrottlingException", NULL, HUB_THROTTLED, FAIL_BUSY,
	"cloud-throttled"},
    {429, NULL, NULL, HUB_THROTTLED, FAIL_BUSY, "cloud-throttled"},
    {500, "ServerError", NULL, HUB_TRANSIENT, FAIL_BUSY, "cloud-server"},
    {502, NULL, NULL, HUB_TRANSIENT, FAIL_BUSY, "cloud-server"},
    {503, "ServiceUnavailable", NULL, HUB_TRANSIENT, FAIL_BUSY, "cloud-server"},
};

static void
each_code_means_one_thing(void **st)
{
	(void)st;
	for (size_t i = 0; i < COUNT(codes); i++) {
		struct json *body = NULL;
		struct fail why = {0};
		enum hub_verdict verdict;

		if (codes[i].body != NULL)
			assert_int_equal(
			    json_read(&body, codes[i].body, &why), 0);
		verdict =
		    hub_verdict_of(codes[i].status, codes[i].code, body, &why);
		if (verdict != codes[i].verdict || why.kind != codes[i].kind)
			fail_msg("%d %s: %d, %d", codes[i].status,
			    codes[i].code, verdict, why.kind);
		if (codes[i].reason != NULL)
			assert_string_equal(why.reason, codes[i].reason);
		json_free(body);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_state_of_a_device_has_its_step),
	    cmocka_unit_test(a_revoked_device_is_disabled_without_thumbprints),
	    cmocka_unit_test(without_twins_only_the_identity_counts),
	    cmocka_unit_test(the_newer_state_wins_between_edges_by_time),
	    cmocka_unit_test(a_tag_of_a_later_version_is_left_alone),
	    cmocka_unit_test(bodies_are_what_the_hub_takes),
	    cmocka_unit_test(a_bulk_item_has_status_and_tags),
	    cmocka_unit_test(an_update_keeps_what_is_not_ours),
	    cmocka_unit_test(a_twin_tells_identity_and_tag),
	    cmocka_unit_test(what_is_no_twin_is_told),
	    cmocka_unit_test(device_ids_are_those_of_the_hub),
	    cmocka_unit_test(each_code_means_one_thing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The edge's side of microca.cc/1 against a server that answers by script: what
 * is sent, and what comes of each answer. */
#include "tests/unit/scripted.h"

#include "lib/base/json.h"
#include "lib/cloud/connector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define ERROR "{\"error\":{\"code\":\"why_not\",\"message\":\"because\"}}"

static struct scripted server;
static struct cloud_settings cloud;
static struct key_place place;
static struct cloud_result results[CONTRACT_ITEMS];

static int
make(void **state)
{
	static char *root_path;
	const char *options[] = {"-r", "-C", NULL, NULL};

	(void)scripted_make(state);
	pki_pem_one("root.pem", root);
	pki_pem_one("client.pem", device_cert);
	pki_key_file("client.key", device_key);
	root_path = pki_path("root.pem");
	options[2] = root_path;
	server = scripted_start(server_cert, server_key, options);
	cloud = (struct cloud_settings){.edge = str_dup("plant-7-a")};
	cloud.connector.url = str_fmt("%s/", server.url);
	cloud.connector.anchors = root_path;
	cloud.connector.certificate = pki_path("client.pem");
	cloud.connector.key = pki_path("client.key");
	cloud.connector.timeout = 5;
	place.state = pki_folder;
	return 0;
}

static int
end(void **state)
{
	scripted_stop(&server);
	free(cloud.edge);
	free(cloud.connector.url);
	free(cloud.connector.anchors);
	free(cloud.connector.certificate);
	free(cloud.connector.key);
	return scripted_remove(state);
}

static struct connector *
opened(void)
{
	struct fail why = {0};
	struct connector *c;

	if (connector_open(&c, &cloud, &place, &why) != 0)
		must(false, why.text);
	return c;
}

/* ---- what it answers ----------------------------------------------------- */

static void
answers(const char *operation, const char *status, const char *headers,
    const char *body)
{
	scripted_answer(&server, operation, status, headers, span_str(body));
}

/* A program in place of an answer: results that fit what was sent, all with
 * that status. */
static void
answers_all(const char *status)
{
	char *script = str_fmt(
	    "#!/bin/sh\n"
	    "id=$(sed 's/.*\"batchId\":\"\\([^\"]*\\)\".*/\\1/' \"$1\")\n"
	    "items=$(grep -o '\"seq\":[0-9]*' \"$1\" | while read -r seq; do\n"
	    "printf '%%s{%%s,\"certSha256\":\"" A "\",\"status\":\"%s\","
	    "\"code\":null,\"detail\":null,\"retryAfter\":null}' "
	    "\"${comma:-}\" \"$seq\"; comma=,; done)\n"
	    "body=\"{\\\"batchId\\\":\\\"$id\\\",\\\"results\\\":[$items]}\"\n"
	    "printf 'HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\n"
	    "Content-Length: %%d\\r\\n\\r\\n%%s' ${#body} \"$body\"\n",
	    status);
	char *path = scripted_path(&server, "certificate-events");

	scripted_text(&server, "certificate-events", script);
	must(chmod(path, 0700) == 0, path);
	free(path);
	free(script);
}

static struct wanted devices[CONTRACT_ITEMS];
static const struct wanted *wanted[CONTRACT_ITEMS];

static void
devices_make(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct wanted *w = &devices[i];

		wanted_free(w);
		w->device = str_fmt("plant-7-%zu", i);
		w->edge = str_dup("plant-7-a");
		w->seq = (int64_t)i + 1;
		(void)strcpy(w->current.sha256, A);
		w->current.serial = str_dup("01");
		w->current.issuer = str_dup("CN=CA");
		w->current.profile = str_dup("device");
		w->current.not_before = 1795446000;
		w->current.not_after = 1826982000;
		wanted[i] = w;
	}
}

static void
devices_free(void)
{
	for (size_t i = 0; i < CONTRACT_ITEMS; i++)
		wanted_free(&devices[i]);
}

static int
tell(size_t n, struct fail *why)
{
	struct connector *c = opened();
	int rc;

	devices_make(n);
	*why = (struct fail){0};
	rc = connector_apply(c, results, wanted, n, why);
	connector_close(c);
	devices_free();
	return rc;
}

/* The newest request: its head or body. */
static struct bytes
sent(const char *part)
{
	char *name = str_fmt("request.%d%s", scripted_requests(&server), part);
	struct bytes text = scripted_file(&server, name);

	free(name);
	return text;
}

/* ---- certificate states -------------------------------------------------- */

static void
a_batch_is_posted_and_its_results_are_taken(void **state)
{
	struct contract_batch *batch = mem_new(sizeof(*batch));
	struct bytes head, body;
	struct fail why;

	(void)state;
	answers_all("applied");
	assert_int_equal(tell(CONTRACT_ITEMS, &why), 0);
	for (size_t i = 0; i < CONTRACT_ITEMS; i++)
		assert_int_equal(results[i].outcome, CLOUD_APPLIED);
	head = sent("");
	body = sent(".body");
	assert_non_null(
	    strstr((char *)head.data, "POST /v1/certificate-events HTTP/1.1"));
	assert_non_null(
	    strstr((char *)head.data, "Content-Type: application/json"));
	assert_null(strstr((char *)head.data, "Transfer-Encoding"));
	assert_int_equal(
	    contract_batch_read(batch, (char *)body.data, &why), 0);
	assert_int_equal(batch->n, CONTRACT_ITEMS);
	assert_string_equal(batch->edge, "plant-7-a");
	contract_batch_free(batch);
	free(batch);
	bytes_free(&head);
	bytes_free(&body);
}

static void
two_batches_have_two_ids(void **state)
{
	struct bytes one, two;
	struct fail why;

	(void)state;
	answers_all("unchanged");
	assert_int_equal(tell(1, &why), 0);
	one = sent(".body");
	assert_int_equal(tell(1, &why), 0);
	two = sent(".body");
	assert_string_not_equal(strstr((char *)one.data, "batchId"),
	    strstr((char *)two.data, "batchId"));
	bytes_free(&one);
	bytes_free(&two);
}

/* Nothing more in this run, and all is kept. */
static void
what_is_refused_as_a_whole_is_kept(void **state)
{
	static const struct {
		const char *status, *headers, *body;
		enum fail_kind kind;
		const char *reason;
		int retry;
	} rows[] = {
	    {"401 Unauthorized", "", ERROR, FAIL_DENIED, "cloud-auth", 0},
	    {"403 Forbidden", "", ERROR, FAIL_DENIED, "cloud-auth", 0},
	    {"403 Forbidden", "", "<html>", FAIL_DENIED, "cloud-auth", 0},
	    {"404 Not Found", "", ERROR, FAIL_BUSY, "cloud-answer", 0},
	    {"408 Request Timeout", "", ERROR, FAIL_BUSY, "cloud-answer", 0},
	    {"409 Conflict", "", ERROR, FAIL_BUSY, "cloud-answer", 0},
	    {"429 Too Many Requests", "Retry-After: 7\r\n", ERROR, FAIL_BUSY,
		"cloud-throttled", 7},
	    {"429 Too Many Requests", "", "", FAIL_BUSY, "cloud-throttled", 60},
	    {"503 Service Unavailable", "Retry-After: 5\r\n", "<html>",
		FAIL_BUSY, "cloud-throttled", 5},
	    {"503 Service Unavailable", "Retry-After: soon\r\n", ERROR,
		FAIL_BUSY, "cloud-throttled", 60},
	    {"500 Internal Server Error", "", ERROR, FAIL_BUSY, "cloud-answer",
		0},
	    {"502 Bad Gateway", "", "<html>", FAIL_BUSY, "cloud-answer", 0},
	    {"301 Moved", "Location: https://localhost:1/\r\n", "", FAIL_BUSY,
		"cloud-answer", 0},
	    /* a web server before it, that knows nothing of items */
	    {"400 Bad Request", "", "<html>", FAIL_BUSY, "cloud-answer", 0},
	    {"413 Too Large", "", "", FAIL_BUSY, "cloud-answer", 0},
	    {"200 OK", "", "<html>", FAIL_BUSY, "cloud-answer", 0},
	    {"200 OK", "", "", FAIL_BUSY, "cloud-answer", 0},
	    {"200 OK", "", "{}", FAIL_BUSY, "cloud-answer", 0},
	    {"200 OK", "", "{\"batchId\":\"other\",\"results\":[]}", FAIL_BUSY,
		"cloud-answer", 0},
	};
	struct fail why;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int before = scripted_requests(&server);

		answers("certificate-events", rows[i].status, rows[i].headers,
		    rows[i].body);
		assert_int_equal(tell(3, &why), -1);
		if (why.kind != rows[i].kind ||
		    strcmp(why.reason, rows[i].reason) != 0 ||
		    why.retry != rows[i].retry)
			fail_msg("%s: %d %s %d: %s", rows[i].status, why.kind,
			    why.reason, why.retry, why.text);
		assert_int_equal(scripted_requests(&server), before + 1);
	}
}

/* 400 or 413 by the connector's own word: halved, until one item is to blame.
 */
static void
one_item_that_is_not_taken_is_found(void **state)
{
	static const char script[] =
	    "#!/bin/sh\n"
	    "if grep -q '\"plant-7-5\"' \"$1\"; then\n"
	    "printf 'HTTP/1.1 400 Bad Request\\r\\nContent-Length: %d\\r\\n"
	    "\\r\\n%s' 48 '" ERROR "'\n"
	    "else exec \"$(dirname \"$1\")/well\" \"$1\"; fi\n";
	char *well = scripted_path(&server, "well");
	char *path = scripted_path(&server, "certificate-events");
	struct fail why;

	(void)state;
	assert_int_equal(strlen(ERROR), 48);
	answers_all("applied");
	must(rename(path, well) == 0, well);
	scripted_text(&server, "certificate-events", script);
	must(chmod(path, 0700) == 0, path);
	assert_int_equal(tell(10, &why), 0);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(results[i].outcome,
		    i == 5 ? CLOUD_REJECTED : CLOUD_APPLIED);
	assert_int_equal(results[5].why.kind, FAIL_MALFORMED);
	assert_string_equal(results[5].why.reason, "cloud-refused");
	assert_non_null(strstr(results[5].why.text, "why_not: because"));
	free(well);
	free(path);
}

static void
a_line_that_is_cut_is_told_as_that(void **state)
{
	struct fail why;

	(void)state;
	answers("certificate-events", "200 OK", "", "{}");
	scripted_text(&server, "certificate-events.mode", "cut 0");
	assert_int_equal(tell(1, &why), -1);
	assert_int_equal(why.kind, FAIL_BUSY);
	assert_string_equal(why.reason, "cloud-net");
	scripted_text(&server, "certificate-events.mode", "");
}

/* ---- heads, devices ------------------------------------------------------ */

static int
head(struct fail *why)
{
	struct connector *c = opened();
	int rc;

	*why = (struct fail){0};
	rc = connector_head(c, "{\"schema\":\"microca.head/1\"}", why);
	connector_close(c);
	return rc;
}

static void
a_head_is_posted_and_one_that_went_back_is_told(void **state)
{
	struct bytes body;
	struct fail why;

	(void)state;
	answers("audit-heads", "200 OK", "", "{\"status\":\"recorded\"}");
	assert_int_equal(head(&why), 0);
	body = sent(".body");
	assert_string_equal(body.data, "{\"schema\":\"microca.head/1\"}");
	bytes_free(&body);
	answers("audit-heads", "409 Conflict", "", ERROR);
	assert_int_equal(head(&why), -1);
	assert_int_equal(why.kind, FAIL_DENIED);
	assert_string_equal(why.reason, "head-back");
	/* by something else that says 409 */
	answers("audit-heads", "409 Conflict", "", "<html>");
	assert_int_equal(head(&why), -1);
	assert_int_equal(why.kind, FAIL_BUSY);
	answers("audit-heads", "503 Later", "", ERROR);
	assert_int_equal(head(&why), -1);
	assert_string_equal(why.reason, "cloud-throttled");
}

static void
a_device_is_asked_for_by_its_escaped_id(void **state)
{
	struct connector *c = opened();
	struct fail why = {0};
	struct bytes sent_head;
	char *json;

	(void)state;
	answers("default", "200 OK", "", "{\"seq\":7}");
	assert_int_equal(connector_find(c, &json, "a:b%c?d#e", &why), 0);
	assert_string_equal(json, "{\"seq\":7}");
	free(json);
	sent_head = sent("");
	assert_non_null(strstr((char *)sent_head.data,
	    "GET /v1/devices/a%3Ab%25c%3Fd%23e HTTP/1.1"));
	bytes_free(&sent_head);
	answers("default", "404 Not Found", "",
	    "{\"error\":{\"code\":\"no_device\",\"message\":\"none\"}}");
	assert_int_equal(connector_find(c, &json, "a", &why), 0);
	assert_null(json);
	/* a path that is not the connector's is no answer about a device */
	answers("default", "404 Not Found", "", "<html>");
	assert_int_equal(connector_find(c, &json, "a", &why), -1);
	assert_int_equal(why.kind, FAIL_BUSY);
	answers("health", "200 OK", "", "{\"status\":\"ok\"}");
	assert_int_equal(connector_health(c, &json, &why), 0);
	assert_string_equal(json, "{\"status\":\"ok\"}");
	free(json);
	connector_close(c);
}

/* ---- who is there -------------------------------------------------------- */

static void
a_connector_that_is_not_trusted_is_told_nothing(void **state)
{
	struct cloud_settings kept = cloud;
	int before = scripted_requests(&server);
	struct fail why;

	(void)state;
	answers_all("applied");
	cloud.connector.anchors = pki_path("client.pem");
	assert_int_equal(tell(1, &why), -1);
	assert_int_equal(why.kind, FAIL_DENIED);
	assert_string_equal(why.reason, "cloud-tls");
	free(cloud.connector.anchors);
	cloud = kept;
	cloud.connector.url = str_fmt("https://127.0.0.1:%u", server.port);
	assert_int_equal(tell(1, &why), -1);
	assert_string_equal(why.reason, "cloud-tls");
	free(cloud.connector.url);
	cloud = kept;
	assert_int_equal(scripted_requests(&server), before);
}

static void
the_own_certificate_is_shown_when_none_is_named(void **state)
{
	struct cloud_settings kept = cloud;
	char *path = pki_path("own"), *command;
	struct connector *c;
	struct fail why = {0};

	(void)state;
	cloud.connector.certificate = cloud.connector.key = NULL;
	assert_int_equal(connector_open(&c, &cloud, &place, &why), -1);
	assert_int_equal(why.kind, FAIL_ABSENT);
	assert_string_equal(why.reason, "pair");
	command = str_fmt("set -e; mkdir -p %s/client/000001; cd %s/client; "
			  "cp ../../client.pem 000001/chain.pem; "
			  "cp ../../client.pem 000001/cert.pem; "
			  "cp ../../client.key 000001/key.pem; "
			  "ln -s 000001 current",
	    path, path);
	must(system(command) == 0, command);
	answers_all("applied");
	assert_int_equal(tell(1, &why), 0);
	assert_int_equal(results[0].outcome, CLOUD_APPLIED);
	free(command);
	free(path);
	cloud = kept;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_batch_is_posted_and_its_results_are_taken),
	    cmocka_unit_test(two_batches_have_two_ids),
	    cmocka_unit_test(what_is_refused_as_a_whole_is_kept),
	    cmocka_unit_test(one_item_that_is_not_taken_is_found),
	    cmocka_unit_test(a_line_that_is_cut_is_told_as_that),
	    cmocka_unit_test(a_head_is_posted_and_one_that_went_back_is_told),
	    cmocka_unit_test(a_device_is_asked_for_by_its_escaped_id),
	    cmocka_unit_test(a_connector_that_is_not_trusted_is_told_nothing),
	    cmocka_unit_test(the_own_certificate_is_shown_when_none_is_named),
	};

	return cmocka_run_group_tests(tests, make, end);
}

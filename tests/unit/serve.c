/* serve - what is pure of it: requests taken in, answers written. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#undef fail /* cmocka's: ours is meant */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/web/answer.h"
#include "lib/web/intake.h"

#define PATH "REQUEST_URI=/.well-known/est/"
#define DEVICE "MICROCA_ENDPOINT=device"
#define TYPE "CONTENT_TYPE=application/pkcs10"
#define GOOD "SSL_CLIENT_VERIFY=SUCCESS"

static const struct operation op_enroll = {
    .name = "simpleenroll",
    .allow = "POST",
    .request_type = "application/pkcs10",
    .est = true,
    .certificate = true,
};
static const struct operation op_cacerts = {
    .name = "cacerts",
    .allow = "GET, HEAD",
    .est = true,
};
static const struct operation op_csrattrs = {
    .name = "csrattrs",
    .allow = "GET, HEAD",
    .est = true,
    .bare_absent = true,
};
static const struct operation op_health = {
    .name = "health",
    .allow = "GET, HEAD",
};

/* ---- a configuration of some endpoints -------------------------------- */

#define W(word) ((char[]){word})

static char *all[] = {W("cacerts"), W("csrattrs"), W("simpleenroll")};
static char *few[] = {W("cacerts")};
static char *labels[] = {W("idevid"), W("behind")};

static struct endpoint endpoints[] = {
    {
	.name = W("device"),
	.profile_name = W("device"),
	.operations = {all, 3},
	.labels = {labels, 2},
    },
    {.name = W("idevid"), .profile_name = W("idevid"), .operations = {few, 1}},
    {
	.name = W("proxy"),
	.profile_name = W("device"),
	.frontend = FRONTEND_NGINX,
	.operations = {all, 3},
    },
    {
	.name = W("behind"),
	.profile_name = W("device"),
	.frontend = FRONTEND_CADDY,
	.operations = {all, 3},
    },
    {
	.name = W("once"),
	.profile_name = W("device"),
	.auth = AUTH_SECRET,
	.operations = {all, 3},
    },
    {
	.name = W("either"),
	.profile_name = W("device"),
	.auth = AUTH_EITHER,
	.operations = {all, 3},
    },
};
static struct settings settings = {
    .endpoints = {endpoints, 6},
    .body_wait = 1,
};

/* ---- an edge that is a script ------------------------------------------ */

struct script {
	struct edge edge;
	const char *body;
	size_t part; /* octets a read */
	int end;     /* errno after the body, 0: a proper end */
};

static ssize_t
script_read(struct edge *e, void *buf, size_t size, double until)
{
	struct script *s = (struct script *)e;
	size_t n = strlen(s->body);

	(void)until;
	if (n > s->part)
		n = s->part;
	if (n > size)
		n = size;
	if (n == 0 && s->end != 0) {
		errno = s->end;
		return -1;
	}
	memcpy(buf, s->body, n);
	s->body += n;
	return (ssize_t)n;
}

#define MAX_ENV 12

struct intake_case {
	const char *name;
	const struct operation *op;
	const char *env[MAX_ENV];
	const char *body;
	int end;
	const char *reason; /* NULL: taken */
	enum fail_kind kind;
	const char *endpoint; /* of the request, when taken */
};

static char pem_variable[8192];

static const struct intake_case cases[] = {
    {"a GET is taken", &op_cacerts,
	{"REQUEST_METHOD=GET", PATH "cacerts", DEVICE}, .endpoint = "device"},
    {"so is HEAD", &op_cacerts, {"REQUEST_METHOD=HEAD", PATH "cacerts", DEVICE},
	.endpoint = "device"},
    {"a query means nothing", &op_cacerts,
	{"REQUEST_METHOD=GET", PATH "cacerts?label=b", DEVICE},
	.endpoint = "device"},
    {"a label may name the port's endpoint", &op_cacerts,
	{"REQUEST_METHOD=GET", PATH "device/cacerts", DEVICE},
	.endpoint = "device"},
    {"a label may name one that the endpoint lists", &op_cacerts,
	{"REQUEST_METHOD=GET", PATH "idevid/cacerts", DEVICE},
	.endpoint = "idevid"},
    {"not the other way round", &op_cacerts,
	{"REQUEST_METHOD=GET", PATH "device/cacerts",
	    "MICROCA_ENDPOINT=idevid"},
	.reason = "path", .kind = FAIL_ABSENT},
    {"not an endpoint that is not listed", &op_cacerts,
	{"REQUEST_METHOD=GET", PATH "proxy/cacerts", DEVICE}, .reason = "path",
	.kind = FAIL_ABSENT},
    {"an unknown label is 404", &op_cacerts,
	{"REQUEST_METHOD=GET", PATH "ghost/cacerts", DEVICE}, .reason = "path",
	.kind = FAIL_ABSENT},
    {"another operation is 404", &op_cacerts,
	{"REQUEST_METHOD=GET", PATH "csrattrs", DEVICE}, .reason = "path",
	.kind = FAIL_ABSENT},
    {"an operation that is off is 404", &op_csrattrs,
	{"REQUEST_METHOD=GET", PATH "csrattrs", "MICROCA_ENDPOINT=idevid"},
	.reason = "path", .kind = FAIL_ABSENT},
    {"the path comes before the method", &op_enroll,
	{"REQUEST_METHOD=GET", PATH "ghost/simpleenroll", DEVICE},
	.reason = "path", .kind = FAIL_ABSENT},
    {"no endpoint is the web server's fault", &op_cacerts,
	{"REQUEST_METHOD=GET", PATH "cacerts"}, .reason = "config",
	.kind = FAIL_CONFIG},
    {"so is an unknown one", &op_cacerts,
	{"REQUEST_METHOD=GET", PATH "cacerts", "MICROCA_ENDPOINT=nobody"},
	.reason = "config", .kind = FAIL_CONFIG},
    {"and an empty environment", &op_cacerts, {NULL}, .reason = "config",
	.kind = FAIL_CONFIG},
    {"and no path at all", &op_cacerts, {"REQUEST_METHOD=GET", DEVICE},
	.reason = "config", .kind = FAIL_CONFIG},
    {"two endpoints are an alarm", &op_cacerts,
	{"REQUEST_METHOD=GET", PATH "cacerts", DEVICE,
	    "MICROCA_ENDPOINT=idevid"},
	.reason = "auth-config", .kind = FAIL_DENIED},
    {"POST to cacerts is 405", &op_cacerts,
	{"REQUEST_METHOD=POST", PATH "cacerts", DEVICE}, .reason = "method",
	.kind = FAIL_METHOD},
    {"GET to simpleenroll is 405", &op_enroll,
	{"REQUEST_METHOD=GET", PATH "simpleenroll", DEVICE}, .reason = "method",
	.kind = FAIL_METHOD},
    {"methods have a case", &op_enroll,
	{"REQUEST_METHOD=post", PATH "simpleenroll", DEVICE},
	.reason = "method", .kind = FAIL_METHOD},
    {"a part of a method is none", &op_cacerts,
	{"REQUEST_METHOD=GE", PATH "cacerts", DEVICE}, .reason = "method",
	.kind = FAIL_METHOD},
    {"nor is the whole list", &op_cacerts,
	{"REQUEST_METHOD=GET, HEAD", PATH "cacerts", DEVICE},
	.reason = "method", .kind = FAIL_METHOD},
    {"an override header has no effect", &op_enroll,
	{"REQUEST_METHOD=GET", PATH "simpleenroll", DEVICE,
	    "HTTP_X_HTTP_METHOD_OVERRIDE=POST"},
	.reason = "method", .kind = FAIL_METHOD},
    {"no certificate is 403, before the type", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE},
	.reason = "auth-none", .kind = FAIL_DENIED},
    {"NONE is no certificate", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE,
	    "SSL_CLIENT_VERIFY=NONE"},
	.reason = "auth-none", .kind = FAIL_DENIED},
    {"a client's headers are no certificate", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE,
	    "HTTP_SSL_CLIENT_CERT=x", "HTTP_SSL_CLIENT_VERIFY=SUCCESS"},
	.reason = "auth-none", .kind = FAIL_DENIED},
    {"SUCCESS without a certificate is an alarm", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD},
	.reason = "auth-config", .kind = FAIL_DENIED},
    {"the front end is the port's, not the label's", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "behind/simpleenroll", DEVICE, TYPE,
	    pem_variable, "SSL_CLIENT_VERIFY=NONE"},
	.reason = "auth-config", .kind = FAIL_DENIED},
    {"lower-case success is one too", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE,
	    "SSL_CLIENT_VERIFY=success"},
	.reason = "auth-config", .kind = FAIL_DENIED},
    {"lighttpd says that a certificate expired", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE,
	    "SSL_CLIENT_VERIFY=FAILED:error:0000000A:lib(0)::reason(10)"},
	.reason = "client-expired", .kind = FAIL_DENIED},
    {"or that it is not valid yet", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE,
	    "SSL_CLIENT_VERIFY=FAILED:error:00000009:lib(0)::reason(9)"},
	.reason = "client-notyet", .kind = FAIL_DENIED},
    {"nginx says so in words", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", "MICROCA_ENDPOINT=proxy",
	    "SSL_CLIENT_VERIFY=FAILED:certificate has expired"},
	.reason = "client-expired", .kind = FAIL_DENIED},
    {"another failure is not trusted", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE,
	    "SSL_CLIENT_VERIFY=FAILED:error:00000013:lib(0)::reason(19)"},
	.reason = "client-untrusted", .kind = FAIL_DENIED},
    {"lighttpd exports only what it verified", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, pem_variable,
	    "SSL_CLIENT_VERIFY=FAILED:error:0000000A"},
	.reason = "auth-config", .kind = FAIL_DENIED},
    {"and says that it did", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, pem_variable},
	.reason = "auth-config", .kind = FAIL_DENIED},
    {"one that says it is another need not", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, pem_variable,
	    "MICROCA_FRONTEND=apache", TYPE},
	"MIIB", .endpoint = "device"},
    {"a header does not say it", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, pem_variable,
	    "HTTP_MICROCA_FRONTEND=apache", TYPE},
	.reason = "auth-config", .kind = FAIL_DENIED},
    {"another one than the endpoint's", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", "MICROCA_ENDPOINT=proxy",
	    "MICROCA_FRONTEND=caddy"},
	.reason = "config", .kind = FAIL_CONFIG},
    {"one that nobody knows", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE,
	    "MICROCA_FRONTEND=iis"},
	.reason = "config", .kind = FAIL_CONFIG},
    {"any is none", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE,
	    "MICROCA_FRONTEND=any"},
	.reason = "config", .kind = FAIL_CONFIG},
    {"one that says it twice", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE,
	    "MICROCA_FRONTEND=apache", "MICROCA_FRONTEND=apache"},
	.reason = "config", .kind = FAIL_CONFIG},
    {"a certificate twice is an alarm", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    pem_variable},
	.reason = "auth-config", .kind = FAIL_DENIED},
    {"a verdict twice is one", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, GOOD,
	    pem_variable},
	.reason = "auth-config", .kind = FAIL_DENIED},
    {"a certificate that is none is one", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD,
	    "SSL_CLIENT_CERT=nonsense"},
	.reason = "auth-config", .kind = FAIL_DENIED},
    {"no media type is 415", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD,
	    pem_variable},
	"MIIB", .reason = "type", .kind = FAIL_TYPE},
    {"so is another", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    "CONTENT_TYPE=text/plain"},
	"MIIB", .reason = "type", .kind = FAIL_TYPE},
    {"a longer name is another", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    "CONTENT_TYPE=application/pkcs10x"},
	"MIIB", .reason = "type", .kind = FAIL_TYPE},
    {"case and parameters do not matter", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    "CONTENT_TYPE=APPLICATION/PKCS10 ; charset=utf-8"},
	"MIIB", .endpoint = "device"},
    {"nothing is unpacked", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    TYPE, "HTTP_CONTENT_ENCODING=gzip"},
	"MIIB", .reason = "encoding", .kind = FAIL_TYPE},
    {"identity is no encoding", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    TYPE, "HTTP_CONTENT_ENCODING=identity"},
	"MIIB", .endpoint = "device"},
    {"no length is read to the end", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    TYPE},
	"MIIB", .endpoint = "device"},
    {"so is Caddy's -1", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    TYPE, "CONTENT_LENGTH=-1"},
	"MIIB", .endpoint = "device"},
    {"a true length", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    TYPE, "CONTENT_LENGTH=4"},
	"MIIB", .endpoint = "device"},
    {"a length too long", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    TYPE, "CONTENT_LENGTH=5"},
	"MIIB", .reason = "body-short", .kind = FAIL_MALFORMED},
    {"a length too short", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    TYPE, "CONTENT_LENGTH=3"},
	"MIIB", .reason = "body-long", .kind = FAIL_MALFORMED},
    {"a length that is none", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    TYPE, "CONTENT_LENGTH=0x4"},
	"MIIB", .reason = "length", .kind = FAIL_MALFORMED},
    {"a length over the cap is 413 unread", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    TYPE, "CONTENT_LENGTH=65537"},
	"", EIO, .reason = "too-large", .kind = FAIL_SIZE},
    {"a body that does not come is 408", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    TYPE},
	"MII", ETIMEDOUT, .reason = "timeout", .kind = FAIL_TIMEOUT},
    {"a body that breaks off", &op_enroll,
	{"REQUEST_METHOD=POST", PATH "simpleenroll", DEVICE, GOOD, pem_variable,
	    TYPE},
	"MII", ECONNABORTED, .reason = "aborted", .kind = FAIL_MALFORMED},
    {"health takes any path and no endpoint", &op_health,
	{"REQUEST_METHOD=GET", "REQUEST_URI=/health"}, .endpoint = NULL},
    {"health takes GET alone", &op_health,
	{"REQUEST_METHOD=POST", "REQUEST_URI=/health"}, .reason = "method",
	.kind = FAIL_METHOD},
};

static void
intake_one(const struct intake_case *c, size_t part)
{
	char *env[MAX_ENV + 1];
	struct script s = {.edge = {.env = env, .read = script_read},
	    .body = c->body != NULL ? c->body : "",
	    .part = part,
	    .end = c->end};
	struct request rq = {0};
	struct fail why = {0};
	int rc;

	for (size_t i = 0; i <= MAX_ENV; i++)
		env[i] = i < MAX_ENV ? (char *)(uintptr_t)c->env[i] : NULL;
	print_message("# %s\n", c->name);
	rc = intake(&rq, c->op, &settings, &s.edge, &why);
	if (c->reason != NULL) {
		assert_int_equal(rc, -1);
		assert_string_equal(why.reason, c->reason);
		assert_int_equal(why.kind, c->kind);
		assert_int_equal(s.edge.broken, c->end == ECONNABORTED);
	} else {
		assert_int_equal(rc, 0);
		if (c->endpoint != NULL)
			assert_string_equal(rq.endpoint->name, c->endpoint);
		assert_int_equal(rq.body.len, c->body ? strlen(c->body) : 0);
	}
	assert_int_equal(strlen(rq.id), 16);
	request_free(&rq);
	bytes_free(&s.edge.path);
}

static void
requests_are_judged_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		intake_one(&cases[i], SIZE_MAX);
		intake_one(&cases[i], 1);
	}
}

/* What a request shows at an endpoint: the reason word, or NULL. */
struct shown {
	const char *endpoint;
	const char *authorization[2];
	const char *certificate, *verify;
	const char *reason;
	enum fail_kind kind;
	enum basic_state basic;
	bool cert;
};

static void
shown_one(const struct shown *c)
{
	char *env[] = {str_dup("REQUEST_METHOD=POST"),
	    str_dup(PATH "simpleenroll"), str_dup(TYPE),
	    str_fmt("MICROCA_ENDPOINT=%s", c->endpoint),
	    str_dup(c->verify != NULL ? c->verify : "SSL_CLIENT_VERIFY=NONE"),
	    str_dup(c->certificate != NULL ? c->certificate : "X=1"),
	    str_dup("REMOTE_USER=pump-1"), NULL, NULL, NULL};
	struct script s = {.edge = {.env = env, .read = script_read},
	    .body = "MIIB",
	    .part = 99};
	struct request rq = {0};
	struct fail why = {0};
	int rc;

	for (size_t i = 0; i < 2; i++)
		if (c->authorization[i] != NULL)
			env[7 + i] = str_fmt(
			    "HTTP_AUTHORIZATION=%s", c->authorization[i]);
	rc = intake(&rq, &op_enroll, &settings, &s.edge, &why);
	if ((rc == 0) != (c->reason == NULL) ||
	    (rc != 0 && strcmp(why.reason, c->reason) != 0)) {
		print_error("%s: %s\n", c->endpoint, why.text);
		assert_true(false);
	}
	assert_int_equal(why.kind, c->kind);
	assert_int_equal(rq.basic.state, c->basic);
	assert_int_equal(rq.client_cert.len > 0, c->cert);
	/* The secret does not stay behind where it was read. */
	for (size_t i = 7; i < 9; i++)
		if (env[i] != NULL && c->basic != BASIC_NONE)
			assert_string_equal(env[i], "HTTP_AUTHORIZATION=");
	request_free(&rq);
	assert_string_equal(rq.basic.password, "");
	for (size_t i = 0; i < 9; i++)
		free(env[i]);
	bytes_free(&s.edge.path);
}

static void
credentials_are_taken_where_they_count(void **state)
{
#define YES "Basic cHVtcC0xOnNlY3JldA=="
#define FAILED "SSL_CLIENT_VERIFY=FAILED:expired"
	const struct shown row[] = {
	    {"device", {NULL}, NULL, NULL, "auth-none", FAIL_DENIED, 0, false},
	    {"device", {YES}, NULL, NULL, "auth-none", FAIL_DENIED, 0, false},
	    {"device", {YES}, pem_variable, GOOD, NULL, 0, 0, true},
	    {"once", {NULL}, NULL, NULL, "auth-none", FAIL_ANONYMOUS, 0, false},
	    {"once", {NULL}, pem_variable, GOOD, "auth-none", FAIL_ANONYMOUS, 0,
		false},
	    {"once", {YES}, NULL, NULL, NULL, 0, BASIC_GIVEN, false},
	    {"once", {YES}, pem_variable, GOOD, NULL, 0, BASIC_GIVEN, false},
	    {"once", {YES, YES}, NULL, NULL, NULL, 0, BASIC_BAD, false},
	    {"once", {"Bearer x"}, NULL, NULL, NULL, 0, BASIC_BAD, false},
	    {"either", {NULL}, NULL, NULL, "auth-none", FAIL_ANONYMOUS, 0,
		false},
	    {"either", {NULL}, pem_variable, GOOD, NULL, 0, 0, true},
	    {"either", {YES}, NULL, NULL, NULL, 0, BASIC_GIVEN, false},
	    {"either", {YES}, pem_variable, GOOD, NULL, 0, BASIC_GIVEN, true},
	    {"either", {NULL}, NULL, FAILED, "client-expired", FAIL_DENIED, 0,
		false},
	    {"either", {YES}, NULL, FAILED, NULL, 0, BASIC_GIVEN, false},
	    {"either", {YES}, pem_variable, FAILED, "auth-config", FAIL_DENIED,
		BASIC_GIVEN, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		shown_one(&row[i]);
}

static void
a_401_asks_for_basic_and_says_no_more(void **state)
{
	struct request rq = {.id = "0123456789abcdef",
	    .method = "POST",
	    .endpoint = &endpoints[4]};
	struct fail why = {0};
	struct bytes out = {0};

	(void)state;
	fail(&why, FAIL_ANONYMOUS, "auth", "a sentence");
	answer_fail(&out, &op_enroll, &rq, &why);
	assert_string_equal((char *)out.data,
	    "Status: 401 Unauthorized\r\n"
	    "WWW-Authenticate: Basic realm=\"once\", charset=\"UTF-8\"\r\n"
	    "Content-Length: 0\r\n"
	    "Cache-Control: no-store\r\n\r\n");
	bytes_free(&out);
}

static const char *const post_env[] = {"REQUEST_METHOD=POST",
    PATH "simpleenroll", DEVICE, GOOD, pem_variable, TYPE, NULL};

/* One octet more than the cap, in parts, without a length. */
static void
the_cap_is_counted_while_reading(void **state)
{
	struct script s = {.edge = {.read = script_read}, .part = 1000};
	struct fail why = {0};

	(void)state;
	for (size_t len = BODY_MAX; len <= BODY_MAX + 1; len++) {
		char *body = mem_new(len + 1);
		struct request rq = {0};
		int rc;

		memset(body, 'A', len);
		s.body = body;
		s.edge.env = (char *const *)(uintptr_t)post_env;
		rc = intake(&rq, &op_enroll, &settings, &s.edge, &why);
		assert_int_equal(rc, len > BODY_MAX ? -1 : 0);
		request_free(&rq);
		free(body);
	}
	assert_string_equal(why.reason, "too-large");
	bytes_free(&s.edge.path);
}

static void
the_form_of_the_body_is_seen(void **state)
{
	static const struct {
		const char *body;
		bool wrapped;
	} forms[] = {{"AAAA", false}, {"AAAA\n", false}, {"AAAA\r\n", false},
	    {"\nAAAA", false}, {"AAAA\nAAAA", true}, {"AAAA\r\nAAAA\r\n", true},
	    {"AA AA", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct script s = {.edge = {.read = script_read},
		    .part = 2,
		    .body = forms[i].body};
		struct request rq = {0};
		struct fail why = {0};

		s.edge.env = (char *const *)(uintptr_t)post_env;
		assert_int_equal(
		    intake(&rq, &op_enroll, &settings, &s.edge, &why), 0);
		assert_int_equal(rq.body_wrapped, forms[i].wrapped);
		request_free(&rq);
		bytes_free(&s.edge.path);
	}
}

/* ---- answers ------------------------------------------------------------ */

static void
expect(struct bytes *out, const char *want)
{
	assert_string_equal((const char *)out->data, want);
	bytes_free(out);
}

static void
an_answer_is_base64_in_the_form_of_the_request(void **state)
{
	struct request rq = {.method = "POST", .body_wrapped = true};
	struct reply rp = {.type = "application/pkcs7-mime; "
				   "smime-type=certs-only",
	    .base64 = true};
	struct bytes out = {0};

	(void)state;
	bytes_adds(&rq.body, "x");
	for (int i = 0; i < 49; i++)
		bytes_addc(&rp.body, '\0');
	answer_reply(&out, &rq, &rp);
	expect(&out,
	    "Status: 200 OK\r\n"
	    "Content-Type: application/pkcs7-mime; smime-type=certs-only\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Length: 70\r\n"
	    "Cache-Control: no-store\r\n\r\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
	    "AA==\n");
	rq.body_wrapped = false;
	answer_reply(&out, &rq, &rp);
	expect(&out,
	    "Status: 200 OK\r\n"
	    "Content-Type: application/pkcs7-mime; smime-type=certs-only\r\n"
	    "Content-Transfer-Encoding: base64\r\n"
	    "Content-Length: 69\r\n"
	    "Cache-Control: no-store\r\n\r\n"
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	    "AA==\n");
	bytes_free(&rp.body);
	bytes_free(&rq.body);
}

static void
a_get_is_wrapped_for_who_names_its_agent(void **state)
{
	struct request rq = {.method = "GET", .has_user_agent = true};
	struct reply rp = {.base64 = true};
	struct bytes out = {0};

	(void)state;
	for (int i = 0; i < 60; i++)
		bytes_addc(&rp.body, 'x');
	answer_reply(&out, &rq, &rp);
	assert_non_null(strstr((char *)out.data, "Content-Length: 82\r\n"));
	bytes_free(&out);
	rq.has_user_agent = false;
	answer_reply(&out, &rq, &rp);
	assert_non_null(strstr((char *)out.data, "Content-Length: 81\r\n"));
	bytes_free(&out);
	rq.method = "HEAD";
	answer_reply(&out, &rq, &rp);
	expect(&out, "Status: 200 OK\r\n"
		     "Content-Transfer-Encoding: base64\r\n"
		     "Content-Length: 81\r\n"
		     "Cache-Control: no-store\r\n\r\n");
	bytes_free(&rp.body);
}

static void
no_content_has_no_length(void **state)
{
	struct request rq = {.method = "GET"};
	struct reply rp = {.status = 204};
	struct bytes out = {0};

	(void)state;
	answer_reply(&out, &rq, &rp);
	expect(
	    &out, "Status: 204 No Content\r\nCache-Control: no-store\r\n\r\n");
}

static void
a_refusal_is_one_line(void **state)
{
	struct request rq = {.id = "0123456789abcdef", .method = "POST"};
	struct fail why = {0};
	struct bytes out = {0};

	(void)state;
	fail(&why, FAIL_DENIED, "name-policy", "not\nthis \x1b name");
	fail_cause(&why, "secret of the operator");
	answer_fail(&out, &op_enroll, &rq, &why);
	expect(&out, "Status: 403 Forbidden\r\n"
		     "Content-Type: text/plain; charset=utf-8\r\n"
		     "Content-Length: 62\r\n"
		     "Cache-Control: no-store\r\n\r\n"
		     "name-policy: not\\x0athis \\x1b name (request "
		     "0123456789abcdef)\n");
}

static void
files_are_the_operators_business(void **state)
{
	static const struct {
		enum fail_kind kind;
		const char *reason;
	} kinds[] = {{FAIL_CONFIG, "config"}, {FAIL_CONFIG, "file-mode"},
	    {FAIL_BROKEN, "file"}, {FAIL_ABSENT, "file"}};
	struct request rq = {.id = "0123456789abcdef", .method = "POST"};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct fail why = {0};
		struct bytes out = {0};

		fail(&why, kinds[i].kind, kinds[i].reason,
		    "cannot open /etc/microca/pin");
		answer_fail(&out, &op_enroll, &rq, &why);
		bytes_addc(&out, '\0');
		assert_null(strstr((const char *)out.data, "/etc"));
		assert_non_null(
		    strstr((const char *)out.data, kinds[i].reason));
		bytes_free(&out);
	}
}

static void
the_longest_refusal_stays_below_512(void **state)
{
	struct request rq = {.id = "0123456789abcdef", .method = "POST"};
	struct fail why = {0};
	struct bytes out = {0};
	const char *body;

	(void)state;
	fail(&why, FAIL_DENIED, "name-policy", "%0400d", 1);
	answer_fail(&out, &op_enroll, &rq, &why);
	body = strstr((char *)out.data, "\r\n\r\n");
	assert_true(strlen(body + 4) <= 512);
	assert_true(body - (char *)out.data < 512);
	bytes_free(&out);
}

static void
busy_says_when_to_come_back(void **state)
{
	static const struct {
		enum fail_kind kind;
		int retry;
		const char *header;
	} kinds[] = {{FAIL_BUSY, 7, "Retry-After: 7\r\n"},
	    {FAIL_BUSY, 0, "Retry-After: 10\r\n"},
	    {FAIL_BUSY, -3, "Retry-After: 10\r\n"},
	    {FAIL_LIMIT, 1, "Retry-After: 1\r\n"},
	    {FAIL_PENDING, 600, "Retry-After: 600\r\n"},
	    {FAIL_DENIED, 5, NULL}};
	struct request rq = {.id = "0", .method = "POST"};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct fail why = {0};
		struct bytes out = {0};

		fail(&why, kinds[i].kind, "word", "text");
		fail_retry(&why, kinds[i].retry);
		answer_fail(&out, &op_enroll, &rq, &why);
		if (kinds[i].header != NULL)
			assert_non_null(
			    strstr((char *)out.data, kinds[i].header));
		else
			assert_null(strstr((char *)out.data, "Retry-After"));
		bytes_free(&out);
	}
}

/* Bouncy Castle and GlobalSign's client fail on a body with these. */
static void
some_refusals_are_bare(void **state)
{
	struct request rq = {.id = "0", .method = "GET"};
	struct fail why = {0};
	struct bytes out = {0};

	(void)state;
	fail(&why, FAIL_ABSENT, "path", "text");
	answer_fail(&out, &op_csrattrs, &rq, &why);
	expect(&out, "Status: 404 Not Found\r\nContent-Length: 0\r\n"
		     "Cache-Control: no-store\r\n\r\n");
	fail(&why, FAIL_PENDING, "pending", "text");
	answer_fail(&out, &op_enroll, &rq, &why);
	expect(&out, "Status: 202 Accepted\r\nRetry-After: 10\r\n"
		     "Content-Length: 0\r\nCache-Control: no-store\r\n\r\n");
}

static void
a_wrong_method_is_told_the_right_ones(void **state)
{
	struct request rq = {.id = "0", .method = "PUT"};
	struct fail why = {0};
	struct bytes out = {0};

	(void)state;
	fail(&why, FAIL_METHOD, "method", "text");
	answer_fail(&out, &op_cacerts, &rq, &why);
	assert_non_null(strstr((char *)out.data, "Allow: GET, HEAD\r\n"));
	bytes_free(&out);
}

/* A client certificate for the cases: any one will do here. */
static int
certificate_make(void **state)
{
	struct bytes pem = {0}, der = {0};
	X509 *x = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	int rc;

	(void)state;
	rc = X509_set_version(x, X509_VERSION_3) == 1 &&
	     ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
	     X509_gmtime_adj(X509_getm_notBefore(x), 0) != NULL &&
	     X509_gmtime_adj(X509_getm_notAfter(x), 60) != NULL &&
	     X509_set_pubkey(x, key) == 1 &&
	     X509_sign(x, key, EVP_sha256()) > 0;
	cert_der_add(&der, x);
	cert_pem_write(&pem, span_of(&der));
	(void)snprintf(pem_variable, sizeof(pem_variable), "SSL_CLIENT_CERT=%s",
	    (const char *)pem.data);
	bytes_free(&pem);
	bytes_free(&der);
	X509_free(x);
	EVP_PKEY_free(key);
	return rc ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests_are_judged_in_order),
	    cmocka_unit_test(credentials_are_taken_where_they_count),
	    cmocka_unit_test(a_401_asks_for_basic_and_says_no_more),
	    cmocka_unit_test(the_cap_is_counted_while_reading),
	    cmocka_unit_test(the_form_of_the_body_is_seen),
	    cmocka_unit_test(an_answer_is_base64_in_the_form_of_the_request),
	    cmocka_unit_test(a_get_is_wrapped_for_who_names_its_agent),
	    cmocka_unit_test(no_content_has_no_length),
	    cmocka_unit_test(a_refusal_is_one_line),
	    cmocka_unit_test(files_are_the_operators_business),
	    cmocka_unit_test(the_longest_refusal_stays_below_512),
	    cmocka_unit_test(busy_says_when_to_come_back),
	    cmocka_unit_test(some_refusals_are_bare),
	    cmocka_unit_test(a_wrong_method_is_told_the_right_ones),
	};

	return cmocka_run_group_tests(tests, certificate_make, NULL);
}

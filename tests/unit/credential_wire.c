/* Where tokens come from, against a server that answers by script. */
#include "tests/unit/scripted.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "lib/base/log.h"
#include "lib/cloud/credential_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define JSON_TYPE "Content-Type: application/json\r\n"
#define TOKEN "eyJ0eXAi.abc-DEF_.sig"
#define ENTRA                                                                  \
	"{\"token_type\":\"Bearer\",\"expires_in\":3599,"                      \
	"\"access_token\":\"" TOKEN "\"}"
#define IMDS                                                                   \
	"{\"access_token\":\"" TOKEN "\",\"expires_in\":\"86399\","            \
	"\"expires_on\":\"4102444800\",\"token_type\":\"Bearer\"}"
#define CONFUSED                                                               \
	"{\"error\":\"invalid_client\",\"error_description\":\"AADSTS700027: " \
	"The certificate with identifier ... is not registered.\","            \
	"\"error_codes\":[700027]}"
#define UNTIMELY                                                               \
	"{\"error\":\"invalid_client\",\"error_description\":\"AADSTS700024: " \
	"Client assertion is not within its valid time range.\"}"

static char *anchors_path, *cert_path, *key_path, *federated_path;

struct said {
	const char *status, *body, *more;
};

static const struct row {
	const char *name;
	int auth, managed;
	struct said answers[4];
	int requests;
	const char *reason; /* NULL: a token */
	enum fail_kind kind;
	const char *text; /* is in the text */
	bool wait;
} rows[] = {
    {.name = "Entra, by certificate",
	AZURE_CERTIFICATE,
	0,
	{{.status = "200 OK", ENTRA}},
	1},
    {.name = "Entra, by a file",
	AZURE_WORKLOAD,
	0,
	{{.status = "200 OK", ENTRA}},
	1},
    {.name = "Entra knows another certificate",
	AZURE_CERTIFICATE,
	0,
	{{.status = "401 Unauthorized", CONFUSED}},
	1,
	"cloud-token",
	FAIL_DENIED,
	"invalid_client, AADSTS700027"},
    {.name = "Entra, out of time",
	AZURE_CERTIFICATE,
	0,
	{{.status = "401 Unauthorized", UNTIMELY}},
	1,
	"cloud-clock",
	FAIL_DENIED,
	"AADSTS700024"},
    {.name = "Entra refuses, and the clock is wrong",
	AZURE_WORKLOAD,
	0,
	{{.status = "400 Bad Request",
	    CONFUSED,
	    "Date: Tue, 24 Nov 2020 03:00:00 GMT\r\n"}},
	1,
	"cloud-clock",
	FAIL_DENIED,
	"ahead of"},
    {.name = "Entra is down for a moment",
	AZURE_WORKLOAD,
	0,
	{{.status = "503 Unavailable", ""}, {.status = "200 OK", ENTRA}},
	2,
	.wait = true},
    {.name = "Entra is down",
	AZURE_WORKLOAD,
	0,
	{{.status = "503 Unavailable", ""}, {.status = "500 Oops", "<p>"},
	    {.status = "502 Bad Gateway", ""}},
	3,
	"cloud-server",
	FAIL_BUSY,
	"502",
	.wait = true},
    {.name = "Entra is asked too often",
	AZURE_WORKLOAD,
	0,
	{{.status = "429 Slow", ""}},
	1,
	"cloud-throttled",
	FAIL_BUSY,
	"often"},
    {.name = "a portal instead of Entra",
	AZURE_WORKLOAD,
	0,
	{{.status = "200 OK", "<html>"}},
	1,
	"cloud-answer",
	FAIL_BUSY,
	"not JSON"},
    {.name = "IMDS",
	AZURE_MANAGED,
	MANAGED_IMDS,
	{{.status = "200 OK", IMDS}},
	1},
    {.name = "IMDS knows no such identity",
	AZURE_MANAGED,
	MANAGED_IMDS,
	{{.status = "400 Bad Request",
	    "{\"error\":\"invalid_request\",\"error_description\":\"Identity "
	    "not found\"}"}},
	1,
	"cloud-token",
	FAIL_DENIED,
	"invalid_request",
	.wait = true},
    {.name = "IMDS starts",
	AZURE_MANAGED,
	MANAGED_IMDS,
	{{.status = "404 Not Found", ""}, {.status = "200 OK", IMDS}},
	2,
	.wait = true},
    {.name = "IMDS is busy",
	AZURE_MANAGED,
	MANAGED_IMDS,
	{{.status = "429 Slow", ""}, {.status = "200 OK", IMDS}},
	2,
	.wait = true},
    {.name = "IMDS is updated, and nobody waits",
	AZURE_MANAGED,
	MANAGED_IMDS,
	{{.status = "410 Gone", ""}},
	1,
	"cloud-server",
	FAIL_BUSY,
	"410"},
    {.name = "App Service",
	AZURE_MANAGED,
	MANAGED_APP,
	{{.status = "200 OK", IMDS}},
	1},
    {.name = "Arc names a file elsewhere",
	AZURE_MANAGED,
	MANAGED_ARC,
	{{.status = "401 Unauthorized",
	    "",
	    "WWW-Authenticate: Basic realm=/etc/shadow\r\n"}},
	1,
	"cloud-token",
	FAIL_DENIED,
	ARC_FOLDER,
	.wait = true},
};

static void
answers_put(const struct scripted *s, const struct said *said, size_t n)
{
	for (size_t i = 0; i < n && said[i].status != NULL; i++) {
		char name[32], *headers;

		(void)snprintf(name, sizeof(name), "token.%zu", i + 1);
		headers = str_fmt(
		    JSON_TYPE "%s", said[i].more != NULL ? said[i].more : "");
		scripted_answer(
		    s, name, said[i].status, headers, span_str(said[i].body));
		free(headers);
	}
}

/* Plain for managed identity; `url` is the caller's to free. */
static struct azure_settings
settings(const struct row *row, const struct scripted *s, char **url)
{
	bool plain = row->auth == AZURE_MANAGED;

	*url = str_fmt("http%s://%s:%u", plain ? "" : "s",
	    plain ? "127.0.0.1" : "localhost", s->port);
	return (struct azure_settings){.hub = (char *)"h.azure-devices.net",
	    .anchors = anchors_path,
	    .auth = row->auth,
	    .managed = row->managed,
	    .tenant = (char *)"contoso.example",
	    .client_id = (char *)"app-1",
	    .login = *url,
	    .imds = *url,
	    .certificate = cert_path,
	    .key = key_path,
	    .algorithm = (char *)"PS256",
	    .token_file = federated_path,
	    .timeout = 5};
}

static void
environment(const struct row *row, const char *url)
{
	char *endpoint = str_fmt("%s/msi/token", url);

	(void)unsetenv("IDENTITY_HEADER");
	(void)unsetenv("IDENTITY_ENDPOINT");
	if (row->managed == MANAGED_APP)
		(void)setenv("IDENTITY_HEADER", "secret-header", 1);
	if (row->managed == MANAGED_APP || row->managed == MANAGED_ARC)
		(void)setenv("IDENTITY_ENDPOINT", endpoint, 1);
	free(endpoint);
}

/* What must be in a request's head and body. */
static const char *const *
wanted_of(const struct row *row)
{
	static const char *const entra[] = {
	    "POST /contoso.example/oauth2/v2.0/token HTTP/1.1\r\n",
	    "\r\nContent-Type: application/x-www-form-urlencoded\r\n",
	    "client_id=app-1&scope=https%3A%2F%2Fiothubs.azure.net%2F.default&"
	    "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3A"
	    "params%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&"
	    "client_assertion=eyJ",
	    NULL};
	static const char *const imds[] = {
	    "GET /metadata/identity/oauth2/token?api-version=2018-02-01&"
	    "resource=https%3A%2F%2Fiothubs.azure.net&client_id=app-1 HTTP",
	    "\r\nMetadata: true\r\n", NULL};
	static const char *const app[] = {
	    "GET /msi/token?api-version=2019-08-01&resource=https%3A%2F%2F"
	    "iothubs.azure.net&client_id=app-1 HTTP",
	    "\r\nX-IDENTITY-HEADER: secret-header\r\n", NULL};
	static const char *const arc[] = {
	    "GET /msi/token?api-version=2020-06-01&resource=https%3A%2F%2F"
	    "iothubs.azure.net HTTP",
	    "\r\nMetadata: true\r\n", NULL};

	if (row->auth != AZURE_MANAGED)
		return entra;
	return row->managed == MANAGED_APP   ? app
	       : row->managed == MANAGED_ARC ? arc
	                                     : imds;
}

static void
request_check(const struct row *row, const struct scripted *s)
{
	struct bytes head = scripted_file(s, "request.1");
	struct bytes body = scripted_file(s, "request.1.body");
	char *all = str_fmt("%s%s", (char *)head.data, (char *)body.data);

	for (const char *const *w = wanted_of(row); *w != NULL; w++)
		if (strstr(all, *w) == NULL)
			fail_msg("%s: no %s in %s", row->name, *w, all);
	bytes_free(&head);
	bytes_free(&body);
	free(all);
}

static struct scripted
server(const struct row *row)
{
	static const char *const plain[] = {"-p", NULL};

	return scripted_start(
	    server_cert, server_key, row->auth == AZURE_MANAGED ? plain : NULL);
}

static void
run_row(const struct row *row, const struct scripted *s)
{
	char *url;
	struct azure_settings azure = settings(row, s, &url);
	struct hub_pace pace = {.wait = row->wait};
	struct credential *credential;
	struct fail why = {0};
	const char *shown;
	int rc;

	environment(row, url);
	assert_int_equal(
	    credential_open(&credential, &azure, &pace, pki_folder, &why), 0);
	rc = credential_show(&shown, credential, when_now(), &why);
	if ((rc == 0) != (row->reason == NULL) ||
	    scripted_requests(s) != row->requests)
		fail_msg("%s: %d, %d requests: %s (%s)", row->name, rc,
		    scripted_requests(s), why.text, why.cause);
	if (rc == 0) {
		assert_string_equal(shown, "Bearer " TOKEN);
	} else {
		assert_string_equal(why.reason, row->reason);
		assert_int_equal(why.kind, row->kind);
		if (strstr(why.text, row->text) == NULL)
			fail_msg("%s: %s", row->name, why.text);
		assert_null(strstr(why.text, "eyJ"));
		assert_null(strstr(why.cause, "eyJ"));
	}
	request_check(row, s);
	credential_close(credential);
	free(url);
}

static void
each_source_asks_as_its_endpoint_wants(void **st)
{
	(void)st;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct scripted s = server(&rows[i]);

		answers_put(&s, rows[i].answers, 4);
		run_row(&rows[i], &s);
		scripted_stop(&s);
	}
}

/* ---- Azure Arc ----------------------------------------------------------- */

/* The agent's folder, for this process alone.  False: not allowed here. */
static bool
arc_folder(const char *key)
{
	char map[64];
	unsigned uid = getuid();
	int flags = CLONE_NEWNS | (uid != 0 ? CLONE_NEWUSER : 0), fd;
	FILE *f;

	if (unshare(flags) != 0)
		return false;
	if (uid != 0) {
		(void)snprintf(map, sizeof(map), "%u %u 1", uid, uid);
		fd = open("/proc/self/uid_map", O_WRONLY);
		if (fd < 0 || write(fd, map, strlen(map)) < 0)
			return false;
		(void)close(fd);
	}
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/var/opt", "tmpfs", 0, NULL) != 0 ||
	    mkdir("/var/opt/azcmagent", 0755) != 0 ||
	    mkdir(ARC_FOLDER, 0755) != 0)
		return false;
	f = fopen(ARC_FOLDER "/one.key", "w");
	return f != NULL && fputs(key, f) >= 0 && fclose(f) == 0;
}

/* In a process of its own: the exit status; 77: not allowed here. */
static int
arc_child(const struct scripted *s, const char *key, const char *reason)
{
	static const struct row row = {
	    .auth = AZURE_MANAGED, .managed = MANAGED_ARC};
	char *url;
	struct azure_settings azure = settings(&row, s, &url);
	struct credential *credential;
	struct fail why = {0};
	const char *shown;
	int rc;

	if (!arc_folder(key))
		return 77;
	environment(&row, url);
	if (credential_open(&credential, &azure, NULL, pki_folder, &why) != 0)
		return 1;
	rc = credential_show(&shown, credential, when_now(), &why);
	if (reason == NULL)
		return rc == 0 && strcmp(shown, "Bearer " TOKEN) == 0 ? 0 : 2;
	return rc != 0 && strcmp(why.reason, reason) == 0 ? 0 : 3;
}

static int
arc_run(const struct scripted *s, const char *key, const char *reason)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(arc_child(s, key, reason));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static void
arc_is_shown_the_key_that_it_names(void **st)
{
	static const struct row row = {
	    .auth = AZURE_MANAGED, .managed = MANAGED_ARC};
	static const struct said answers[] = {
	    {.status = "401 Unauthorized",
		"",
		"WWW-Authenticate: Basic realm=" ARC_FOLDER "/one.key\r\n"},
	    {.status = "200 OK", IMDS},
	    {.status = "401 Unauthorized",
		"",
		"WWW-Authenticate: Basic realm=" ARC_FOLDER "/one.key\r\n"},
	    {.status = NULL}};
	struct scripted s = server(&row);
	struct bytes second;
	char *big = mem_new(4098);
	int status;

	(void)st;
	answers_put(&s, answers, 3);
	status = arc_run(&s, "arc/key+1=\n", NULL);
	if (status == 77) {
		scripted_stop(&s);
		free(big);
		print_message("# no mount namespace here\n");
		skip();
	}
	assert_int_equal(status, 0);
	second = scripted_file(&s, "request.2");
	assert_non_null(strstr(
	    (char *)second.data, "\r\nAuthorization: Basic arc/key+1=\r\n"));
	bytes_free(&second);
	/* 4096 octets are a key; more are none. */
	memset(big, 'k', 4097);
	assert_int_equal(arc_run(&s, big, "cloud-token"), 0);
	assert_int_equal(scripted_requests(&s), 3);
	free(big);
	scripted_stop(&s);
}

/* ---- the group ----------------------------------------------------------- */

static int
group_make(void **st)
{
	struct fail why = {0};
	EVP_PKEY *rsa = EVP_RSA_gen(2048);
	STACK_OF(X509) * chain;
	X509 *cert;
	FILE *f;

	if (scripted_make(st) != 0)
		return -1;
	log_open("test", LOG_SINK_STDERR, LOG_LEVEL_ERROR);
	pki_pem("anchors.pem", anchors);
	anchors_path = pki_path("anchors.pem");
	cert = pki_leaf("CN=edge", rsa, root, root_key);
	chain = pki_chain(cert, NULL, NULL);
	pki_pem("edge.pem", chain);
	sk_X509_pop_free(chain, X509_free);
	cert_path = pki_path("edge.pem");
	key_path = pki_path("edge-key.pem");
	f = fopen(key_path, "w");
	must(f != NULL && chmod(key_path, 0600) == 0 &&
		 PEM_write_PrivateKey(f, rsa, NULL, NULL, 0, NULL, NULL) == 1,
	    key_path);
	(void)fclose(f);
	federated_path = pki_path("federated");
	X509_free(cert);
	EVP_PKEY_free(rsa);
	return file_write(
	    federated_path, span_str("eyJfile.a.b\n"), 0600, &why);
}

static int
group_remove(void **st)
{
	free(anchors_path);
	free(cert_path);
	free(key_path);
	free(federated_path);
	return scripted_remove(st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_source_asks_as_its_endpoint_wants),
	    cmocka_unit_test(arc_is_shown_the_key_that_it_names),
	};

	return cmocka_run_group_tests(tests, group_make, group_remove);
}

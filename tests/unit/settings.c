/* settings: what microca.conf may say, and where its paths lead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/ca/settings.h"
#include "lib/wire/cert.h"
#include "tests/unit/confdocs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define CA "ca = { key = \"pkcs11:token=t;object=o\"; subject = \"CN=x\"; };"
#define CLOUD(text) CA "endpoints = (); cloud = { " text " };"
#define AZURE(text)                                                            \
	CLOUD("mode = \"azure\"; edge = \"e\"; azure = { " text " };")
#define DEVICE "name = \"device\"; port = 8443; profile = \"device\";"

static char folder[] = "/tmp/settings-test-XXXXXX";
static char *path;

static void
put(const char *name, const char *text)
{
	char *full = file_path(folder, name);
	struct fail why = {0};

	assert_int_equal(file_write(full, span_str(text), 0640, &why), 0);
	free(full);
}

static int
folder_make(void **state)
{
	char *profiles = source_text("etc/profiles.conf");

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	path = file_path(folder, "microca.conf");
	put("profiles.conf", profiles);
	put("maker.pem", "");
	put("maker.crl", "");
	free(profiles);
	return 0;
}

static int
folder_remove(void **state)
{
	char *command = str_fmt("rm -rf %s", folder);
	int rc = system(command);

	(void)state;
	free(command);
	free(path);
	return rc;
}

static int
read_text(struct settings **s, const char *text, struct fail *why)
{
	*why = (struct fail){0};
	put("microca.conf", text);
	return settings_read(s, path, why);
}

static struct settings *
good(const char *text)
{
	struct settings *s;
	struct fail why;

	if (read_text(&s, text, &why) != 0)
		print_error("%s\n", why.text);
	assert_non_null(s);
	return s;
}

static const struct allow *
rule(const struct settings *s, size_t e, size_t i)
{
	const struct endpoint *endpoint = s->endpoints.item;

	return (const struct allow *)endpoint[e].allow.item + i;
}

static void
is_in_folder(const char *full, const char *name)
{
	char *want = file_path(folder, name);

	assert_string_equal(full, want);
	free(want);
}

static void
relative_paths_begin_at_the_file_s_folder(void **state)
{
	struct settings *s = good(
	    "state = \"var\"; public = \"pub\"; run = \"/run/x\"; "
	    "profiles = \"profiles.conf\"; store = \"sqlite:a.db\"; "
	    "ca = { key = \"key.pem\"; subject = \"CN=x\"; module = \"m.so\"; "
	    "pin_file = \"pin\"; };\n"
	    "endpoints = ( { " DEVICE " allow = ( { issuer = \"maker.pem\"; "
	    "crl = \"maker.crl\"; intermediates = \"maker.pem\"; } ); } );");
	char *text;

	(void)state;
	assert_string_equal(s->path, path);
	assert_string_equal(s->folder, folder);
	is_in_folder(s->state, "var");
	is_in_folder(s->public_folder, "pub");
	assert_string_equal(s->run, "/run/x");
	is_in_folder(s->profiles_path, "profiles.conf");
	assert_memory_equal(s->store, "sqlite:", 7);
	is_in_folder(s->store + 7, "var/a.db");
	is_in_folder(s->ca.key, "key.pem");
	is_in_folder(s->ca.module, "m.so");
	is_in_folder(s->ca.pin_file, "pin");
	is_in_folder(rule(s, 0, 0)->issuer, "maker.pem");
	is_in_folder(rule(s, 0, 0)->crl, "maker.crl");
	is_in_folder(rule(s, 0, 0)->intermediates, "maker.pem");
	text = settings_issuer_path(s);
	is_in_folder(text, "var/issuer.pem");
	free(text);
	text = settings_chain_path(s);
	is_in_folder(text, "pub/chain.pem");
	free(text);
	text = settings_bundle_path(s, settings_endpoint(s, "device"));
	is_in_folder(text, "pub/client-ca-device.pem");
	free(text);
	assert_string_equal(settings_key_place(s).uri, s->ca.key);
	assert_string_equal(settings_key_place(s).state, s->state);
	settings_free(s);
}

static void
a_relative_name_of_the_file_is_made_absolute(void **state)
{
	struct settings *s = NULL;
	struct fail why = {0};
	char *old = getcwd(NULL, 0);

	(void)state;
	put("microca.conf", CA "endpoints = ();");
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(settings_read(&s, "microca.conf", &why), 0);
	assert_int_equal(chdir(old), 0);
	assert_string_equal(s->path, path);
	is_in_folder(s->profiles_path, "profiles.conf");
	settings_free(s);
	free(old);
}

static void
the_environment_names_the_file(void **state)
{
	struct settings *s = NULL;
	struct fail why = {0};

	(void)state;
	put("microca.conf", CA "endpoints = ();");
	assert_int_equal(setenv("MICROCA_CONF", path, 1), 0);
	assert_int_equal(settings_read(&s, NULL, &why), 0);
	assert_string_equal(s->path, path);
	settings_free(s);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(settings_read(&s, NULL, &why), -1);
	assert_non_null(strstr(why.text, path));
	assert_non_null(strstr(why.text, "-c FILE"));
	assert_int_equal(unsetenv("MICROCA_CONF"), 0);
}

static void
rules_are_compiled(void **state)
{
	struct settings *s =
	    good(CA "endpoints = ( { " DEVICE
		    " labels = (\"other\"); operations = (\"cacerts\"); "
		    "allow = ( { own = (\"device\", \"idevid\"); }, "
		    "{ issuer = \"maker.pem\"; subject = \"CN=RA [0-9]+\"; "
		    "names = \"pattern [a-z]+\"; }, "
		    "{ own = \"ra\"; names = \"any\"; } ); }, "
		    "{ name = \"other\"; port = 1; profile = \"idevid\"; "
		    "auth = \"none\"; operations = (\"cacerts\"); } );");
	const struct endpoint *e = settings_endpoint(s, "device");

	(void)state;
	assert_ptr_equal(e->profile, profiles_find(s->profiles, "device"));
	assert_true(endpoint_operation(e, "cacerts"));
	assert_false(endpoint_operation(e, "simpleenroll"));
	assert_int_equal(rule(s, 0, 0)->names, NAMES_OWN);
	assert_int_equal(rule(s, 0, 0)->own.n, 2);
	assert_int_equal(rule(s, 0, 1)->names, NAMES_PATTERN);
	assert_true(pattern_match(rule(s, 0, 1)->pattern, "abc"));
	assert_false(pattern_match(rule(s, 0, 1)->pattern, "abc9"));
	assert_true(pattern_match(rule(s, 0, 1)->subject, "CN=RA 7"));
	assert_int_equal(rule(s, 0, 2)->names, NAMES_ANY);
	assert_null(settings_endpoint(s, "nosuch"));
	assert_int_equal(settings_endpoint(s, "other")->auth, AUTH_NONE);
	settings_free(s);
}

static void
certificates_of_our_own_take_what_is_not_said_from_the_ca(void **state)
{
	struct settings *s = good(
	    "ca = { key = \"pkcs11:token=t;object=o\"; subject = \"CN=x\"; "
	    "key_type = \"p384\"; }; endpoints = ();"
	    "upstream = { url = \"https://a:1/b\"; anchors = \"root.pem\"; };"
	    "certificates = ( { name = \"intermediate\"; "
	    "source = \"upstream\"; }, { name = \"client\"; "
	    "source = \"upstream\"; subject = \"CN=y\"; "
	    "initial_certificate = \"c.pem\"; "
	    "initial_key = \"pkcs11:token=t;object=c\"; "
	    "key_type = \"rsa2048\"; hash = \"sha384\"; "
	    "hook = (\"hook\", \"one\"); } );");
	const struct own *own = settings_own(s, OWN_INTERMEDIATE);

	(void)state;
	is_in_folder(s->upstream.anchors, "root.pem");
	assert_int_equal(s->upstream.timeout, 30);
	assert_string_equal(own->subject, "CN=x");
	assert_string_equal(own->key, "pkcs11:token=t;object=o");
	assert_string_equal(own->key_type, "p384");
	assert_int_equal(own->renew_before, 30 * 86400);
	assert_true(own->new_key);
	assert_null(own_hash_word(own->hash));
	own = settings_own(s, OWN_CLIENT);
	assert_null(own->key);
	assert_string_equal(own->key_type, "rsa2048");
	assert_string_equal(own_hash_word(own->hash), "sha384");
	is_in_folder(own->initial_certificate, "c.pem");
	assert_string_equal(own->initial_key, "pkcs11:token=t;object=c");
	is_in_folder(own->hook.text[0], "hook");
	assert_string_equal(own->hook.text[1], "one");
	assert_null(settings_own(s, OWN_SERVER));
	assert_int_equal(own_name_of("server"), OWN_SERVER);
	assert_int_equal(own_name_of("issuer"), -1);
	settings_free(s);
}

static void
the_cloud_s_files_and_tokens_are_found(void **state)
{
	struct settings *s = good(
	    "ca = { key = \"pkcs11:token=t;object=o\"; subject = \"CN=x\"; "
	    "module = \"m.so\"; pin_file = \"pin\"; }; endpoints = ();"
	    "cloud = { mode = \"azure\"; edge = \"plant-7\"; "
	    "metrics = \"cloud.prom\"; azure = { "
	    "hub = \"Contoso.Azure-Devices.net\"; tenant = \"t\"; "
	    "client_id = \"c\"; certificate = \"app.pem\"; "
	    "key = \"pkcs11:token=t;object=app\"; }; };");
	const struct azure_settings *azure = &s->cloud.azure;

	(void)state;
	assert_int_equal(s->cloud.mode, CLOUD_AZURE);
	assert_int_equal(s->cloud.rate, 100);
	assert_int_equal(s->cloud.budget, 600);
	is_in_folder(s->cloud.metrics, "cloud.prom");
	assert_string_equal(azure->hub, "contoso.azure-devices.net");
	is_in_folder(azure->certificate, "app.pem");
	assert_string_equal(azure->key, "pkcs11:token=t;object=app");
	is_in_folder(azure->module, "m.so");
	is_in_folder(azure->pin_file, "pin");
	assert_int_equal(azure->identity, IDENTITY_THUMBPRINT);
	assert_string_equal(azure->algorithm, "PS256");
	assert_true(azure->tags && azure->bulk && !azure->adopt);
	settings_free(s);
}

static void
what_is_not_said_has_its_default(void **state)
{
	struct settings *s = good(CA "endpoints = ( { " DEVICE " } );");
	const struct endpoint *e = settings_endpoint(s, "device");

	(void)state;
	assert_int_equal(s->threads, 32);
	assert_int_equal(s->connections, 16);
	assert_false(s->allow_cgi);
	assert_int_equal(s->log_sink, LOG_SINK_STDERR);
	assert_int_equal(s->log_level, LOG_LEVEL_INFO);
	assert_int_equal(s->body_wait, 10);
	assert_int_equal(s->repeat_window, 3600);
	assert_int_equal(s->disk_reserve, 1 << 30);
	assert_int_equal(s->clock_slack, 300);
	assert_string_equal(s->web_server_users.text[0], "www-data");
	assert_string_equal(s->ca.key_type, "p256");
	assert_null(s->ca.module);
	assert_null(s->httpd.module_folder);
	assert_int_equal(s->httpd.health_port, 8080);
	assert_int_equal(e->frontend, FRONTEND_ANY);
	assert_int_equal(e->auth, AUTH_CERTIFICATE);
	assert_int_equal(e->allow.n, 0);
	assert_false(e->lenient);
	/* RFC 7030, 6: all but server-side key generation. */
	for (size_t i = 0; operation_names[i] != NULL; i++)
		assert_int_equal(endpoint_operation(e, operation_names[i]),
		    strcmp(operation_names[i], "serverkeygen") != 0);
	settings_free(s);
}

static void
a_mistake_is_refused_with_its_line(void **state)
{
#define EP(body) CA "\nendpoints = (\n{ " body " } );"
#define TWO(body) CA "\nendpoints = (\n{ " DEVICE " },\n{ " body " } );"
#define RULE(body)                                                             \
	CA "\nendpoints = (\n{ " DEVICE "\nallow = ( { " body " } ); } );"
#define OWN(body) CA "endpoints = ();\ncertificates = (\n{ " body " } );"
#define SERVER "name = \"server\"; subject = \"CN=x\"; "
	static const struct {
		const char *file, *text;
	} rows[] = {
	    {"endpoints = ();", ":1: key 'ca.key' is missing"},
	    {"ca = { key = \"k\"; }; endpoints = ();",
		":1: key 'ca.subject' is missing"},
	    {CA, ":1: key 'endpoints' is missing"},
	    {CA "threads = 8; endpoints = ();",
		":1: key 'threads': out of range; allowed: a whole number, 9"},
	    {CA "connections = 65; endpoints = ();",
		":1: key 'connections': out of range"},
	    {CA "store = \"mysql:x\"; endpoints = ();",
		":1: key 'store': not of this form; allowed: \"sqlite:PATH\""},
	    {CA "state = \"\"; endpoints = ();", "may not be empty"},
	    {CA "log_level = \"warning\"; endpoints = ();",
		":1: key 'log_level': unknown word; allowed: \"error\", "
		"\"warn\", \"info\", \"debug\""},
	    {CA "body_wait = \"11m\"; endpoints = ();", "out of range"},
	    {CA "profiles = \"nosuch.conf\"; endpoints = ();",
		"nosuch.conf: cannot be read"},
	    {"ca = { key = \"k\"; subject = \"XX=1\"; }; endpoints = ();",
		": ca.subject \"XX=1\": "},
	    {"ca = { key = \"k\"; subject = \"CN=x\"; key_type = \"p192\"; };"
	     "endpoints = ();",
		":1: key 'ca.key_type': unknown word; allowed: \"p256\""},
	    {"ca = { key = \"k\"; subject = \"CN=x\"; "
	     "module_environment = \"LD_PRELOAD=x\"; }; endpoints = ();",
		":1: key 'ca.module_environment': not of this form"},
	    {EP("name = \"a b\"; port = 1; profile = \"device\";"),
		":3: key 'endpoints[0].name': not of this form"},
	    {EP("name = \"..\"; port = 1; profile = \"device\";"),
		":3: key 'endpoints[0].name': not of this form"},
	    {EP("name = \"cacerts\"; port = 1; profile = \"device\";"),
		":3: endpoint 'cacerts': RFC 7030, 3.2.2"},
	    {EP("name = \"serverkeygen\"; port = 1; profile = \"device\";"),
		":3: endpoint 'serverkeygen': RFC 7030, 3.2.2"},
	    {EP("name = \"crls\"; port = 1; profile = \"device\";"),
		":3: endpoint 'crls': RFC 7030, 3.2.2"},
	    {EP("name = \"sen\"; port = 1; profile = \"device\";"),
		":3: endpoint 'sen': RFC 7030, 3.2.2"},
	    {EP("name = \"a\"; port = 0; profile = \"device\";"),
		":3: key 'endpoints[0].port': out of range"},
	    {EP("name = \"a\"; port = 1; profile = \"nosuch\";"),
		":3: endpoint 'a': profile \"nosuch\": no such profile"},
	    {EP("name = \"a\"; port = 8080; profile = \"device\";"),
		":3: endpoint 'a': port 8080 is httpd.health_port too"},
	    {TWO("name = \"device\"; port = 1; profile = \"device\";"),
		":4: endpoint 'device': name was given before"},
	    {TWO("name = \"b\"; port = 8443; profile = \"device\";"),
		":4: endpoint 'b': port 8443 is that of endpoint 'device'"},
	    {EP(DEVICE "labels = (\"nosuch\");"),
		":3: endpoint 'device': labels \"nosuch\": no such endpoint"},
	    {EP(DEVICE "operations = (\"fullcmc\");"),
		":3: key 'endpoints[0].operations[0]': unknown word; allowed: "
		"\"cacerts\", \"csrattrs\", \"simpleenroll\", "
		"\"simplereenroll\""},
	    {EP(DEVICE "frontend = \"iis\";"),
		":3: key 'endpoints[0].frontend': unknown word; allowed: "
		"\"any\", \"lighttpd\", \"apache\", \"nginx\", \"caddy\""},
	    {EP(DEVICE "auth = \"none\";"),
		":3: endpoint 'device': RFC 7030, 3.7: auth \"none\""},
	    {EP(DEVICE "auth = \"none\"; operations = (\"simplereenroll\");"),
		":3: endpoint 'device': RFC 7030, 3.7: auth \"none\""},
	    {EP(DEVICE "auth = \"none\"; operations = (\"serverkeygen\");"),
		":3: endpoint 'device': RFC 7030, 3.7: auth \"none\""},
	    {EP(DEVICE "operations = (\"serverkeygen\");"),
		":3: endpoint 'device': operations has serverkeygen, which "
		"profile "},
	    {CA "keygen = { key = \"a.key\"; }; endpoints = ();",
		"keygen: key and certificate go together"},
	    {EP(DEVICE "auth = \"none\"; operations = (\"cacerts\"); "
		       "allow = ( { own = \"ra\"; } );"),
		":3: endpoint 'device': auth \"none\" has no use for allow"},
	    {RULE(""), ":4: endpoint 'device': allow: a rule has either"},
	    {RULE("own = \"ra\"; issuer = \"maker.pem\";"),
		":4: endpoint 'device': allow: a rule has either"},
	    {EP(DEVICE "auth = \"either\"; "
		       "allow = ( { own = \"ra\"; secret = true; } );"),
		":3: endpoint 'device': allow: a rule has either"},
	    {RULE("secret = true;"),
		":3: endpoint 'device': allow: a rule with secret wants auth"},
	    {RULE("secret = true; names = \"any\";"),
		":3: endpoint 'device': allow: a rule with secret wants auth"},
	    {EP(DEVICE "auth = \"secret\";"),
		":3: endpoint 'device': auth \"secret\" wants one rule"},
	    {EP(DEVICE "auth = \"either\"; allow = ( { own = \"ra\"; } );"),
		":3: endpoint 'device': auth \"either\" wants one rule"},
	    {EP(DEVICE "auth = \"either\"; allow = ( { secret = true; }, "
		       "{ secret = true; } );"),
		":3: endpoint 'device': auth \"either\" wants one rule"},
	    {EP(DEVICE "auth = \"secret\"; allow = ( { secret = true; }, "
		       "{ own = \"ra\"; } );"),
		":3: endpoint 'device': auth \"secret\" has no use for rules"},
	    {EP(DEVICE "auth = \"secret\"; "
		       "allow = ( { secret = true; names = \"any\"; } );"),
		":3: endpoint 'device': allow: with secret, names is"},
	    {RULE("own = \"nosuch\";"),
		":4: endpoint 'device': allow: own \"nosuch\": no such"},
	    {RULE("own = \"ra\"; crl = \"maker.crl\";"),
		":4: endpoint 'device': allow: crl, intermediates and subject"},
	    {RULE("issuer = \"nosuch.pem\";"),
		":4: endpoint 'device': allow: issuer: no file "},
	    {RULE("issuer = \"maker.pem\"; crl = \"nosuch.crl\";"),
		":4: endpoint 'device': allow: crl: no file "},
	    {RULE("own = \"ra\"; subject = \"CN=x\";"),
		":4: endpoint 'device': allow: crl, intermediates and subject"},
	    {RULE("issuer = \"maker.pem\"; subject = \"(\";"),
		":4: endpoint 'device': allow: subject: "},
	    {RULE("own = \"ra\"; names = \"pattern [\";"),
		":4: endpoint 'device': allow: names: "},
	    {RULE("own = \"ra\"; names = \"pattern\";"),
		":4: key 'endpoints[0].allow[0].names': not of this form; "
		"allowed: \"own\", \"any\" or \"pattern REGEX\""},
	    {RULE("own = \"ra\"; name = \"any\";"),
		":4: key 'endpoints[0].allow[0].name': unknown; did you mean "
		"'names'"},
	    {CA "endpoints = (); httpd = { server_name = \"a b\"; };",
		":1: key 'httpd.server_name': not of this form"},
	    {CA "endpoints = (); upstream = { url = \"http://a\"; };",
		":1: key 'upstream.url': not of this form; allowed: "
		"\"https://HOST"},
	    {CA "endpoints = (); upstream = { pin = \"sha256:00\"; };",
		":1: key 'upstream.pin': not of this form"},
	    {CA "endpoints = (); upstream = { url = \"https://a\"; };",
		": upstream: RFC 7030, 3.6: one of anchors, pin and implicit"},
	    {CA "endpoints = (); upstream = { user = \"u\"; };",
		": upstream: user and password_file go together"},
	    {CLOUD("mode = \"on\";"),
		":1: key 'cloud.mode': unknown word; allowed: \"off\", "
		"\"azure\", \"connector\""},
	    {CLOUD("mode = \"azure\";"), ": cloud: edge is needed"},
	    {CLOUD("edge = \"a b\";"),
		":1: key 'cloud.edge': not of this form"},
	    {CLOUD("azure = { hub = \"a/b\"; };"),
		":1: key 'cloud.azure.hub': not of this form"},
	    {CLOUD("azure = { endpoint = \"a\"; };"),
		":1: key 'cloud.azure.endpoint': not of this form; allowed: "
		"\"HOST:PORT\""},
	    {CLOUD("azure = { login = \"http://a\"; };"),
		":1: key 'cloud.azure.login': not of this form"},
	    {CLOUD("azure = { imds = \"https://a\"; };"),
		":1: key 'cloud.azure.imds': not of this form"},
	    {AZURE(""), ": azure: hub is needed"},
	    {AZURE("hub = \"h\";"),
		": azure: auth \"certificate\" needs tenant"},
	    {AZURE("hub = \"h\"; auth = \"sas\"; sas_policy = \"p\";"),
		": azure: auth \"sas\" needs sas_key_file"},
	    {AZURE("hub = \"h\"; auth = \"workload\"; tenant = \"t\"; "
		   "client_id = \"c\";"),
		": azure: auth \"workload\" needs token_file"},
	    {AZURE("hub = \"h\"; auth = \"managed\"; imds = \"\";"),
		": azure: auth \"managed\" needs imds"},
	    {CLOUD("mode = \"connector\"; edge = \"e\";"),
		": cloud.connector: url is needed"},
	    {CLOUD("mode = \"connector\"; edge = \"e\"; connector = { "
		   "url = \"https://c\"; };"),
		": cloud.connector: certificate and key are needed, or a "},
	    {CLOUD("mode = \"connector\"; edge = \"e\"; connector = { "
		   "url = \"https://c\"; key = \"k\"; };"),
		": cloud.connector: certificate and key go together"},
	    {OWN(""), ":3: key 'certificates[0].name' is missing"},
	    {OWN("name = \"other\";"),
		":3: key 'certificates[0].name': unknown word; allowed: "
		"\"client\", \"intermediate\", \"device\", \"server\""},
	    {OWN("name = \"device\";"),
		":3: certificate 'device': subject or san is needed"},
	    {OWN("name = \"device\"; subject = \"XX=1\";"),
		":3: certificate 'device': subject \"XX=1\": "},
	    {OWN("name = \"device\"; san = \"DNS:a_b\";"),
		":3: certificate 'device': san \"DNS:a_b\": "},
	    {OWN("name = \"device\"; san = \"a\"; source = \"other\";"),
		":3: key 'certificates[0].source': unknown word; allowed: "
		"\"manual\", \"self\", \"upstream\""},
	    {OWN(SERVER "source = \"self\";"),
		":3: certificate 'server': source \"self\" needs profile"},
	    {OWN(SERVER "source = \"self\"; profile = \"nosuch\";"),
		":3: certificate 'server': profile \"nosuch\": no such"},
	    {OWN(SERVER "source = \"self\"; profile = \"subca\";"),
		":3: certificate 'server': profile \"subca\" is for "
		"certificates of CAs"},
	    {OWN("name = \"intermediate\"; source = \"self\";"),
		":3: certificate 'intermediate': source \"self\" is not"},
	    {OWN(SERVER "source = \"upstream\";"),
		":3: certificate 'server': source \"upstream\" needs "
		"upstream.url"},
	    {OWN(SERVER "profile = \"server\";"),
		":3: certificate 'server': profile is for source \"self\""},
	    {OWN(SERVER "label = \"x\";"),
		":3: certificate 'server': url, label and initial_cert"},
	    {OWN(SERVER "key = \"pkcs11:token=t;object=o\";"),
		":3: certificate 'server': key: the web server reads"},
	    {OWN(SERVER "key = \"server.key\";"),
		":3: key 'certificates[0].key': not of this form"},
	    {OWN(SERVER "initial_key = \"a\";"),
		":3: certificate 'server': initial_certificate and "
		"initial_key go together"},
	    {OWN(SERVER "renew_percent = 100;"), "out of range"},
	    {OWN(SERVER "}, { " SERVER),
		":3: certificate 'server': was given before, "},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings *s;
		struct fail why;

		if (read_text(&s, rows[i].file, &why) == 0)
			print_error("row %zu was read\n", i);
		assert_null(s);
		assert_int_equal(why.kind, FAIL_CONFIG);
		assert_string_equal(why.reason, "config");
		if (strstr(why.text, rows[i].text) == NULL)
			print_error("row %zu: %s\n", i, why.text);
		assert_non_null(strstr(why.text, rows[i].text));
	}
}

static void
no_file_is_a_mistake_of_configuration(void **state)
{
	struct settings *s;
	struct fail why = {0};

	(void)state;
	assert_int_equal(settings_read(&s, "/nosuch/microca.conf", &why), -1);
	assert_int_equal(why.kind, FAIL_CONFIG);
	assert_null(s);
}

static void
each_front_end_has_its_form_of_certificate(void **state)
{
	static const struct {
		int frontend, form;
		const char *word;
	} rows[] = {
	    {FRONTEND_ANY, CERT_PEM, "any"},
	    {FRONTEND_LIGHTTPD, CERT_PEM, "lighttpd"},
	    {FRONTEND_APACHE, CERT_PEM, "apache"},
	    {FRONTEND_NGINX, CERT_PEM_ESCAPED, "nginx"},
	    {FRONTEND_CADDY, CERT_DER_BASE64, "caddy"},
	    {FRONTEND_HAPROXY, CERT_DER_BASE64, "haproxy"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(
		    frontend_cert_form(rows[i].frontend), rows[i].form);
		assert_string_equal(
		    frontend_word(rows[i].frontend), rows[i].word);
		assert_string_equal(frontend_cert_variable(rows[i].frontend),
		    "SSL_CLIENT_CERT");
	}
}

static void
the_sample_is_read_and_shows_the_defaults(void **state)
{
	char *sample = source_text("etc/microca.conf");
	struct settings *s = good(sample);
	struct bytes first = {0}, second = {0}, third = {0};

	(void)state;
	assert_int_equal(s->endpoints.n, 3);
	assert_int_equal(settings_endpoint(s, "device")->port, 8443);
	assert_int_equal(settings_endpoint(s, "idevid")->port, 8444);
	assert_int_equal(settings_endpoint(s, "subca")->port, 8445);
	settings_write(&first, s);
	settings_free(s);

	uncomment(sample);
	s = good(sample);
	settings_write(&second, s);
	settings_free(s);
	assert_string_equal(first.data, second.data);

	/* What is written reads back the same. */
	s = good((const char *)second.data);
	settings_write(&third, s);
	settings_free(s);
	assert_string_equal(second.data, third.data);
	bytes_free(&first);
	bytes_free(&second);
	bytes_free(&third);
	free(sample);
}

static void
every_key_is_in_the_manual_and_in_the_sample(void **state)
{
	char *manual = source_text("man/microca.conf.5");
	char *sample = source_text("etc/microca.conf");

	(void)state;
	assert_int_equal(
	    undocumented(&settings_table, &settings_table, manual, sample), 0);
	assert_int_equal(count_items(manual), count_keys(&settings_table));
	free(manual);
	free(sample);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(relative_paths_begin_at_the_file_s_folder),
	    cmocka_unit_test(a_relative_name_of_the_file_is_made_absolute),
	    cmocka_unit_test(the_environment_names_the_file),
	    cmocka_unit_test(rules_are_compiled),
	    cmocka_unit_test(
		certificates_of_our_own_take_what_is_not_said_from_the_ca),
	    cmocka_unit_test(the_cloud_s_files_and_tokens_are_found),
	    cmocka_unit_test(what_is_not_said_has_its_default),
	    cmocka_unit_test(a_mistake_is_refused_with_its_line),
	    cmocka_unit_test(no_file_is_a_mistake_of_configuration),
	    cmocka_unit_test(each_front_end_has_its_form_of_certificate),
	    cmocka_unit_test(the_sample_is_read_and_shows_the_defaults),
	    cmocka_unit_test(every_key_is_in_the_manual_and_in_the_sample),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}

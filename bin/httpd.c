/*
 * microca httpd - the web server's whole configuration, from the endpoints.
 *
 * The server proves that a client holds its certificate's key and carries
 * bytes; it decides nothing (design section 12).
 */
#include "bin/microca.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"

/* Cap of the program itself: 64 KiB; lighttpd counts in kB. */
#define REQUEST_KB 128
#define CONNECTIONS 4096
#define CHAIN_DEPTH 9

/* A double-quoted lighttpd string. */
static void
quoted(struct bytes *out, const char *text)
{
	bytes_addc(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			bytes_addc(out, '\\');
		bytes_addc(out, *text);
	}
	bytes_addc(out, '"');
}

static void
setting(
    struct bytes *out, const char *indent, const char *name, const char *value)
{
	bytes_addf(out, "%s%s = ", indent, name);
	quoted(out, value);
	bytes_addc(out, '\n');
}

static void
setting_path(struct bytes *out, const char *indent, const char *name,
    const char *folder, const char *file)
{
	char *path = file_path(folder, file);

	setting(out, indent, name, path);
	free(path);
}

static void
modules(struct bytes *out, const struct settings *s)
{
	bytes_adds(out, "server.modules = ( \"mod_openssl\", \"mod_setenv\", "
			"\"mod_fastcgi\", \"mod_accesslog\" )\n");
	if (s->httpd.module_folder != NULL && s->httpd.module_folder[0] != '\0')
		bytes_addf(out, "# modules: start with -m %s\n",
		    s->httpd.module_folder);
}

static void
identity(struct bytes *out, const struct settings *s)
{
	/* As the only way in needs no name, an empty one is left out. */
	if (s->httpd.user != NULL && s->httpd.user[0] != '\0')
		setting(out, "", "server.username", s->httpd.user);
	if (s->httpd.group != NULL && s->httpd.group[0] != '\0')
		setting(out, "", "server.groupname", s->httpd.group);
	if (s->httpd.server_name != NULL && s->httpd.server_name[0] != '\0')
		setting(out, "", "server.name", s->httpd.server_name);
	setting(out, "", "server.tag", "microca");
	setting_path(out, "", "server.pid-file", s->run, "lighttpd.pid");
	setting_path(
	    out, "", "server.errorlog", s->httpd.log_folder, "error.log");
	setting_path(
	    out, "", "accesslog.filename", s->httpd.log_folder, "access.log");
	bytes_adds(out,
	    "# Secrets are checked by the programs: Authorization reaches them "
	    "as it is, in\n"
	    "# HTTP_AUTHORIZATION.  So no auth.require, no "
	    "debug.log-request-header, and no\n"
	    "# %{Authorization}i in this format.\n"
	    "accesslog.format = \"%h %V %u %t \\\"%r\\\" %>s %b "
	    "\\\"%{User-Agent}i\\\"\"\n");
}

static void
limits(struct bytes *out)
{
	bytes_addf(out,
	    "\n# A fleet comes back all at once: room for it, none for a slow "
	    "few.\n"
	    "server.max-connections = %d\n"
	    "server.max-fds = %d\n"
	    "server.listen-backlog = %d\n"
	    "server.max-request-size = %d # kB\n"
	    "server.max-request-field-size = 16384\n"
	    "server.max-read-idle = 15\n"
	    "server.max-write-idle = 60\n"
	    "server.max-keep-alive-idle = 30\n"
	    "server.max-keep-alive-requests = 1000\n"
	    "# The whole body first: a slow client never holds a program.\n"
	    "server.stream-request-body = 0\n",
	    CONNECTIONS, 2 * CONNECTIONS + 512, CONNECTIONS, REQUEST_KB);
}

static void
strictness(struct bytes *out)
{
	bytes_adds(out,
	    "\n# HTTP/1.1 only, read strictly; the programs look at the raw "
	    "path themselves.\n"
	    "server.feature-flags = ( \"server.h2proto\" => \"disable\" )\n"
	    "server.http-parseopts = (\n"
	    "  \"header-strict\" => \"enable\",\n"
	    "  \"host-strict\" => \"enable\",\n"
	    "  \"host-normalize\" => \"enable\",\n"
	    "  \"url-normalize\" => \"enable\",\n"
	    "  \"url-normalize-unreserved\" => \"enable\",\n"
	    "  \"url-ctrls-reject\" => \"enable\",\n"
	    "  \"url-invalid-utf8-reject\" => \"enable\",\n"
	    "  # RFC 6960, A.1: %2F in the path is part of an OCSP request.\n"
	    "  \"url-path-2f-decode\" => \"disable\",\n"
	    "  \"url-path-2f-reject\" => \"disable\",\n"
	    "  \"url-path-dotseg-remove\" => \"disable\",\n"
	    "  \"url-path-dotseg-reject\" => \"enable\"\n"
	    ")\n");
}

/* "address:port", brackets round IPv6. */
static char *
listener(const struct settings *s, int port)
{
	const char *a = s->httpd.address;
	bool bare6 = strchr(a, ':') != NULL && a[0] != '[';

	return str_fmt(
	    "%s%s%s:%d", bare6 ? "[" : "", a, bare6 ? "]" : "", port);
}

/* lighttpd always has one socket outside the blocks: plain health, else the
 * first endpoint's, whose block then turns TLS on for it. */
static void
main_socket(struct bytes *out, const struct settings *s)
{
	const struct endpoint *e = s->endpoints.item;
	const char *a = s->httpd.address;
	bool bare6 = strchr(a, ':') != NULL && a[0] != '[';
	char *bind = str_fmt("%s%s%s", bare6 ? "[" : "", a, bare6 ? "]" : "");
	int port = s->httpd.health_port;

	if (port == 0 && s->endpoints.n > 0)
		port = e[0].port;
	bytes_addc(out, '\n');
	setting(out, "", "server.bind", bind);
	bytes_addf(out, "server.port = %d\n", port);
	free(bind);
}

static void
program(struct bytes *out, const struct settings *s, const char *indent,
    const char *name)
{
	char *socket = str_fmt("%s/%s.sock", s->run, name);

	/* disable-time 0: a restarted program is asked again at once. */
	bytes_addf(
	    out, "%sfastcgi.server = ( \"/\" => ( ( \"socket\" => ", indent);
	quoted(out, socket);
	bytes_addf(out,
	    ",\n%s  \"check-local\" => \"disable\", \"disable-time\" => 0 ) ) "
	    ")\n",
	    indent);
	free(socket);
}

static void
health(struct bytes *out, const struct settings *s)
{
	bytes_adds(out,
	    "\n# Nothing is served from files: what no program answers is "
	    "404.\n");
	setting(out, "", "server.document-root", s->public_folder);
	bytes_adds(out, "$HTTP[\"url\"] =~ \"^/\" {\n");
	setting(out, "  ", "server.document-root", "/nonexistent");
	bytes_adds(out, "}\n$HTTP[\"url\"] == \"/health\" {\n");
	program(out, s, "  ", "health");
	bytes_adds(out, "}\n");
}

static void
place(struct bytes *out, const struct settings *s, const char *condition,
    const char *name)
{
	bytes_addf(out, "  $HTTP[\"url\"] %s {\n", condition);
	program(out, s, "    ", name);
	bytes_adds(out, "  }\n");
}

/* RFC 5280, 8 and RFC 6960, A.1: these are signed, and whoever fetches them
 * may have no TLS yet. */
static void
plain(struct bytes *out, const struct settings *s)
{
	char *address = listener(s, s->httpd.health_port);

	if (s->httpd.health_port != 0) {
		bytes_adds(out,
		    "\n# Without TLS: certificate status and what is above a "
		    "certificate.\n"
		    "$SERVER[\"socket\"] == ");
		quoted(out, address);
		bytes_adds(out, " {\n");
		place(out, s, "=~ \"^/ocsp(/|$)\"", "ocsp");
		place(out, s, "=~ \"^/(crl|ca)/\"", "crl");
		bytes_adds(out, "}\n");
	}
	free(address);
}

static void
operations(
    struct bytes *out, const struct settings *s, const struct endpoint *e)
{
	size_t i;

	for (i = 0; i < e->operations.n; i++) {
		const char *name = e->operations.text[i];

		bytes_addf(out,
		    "  $HTTP[\"url\"] =~ "
		    "\"^/\\.well-known/est/([A-Za-z0-9._-]+/)?%s$\" {\n",
		    name);
		program(out, s, "    ", name);
		bytes_adds(out, "  }\n");
	}
}

/* Asked for, never demanded: RFC 7030, 3.3.2 leaves the refusal to us, and
 * cacerts is for everybody (RFC 7030, 4.1.1). */
static void
client_certificates(struct bytes *out, const char *bundle)
{
	setting(out, "  ", "ssl.verifyclient.ca-file", bundle);
	bytes_addf(out,
	    "  ssl.verifyclient.activate = \"enable\"\n"
	    "  ssl.verifyclient.enforce = \"disable\"\n"
	    "  ssl.verifyclient.exportcert = \"enable\"\n"
	    "  ssl.verifyclient.depth = %d\n",
	    CHAIN_DEPTH);
}

/* Up to and with the server's own certificate. */
static void
tls_begin(struct bytes *out, const struct settings *s, int port)
{
	char *address = listener(s, port);

	bytes_adds(out, "$SERVER[\"socket\"] == ");
	quoted(out, address);
	bytes_adds(out, " {\n  ssl.engine = \"enable\"\n");
	setting_path(out, "  ", "ssl.pemfile", s->public_folder, "server.pem");
	setting_path(out, "  ", "ssl.privkey", s->public_folder, "server.key");
	bytes_adds(out, "  ssl.openssl.ssl-conf-cmd = "
			"( \"MinProtocol\" => \"TLSv1.2\" )\n");
	free(address);
}

static void
endpoint(struct bytes *out, const struct settings *s, const struct endpoint *e)
{
	char *bundle = settings_bundle_path(s, e);

	bytes_addf(out, "\n# %s: profile %s\n", e->name, e->profile_name);
	tls_begin(out, s, e->port);
	if (e->auth == AUTH_CERTIFICATE || e->auth == AUTH_EITHER)
		client_certificates(out, bundle);
	bytes_adds(out, "  setenv.set-environment = "
			"( \"MICROCA_ENDPOINT\" => ");
	quoted(out, e->name);
	bytes_adds(out, " )\n");
	operations(out, s, e);
	bytes_adds(out, "}\n");
	free(bundle);
}

/* An export is passed on as it comes, whatever its size. */
static void
inventory(struct bytes *out, const struct settings *s)
{
	const struct inventory_settings *v = &s->inventory;

	if (v->anchors == NULL || v->port == 0 ||
	    v->frontend != FRONTEND_LIGHTTPD)
		return;
	bytes_adds(out, "\n# The inventory, for operators.\n");
	tls_begin(out, s, v->port);
	client_certificates(out, v->anchors);
	bytes_adds(out, "  server.stream-response-body = 2\n");
	place(out, s, "=~ \"^/(inventory|api/v1)/\"", "inventory");
	place(out, s, "== \"/metrics\"", "metrics");
	bytes_adds(out, "}\n");
}

static void
lighttpd(struct bytes *out, const struct settings *s)
{
	const struct endpoint *e = s->endpoints.item;
	size_t i;

	bytes_adds(out,
	    "# lighttpd for microca, printed by: microca httpd lighttpd\n"
	    "# Print it anew when an endpoint changes; the certificates in it "
	    "are read again\n"
	    "# when lighttpd gets SIGUSR1.\n");
	modules(out, s);
	identity(out, s);
	limits(out);
	strictness(out);
	main_socket(out, s);
	health(out, s);
	plain(out, s);
	for (i = 0; i < s->endpoints.n; i++)
		if (e[i].frontend == FRONTEND_LIGHTTPD)
			endpoint(out, s, &e[i]);
	inventory(out, s);
}

int
httpd_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct bytes text = {0};
	struct output out;
	int rc = -1;

	if (options_read(NULL, 0, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0)
		return -1;
	if (strcmp(argv[0], "lighttpd") != 0)
		return fail(why, FAIL_CONFIG, "usage",
		    "\"%s\" is no web server that this can configure: lighttpd",
		    argv[0]);
	if (tool_settings(tool, why) != 0 || output_open(&out, NULL, why) != 0)
		return -1;
	lighttpd(&text, tool->settings);
	rc = output_write(&out, span_of(&text), why);
	bytes_free(&text);
	return rc;
}

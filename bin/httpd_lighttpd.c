/* httpd_lighttpd - lighttpd 1.4.69 and newer: one process for all ports. */
#include "bin/httpd.h"

#include <stdlib.h>

#include "lib/base/file.h"

static void
setting(struct bytes *out, const char *name, const char *value)
{
	bytes_addf(out, "%s = ", name);
	httpd_quote(out, value);
	bytes_addc(out, '\n');
}

static void
modules(struct bytes *out, const struct settings *s)
{
	bytes_adds(out, "server.modules = ( \"mod_openssl\", \"mod_setenv\", "
			"\"mod_fastcgi\", \"mod_accesslog\" )\n");
	if (httpd_given(s->httpd.module_folder))
		bytes_addf(out, "# modules: start with -m %s\n",
		    s->httpd.module_folder);
}

static void
identity(struct bytes *out, const struct settings *s)
{
	char *logs = httpd_logs(s, &httpd_lighttpd);

	/* As the only way in needs no name, an empty one is left out. */
	if (httpd_given(s->httpd.user))
		setting(out, "server.username", s->httpd.user);
	if (httpd_given(s->httpd.group))
		setting(out, "server.groupname", s->httpd.group);
	if (httpd_given(s->httpd.server_name))
		setting(out, "server.name", s->httpd.server_name);
	setting(out, "server.tag", "microca");
	httpd_path(out, "server.pid-file = ", s->run, "lighttpd.pid", "\n");
	httpd_path(out, "server.errorlog = ", logs, "error.log", "\n");
	httpd_path(out, "accesslog.filename = ", logs, "access.log", "\n");
	bytes_adds(out,
	    "# Secrets are checked by the programs: Authorization reaches them "
	    "as it is, in\n"
	    "# HTTP_AUTHORIZATION.  So no auth.require, no "
	    "debug.log-request-header, and no\n"
	    "# %{Authorization}i in this format.\n"
	    "accesslog.format = \"%h %V %u %t \\\"%r\\\" %>s %b "
	    "\\\"%{User-Agent}i\\\"\"\n");
	free(logs);
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
	    "server.max-request-field-size = %d\n"
	    "server.max-read-idle = %d\n"
	    "server.max-write-idle = %d\n"
	    "server.max-keep-alive-idle = %d\n"
	    "server.max-keep-alive-requests = %d\n"
	    "# Whole answers only: no Range.\n"
	    "server.range-requests = \"disable\"\n"
	    "# The whole body first: a slow client never holds a program.\n"
	    "server.stream-request-body = 0\n",
	    HTTPD_CONNECTIONS, HTTPD_DESCRIPTORS, HTTPD_CONNECTIONS,
	    HTTPD_REQUEST_KB, HTTPD_FIELD_MAX, HTTPD_READ_WAIT,
	    HTTPD_WRITE_WAIT, HTTPD_IDLE_WAIT, HTTPD_KEPT_REQUESTS);
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

/* lighttpd always has one socket outside the blocks: plain HTTP's, else the
 * first endpoint's, whose block then turns TLS on for it. */
static void
main_socket(struct bytes *out, const struct settings *s)
{
	const struct endpoint *e = s->endpoints.item;
	char *bind = httpd_address(s);
	int port = s->httpd.health_port;

	if (port == 0 && s->endpoints.n > 0)
		port = e[0].port;
	bytes_addc(out, '\n');
	setting(out, "server.bind", bind);
	bytes_addf(out, "server.port = %d\n", port);
	free(bind);
}

static void
begin(struct bytes *out, const struct settings *s)
{
	bytes_adds(out, "# The certificates in it are read again when lighttpd "
			"gets SIGUSR1.\n");
	modules(out, s);
	identity(out, s);
	limits(out);
	strictness(out);
	main_socket(out, s);
	bytes_adds(out,
	    "\n# Nothing is served from files: what no program answers is "
	    "404.\n");
	setting(out, "server.document-root", s->public_folder);
	bytes_adds(out, "$HTTP[\"url\"] =~ \"^/\" {\n  ");
	setting(out, "server.document-root", "/nonexistent");
	bytes_adds(out, "}\n");
}

/* Asked for, never demanded: RFC 7030, 3.3.2 leaves the refusal to us, and
 * cacerts is for everybody (RFC 7030, 4.1.1). */
static void
client_certificates(struct bytes *out, const char *bundle)
{
	bytes_adds(out, "  ");
	setting(out, "ssl.verifyclient.ca-file", bundle);
	bytes_addf(out,
	    "  ssl.verifyclient.activate = \"enable\"\n"
	    "  ssl.verifyclient.enforce = \"disable\"\n"
	    "  ssl.verifyclient.exportcert = \"enable\"\n"
	    "  ssl.verifyclient.depth = %d\n",
	    HTTPD_CHAIN_DEPTH);
}

static void
tls(struct bytes *out, const struct settings *s, const struct httpd_port *port)
{
	bytes_adds(out, "  ssl.engine = \"enable\"\n");
	httpd_path(
	    out, "  ssl.pemfile = ", s->public_folder, "server.pem", "\n");
	httpd_path(
	    out, "  ssl.privkey = ", s->public_folder, "server.key", "\n");
	bytes_adds(out, "  ssl.openssl.ssl-conf-cmd = "
			"( \"MinProtocol\" => \"TLSv1.2\" )\n");
	if (port->bundle != NULL)
		client_certificates(out, port->bundle);
}

static void
environment(struct bytes *out, const struct httpd_port *port)
{
	bytes_adds(out, "  setenv.set-environment = ( "
			"\"MICROCA_FRONTEND\" => \"lighttpd\"");
	if (port->endpoint != NULL) {
		bytes_adds(out, ",\n    \"MICROCA_ENDPOINT\" => ");
		httpd_quote(out, port->endpoint);
	}
	bytes_adds(out, " )\n");
}

static void
port_begin(
    struct bytes *out, const struct settings *s, const struct httpd_port *port)
{
	char *address = httpd_listener(s, port->number);

	bytes_addf(out, "\n# %s\n$SERVER[\"socket\"] == ", port->title);
	httpd_quote(out, address);
	bytes_adds(out, " {\n");
	if (port->tls)
		tls(out, s, port);
	if (port->bundle != NULL || port->endpoint != NULL)
		environment(out, port);
	/* An export is passed on as it comes, whatever its size. */
	if (port->streams)
		bytes_adds(out, "  server.stream-response-body = 2\n");
	/* A list, too; but everybody may ask, and be slow. */
	else if (port->spools)
		bytes_adds(out, "  server.stream-response-body = 1\n");
	free(address);
}

static void
place(struct bytes *out, const struct settings *s,
    const struct httpd_port *port, const struct httpd_place *place)
{
	char *socket = str_fmt("%s/%s.sock", s->run, place->program);

	(void)port;
	bytes_addf(out, "  $HTTP[\"url\"] %s \"%s\" {\n",
	    place->path != NULL ? "==" : "=~",
	    place->path != NULL ? place->path : place->pattern);
	/* disable-time 0: a restarted program is asked again at once. */
	bytes_adds(out, "    fastcgi.server = ( \"/\" => ( ( \"socket\" => ");
	httpd_quote(out, socket);
	bytes_adds(out, ",\n      \"check-local\" => \"disable\", "
			"\"disable-time\" => 0 ) ) )\n  }\n");
	free(socket);
}

static void
port_end(
    struct bytes *out, const struct settings *s, const struct httpd_port *port)
{
	(void)s;
	(void)port;
	bytes_adds(out, "}\n");
}

const struct httpd_server httpd_lighttpd = {
    .name = "lighttpd",
    .title = "lighttpd",
    .logs = "lighttpd",
    .frontend = FRONTEND_LIGHTTPD,
    .begin = begin,
    .port = port_begin,
    .place = place,
    .port_end = port_end,
};

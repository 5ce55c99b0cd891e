/* httpd_caddy - Caddy 2.6 and newer. */
#include "bin/httpd.h"

#include <stdlib.h>

#include "lib/base/file.h"

static void
globals(struct bytes *out, const struct settings *s)
{
	char *logs = httpd_logs(s, &httpd_caddy);

	bytes_adds(out, "{\n"
			"  # Certificates are this CA's affair, and nothing is "
			"changed at run time.\n"
			"  admin off\n"
			"  auto_https off\n");
	if (httpd_given(s->httpd.server_name))
		bytes_addf(out, "  default_sni %s\n", s->httpd.server_name);
	bytes_addf(out,
	    "  servers {\n"
	    "    # HTTP/1.1 only: EST clients speak nothing else.\n"
	    "    protocols h1\n"
	    "    # One site a port, and devices that know an address send no "
	    "name in TLS.\n"
	    "    strict_sni_host insecure_off\n"
	    "    max_header_size %d\n"
	    "    timeouts {\n"
	    "      read_header %ds\n"
	    "      read_body %ds\n"
	    "      write %ds\n"
	    "      idle %ds\n"
	    "    }\n"
	    "  }\n",
	    HTTPD_FIELD_MAX, HTTPD_READ_WAIT, HTTPD_READ_WAIT, HTTPD_WRITE_WAIT,
	    HTTPD_IDLE_WAIT);
	httpd_path(out, "  log {\n    output file ", logs, "error.log",
	    "\n    level WARN\n  }\n}\n");
	free(logs);
}

/* What every port has. */
static void
snippet(struct bytes *out, const struct settings *s)
{
	char *logs = httpd_logs(s, &httpd_caddy);

	/* Caddy leaves Authorization out of its log by itself. */
	bytes_adds(out,
	    "\n# Secrets are checked by the programs: Authorization reaches "
	    "them as it is, in\n"
	    "# HTTP_AUTHORIZATION.  So no basicauth, and no "
	    "log_credentials.\n"
	    "(microca) {\n");
	httpd_path(
	    out, "  log {\n    output file ", logs, "access.log", "\n  }\n");
	bytes_addf(out,
	    "  request_body {\n    max_size %dKiB\n  }\n"
	    "  handle {\n    respond 404\n  }\n}\n",
	    HTTPD_REQUEST_KB);
	free(logs);
}

static void
begin(struct bytes *out, const struct settings *s)
{
	bytes_adds(out,
	    "# Start it with --adapter caddyfile.  Certificates in it are read "
	    "when it starts.\n");
	globals(out, s);
	snippet(out, s);
}

/* Asked for, never demanded: RFC 7030, 3.3.2 leaves the refusal to us, and
 * cacerts is for everybody (RFC 7030, 4.1.1).  With "verify_if_given" a
 * stranger's would end the handshake.  No CA is named to the client: of a file
 * with several Caddy would name the first alone, and clients that go by the
 * names would show nothing. */
static void
tls(struct bytes *out, const struct settings *s, const struct httpd_port *port)
{
	httpd_path(out, "  tls ", s->public_folder, "server.pem", " ");
	httpd_path(out, "", s->public_folder, "server.key", " {\n");
	bytes_adds(out, "    protocols tls1.2 tls1.3\n");
	if (port->bundle != NULL)
		bytes_adds(out, "    client_auth {\n"
				"      mode request\n"
				"    }\n");
	bytes_adds(out, "  }\n");
}

static void
port_begin(
    struct bytes *out, const struct settings *s, const struct httpd_port *port)
{
	bytes_addf(out, "\n# %s\n%s://:%d {\n  bind %s\n", port->title,
	    port->tls ? "https" : "http", port->number, s->httpd.address);
	if (port->tls)
		tls(out, s, port);
	bytes_adds(out, "  import microca\n");
}

/* Its name within the port: a program may have several places. */
static char *
matcher_name(const struct httpd_place *place)
{
	char *name =
	    str_fmt("%s%s%s", place->program, place->path != NULL ? "-at" : "",
		place->path != NULL ? place->path : "");

	for (char *p = name; *p != '\0'; p++)
		if (*p == '/')
			*p = '-';
	return name;
}

static void
environment(struct bytes *out, const struct httpd_port *port)
{
	bytes_adds(out, "        env MICROCA_FRONTEND caddy\n");
	if (port->endpoint != NULL)
		bytes_addf(
		    out, "        env MICROCA_ENDPOINT %s\n", port->endpoint);
	if (port->bundle != NULL)
		bytes_adds(out,
		    "        env SSL_CLIENT_CERT "
		    "{http.request.tls.client.certificate_der_base64}\n");
}

static void
place(struct bytes *out, const struct settings *s,
    const struct httpd_port *port, const struct httpd_place *place)
{
	char *socket = str_fmt("unix/%s/%s.sock", s->run, place->program);
	char *name = matcher_name(place);

	if (place->path != NULL)
		bytes_addf(out, "  @%s path %s\n", name, place->path);
	else
		bytes_addf(out, "  @%s path_regexp %s\n", name, place->pattern);
	bytes_addf(out, "  handle @%s {\n    reverse_proxy ", name);
	free(name);
	httpd_quote(out, socket);
	/* A program's Status: would be a header of the answer too. */
	bytes_adds(out, " {\n"
			"      buffer_requests\n"
			"      header_down -Status\n"
			"      transport fastcgi {\n");
	environment(out, port);
	bytes_adds(out, "      }\n    }\n  }\n");
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

const struct httpd_server httpd_caddy = {
    .name = "caddy",
    .title = "Caddy",
    .logs = "caddy",
    .frontend = FRONTEND_CADDY,
    .begin = begin,
    .port = port_begin,
    .place = place,
    .port_end = port_end,
};

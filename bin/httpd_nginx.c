/* httpd_nginx - nginx 1.22 and newer, with nothing but what is built in unless
 * an endpoint wants channel bindings. */
#include "bin/httpd.h"

#include <stdlib.h>

static void
identity(struct bytes *out, const struct settings *s)
{
	char *logs = httpd_logs(s, &httpd_nginx);

	if (httpd_given(s->httpd.user)) {
		bytes_addf(out, "user %s", s->httpd.user);
		if (httpd_given(s->httpd.group))
			bytes_addf(out, " %s", s->httpd.group);
		bytes_adds(out, ";\n");
	}
	httpd_path(out, "pid ", s->run, "nginx.pid", ";\n");
	httpd_path(out, "error_log ", logs, "error.log", ";\n");
	bytes_addf(out,
	    "worker_processes auto;\n"
	    "worker_rlimit_nofile %d;\n"
	    "\n# A fleet comes back all at once: room for it.\n"
	    "events {\n  worker_connections %d;\n}\n"
	    "\nhttp {\n"
	    "  # Secrets are checked by the programs: Authorization reaches "
	    "them as it is, in\n"
	    "  # HTTP_AUTHORIZATION.  So no auth_basic, no REMOTE_USER (it is "
	    "a name that nobody\n"
	    "  # checked), and no $http_authorization in this format.\n"
	    "  log_format microca '$remote_addr $server_port [$time_local] "
	    "\"$request\" $status '\n"
	    "    '$body_bytes_sent \"$http_user_agent\"';\n",
	    HTTPD_DESCRIPTORS, HTTPD_CONNECTIONS);
	httpd_path(out, "  access_log ", logs, "access.log", " microca;\n");
	free(logs);
}

static void
limits(struct bytes *out)
{
	bytes_addf(out,
	    "\n  # Nothing is served from files, and no body goes through "
	    "one.\n"
	    "  root /nonexistent;\n"
	    "  client_max_body_size %dk;\n"
	    "  client_body_buffer_size %dk;\n"
	    "  large_client_header_buffers 4 %d;\n"
	    "  client_header_timeout %ds;\n"
	    "  client_body_timeout %ds;\n"
	    "  send_timeout %ds;\n"
	    "  keepalive_timeout %ds;\n"
	    "  keepalive_requests %d;\n"
	    "  server_tokens off;\n"
	    "  merge_slashes off;\n",
	    HTTPD_REQUEST_KB, HTTPD_REQUEST_KB, HTTPD_FIELD_MAX,
	    HTTPD_READ_WAIT, HTTPD_READ_WAIT, HTTPD_WRITE_WAIT, HTTPD_IDLE_WAIT,
	    HTTPD_KEPT_REQUESTS);
	/* A kept connection would hold one of a program's threads. */
	bytes_addf(out,
	    "\n  # The whole body first: a slow client never holds a program.  "
	    "No connection to\n"
	    "  # a program is kept: it would hold one of its threads.\n"
	    "  fastcgi_request_buffering on;\n"
	    "  fastcgi_keep_conn off;\n"
	    "  fastcgi_read_timeout %ds;\n"
	    "  fastcgi_buffers 16 16k;\n"
	    "  fastcgi_max_temp_file_size 0;\n",
	    HTTPD_WRITE_WAIT);
}

/* What nginx does not have by itself: extras/nginx. */
static void
module(struct bytes *out, const struct settings *s)
{
	const char *folder = httpd_given(s->httpd.module_folder)
	                         ? s->httpd.module_folder
	                         : "/usr/lib/nginx/modules";

	if (httpd_binds(s, &httpd_nginx))
		httpd_path(out, "load_module ", folder,
		    "ngx_http_channel_binding_module.so", ";\n");
}

static void
begin(struct bytes *out, const struct settings *s)
{
	bytes_adds(out, "# The certificates in it are read again when nginx "
			"gets SIGHUP.\n");
	module(out, s);
	identity(out, s);
	limits(out);
	bytes_adds(out, "\n  ssl_protocols TLSv1.2 TLSv1.3;\n"
			"  ssl_session_cache shared:microca:4m;\n");
}

/* Asked for, never demanded: RFC 7030, 3.3.2 leaves the refusal to us, and
 * cacerts is for everybody (RFC 7030, 4.1.1).  With "optional" a stranger's
 * would be refused here, without a reason. */
static void
tls(struct bytes *out, const struct settings *s, const struct httpd_port *port)
{
	httpd_path(
	    out, "    ssl_certificate ", s->public_folder, "server.pem", ";\n");
	httpd_path(out, "    ssl_certificate_key ", s->public_folder,
	    "server.key", ";\n");
	if (port->bundle == NULL)
		return;
	bytes_adds(out, "    ssl_client_certificate ");
	httpd_quote(out, port->bundle);
	bytes_addf(out,
	    ";\n    ssl_verify_client optional_no_ca;\n"
	    "    ssl_verify_depth %d;\n",
	    HTTPD_CHAIN_DEPTH);
}

static void
parameter(struct bytes *out, const char *name, const char *value)
{
	bytes_addf(out, "    fastcgi_param %s ", name);
	httpd_quote(out, value);
	bytes_adds(out, ";\n");
}

/* All of them: nothing is inherited where one is set, and Debian's
 * fastcgi_params has REMOTE_USER. */
static void
parameters(struct bytes *out, const struct httpd_port *port)
{
	static const char *const same[][2] = {
	    {"REQUEST_METHOD", "$request_method"},
	    {"REQUEST_URI", "$request_uri"},
	    {"QUERY_STRING", "$query_string"},
	    {"CONTENT_TYPE", "$content_type"},
	    {"CONTENT_LENGTH", "$content_length"},
	    {"REMOTE_ADDR", "$remote_addr"},
	    {"SERVER_PROTOCOL", "$server_protocol"},
	    {"HTTP_PROXY", ""},
	    {"MICROCA_FRONTEND", "nginx"},
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		parameter(out, same[i][0], same[i][1]);
	if (port->endpoint != NULL)
		parameter(out, "MICROCA_ENDPOINT", port->endpoint);
	if (port->tls)
		parameter(out, "SSL_PROTOCOL", "$ssl_protocol");
	if (port->bundle != NULL) {
		parameter(out, "SSL_CLIENT_VERIFY", "$ssl_client_verify");
		parameter(out, "SSL_CLIENT_CERT", "$ssl_client_escaped_cert");
	}
	if (port->unique)
		parameter(out, "TLS_UNIQUE", "$tls_unique");
	if (port->exporter)
		parameter(out, "TLS_EXPORTER", "$tls_exporter");
}

static void
port_begin(
    struct bytes *out, const struct settings *s, const struct httpd_port *port)
{
	char *address = httpd_listener(s, port->number);

	bytes_addf(out, "\n  # %s\n  server {\n    listen %s%s backlog=%d;\n",
	    port->title, address, port->tls ? " ssl" : "", HTTPD_CONNECTIONS);
	if (httpd_given(s->httpd.server_name))
		bytes_addf(out, "    server_name %s;\n", s->httpd.server_name);
	if (port->tls)
		tls(out, s, port);
	parameters(out, port);
	bytes_adds(out, "    location / {\n      return 404;\n    }\n");
	free(address);
}

static void
place(struct bytes *out, const struct settings *s,
    const struct httpd_port *port, const struct httpd_place *place)
{
	char *socket = str_fmt("unix:%s/%s.sock", s->run, place->program);

	(void)port;
	bytes_addf(out, "    location %s \"%s\" {\n      fastcgi_pass ",
	    place->path != NULL ? "=" : "~",
	    place->path != NULL ? place->path : place->pattern);
	httpd_quote(out, socket);
	bytes_adds(out, ";\n    }\n");
	free(socket);
}

static void
port_end(
    struct bytes *out, const struct settings *s, const struct httpd_port *port)
{
	(void)s;
	(void)port;
	bytes_adds(out, "  }\n");
}

static void
end(struct bytes *out, const struct settings *s)
{
	(void)s;
	bytes_adds(out, "}\n");
}

const struct httpd_server httpd_nginx = {
    .name = "nginx",
    .title = "nginx",
    .logs = "nginx",
    .frontend = FRONTEND_NGINX,
    .begin = begin,
    .port = port_begin,
    .place = place,
    .port_end = port_end,
    .end = end,
};

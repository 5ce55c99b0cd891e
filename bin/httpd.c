/*
 * microca httpd - the web server's whole configuration, from the endpoints.
 *
 * The server proves that a client holds its certificate's key and carries
 * bytes; it decides nothing (design section 12).
 */
#include "bin/httpd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bin/microca.h"
#include "lib/base/file.h"

static const struct httpd_server *const servers[] = {&httpd_lighttpd,
    &httpd_nginx, &httpd_apache, &httpd_apache_fcgid, &httpd_apache_cgi,
    &httpd_caddy};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- what they all need --------------------------------------------------- */

void
httpd_quote(struct bytes *out, const char *text)
{
	bytes_addc(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			bytes_addc(out, '\\');
		bytes_addc(out, *text);
	}
	bytes_addc(out, '"');
}

void
httpd_path(struct bytes *out, const char *before, const char *folder,
    const char *file, const char *after)
{
	char *path = file_path(folder, file);

	bytes_adds(out, before);
	httpd_quote(out, path);
	bytes_adds(out, after);
	free(path);
}

bool
httpd_given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

char *
httpd_address(const struct settings *s)
{
	const char *a = s->httpd.address;
	bool bare6 = strchr(a, ':') != NULL && a[0] != '[';

	return str_fmt("%s%s%s", bare6 ? "[" : "", a, bare6 ? "]" : "");
}

char *
httpd_listener(const struct settings *s, int port)
{
	char *address = httpd_address(s);
	char *listener = str_fmt("%s:%d", address, port);

	free(address);
	return listener;
}

char *
httpd_logs(const struct settings *s, const struct httpd_server *server)
{
	return file_path("/var/log", httpd_given(s->httpd.log_folder)
					 ? s->httpd.log_folder
					 : server->logs);
}

static bool
is_behind(const struct httpd_server *server, int frontend)
{
	return frontend == FRONTEND_ANY || frontend == server->frontend;
}

/* RFC 7030, 3.5: whether or not it has to be there. */
static bool
wants(const struct endpoint *e, const char *binding)
{
	return e->pop_link != POP_OFF && endpoint_binding(e, binding);
}

bool
httpd_binds(const struct settings *s, const struct httpd_server *server)
{
	const struct endpoint *e = s->endpoints.item;

	for (size_t i = 0; i < s->endpoints.n; i++)
		if (is_behind(server, e[i].frontend) &&
		    (wants(&e[i], BINDING_UNIQUE) ||
			wants(&e[i], BINDING_EXPORTER)))
			return true;
	return false;
}

const char *
httpd_scope(const struct httpd_port *port)
{
	return port->endpoint != NULL ? port->endpoint : "all";
}

/* ---- what is where --------------------------------------------------------- */

struct site {
	struct bytes *out;
	const struct settings *settings;
	const struct httpd_server *server;
};

static void
place(struct site *site, const struct httpd_port *port, const char *path,
    const char *pattern, const char *program)
{
	struct httpd_place here = {path, pattern, program};

	site->server->place(site->out, site->settings, port, &here);
}

/* /health is on each of them. */
static void
port_begin(struct site *site, const struct httpd_port *port)
{
	site->server->port(site->out, site->settings, port);
	place(site, port, "/health", NULL, "health");
}

static void
port_end(struct site *site, const struct httpd_port *port)
{
	site->server->port_end(site->out, site->settings, port);
}

/* RFC 5280, 8 and RFC 6960, A.1: these are signed, and whoever fetches them
 * may have no TLS yet. */
static void
plain(struct site *site)
{
	struct httpd_port port = {
	    .title = "Without TLS: certificate status, and what is above a "
		     "certificate.",
	    .number = site->settings->httpd.health_port,
	    .spools = true,
	};

	if (port.number == 0)
		return;
	port_begin(site, &port);
	place(site, &port, NULL, "^/ocsp(/|$)", "ocsp");
	place(site, &port, NULL, "^/(crl|ca)/", "crl");
	/* From this machine alone: the program looks where from. */
	place(site, &port, "/metrics", NULL, "metrics");
	port_end(site, &port);
}

static void
operations(struct site *site, const struct httpd_port *port,
    const struct conf_strings *names)
{
	for (size_t i = 0; i < names->n; i++) {
		char *pattern =
		    str_fmt("^/\\.well-known/est/([A-Za-z0-9._-]+/)?%s$",
			names->text[i]);

		place(site, port, NULL, pattern, names->text[i]);
		free(pattern);
	}
}

static void
endpoint(struct site *site, const struct endpoint *e)
{
	bool asks = e->auth == AUTH_CERTIFICATE || e->auth == AUTH_EITHER;
	char *title = str_fmt("%s: profile %s", e->name, e->profile_name);
	char *bundle = settings_bundle_path(site->settings, e);
	struct httpd_port port = {
	    .title = title,
	    .number = e->port,
	    .tls = true,
	    .bundle = asks ? bundle : NULL,
	    .endpoint = e->name,
	    .unique = wants(e, BINDING_UNIQUE),
	    .exporter = wants(e, BINDING_EXPORTER),
	};

	if (is_behind(site->server, e->frontend)) {
		port_begin(site, &port);
		operations(site, &port, &e->operations);
		port_end(site, &port);
	}
	free(bundle);
	free(title);
}

static void
inventory(struct site *site)
{
	const struct inventory_settings *v = &site->settings->inventory;
	struct httpd_port port = {
	    .title = "The inventory, for operators.",
	    .number = v->port,
	    .tls = true,
	    .bundle = v->anchors,
	    .streams = true,
	};

	if (v->anchors == NULL || v->port == 0 ||
	    !is_behind(site->server, v->frontend))
		return;
	port_begin(site, &port);
	place(site, &port, NULL, "^/(inventory|api/v1)/", "inventory");
	/* What people type: the program leads them on. */
	place(site, &port, "/", NULL, "inventory");
	place(site, &port, "/inventory", NULL, "inventory");
	place(site, &port, "/metrics", NULL, "metrics");
	port_end(site, &port);
}

static void
ports(struct site *site)
{
	const struct endpoint *e = site->settings->endpoints.item;

	plain(site);
	for (size_t i = 0; i < site->settings->endpoints.n; i++)
		endpoint(site, &e[i]);
	inventory(site);
}

static void
write_all(struct bytes *out, const struct settings *s,
    const struct httpd_server *server)
{
	struct site site = {out, s, server};

	bytes_addf(out,
	    "# %s for microca, printed by: microca httpd %s\n"
	    "# Print it anew when an endpoint changes.\n",
	    server->title, server->name);
	server->begin(out, s);
	ports(&site);
	if (server->end != NULL)
		server->end(out, s);
}

/* ---- what suexec starts ------------------------------------------------------ */

static void
port_pass(
    struct bytes *out, const struct settings *s, const struct httpd_port *port)
{
	(void)out;
	(void)s;
	(void)port;
}

/* "ENDPOINT/PROGRAM", a line each. */
static void
place_name(struct bytes *out, const struct settings *s,
    const struct httpd_port *port, const struct httpd_place *place)
{
	(void)s;
	bytes_addf(out, "%s/%s\n", httpd_scope(port), place->program);
}

/* In single quotes, for sh(1). */
static void
shell_word(struct bytes *out, const char *text)
{
	bytes_addc(out, '\'');
	for (; *text != '\0'; text++)
		if (*text == '\'')
			bytes_adds(out, "'\\''");
		else
			bytes_addc(out, *text);
	bytes_addc(out, '\'');
}

/* suexec hands neither arguments nor MICROCA_ variables on. */
static void
wrapper_text(struct bytes *out, const struct settings *s, const char *folder,
    const char *scope, const char *program)
{
	char *path = file_path(folder, program);

	bytes_adds(out, "#!/bin/sh\n# Made by: microca httpd --wrappers\n");
	if (scope != NULL)
		bytes_adds(out, "export MICROCA_FRONTEND=apache\n");
	if (scope != NULL && settings_endpoint(s, scope) != NULL)
		bytes_addf(out, "export MICROCA_ENDPOINT=%s\n", scope);
	bytes_adds(out, "exec ");
	shell_word(out, path);
	bytes_adds(out, " -c ");
	shell_word(out, s->path);
	bytes_addc(out, '\n');
	free(path);
}

static int
wrapper_folder(const char *path, struct fail *why)
{
	mode_t mask = umask(022);
	int rc = mkdir(path, 0755);

	(void)umask(mask);
	if (rc == 0 || errno == EEXIST)
		return 0;
	fail(why, FAIL_CONFIG, "folder",
	    "cannot make %s: its parent has to belong to the programs' user",
	    path);
	return fail_errno(why, "mkdir");
}

static int
wrapper_write(const struct settings *s, bool scoped, const char *folder,
    const char *scope, const char *program, struct fail *why)
{
	char *dir = scoped ? file_path(s->httpd.wrappers, scope)
	                   : str_dup(s->httpd.wrappers);
	char *path = file_path(dir, program);
	struct bytes text = {0};
	int rc = -1;

	wrapper_text(&text, s, folder, scoped ? scope : NULL, program);
	if (wrapper_folder(s->httpd.wrappers, why) == 0 &&
	    wrapper_folder(dir, why) == 0)
		rc = file_write(path, span_of(&text), 0755, why);
	bytes_free(&text);
	free(path);
	free(dir);
	return rc;
}

static int
wrappers_write(const struct settings *s, const struct httpd_server *server,
    const char *folder, struct fail *why)
{
	struct httpd_server names = *server;
	struct bytes list = {0};
	struct site site = {&list, s, &names};
	char *scope, *program, *next;
	int rc = 0;

	names.port = names.port_end = port_pass;
	names.place = place_name;
	ports(&site);
	bytes_addc(&list, '\0');
	for (scope = (char *)list.data; rc == 0 && *scope != '\0';
	     scope = next) {
		program = strchr(scope, '/');
		next = strchr(scope, '\n');
		*program++ = *next++ = '\0';
		rc = wrapper_write(s, server->wrappers == WRAPPERS_SCOPED,
		    folder, scope, program, why);
	}
	bytes_free(&list);
	return rc;
}

/* ---- the command ------------------------------------------------------------ */

static const struct httpd_server *
server_find(const char *name, struct fail *why)
{
	struct bytes known = {0};

	for (size_t i = 0; i < COUNT(servers); i++) {
		if (strcmp(servers[i]->name, name) == 0) {
			bytes_free(&known);
			return servers[i];
		}
		bytes_addf(&known, "%s%s", i > 0 ? ", " : "", servers[i]->name);
	}
	fail(why, FAIL_CONFIG, "usage",
	    "\"%s\" is no web server that this can configure: %.*s", name,
	    (int)known.len, (const char *)known.data);
	bytes_free(&known);
	return NULL;
}

static int
wrappers_run(struct tool *tool, const struct httpd_server *server,
    const char *folder, struct fail *why)
{
	if (server->wrappers == WRAPPERS_NONE)
		return fail(why, FAIL_CONFIG, "usage",
		    "--wrappers: %s starts no programs by suexec",
		    server->name);
	if (tool_become_owner(tool, why) != 0)
		return -1;
	return wrappers_write(tool->settings, server, folder, why);
}

int
httpd_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	const struct httpd_server *server;
	const char *programs = LIBEXECDIR "/microca";
	bool wrappers = false;
	const struct option_spec options[] = {
	    {"wrappers", 0, OPTION_FLAG, &wrappers, 0, 0, NULL},
	    {"programs", 0, OPTION_TEXT, &programs, 0, 0, NULL},
	};
	struct bytes text = {0};
	struct output out;
	int rc = -1;

	if (options_read(options, COUNT(options), &argc, &argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0 ||
	    (server = server_find(argv[0], why)) == NULL ||
	    tool_settings(tool, why) != 0)
		return -1;
	if (wrappers)
		return wrappers_run(tool, server, programs, why);
	if (output_open(&out, NULL, why) != 0)
		return -1;
	write_all(&text, tool->settings, server);
	rc = output_write(&out, span_of(&text), why);
	bytes_free(&text);
	return rc;
}

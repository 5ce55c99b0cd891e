/*
 * httpd_apache - Apache httpd 2.4.58 and newer, with the modules of Debian's
 * apache2: three ways to the programs.
 *
 * mod_proxy_fcgi asks programs that run by themselves.  mod_fcgid and mod_cgid
 * start them, by suexec as the state folder's owner: they hold keys that the web server
 * must not have (design section 12).  What suexec starts lies under
 * httpd.wrappers.
 */
#include "bin/httpd.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/file.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

/* Processes of one program, each with one request. */
#define FCGID_PROCESSES 4

enum way { WAY_PROXY, WAY_FCGID, WAY_CGI };

struct module {
	const char *name, *file;
};

static void
modules_load(
    struct bytes *out, const struct settings *s, const struct module *m)
{
	const char *folder = httpd_given(s->httpd.module_folder)
	                         ? s->httpd.module_folder
	                         : "/usr/lib/apache2/modules";

	for (; m->name != NULL; m++) {
		bytes_addf(out, "LoadModule %s_module ", m->name);
		httpd_path(out, "", folder, m->file, "\n");
	}
}

static void
modules(struct bytes *out, const struct settings *s, enum way way)
{
	static const struct module all[] = {
	    {"mpm_event", "mod_mpm_event.so"},
	    {"alias", "mod_alias.so"},
	    {"authz_core", "mod_authz_core.so"},
	    {"env", "mod_env.so"},
	    {"reqtimeout", "mod_reqtimeout.so"},
	    {"socache_shmcb", "mod_socache_shmcb.so"},
	    {"ssl", "mod_ssl.so"},
	    {NULL, NULL},
	};
	static const struct module proxy[] = {
	    {"proxy", "mod_proxy.so"},
	    {"proxy_fcgi", "mod_proxy_fcgi.so"},
	    {NULL, NULL},
	};
	static const struct module fcgid[] = {
	    {"fcgid", "mod_fcgid.so"},
	    {"suexec", "mod_suexec.so"},
	    {NULL, NULL},
	};
	static const struct module cgi[] = {
	    {"cgid", "mod_cgid.so"},
	    {"suexec", "mod_suexec.so"},
	    {NULL, NULL},
	};
	/* What Apache does not have by itself: extras/apache. */
	static const struct module binding[] = {
	    {"channel_binding", "mod_channel_binding.so"},
	    {NULL, NULL},
	};
	static const struct module *const ways[] = {
	    [WAY_PROXY] = proxy,
	    [WAY_FCGID] = fcgid,
	    [WAY_CGI] = cgi,
	};

	modules_load(out, s, all);
	modules_load(out, s, ways[way]);
	/* suexec lets none of its variables through to a CGI program. */
	if (way != WAY_CGI && httpd_binds(s, &httpd_apache))
		modules_load(out, s, binding);
}

static void
identity(struct bytes *out, const struct settings *s)
{
	char *logs = httpd_logs(s, &httpd_apache);

	if (httpd_given(s->httpd.server_name))
		bytes_addf(out, "ServerName %s\n", s->httpd.server_name);
	if (httpd_given(s->httpd.user))
		bytes_addf(out, "User %s\n", s->httpd.user);
	if (httpd_given(s->httpd.group))
		bytes_addf(out, "Group %s\n", s->httpd.group);
	bytes_adds(out, "DefaultRuntimeDir ");
	httpd_quote(out, s->run);
	httpd_path(out, "\nPidFile ", s->run, "apache.pid", "\n");
	httpd_path(out, "ErrorLog ", logs, "error.log", "\n");
	bytes_adds(out,
	    "# Secrets are checked by the programs: CGIPassAuth hands "
	    "Authorization to them as\n"
	    "# it is.  So no AuthType, and no %{Authorization}i in this "
	    "format.\n"
	    "LogFormat \"%h %p %t \\\"%r\\\" %>s %b "
	    "\\\"%{User-Agent}i\\\"\" microca\n");
	httpd_path(out, "CustomLog ", logs, "access.log", " microca\n");
	free(logs);
}

static void
limits(struct bytes *out)
{
	bytes_addf(out,
	    "\n# A fleet comes back all at once: room for it, none for a slow "
	    "few.\n"
	    "ServerLimit 8\n"
	    "ThreadsPerChild 64\n"
	    "MaxRequestWorkers 512\n"
	    "AsyncRequestWorkerFactor 8\n"
	    "ListenBacklog %d\n"
	    "LimitRequestFieldSize %d\n"
	    "RequestReadTimeout handshake=%d header=%d body=%d,MinRate=500\n"
	    "Timeout %d\n"
	    "KeepAliveTimeout %d\n"
	    "MaxKeepAliveRequests %d\n",
	    HTTPD_CONNECTIONS, HTTPD_FIELD_MAX, HTTPD_READ_WAIT,
	    HTTPD_READ_WAIT, HTTPD_READ_WAIT, HTTPD_WRITE_WAIT, HTTPD_IDLE_WAIT,
	    HTTPD_KEPT_REQUESTS);
	bytes_adds(out,
	    "\n# HTTP/1.1 only, read strictly; the programs look at the raw "
	    "path themselves.\n"
	    "Protocols http/1.1\n"
	    "HttpProtocolOptions Strict\n"
	    "TraceEnable Off\n"
	    "ServerTokens Prod\n"
	    "ServerSignature Off\n"
	    "\n# Nothing is served from files: what no program answers is "
	    "404.\n"
	    "AliasMatch \"^/\" \"/nonexistent\"\n"
	    "<Directory \"/\">\n"
	    "  AllowOverride None\n"
	    "  Options None\n"
	    "  CGIPassAuth On\n"
	    "  Require all granted\n"
	    "</Directory>\n");
}

static void
tls_all(struct bytes *out)
{
	bytes_adds(out, "\nSSLProtocol -all +TLSv1.2 +TLSv1.3\n"
			"SSLSessionCache shmcb:microca-tls(1048576)\n");
}

static void
begin(struct bytes *out, const struct settings *s, enum way way)
{
	bytes_adds(out, "# The certificates in it are read again when Apache "
			"gets SIGUSR1.\n");
	modules(out, s, way);
	identity(out, s);
	limits(out);
	tls_all(out);
}

static void
proxy_begin(struct bytes *out, const struct settings *s)
{
	begin(out, s, WAY_PROXY);
	bytes_addf(out,
	    "# A slow body holds one of a program's threads: none is waited "
	    "for longer than\n"
	    "# RequestReadTimeout says.\n"
	    "ProxyTimeout %d\n"
	    "LimitRequestBody %d\n",
	    HTTPD_WRITE_WAIT, HTTPD_REQUEST_KB * 1024);
}

/* The state folder's owner, once there is one. */
static void
suexec(struct bytes *out, const struct settings *s)
{
	const char *user = MICROCA_USER, *group = MICROCA_USER;
	const struct passwd *pw;
	const struct group *gr;
	struct stat st;

	if (stat(s->state, &st) == 0 && (pw = getpwuid(st.st_uid)) != NULL) {
		user = pw->pw_name;
		gr = getgrgid(pw->pw_gid);
		group = gr != NULL ? gr->gr_name : user;
	}
	bytes_addf(out,
	    "# The programs hold keys, so they run as another user than this.\n"
	    "SuexecUserGroup %s %s\n",
	    user, group);
}

/* mod_fcgid's own answer to a long body is 500, so its limit is the largest
 * that makes sense, and LimitRequestBody must not cut one (it would be handed on
 * as a shorter one). */
static void
fcgid_begin(struct bytes *out, const struct settings *s)
{
	begin(out, s, WAY_FCGID);
	suexec(out, s);
	httpd_path(out, "FcgidIPCDir ", s->run, "fcgid", "\n");
	httpd_path(
	    out, "FcgidProcessTableFile ", s->run, "fcgid/processes", "\n");
	bytes_addf(out,
	    "FcgidMaxRequestLen %d\n"
	    "FcgidMaxRequestInMem %d\n"
	    "FcgidMaxProcessesPerClass %d\n"
	    "FcgidMinProcessesPerClass 0\n"
	    "FcgidConnectTimeout %d\n"
	    "FcgidIOTimeout %d\n"
	    "FcgidMaxRequestsPerProcess 0\n",
	    HTTPD_REQUEST_KB * 1024, HTTPD_REQUEST_KB * 1024, FCGID_PROCESSES,
	    HTTPD_READ_WAIT, HTTPD_WRITE_WAIT);
}

static void
cgi_begin(struct bytes *out, const struct settings *s)
{
	begin(out, s, WAY_CGI);
	suexec(out, s);
	httpd_path(out, "ScriptSock ", s->run, "cgid.sock", "\n");
	bytes_addf(out, "LimitRequestBody %d\n", HTTPD_REQUEST_KB * 1024);
}

/* ---- one port ---------------------------------------------------------------- */

/* Asked for, never demanded: RFC 7030, 3.3.2 leaves the refusal to us, and
 * cacerts is for everybody (RFC 7030, 4.1.1).  With "optional" a stranger's
 * would end the handshake. */
static void
tls(struct bytes *out, const struct settings *s, const struct httpd_port *port)
{
	bytes_adds(out, "  SSLEngine On\n");
	httpd_path(
	    out, "  SSLCertificateFile ", s->public_folder, "server.pem", "\n");
	httpd_path(out, "  SSLCertificateKeyFile ", s->public_folder,
	    "server.key", "\n");
	/* Its SSL_PROTOCOL goes with the bindings. */
	if (port->bundle == NULL && (port->unique || port->exporter))
		bytes_adds(out, "  SSLOptions +StdEnvVars\n");
	if (port->bundle == NULL)
		return;
	bytes_adds(out, "  SSLCACertificateFile ");
	httpd_quote(out, port->bundle);
	bytes_addf(out,
	    "\n  SSLVerifyClient optional_no_ca\n"
	    "  SSLVerifyDepth %d\n"
	    "  SSLOptions +StdEnvVars +ExportCertData\n",
	    HTTPD_CHAIN_DEPTH);
}

static void
port_begin(
    struct bytes *out, const struct settings *s, const struct httpd_port *port)
{
	char *address = httpd_listener(s, port->number);

	bytes_addf(out, "\n# %s\nListen %s\n<VirtualHost %s>\n", port->title,
	    address, address);
	if (port->tls)
		tls(out, s, port);
	else
		bytes_adds(out,
		    "  # RFC 6960, A.1: %2F in the path is part of an OCSP "
		    "request.\n"
		    "  AllowEncodedSlashes NoDecode\n");
	/* Since 2.4.59 Apache does not believe a program's Content-Length, which
	 * clients of EST want (design section 10). */
	bytes_adds(out, "  SetEnv ap_trust_cgilike_cl 1\n"
			"  SetEnv MICROCA_FRONTEND apache\n");
	if (port->endpoint != NULL)
		bytes_addf(
		    out, "  SetEnv MICROCA_ENDPOINT %s\n", port->endpoint);
	free(address);
}

static void
port_end(
    struct bytes *out, const struct settings *s, const struct httpd_port *port)
{
	(void)s;
	(void)port;
	bytes_adds(out, "</VirtualHost>\n");
}

/* A place's own expression, for <LocationMatch> and the like. */
static void
match(struct bytes *out, const struct httpd_place *place)
{
	if (place->path != NULL)
		bytes_addf(out, "\"^%s$\"", place->path);
	else
		bytes_addf(out, "\"%s\"", place->pattern);
}

static void
proxy_place(struct bytes *out, const struct settings *s,
    const struct httpd_port *port, const struct httpd_place *place)
{
	(void)port;
	bytes_adds(out, "  <LocationMatch ");
	match(out, place);
	bytes_addf(out,
	    ">\n    SetHandler \"proxy:unix:%s/%s.sock|fcgi://microca/\"\n"
	    "  </LocationMatch>\n",
	    s->run, place->program);
}

static void
fcgid_place(struct bytes *out, const struct settings *s,
    const struct httpd_port *port, const struct httpd_place *place)
{
	(void)port;
	bytes_adds(out, "  <LocationMatch ");
	match(out, place);
	bytes_adds(out, ">\n    SetHandler fcgid-script\n"
			"    Options +ExecCGI\n");
	httpd_path(out, "    FcgidWrapper ", s->httpd.wrappers, place->program,
	    " virtual\n  </LocationMatch>\n");
}

/* suexec drops MICROCA_ENDPOINT: each endpoint has wrappers of its own. */
static void
cgi_place(struct bytes *out, const struct settings *s,
    const struct httpd_port *port, const struct httpd_place *place)
{
	char *file = str_fmt("%s/%s", httpd_scope(port), place->program);

	bytes_adds(out, "  ScriptAliasMatch ");
	match(out, place);
	httpd_path(out, " ", s->httpd.wrappers, file, "\n");
	free(file);
}

#define SERVER(word, says, b, p, w)                                            \
	{                                                                      \
		.name = word, .title = says, .logs = "apache2",                \
		.frontend = FRONTEND_APACHE, .begin = b, .port = port_begin,   \
		.place = p, .port_end = port_end, .wrappers = w,               \
	}

const struct httpd_server httpd_apache = SERVER("apache",
    "Apache with mod_proxy_fcgi", proxy_begin, proxy_place, WRAPPERS_NONE);
const struct httpd_server httpd_apache_fcgid = SERVER("apache-fcgid",
    "Apache with mod_fcgid", fcgid_begin, fcgid_place, WRAPPERS_PLAIN);
const struct httpd_server httpd_apache_cgi = SERVER("apache-cgi",
    "Apache with plain CGI", cgi_begin, cgi_place, WRAPPERS_SCOPED);

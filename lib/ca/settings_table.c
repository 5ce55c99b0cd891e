#include "lib/ca/settings.h"

#include <string.h>

#include "lib/ca/endpoint.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
store_ok(const char *text)
{
	return (strncmp(text, "sqlite:", 7) == 0 && text[7] != '\0') ||
	       strncmp(text, "postgresql://", 13) == 0;
}

static bool
names_ok(const char *text)
{
	return strcmp(text, "own") == 0 || strcmp(text, "any") == 0 ||
	       (strncmp(text, "pattern ", 8) == 0 && text[8] != '\0');
}

static bool
host_ok(const char *text)
{
	return strspn(text,
		   "abcdefghijklmnopqrstuvwxyz"
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-") == strlen(text);
}

/* A module's own variables, nothing that steers the program loader. */
static bool
environment_ok(const char *text)
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return n > 0 && text[n] == '=' && strncmp(text, "LD_", 3) != 0;
}

#define AT(field) .offset = offsetof(struct allow, field)

static const struct conf_key allow_keys[] = {
    {.name = "own",
	.type = CONF_STRINGS,
	AT(own),
	.fallback = "()",
	.text = "profiles of this CA whose certificates may ask"},
    {.name = "issuer",
	.type = CONF_STRING,
	AT(issuer),
	.text = "PEM file of another CA whose certificates may ask"},
    {.name = "intermediates",
	.type = CONF_STRING,
	AT(intermediates),
	.text = "PEM file of CAs between issuer and clients"},
    {.name = "crl",
	.type = CONF_STRING,
	AT(crl),
	.text = "file of that CA's CRLs, PEM or DER"},
    {.name = "subject",
	.type = CONF_STRING,
	AT(subject_text),
	.text = "regular expression over the client's whole subject"},
    {.name = "secret",
	.type = CONF_BOOL,
	AT(secret),
	.fallback = "false",
	.text = "who has a one-time secret of microca secret may ask"},
    {.name = "names",
	.type = CONF_STRING,
	AT(names_text),
	.fallback = "\"own\"",
	.text = "names it may ask for: its own, any, or by pattern",
	.ok = names_ok,
	.form = "\"own\", \"any\" or \"pattern REGEX\""},
};

static const struct conf_table allow_table = {
    "allow",
    sizeof(struct allow),
    allow_keys,
    COUNT(allow_keys),
    offsetof(struct allow, where),
};

#undef AT
#define AT(field) .offset = offsetof(struct endpoint, field)

static const char *const auth_words[] = {
    [AUTH_CERTIFICATE] = "certificate",
    [AUTH_SECRET] = "secret",
    [AUTH_EITHER] = "either",
    [AUTH_NONE] = "none",
    NULL,
};

static const char *const approval_words[] = {
    [APPROVAL_NONE] = "none",
    [APPROVAL_ENROLL] = "enroll",
    [APPROVAL_ALWAYS] = "always",
    NULL,
};

static const char *const pop_words[] = {
    [POP_OFF] = "off",
    [POP_IF_PRESENT] = "if-present",
    [POP_REQUIRED] = "required",
    NULL,
};

static const char *const binding_words[] = {
    BINDING_UNIQUE, BINDING_EXPORTER, NULL};

static const struct conf_key endpoint_keys[] = {
    {.name = "name",
	.type = CONF_STRING,
	AT(name),
	.required = true,
	.text = "its name, and the path label that stands for it",
	.ok = conf_is_name,
	.form = "1 to 64 of A-Z a-z 0-9 . _ -"},
    {.name = "port",
	.type = CONF_INT,
	AT(port),
	.min = 1,
	.max = 65535,
	.required = true,
	.text = "TCP port of the web server"},
    {.name = "profile",
	.type = CONF_STRING,
	AT(profile_name),
	.required = true,
	.text = "profile of what is issued here"},
    {.name = "frontend",
	.type = CONF_WORD,
	AT(frontend),
	.words = frontend_words,
	.fallback = "\"any\"",
	.text = "the web server before it"},
    {.name = "auth",
	.type = CONF_WORD,
	AT(auth),
	.words = auth_words,
	.fallback = "\"certificate\"",
	.text = "how clients show who they are"},
    {.name = "approval",
	.type = CONF_WORD,
	AT(approval),
	.words = approval_words,
	.fallback = "\"none\"",
	.text = "which requests wait until somebody approves of them"},
    {.name = "operations",
	.type = CONF_STRINGS,
	AT(operations),
	.words = operation_names,
	.fallback = "(\"cacerts\", \"csrattrs\", \"simpleenroll\", "
		    "\"simplereenroll\")",
	.text = "EST operations that are on"},
    {.name = "labels",
	.type = CONF_STRINGS,
	AT(labels),
	.fallback = "()",
	.text = "other endpoints that may be reached by path label here"},
    {.name = "lenient",
	.type = CONF_BOOL,
	AT(lenient),
	.fallback = "false",
	.text = "take PEM and bare DER in request bodies too"},
    {.name = "pop_link",
	.type = CONF_WORD,
	AT(pop_link),
	.words = pop_words,
	.fallback = "\"if-present\"",
	.text = "challengePassword that links request and TLS session"},
    {.name = "channel_binding",
	.type = CONF_STRINGS,
	AT(channel_binding),
	.words = binding_words,
	.fallback = "()",
	.text = "what the web server hands over to compare it with"},
    {.name = "allow",
	.type = CONF_LIST,
	AT(allow),
	.table = &allow_table,
	.fallback = "()",
	.text = "who may enrol; nobody else may"},
};

static const struct conf_table endpoint_table = {
    "endpoint",
    sizeof(struct endpoint),
    endpoint_keys,
    COUNT(endpoint_keys),
    offsetof(struct endpoint, where),
};

#undef AT
#define AT(field)                                                              \
	.offset = offsetof(struct settings, ca.field) -                        \
	          offsetof(struct settings, ca)

static const char *const key_type_words[] = {
    "p256", "p384", "p521", "rsa2048", "rsa3072", "rsa4096", NULL};

static const struct conf_key ca_keys[] = {
    {.name = "key",
	.type = CONF_STRING,
	AT(key),
	.required = true,
	.text = "the CA's key: a PKCS#11 URI, or a PEM file"},
    {.name = "module",
	.type = CONF_STRING,
	AT(module),
	.text = "PKCS#11 module, unless the URI names one"},
    {.name = "pin_file",
	.type = CONF_STRING,
	AT(pin_file),
	.text = "file that holds the PIN, unless the URI names one"},
    {.name = "module_environment",
	.type = CONF_STRINGS,
	AT(module_environment),
	.fallback = "()",
	.text = "environment that the module needs, like SOFTHSM2_CONF",
	.ok = environment_ok,
	.form = "\"NAME=value\""},
    {.name = "key_type",
	.type = CONF_STRING,
	AT(key_type),
	.words = key_type_words,
	.fallback = "\"p256\"",
	.text = "what key microca init makes"},
    {.name = "subject",
	.type = CONF_STRING,
	AT(subject),
	.required = true,
	.text = "the CA's own name, for its certificate request"},
    {.name = "peers",
	.type = CONF_STRING,
	AT(peers),
	.text = "folder of the issuing certificates of other nodes"},
    {.name = "activate_after",
	.type = CONF_DURATION,
	AT(activate_after),
	.max = 90 * 86400,
	.fallback = "\"1d\"",
	.text = "from the install of a new issuing certificate to its use"},
    {.name = "audit_counter",
	.type = CONF_BOOL,
	AT(audit_counter),
	.fallback = "true",
	.text = "the token keeps how far the audit has come"},
};

static const struct conf_table ca_table = {
    "ca",
    sizeof(((struct settings *)NULL)->ca),
    ca_keys,
    COUNT(ca_keys),
    SIZE_MAX,
};

#undef AT
#define AT(field)                                                              \
	.offset = offsetof(struct settings, crl.field) -                       \
	          offsetof(struct settings, crl)

static const struct conf_key crl_keys[] = {
    {.name = "period",
	.type = CONF_DURATION,
	AT(period),
	.min = 3600,
	.max = 366 * 86400,
	.fallback = "\"7d\"",
	.text = "how long a revocation list holds"},
};

static const struct conf_table crl_table = {
    "crl",
    sizeof(((struct settings *)NULL)->crl),
    crl_keys,
    sizeof(crl_keys) / sizeof(crl_keys[0]),
    SIZE_MAX,
};

#undef AT
#define AT(field)                                                              \
	.offset = offsetof(struct settings, retention.field) -                 \
	          offsetof(struct settings, retention)

static const struct conf_key retention_keys[] = {
    {.name = "expired_after",
	.type = CONF_DURATION,
	AT(expired_after),
	.min = 0,
	.max = INT64_C(100) * 366 * 86400,
	.fallback = "\"0\"",
	.text = "how long after their end certificates stay in the database; "
		"0: for ever"},
    {.name = "folder",
	.type = CONF_STRING,
	AT(folder),
	.fallback = "\"retired\"",
	.text = "folder of those that left, in state"},
};

static const struct conf_table retention_table = {
    "retention",
    sizeof(((struct settings *)NULL)->retention),
    retention_keys,
    sizeof(retention_keys) / sizeof(retention_keys[0]),
    SIZE_MAX,
};

#undef AT
#define AT(field)                                                              \
	.offset = offsetof(struct settings, ocsp.field) -                      \
	          offsetof(struct settings, ocsp)

static const struct conf_key ocsp_keys[] = {
    {.name = "key",
	.type = CONF_STRING,
	AT(key),
	.text = "the responder's key: a PKCS#11 URI or a PEM file; none: made "
		"anew for each certificate"},
    {.name = "validity",
	.type = CONF_DURATION,
	AT(validity),
	.min = 86400,
	.max = 90 * 86400,
	.fallback = "\"14d\"",
	.text = "how long the responder's certificate is valid"},
    {.name = "period",
	.type = CONF_DURATION,
	AT(period),
	.min = 60,
	.max = 7 * 86400,
	.fallback = "\"1h\"",
	.text = "how long an answer holds"},
    {.name = "share",
	.type = CONF_INT,
	AT(share),
	.min = 1,
	.max = 100,
	.fallback = "50",
	.text = "per cent of the time that may be spent on signing answers"},
    {.name = "nonce_share",
	.type = CONF_INT,
	AT(nonce_share),
	.min = 0,
	.max = 100,
	.fallback = "25",
	.text = "per cent of the time for answers with a nonce"},
    {.name = "cache",
	.type = CONF_SIZE,
	AT(cache),
	.min = 0,
	.max = 256 * 1024 * 1024,
	.fallback = "\"2M\"",
	.text = "memory for answers that are given again"},
};

static const struct conf_table ocsp_table = {
    "ocsp",
    sizeof(((struct settings *)NULL)->ocsp),
    ocsp_keys,
    COUNT(ocsp_keys),
    SIZE_MAX,
};

#undef AT
#define AT(field)                                                              \
	.offset = offsetof(struct settings, keygen.field) -                    \
	          offsetof(struct settings, keygen)

static const struct conf_key keygen_keys[] = {
    {.name = "key",
	.type = CONF_STRING,
	AT(key),
	.text = "PEM file of its private key"},
    {.name = "certificate",
	.type = CONF_STRING,
	AT(certificate),
	.text = "PEM file of its certificate, with those above it"},
};

static const struct conf_table keygen_table = {
    "keygen",
    sizeof(((struct settings *)NULL)->keygen),
    keygen_keys,
    COUNT(keygen_keys),
    SIZE_MAX,
};

#undef AT
#define AT(field)                                                              \
	.offset = offsetof(struct settings, health.field) -                    \
	          offsetof(struct settings, health)

#define YEARS (INT64_C(10) * 366 * 86400)

static const struct conf_key health_keys[] = {
    {.name = "backup_age",
	.type = CONF_DURATION,
	AT(backup_age),
	.min = 0,
	.max = YEARS,
	.fallback = "\"0\"",
	.text = "how old the last backup may be; 0: nobody minds"},
    {.name = "backlog_age",
	.type = CONF_DURATION,
	AT(backlog_age),
	.min = 0,
	.max = YEARS,
	.fallback = "\"7d\"",
	.text = "how long the cloud may not be told of something; 0: for ever"},
    {.name = "head_age",
	.type = CONF_DURATION,
	AT(head_age),
	.min = 0,
	.max = YEARS,
	.fallback = "\"1d\"",
	.text = "how long ago the audit may have been signed; 0: nobody minds"},
};

static const struct conf_table health_table = {
    "health",
    sizeof(((struct settings *)NULL)->health),
    health_keys,
    COUNT(health_keys),
    SIZE_MAX,
};

#undef AT
#define AT(field)                                                              \
	.offset = offsetof(struct settings, httpd.field) -                     \
	          offsetof(struct settings, httpd)

static const struct conf_key httpd_keys[] = {
    {.name = "server_name",
	.type = CONF_STRING,
	AT(server_name),
	.fallback = "\"localhost\"",
	.text = "host name of this CA's web server",
	.ok = host_ok,
	.form = "a host name or an IP address"},
    {.name = "address",
	.type = CONF_STRING,
	AT(address),
	.fallback = "\"0.0.0.0\"",
	.text = "IP address to listen on",
	.ok = host_ok,
	.form = "an IP address"},
    {.name = "user",
	.type = CONF_STRING,
	AT(user),
	.fallback = "\"www-data\"",
	.text = "user of the web server",
	.ok = conf_is_name,
	.form = "a user's name"},
    {.name = "group",
	.type = CONF_STRING,
	AT(group),
	.fallback = "\"www-data\"",
	.text = "group of the web server",
	.ok = conf_is_name,
	.form = "a group's name"},
    {.name = "log_folder",
	.type = CONF_STRING,
	AT(log_folder),
	.text = "folder of the web server's logs, where that is not /var/log/ "
		"and its name"},
    {.name = "module_folder",
	.type = CONF_STRING,
	AT(module_folder),
	.text = "folder of its modules, where that is not its own default"},
    {.name = "wrappers",
	.type = CONF_STRING,
	AT(wrappers),
	.fallback = "\"/var/www/microca\"",
	.text = "folder of what Apache starts by suexec"},
    {.name = "health_port",
	.type = CONF_INT,
	AT(health_port),
	.min = 0,
	.max = 65535,
	.fallback = "8080",
	.text = "plain HTTP port of /health; 0: none"},
};

static const struct conf_table httpd_table = {
    "httpd",
    sizeof(((struct settings *)NULL)->httpd),
    httpd_keys,
    COUNT(httpd_keys),
    SIZE_MAX,
};

#undef AT
#define AT(field) .offset = offsetof(struct settings, field)

const char *const confine_words[] = {
    [CONFINE_OFF] = "off",
    [CONFINE_IF_POSSIBLE] = "if-possible",
    [CONFINE_REQUIRED] = "required",
    NULL,
};

static const char *const sink_words[] = {
    [LOG_SINK_STDERR] = "stderr",
    [LOG_SINK_SYSLOG] = "syslog",
    NULL,
};

static const char *const level_words[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
    NULL,
};

static const struct conf_key settings_keys[] = {
    {.name = "state",
	.type = CONF_STRING,
	AT(state),
	.fallback = "\"" LOCALSTATEDIR "/lib/microca\"",
	.text = "folder of issuer, database and locks"},
    {.name = "public",
	.type = CONF_STRING,
	AT(public_folder),
	.fallback = "\"" LOCALSTATEDIR "/lib/microca-public\"",
	.text = "folder of what the web server may read"},
    {.name = "run",
	.type = CONF_STRING,
	AT(run),
	.fallback = "\"/run/microca\"",
	.text = "folder of the programs' sockets"},
    {.name = "profiles",
	.type = CONF_STRING,
	AT(profiles_path),
	.fallback = "\"profiles.conf\"",
	.text = "the file of profiles"},
    {.name = "store",
	.type = CONF_STRING,
	AT(store),
	.fallback = "\"sqlite:microca.db\"",
	.text = "the database",
	.ok = store_ok,
	.form = "\"sqlite:PATH\" or \"postgresql://…\""},
    {.name = "node",
	.type = CONF_INT,
	AT(node),
	.min = 0,
	.max = 63,
	.fallback = "0",
	.text = "this node's number among those that share a PostgreSQL "
		"store"},
    {.name = "log",
	.type = CONF_WORD,
	AT(log_sink),
	.words = sink_words,
	.fallback = "\"stderr\"",
	.text = "where the programs log"},
    {.name = "log_level",
	.type = CONF_WORD,
	AT(log_level),
	.words = level_words,
	.fallback = "\"info\"",
	.text = "how much they log"},
    {.name = "threads",
	.type = CONF_INT,
	AT(threads),
	.min = 9,
	.max = 256,
	.fallback = "32",
	.text = "workers of a program; all but 8 may wait for the token"},
    {.name = "connections",
	.type = CONF_INT,
	AT(connections),
	.min = 1,
	.max = 64,
	.fallback = "16",
	.text = "a program's connections to the database"},
    {.name = "allow_cgi",
	.type = CONF_BOOL,
	AT(allow_cgi),
	.fallback = "false",
	.text = "the programs may run as plain CGI"},
    {.name = "confine",
	.type = CONF_WORD,
	AT(confine),
	.words = confine_words,
	.fallback = "\"if-possible\"",
	.text = "programs without a token give system calls up"},
    {.name = "web_server_users",
	.type = CONF_STRINGS,
	AT(web_server_users),
	.fallback = "(\"www-data\")",
	.text = "users that may connect to the sockets",
	.ok = conf_is_name,
	.form = "users' names or numbers"},
    {.name = "body_wait",
	.type = CONF_DURATION,
	AT(body_wait),
	.min = 1,
	.max = 600,
	.fallback = "\"10s\"",
	.text = "how long a request's body may take"},
    {.name = "repeat_window",
	.type = CONF_DURATION,
	AT(repeat_window),
	.min = 0,
	.max = 7 * 86400,
	.fallback = "\"1h\"",
	.text = "how long the same request gets the same certificate"},
    {.name = "approval_keep",
	.type = CONF_DURATION,
	AT(approval_keep),
	.min = 60,
	.max = 90 * 86400,
	.fallback = "\"7d\"",
	.text =
	    "how long a request waits for approval, and then to be fetched"},
    {.name = "approval_retry",
	.type = CONF_DURATION,
	AT(approval_retry),
	.min = 1,
	.max = 86400,
	.fallback = "\"5m\"",
	.text = "when a client is told to ask again"},
    {.name = "approval_open",
	.type = CONF_INT,
	AT(approval_open),
	.min = 1,
	.max = 10000,
	.fallback = "3",
	.text = "how many requests of one identity may wait"},
    {.name = "disk_reserve",
	.type = CONF_SIZE,
	AT(disk_reserve),
	.min = 0,
	.max = INT64_C(1) << 40,
	.fallback = "\"1G\"",
	.text = "free space below which nothing is issued"},
    {.name = "clock_slack",
	.type = CONF_DURATION,
	AT(clock_slack),
	.min = 0,
	.max = 86400,
	.fallback = "\"5m\"",
	.text = "how far the clock may be behind the newest certificate"},
    {.name = "ca",
	.type = CONF_GROUP,
	AT(ca),
	.table = &ca_table,
	.text = "this CA"},
    {.name = "crl",
	.type = CONF_GROUP,
	AT(crl),
	.table = &crl_table,
	.text = "revocation lists"},
    {.name = "ocsp",
	.type = CONF_GROUP,
	AT(ocsp),
	.table = &ocsp_table,
	.text = "certificate status on line"},
    {.name = "retention",
	.type = CONF_GROUP,
	AT(retention),
	.table = &retention_table,
	.text = "how long certificates that ended stay in the database"},
    {.name = "keygen",
	.type = CONF_GROUP,
	AT(keygen),
	.table = &keygen_table,
	.text = "who signs the keys that serverkeygen encrypts"},
    {.name = "upstream",
	.type = CONF_GROUP,
	AT(upstream),
	.table = &upstream_table,
	.text = "the EST server above this CA"},
    {.name = "certificates",
	.type = CONF_LIST,
	AT(certificates),
	.table = &own_table,
	.fallback = "()",
	.text = "certificates of this CA's own"},
    {.name = "cloud",
	.type = CONF_GROUP,
	AT(cloud),
	.table = &cloud_table,
	.text = "who is told of devices' certificates"},
    {.name = "inventory",
	.type = CONF_GROUP,
	AT(inventory),
	.table = &inventory_table,
	.text = "the page of all certificates, and its operators"},
    {.name = "endpoints",
	.type = CONF_LIST,
	AT(endpoints),
	.table = &endpoint_table,
	.required = true,
	.text = "where certificates are issued"},
    {.name = "health",
	.type = CONF_GROUP,
	AT(health),
	.table = &health_table,
	.text = "from when on health says that something is late"},
    {.name = "httpd",
	.type = CONF_GROUP,
	AT(httpd),
	.table = &httpd_table,
	.text = "for what microca httpd prints"},
};

const struct conf_table settings_table = {
    "settings",
    sizeof(struct settings),
    settings_keys,
    COUNT(settings_keys),
    SIZE_MAX,
};

#include "lib/ca/endpoint.h"
#include "lib/cloud/edges.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
site_ok(const char *text)
{
	return strlen(text) <= 128;
}

#define AT(field) .offset = offsetof(struct edge_hub, field)

static const struct conf_key hub_keys[] = {
    {.name = "name",
	.type = CONF_STRING,
	AT(name),
	.required = true,
	.text = "its name in this file",
	.ok = conf_is_name,
	.form = "1 to 64 of A-Z a-z 0-9 . _ -"},
    {.name = "azure",
	.type = CONF_GROUP,
	AT(azure),
	.table = &azure_table,
	.text = "the IoT Hub, and what it is shown"},
};

static const struct conf_table hub_table = {
    "hub",
    sizeof(struct edge_hub),
    hub_keys,
    COUNT(hub_keys),
    offsetof(struct edge_hub, where),
};

#undef AT
#define AT(field) .offset = offsetof(struct edge_rule, field)

static const struct conf_key edge_keys[] = {
    {.name = "id",
	.type = CONF_STRING,
	AT(id),
	.required = true,
	.text = "its id, as its certificate's urn:microca:edge: has it",
	.ok = conf_is_name,
	.form = "1 to 64 of A-Z a-z 0-9 . _ -"},
    {.name = "hub",
	.type = CONF_STRING,
	AT(hub_name),
	.text = "name of the hub that its devices are in; of one it goes "
		"without saying"},
    {.name = "site",
	.type = CONF_STRING,
	AT(site),
	.text = "where its devices are; without: as it says",
	.ok = site_ok,
	.form = "128 octets at most"},
    {.name = "issuer",
	.type = CONF_STRING,
	AT(issuer),
	.required = true,
	.text = "PEM file of the CA of its client certificate"},
    {.name = "intermediates",
	.type = CONF_STRING,
	AT(intermediates),
	.text = "PEM file of CAs between that and its certificate"},
    {.name = "crl",
	.type = CONF_STRING,
	AT(crl),
	.text = "file of that CA's CRLs, PEM or DER"},
    {.name = "head_signers",
	.type = CONF_STRING,
	AT(head_signers),
	.text = "PEM file of its own CA's certificates: they sign its heads"},
    {.name = "devices",
	.type = CONF_STRINGS,
	AT(devices),
	.required = true,
	.text = "regular expressions over whole device ids: those it may "
		"tell of"},
};

static const struct conf_table edge_table = {
    "edge",
    sizeof(struct edge_rule),
    edge_keys,
    COUNT(edge_keys),
    offsetof(struct edge_rule, where),
};

#undef AT
#define AT(field) .offset = offsetof(struct edges, field)

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

static const struct conf_key edges_keys[] = {
    {.name = "state",
	.type = CONF_STRING,
	AT(state),
	.fallback = "\"" LOCALSTATEDIR "/lib/microca-connector\"",
	.text = "folder of audit heads and locks"},
    {.name = "log",
	.type = CONF_WORD,
	AT(log_sink),
	.words = sink_words,
	.fallback = "\"stderr\"",
	.text = "where the program logs"},
    {.name = "log_level",
	.type = CONF_WORD,
	AT(log_level),
	.words = level_words,
	.fallback = "\"info\"",
	.text = "how much it logs"},
    {.name = "threads",
	.type = CONF_INT,
	AT(threads),
	.min = 1,
	.max = 64,
	.fallback = "8",
	.text = "requests in work at a time"},
    {.name = "allow_cgi",
	.type = CONF_BOOL,
	AT(allow_cgi),
	.fallback = "false",
	.text = "the program may run as plain CGI"},
    {.name = "confine",
	.type = CONF_WORD,
	AT(confine),
	.words = confine_words,
	.fallback = "\"if-possible\"",
	.text = "the program gives system calls up"},
    {.name = "web_server_users",
	.type = CONF_STRINGS,
	AT(web_server_users),
	.fallback = "(\"www-data\")",
	.text = "users that may connect to the socket",
	.ok = conf_is_name,
	.form = "users' names or numbers"},
    {.name = "body_wait",
	.type = CONF_DURATION,
	AT(body_wait),
	.min = 1,
	.max = 600,
	.fallback = "\"30s\"",
	.text = "how long a request's body may take"},
    {.name = "answer_within",
	.type = CONF_DURATION,
	AT(answer_within),
	.min = 1,
	.max = 300,
	.fallback = "\"30s\"",
	.text = "after this no further item of a request is begun"},
    {.name = "frontend",
	.type = CONF_WORD,
	AT(frontend),
	.words = frontend_words,
	.fallback = "\"any\"",
	.text = "the web server before it"},
    {.name = "hubs",
	.type = CONF_LIST,
	AT(hubs),
	.table = &hub_table,
	.required = true,
	.text = "the IoT Hubs that are written to"},
    {.name = "edges",
	.type = CONF_LIST,
	AT(edges),
	.table = &edge_table,
	.required = true,
	.text = "the edges that are spoken for; nobody else is"},
};

const struct conf_table edges_table = {
    "connector",
    sizeof(struct edges),
    edges_keys,
    COUNT(edges_keys),
    SIZE_MAX,
};

#include "lib/ca/settings.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ALNUM                                                                  \
	"abcdefghijklmnopqrstuvwxyz"                                           \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool
of_letters(const char *text, const char *letters)
{
	return text[strspn(text, letters)] == '\0';
}

/* The host of a hub, of which shared access signatures tell: no port. */
static bool
hub_ok(const char *text)
{
	return strlen(text) <= 253 && of_letters(text, ALNUM ".-") &&
	       *text != '.' && *text != '-';
}

static bool
endpoint_ok(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon != NULL && colon != text && strlen(colon) > 1 &&
	       strlen(colon) <= 6 && of_letters(colon + 1, "0123456789") &&
	       of_letters(text, ALNUM ".-:[]");
}

static bool
url_of(const char *text, const char *scheme)
{
	size_t n = strlen(scheme);

	return strncmp(text, scheme, n) == 0 && text[n] != '\0' &&
	       text[n] != '/' && strpbrk(text, " ?#@") == NULL;
}

static bool
https_ok(const char *text)
{
	return url_of(text, "https://");
}

/* Managed identity's endpoint is on the machine itself, without TLS. */
static bool
imds_ok(const char *text)
{
	return url_of(text, "http://");
}

/* A directory's id or one of its domains, an application's id: they become
 * part of URLs. */
static bool
tenant_ok(const char *text)
{
	return of_letters(text, ALNUM ".-");
}

static bool
policy_ok(const char *text)
{
	return strlen(text) <= 64 && of_letters(text, ALNUM "-._");
}

/* A hub's tag takes 4 KB; what is meant is a name. */
static bool
site_ok(const char *text)
{
	return strlen(text) <= 128;
}

static const char *const auth_words[] = {
    [AZURE_SAS] = "sas",
    [AZURE_CERTIFICATE] = "certificate",
    [AZURE_MANAGED] = "managed",
    [AZURE_WORKLOAD] = "workload",
    NULL,
};

static const char *const managed_words[] = {
    [MANAGED_AUTO] = "auto",
    [MANAGED_IMDS] = "imds",
    [MANAGED_APP] = "app",
    [MANAGED_ARC] = "arc",
    NULL,
};

static const char *const identity_words[] = {
    [IDENTITY_THUMBPRINT] = "thumbprint",
    [IDENTITY_CA] = "ca",
    NULL,
};

static const char *const algorithm_words[] = {"PS256", "RS256", NULL};

#define AT(field) .offset = offsetof(struct azure_settings, field)

static const struct conf_key azure_keys[] = {
    {.name = "hub",
	.type = CONF_STRING,
	AT(hub),
	.text = "host name of the IoT Hub",
	.ok = hub_ok,
	.form = "a host name"},
    {.name = "endpoint",
	.type = CONF_STRING,
	AT(endpoint),
	.text = "where the hub is reached, if not by its name",
	.ok = endpoint_ok,
	.form = "\"HOST:PORT\""},
    {.name = "anchors",
	.type = CONF_STRING,
	AT(anchors),
	.text = "PEM file of the roots that Azure is trusted by"},
    {.name = "identity",
	.type = CONF_WORD,
	AT(identity),
	.words = identity_words,
	.fallback = "\"thumbprint\"",
	.text = "how the hub knows a device: by thumbprints or by its CA"},
    {.name = "tags",
	.type = CONF_BOOL,
	AT(tags),
	.fallback = "true",
	.text = "write what is known of the certificate to the twin's tags"},
    {.name = "adopt",
	.type = CONF_BOOL,
	AT(adopt),
	.fallback = "false",
	.text = "take over devices that something else made"},
    {.name = "bulk",
	.type = CONF_BOOL,
	AT(bulk),
	.fallback = "true",
	.text = "create new devices many at once"},
    {.name = "auth",
	.type = CONF_WORD,
	AT(auth),
	.words = auth_words,
	.fallback = "\"certificate\"",
	.text = "what Azure is shown"},
    {.name = "sas_policy",
	.type = CONF_STRING,
	AT(sas_policy),
	.text = "sas: name of the shared access policy",
	.ok = policy_ok,
	.form = "1 to 64 of A-Z a-z 0-9 - . _"},
    {.name = "sas_key_file",
	.type = CONF_STRING,
	AT(sas_key_file),
	.text = "sas: file that holds the policy's key"},
    {.name = "tenant",
	.type = CONF_STRING,
	AT(tenant),
	.text = "the Entra directory: its id or domain",
	.ok = tenant_ok,
	.form = "letters, digits, - and ."},
    {.name = "client_id",
	.type = CONF_STRING,
	AT(client_id),
	.text = "id of the application, or of a user-assigned identity",
	.ok = tenant_ok,
	.form = "letters, digits, - and ."},
    {.name = "login",
	.type = CONF_STRING,
	AT(login),
	.fallback = "\"https://login.microsoftonline.com\"",
	.text = "where tokens are asked for",
	.ok = https_ok,
	.form = "\"https://HOST[:PORT]\""},
    {.name = "certificate",
	.type = CONF_STRING,
	AT(certificate),
	.text = "certificate: PEM file of the application's certificate"},
    {.name = "key",
	.type = CONF_STRING,
	AT(key),
	.text = "certificate: its RSA key, a PEM file or a PKCS#11 URI"},
    {.name = "module",
	.type = CONF_STRING,
	AT(module),
	.text = "PKCS#11 module of that key; else that of group ca"},
    {.name = "pin_file",
	.type = CONF_STRING,
	AT(pin_file),
	.text = "file that holds that token's PIN; else that of group ca"},
    {.name = "algorithm",
	.type = CONF_STRING,
	AT(algorithm),
	.words = algorithm_words,
	.fallback = "\"PS256\"",
	.text = "certificate: how the assertion is signed"},
    {.name = "token_file",
	.type = CONF_STRING,
	AT(token_file),
	.text = "workload: file that holds the federated token"},
    {.name = "managed",
	.type = CONF_WORD,
	AT(managed),
	.words = managed_words,
	.fallback = "\"auto\"",
	.text = "managed: who is asked for the token"},
    {.name = "imds",
	.type = CONF_STRING,
	AT(imds),
	.fallback = "\"http://169.254.169.254\"",
	.text = "managed: the instance metadata service",
	.ok = imds_ok,
	.form = "\"http://HOST[:PORT]\""},
    {.name = "timeout",
	.type = CONF_DURATION,
	AT(timeout),
	.min = 1,
	.max = 600,
	.fallback = "\"60s\"",
	.text = "how long one exchange with Azure may take"},
};

const struct conf_table azure_table = {
    "azure",
    sizeof(struct azure_settings),
    azure_keys,
    COUNT(azure_keys),
    SIZE_MAX,
};

#undef AT
#define AT(field)                                                              \
	.offset = offsetof(struct cloud_settings, connector.field) -           \
	          offsetof(struct cloud_settings, connector)

static const struct conf_key connector_keys[] = {
    {.name = "url",
	.type = CONF_STRING,
	AT(url),
	.text = "the connector, before /v1",
	.ok = https_ok,
	.form = "\"https://HOST[:PORT][/PATH]\""},
    {.name = "anchors",
	.type = CONF_STRING,
	AT(anchors),
	.text = "PEM file of the roots that the connector is trusted by"},
    {.name = "certificate",
	.type = CONF_STRING,
	AT(certificate),
	.text = "PEM file shown to it; else the own certificate `client`"},
    {.name = "key",
	.type = CONF_STRING,
	AT(key),
	.text = "the key of that: a PEM file, or a PKCS#11 URI"},
    {.name = "timeout",
	.type = CONF_DURATION,
	AT(timeout),
	.min = 1,
	.max = 600,
	.fallback = "\"2m\"",
	.text = "how long one exchange with it may take"},
};

static const struct conf_table connector_table = {
    "connector",
    sizeof(((struct cloud_settings *)NULL)->connector),
    connector_keys,
    COUNT(connector_keys),
    SIZE_MAX,
};

#undef AT
#define AT(field) .offset = offsetof(struct cloud_settings, field)

static const char *const mode_words[] = {
    [CLOUD_OFF] = "off",
    [CLOUD_AZURE] = "azure",
    [CLOUD_CONNECTOR] = "connector",
    NULL,
};

static const struct conf_key cloud_keys[] = {
    {.name = "mode",
	.type = CONF_WORD,
	AT(mode),
	.words = mode_words,
	.fallback = "\"off\"",
	.text = "whom microca-upload tells: nobody, Azure, a connector"},
    {.name = "edge",
	.type = CONF_STRING,
	AT(edge),
	.text = "this CA's name there",
	.ok = conf_is_name,
	.form = "1 to 64 of A-Z a-z 0-9 . _ -"},
    {.name = "site",
	.type = CONF_STRING,
	AT(site),
	.text = "where its devices are",
	.ok = site_ok,
	.form = "128 octets at most"},
    {.name = "rate",
	.type = CONF_INT,
	AT(rate),
	.min = 0,
	.max = 1000000,
	.fallback = "100",
	.text = "identity operations a minute; 0: no limit"},
    {.name = "budget",
	.type = CONF_DURATION,
	AT(budget),
	.min = 1,
	.max = 7 * 86400,
	.fallback = "\"10m\"",
	.text = "how long one run of microca-upload may take"},
    {.name = "metrics",
	.type = CONF_STRING,
	AT(metrics),
	.text = "text file of Prometheus' form, written by each run"},
    {.name = "azure",
	.type = CONF_GROUP,
	AT(azure),
	.table = &azure_table,
	.text = "the IoT Hub, and what it is shown"},
    {.name = "connector",
	.type = CONF_GROUP,
	AT(connector),
	.table = &connector_table,
	.text = "the connector that speaks to the hub for us"},
};

const struct conf_table cloud_table = {
    "cloud",
    sizeof(struct cloud_settings),
    cloud_keys,
    COUNT(cloud_keys),
    SIZE_MAX,
};

#include "bin/client/settings.h"

#include <stddef.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
url_ok(const char *text)
{
	return strncmp(text, "https://", 8) == 0 && text[8] != '\0' &&
	       strstr(text, "/.well-known") == NULL;
}

static bool
path_ok(const char *text)
{
	return text[0] == '/';
}

static bool
uri_ok(const char *text)
{
	return strncmp(text, "pkcs11:", 7) == 0;
}

#define NAME_FORM "1 to 64 of A-Z a-z 0-9 . _ -"

#define AT(field) .offset = offsetof(struct server, field)

static const char *const pop_words[] = {"never", "asked", "always", NULL};
static const char *const binding_words[] = {"tls-unique", "tls-exporter", NULL};

static const struct conf_key server_keys[] = {
    {.name = "name",
	.type = CONF_STRING,
	AT(name),
	.required = true,
	.text = "how certificates name it",
	.ok = conf_is_name,
	.form = NAME_FORM},
    {.name = "url",
	.type = CONF_STRING,
	AT(url),
	.required = true,
	.text = "https://HOST[:PORT][/PATH], what comes before /.well-known",
	.ok = url_ok,
	.form = "\"https://HOST[:PORT][/PATH]\" without /.well-known/est"},
    {.name = "label",
	.type = CONF_STRING,
	AT(label),
	.text = "the CA's label in the path (RFC 7030, 3.2.2)"},
    {.name = "anchors",
	.type = CONF_STRING,
	AT(anchors),
	.text = "PEM file of explicit trust anchors"},
    {.name = "pin",
	.type = CONF_STRING,
	AT(pin),
	.text = "sha256:HEX of the root, for the first contact"},
    {.name = "trust_first_use",
	.type = CONF_BOOL,
	AT(trust_first_use),
	.fallback = "false",
	.text = "take the root that the first contact brings, unseen"},
    {.name = "implicit",
	.type = CONF_BOOL,
	AT(implicit),
	.fallback = "false",
	.text = "trust the system's CAs as well"},
    {.name = "lenient",
	.type = CONF_BOOL,
	AT(lenient),
	.fallback = "false",
	.text = "take PEM and DER where base64 belongs"},
    {.name = "timeout",
	.type = CONF_DURATION,
	AT(timeout),
	.min = 1,
	.max = 600,
	.fallback = "\"30s\"",
	.text = "the most that one exchange may take"},
    {.name = "user",
	.type = CONF_STRING,
	AT(user),
	.text = "HTTP user name, for Basic and Digest"},
    {.name = "password_file",
	.type = CONF_STRING,
	AT(password_file),
	.text = "file with the password, mode 0600 or 0400"},
    {.name = "pop_link",
	.type = CONF_WORD,
	AT(pop_link),
	.words = pop_words,
	.fallback = "\"asked\"",
	.text = "link requests to the TLS connection (RFC 7030, 3.5)"},
    {.name = "binding",
	.type = CONF_WORD,
	AT(binding),
	.words = binding_words,
	.fallback = "\"tls-unique\"",
	.text = "by what of it: tls-exporter is for TLS 1.3 (RFC 9266)"},
};

static const struct conf_table server_table = {
    "server",
    sizeof(struct server),
    server_keys,
    COUNT(server_keys),
    offsetof(struct server, where),
};

#undef AT
#define AT(field) .offset = offsetof(struct certificate, field)

static const char *const key_type_words[] = {
    "p256", "p384", "p521", "rsa2048", "rsa3072", "rsa4096", NULL};
static const char *const hash_words[] = {
    "key", "sha256", "sha384", "sha512", NULL};

static const struct conf_key certificate_keys[] = {
    {.name = "name",
	.type = CONF_STRING,
	AT(name),
	.required = true,
	.text = "its name",
	.ok = conf_is_name,
	.form = NAME_FORM},
    {.name = "server",
	.type = CONF_STRING,
	AT(server_name),
	.text = "the server's name; not needed when there is one"},
    {.name = "folder",
	.type = CONF_STRING,
	AT(folder),
	.text = "where it is kept; STATE/NAME without it",
	.ok = path_ok,
	.form = "an absolute path"},
    {.name = "subject",
	.type = CONF_STRING,
	AT(subject),
	.text = "distinguished name to ask for: \"CN=pump-7,O=Plant\""},
    {.name = "san",
	.type = CONF_STRINGS,
	AT(san),
	.fallback = "()",
	.text = "subjectAltNames to ask for: \"DNS:…\", \"IP:…\", …"},
    {.name = "key_type",
	.type = CONF_STRING,
	AT(key_type),
	.words = key_type_words,
	.fallback = "\"p256\"",
	.text = "key to make, unless the server wishes another"},
    {.name = "csrattrs",
	.type = CONF_BOOL,
	AT(csrattrs),
	.fallback = "true",
	.text = "let the server shape the request (RFC 7030, 4.5)"},
    {.name = "hash",
	.type = CONF_WORD,
	AT(hash),
	.words = hash_words,
	.fallback = "\"key\"",
	.text = "hash of the request's signature; \"key\": the key's own"},
    {.name = "key_uri",
	.type = CONF_STRING,
	AT(key_uri),
	.text = "PKCS#11 URI of the token that makes the keys",
	.ok = uri_ok,
	.form = "\"pkcs11:…\""},
    {.name = "module",
	.type = CONF_STRING,
	AT(module),
	.text = "PKCS#11 module, an absolute path"},
    {.name = "pin_file",
	.type = CONF_STRING,
	AT(pin_file),
	.text = "file with the token's PIN, mode 0600 or 0400"},
    {.name = "key_reuse",
	.type = CONF_BOOL,
	AT(key_reuse),
	.fallback = "false",
	.text = "renew with the same key"},
    {.name = "auth_cert",
	.type = CONF_STRING,
	AT(auth_cert),
	.text =
	    "PEM file of the certificate to enrol with, and those above it"},
    {.name = "auth_key",
	.type = CONF_STRING,
	AT(auth_key),
	.text = "its key: a PEM file or a PKCS#11 URI"},
    {.name = "renew_before",
	.type = CONF_DURATION,
	AT(renew_before),
	.min = 0,
	.max = 100LL * 365 * 86400,
	.fallback = "\"0\"",
	.text = "renew so long before the end; 0: not by that"},
    {.name = "renew_percent",
	.type = CONF_INT,
	AT(renew_percent),
	.min = 0,
	.max = 99,
	.fallback = "66",
	.text = "renew when so much of the lifetime is gone; 0: not by that"},
    {.name = "ask_again",
	.type = CONF_DURATION,
	AT(ask_again),
	.min = 60,
	.max = 30 * 86400,
	.fallback = "\"6h\"",
	.text = "the most between two tries"},
    {.name = "probe",
	.type = CONF_BOOL,
	AT(probe),
	.fallback = "true",
	.text = "use the new pair once before it is switched to"},
    {.name = "hook",
	.type = CONF_STRINGS,
	AT(hook),
	.fallback = "()",
	.text = "program and its arguments, run after a switch"},
};

static const struct conf_table certificate_table = {
    "certificate",
    sizeof(struct certificate),
    certificate_keys,
    COUNT(certificate_keys),
    offsetof(struct certificate, where),
};

#undef AT
#define AT(field) .offset = offsetof(struct settings, field)

static const struct conf_key settings_keys[] = {
    {.name = "state",
	.type = CONF_STRING,
	AT(state),
	.fallback = "\"" LOCALSTATEDIR "/lib/est-client\"",
	.text = "folder of what is kept",
	.ok = path_ok,
	.form = "an absolute path"},
    {.name = "servers",
	.type = CONF_LIST,
	AT(servers),
	.table = &server_table,
	.required = true,
	.text = "EST servers"},
    {.name = "certificates",
	.type = CONF_LIST,
	AT(certificates),
	.table = &certificate_table,
	.fallback = "()",
	.text = "certificates that are kept"},
};

const struct conf_table settings_table = {
    "est-client.conf",
    sizeof(struct settings),
    settings_keys,
    COUNT(settings_keys),
    SIZE_MAX,
};

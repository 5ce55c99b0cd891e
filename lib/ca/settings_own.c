#include "lib/ca/settings.h"

#include <ctype.h>
#include <string.h>

#include "lib/key/pkcs11uri.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
url_ok(const char *text)
{
	return strncmp(text, "https://", 8) == 0 && text[8] != '\0' &&
	       text[8] != '/' && strpbrk(text, " ?#@") == NULL &&
	       strstr(text, "/.well-known") == NULL;
}

/* RFC 7030, 3.2.2: a path label, but more of it: some have several. */
static bool
label_ok(const char *text)
{
	return strspn(text,
		   "abcdefghijklmnopqrstuvwxyz"
		   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-") == strlen(text);
}

static bool
pin_ok(const char *text)
{
	unsigned digits = 0;

	if (strncmp(text, "sha256:", 7) != 0)
		return false;
	for (text += 7; *text != '\0'; text++) {
		if (*text == ':' && digits % 2 == 0)
			continue;
		if (!isxdigit((unsigned char)*text))
			return false;
		digits++;
	}
	return digits == 64;
}

/* RFC 5280, 4.2.1.13: a list is fetched over HTTP, for it is signed. */
static bool
crl_ok(const char *text)
{
	if (strncmp(text, "http://", 7) == 0)
		return text[7] != '\0' && text[7] != '/' &&
		       strpbrk(text, " #@") == NULL;
	return text[0] != '\0' && strstr(text, "://") == NULL;
}

static bool
uri_ok(const char *text)
{
	return pkcs11uri_is(text);
}

static const char *const pop_words[] = {"never", "if-asked", "always", NULL};

#define AT(field) .offset = offsetof(struct upstream, field)

static const struct conf_key upstream_keys[] = {
    {.name = "url",
	.type = CONF_STRING,
	AT(url),
	.text = "the EST server above, before /.well-known",
	.ok = url_ok,
	.form = "\"https://HOST[:PORT][/PATH]\" without /.well-known/est"},
    {.name = "label",
	.type = CONF_STRING,
	AT(label),
	.text = "path label there",
	.ok = label_ok,
	.form = "a path label"},
    {.name = "anchors",
	.type = CONF_STRING,
	AT(anchors),
	.text = "PEM file of the roots that it is trusted by"},
    {.name = "pin",
	.type = CONF_STRING,
	AT(pin),
	.text = "SHA-256 of its root, for the first contact",
	.ok = pin_ok,
	.form = "\"sha256:\" and 64 hex digits"},
    {.name = "implicit",
	.type = CONF_BOOL,
	AT(implicit),
	.fallback = "false",
	.text = "trust the system's roots for its web server too"},
    {.name = "user",
	.type = CONF_STRING,
	AT(user),
	.text = "HTTP user, if it asks for one"},
    {.name = "password_file",
	.type = CONF_STRING,
	AT(password_file),
	.text = "file that holds that user's password"},
    {.name = "timeout",
	.type = CONF_DURATION,
	AT(timeout),
	.min = 1,
	.max = 600,
	.fallback = "\"30s\"",
	.text = "how long one exchange with it may take"},
    {.name = "pop_link",
	.type = CONF_WORD,
	AT(pop_link),
	.words = pop_words,
	.fallback = "\"if-asked\"",
	.text = "link requests to the TLS session (tls-unique)"},
    {.name = "ask_again",
	.type = CONF_DURATION,
	AT(ask_again),
	.min = 60,
	.max = 7 * 86400,
	.fallback = "\"4h\"",
	.text = "the most between two tries that failed"},
    {.name = "crls",
	.type = CONF_STRINGS,
	AT(crls),
	.fallback = "()",
	.text = "revocation lists of the CAs above us",
	.ok = crl_ok,
	.form = "a file, or \"http://HOST[:PORT]/PATH\""},
};

const struct conf_table upstream_table = {
    "upstream",
    sizeof(struct upstream),
    upstream_keys,
    COUNT(upstream_keys),
    SIZE_MAX,
};

#undef AT
#define AT(field) .offset = offsetof(struct own, field)

static const char *const name_words[] = {
    [OWN_CLIENT] = "client",
    [OWN_INTERMEDIATE] = "intermediate",
    [OWN_DEVICE] = "device",
    [OWN_SERVER] = "server",
    NULL,
};

static const char *const source_words[] = {
    [OWN_MANUAL] = "manual",
    [OWN_SELF] = "self",
    [OWN_UPSTREAM] = "upstream",
    NULL,
};

static const char *const hash_words[] = {
    "auto", "sha256", "sha384", "sha512", NULL};

static const char *const key_type_words[] = {
    "p256", "p384", "p521", "rsa2048", "rsa3072", "rsa4096", NULL};

static const struct conf_key own_keys[] = {
    {.name = "name",
	.type = CONF_WORD,
	AT(name),
	.words = name_words,
	.required = true,
	.text = "which of our certificates"},
    {.name = "source",
	.type = CONF_WORD,
	AT(source),
	.words = source_words,
	.fallback = "\"manual\"",
	.text = "who issues it"},
    {.name = "subject",
	.type = CONF_STRING,
	AT(subject),
	.text = "its name; the intermediate's: that of group ca"},
    {.name = "san",
	.type = CONF_STRINGS,
	AT(san),
	.fallback = "()",
	.text = "its subjectAltName"},
    {.name = "key",
	.type = CONF_STRING,
	AT(key),
	.text = "PKCS#11 URI of its keys; without: files",
	.ok = uri_ok,
	.form = "\"pkcs11:...\""},
    {.name = "key_type",
	.type = CONF_STRING,
	AT(key_type),
	.words = key_type_words,
	.text = "what keys are made; else as group ca has it"},
    {.name = "hash",
	.type = CONF_WORD,
	AT(hash),
	.words = hash_words,
	.fallback = "\"auto\"",
	.text = "hash that requests are signed with"},
    {.name = "renew_before",
	.type = CONF_DURATION,
	AT(renew_before),
	.min = 0,
	.max = INT64_C(100) * 365 * 86400,
	.fallback = "\"30d\"",
	.text = "how long before its end it is renewed"},
    {.name = "renew_percent",
	.type = CONF_INT,
	AT(renew_percent),
	.min = 0,
	.max = 99,
	.fallback = "0",
	.text = "how much of its life may be gone before it is renewed"},
    {.name = "new_key",
	.type = CONF_BOOL,
	AT(new_key),
	.fallback = "true",
	.text = "a new key at each renewal"},
    {.name = "profile",
	.type = CONF_STRING,
	AT(profile),
	.text = "profile, when this CA issues it"},
    {.name = "url",
	.type = CONF_STRING,
	AT(url),
	.text = "another EST server than that of group upstream",
	.ok = url_ok,
	.form = "\"https://HOST[:PORT][/PATH]\" without /.well-known/est"},
    {.name = "label",
	.type = CONF_STRING,
	AT(label),
	.text = "another path label than that of group upstream",
	.ok = label_ok,
	.form = "a path label"},
    {.name = "initial_certificate",
	.type = CONF_STRING,
	AT(initial_certificate),
	.text = "client: PEM file shown until it has one of its own"},
    {.name = "initial_key",
	.type = CONF_STRING,
	AT(initial_key),
	.text = "the key of that: a PEM file, or a PKCS#11 URI"},
    {.name = "hook",
	.type = CONF_STRINGS,
	AT(hook),
	.fallback = "()",
	.text = "program and arguments, run when a new one is in use"},
};

const struct conf_table own_table = {
    "certificate",
    sizeof(struct own),
    own_keys,
    COUNT(own_keys),
    offsetof(struct own, where),
};

const char *
own_name_word(int name)
{
	return name_words[name];
}

int
own_name_of(const char *word)
{
	for (int i = 0; name_words[i] != NULL; i++)
		if (strcmp(name_words[i], word) == 0)
			return i;
	return -1;
}

const char *
own_source_word(int source)
{
	return source_words[source];
}

const char *
own_hash_word(int hash)
{
	return hash == 0 ? NULL : hash_words[hash];
}

const struct own *
settings_own(const struct settings *settings, int name)
{
	const struct own *own = settings->certificates.item;

	for (size_t i = 0; i < settings->certificates.n; i++)
		if (own[i].name == name)
			return &own[i];
	return NULL;
}

char *
settings_own_folder(const struct settings *settings, int name)
{
	return str_fmt("%s/own/%s", settings->state, own_name_word(name));
}

#include "lib/ca/settings.h"

#include <ctype.h>
#include <string.h>

#include "lib/ca/endpoint.h"
#include "lib/wire/name.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *const role_words[] = {
    [ROLE_VIEWER] = "viewer",
    [ROLE_OPERATOR] = "operator",
    NULL,
};

const char *
role_word(int role)
{
	return role_words[role];
}

static bool
fingerprint_ok(const char *text)
{
	size_t digits = 0;

	for (; *text != '\0'; text++)
		if (isxdigit((unsigned char)*text))
			digits++;
		else if (*text != ':')
			return false;
	return digits == 64;
}

static bool
dn_ok(const char *text)
{
	struct fail why = {0};
	X509_NAME *name = NULL;
	bool ok = name_from_text(&name, text, &why) == 0 &&
	          X509_NAME_entry_count(name) > 0;

	X509_NAME_free(name);
	return ok;
}

#define AT(field) .offset = offsetof(struct operator, field)

static const struct conf_key operator_keys[] = {
    {.name = "name",
	.type = CONF_STRING,
	AT(name),
	.text = "what the page calls this operator; else the subject's name"},
    {.name = "role",
	.type = CONF_WORD,
	AT(role),
	.words = role_words,
	.fallback = "\"viewer\"",
	.text = "what this operator may do: look, or act, too"},
    {.name = "fingerprint",
	.type = CONF_STRING,
	AT(fingerprint),
	.text = "SHA-256 of the certificate",
	.ok = fingerprint_ok,
	.form = "64 hex digits, colons may be between them"},
    {.name = "issuer",
	.type = CONF_STRING,
	AT(issuer),
	.text = "or: the certificate's whole issuer, \"CN=Operators,O=Plant\"",
	.ok = dn_ok,
	.form = "a name like \"CN=Operators,O=Plant\""},
    {.name = "subject",
	.type = CONF_STRING,
	AT(subject),
	.text = "… and its whole subject",
	.ok = dn_ok,
	.form = "a name like \"CN=Ada,O=Plant\""},
};

static const struct conf_table operator_table = {
    "operator",
    sizeof(struct operator),
    operator_keys,
    COUNT(operator_keys),
    offsetof(struct operator, where),
};

#undef AT
#define AT(field) .offset = offsetof(struct inventory_settings, field)

static const struct conf_key inventory_keys[] = {
    {.name = "anchors",
	.type = CONF_STRING,
	AT(anchors),
	.text = "PEM file of the operators' CA; without it the page is off"},
    {.name = "intermediates",
	.type = CONF_STRING,
	AT(intermediates),
	.text = "PEM file of CAs between that and the operators"},
    {.name = "crl",
	.type = CONF_STRING,
	AT(crl),
	.text = "file of that CA's CRLs, PEM or DER"},
    {.name = "port",
	.type = CONF_INT,
	AT(port),
	.min = 0,
	.max = 65535,
	.fallback = "8446",
	.text = "TCP port of the page for microca httpd; 0: none"},
    {.name = "frontend",
	.type = CONF_WORD,
	AT(frontend),
	.words = frontend_words,
	.fallback = "\"any\"",
	.text = "the web server before it"},
    {.name = "operators",
	.type = CONF_LIST,
	AT(operators),
	.table = &operator_table,
	.fallback = "()",
	.text = "who may look; nobody else may"},
};

const struct conf_table inventory_table = {
    "inventory",
    sizeof(struct inventory_settings),
    inventory_keys,
    COUNT(inventory_keys),
    SIZE_MAX,
};

/* Lower case, no colons. */
static void
fingerprint_tidy(char *text)
{
	char *out = text;

	for (; text != NULL && *text != '\0'; text++)
		if (*text != ':')
			*out++ = (char)tolower((unsigned char)*text);
	if (out != NULL)
		*out = '\0';
}

static int
operator_check(struct operator* o, struct fail *why)
{
	fingerprint_tidy(o->fingerprint);
	if (o->fingerprint != NULL && o->issuer == NULL && o->subject == NULL)
		return 0;
	if (o->fingerprint == NULL && o->issuer != NULL && o->subject != NULL)
		return 0;
	return fail(why, FAIL_CONFIG, "config",
	    "%s: an operator is known by fingerprint, or by issuer and "
	    "subject",
	    o->where);
}

static int
port_check(const struct settings *s, struct fail *why)
{
	const struct endpoint *e = s->endpoints.item;
	int port = s->inventory.port;

	if (port == 0 || s->inventory.anchors == NULL)
		return 0;
	for (size_t i = 0; i < s->endpoints.n; i++)
		if (e[i].port == port)
			return fail(why, FAIL_CONFIG, "config",
			    "%s: inventory: port %d is endpoint %s's", s->path,
			    port, e[i].name);
	return 0;
}

int
inventory_check(struct settings *settings, struct fail *why)
{
	struct inventory_settings *v = &settings->inventory;
	struct operator* o = v->operators.item;

	path_resolve(&v->anchors, settings->folder);
	path_resolve(&v->intermediates, settings->folder);
	path_resolve(&v->crl, settings->folder);
	for (size_t i = 0; i < v->operators.n; i++)
		if (operator_check(&o[i], why) != 0)
			return -1;
	if (v->operators.n > 0 && v->anchors == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: inventory: operators need anchors", settings->path);
	return port_check(settings, why);
}

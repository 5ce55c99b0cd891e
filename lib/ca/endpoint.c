#include "lib/ca/endpoint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/wire/cert.h"

const char *const operation_names[] = {"cacerts", "csrattrs", "simpleenroll",
    "simplereenroll", "serverkeygen", NULL};

const char *const frontend_words[] = {
    [FRONTEND_ANY] = "any",
    [FRONTEND_LIGHTTPD] = "lighttpd",
    [FRONTEND_APACHE] = "apache",
    [FRONTEND_NGINX] = "nginx",
    [FRONTEND_CADDY] = "caddy",
    [FRONTEND_HAPROXY] = "haproxy",
    NULL,
};

/* The variable that carries the client certificate, and its form. */
static const struct {
	const char *variable;
	enum cert_form form;
} frontends[] = {
    [FRONTEND_ANY] = {"SSL_CLIENT_CERT", CERT_PEM},
    [FRONTEND_LIGHTTPD] = {"SSL_CLIENT_CERT", CERT_PEM},
    [FRONTEND_APACHE] = {"SSL_CLIENT_CERT", CERT_PEM},
    [FRONTEND_NGINX] = {"SSL_CLIENT_CERT", CERT_PEM_ESCAPED},
    [FRONTEND_CADDY] = {"SSL_CLIENT_CERT", CERT_DER_BASE64},
    [FRONTEND_HAPROXY] = {"SSL_CLIENT_CERT", CERT_DER_BASE64},
};

const char *
frontend_cert_variable(int frontend)
{
	return frontends[frontend].variable;
}

int
frontend_cert_form(int frontend)
{
	return frontends[frontend].form;
}

const char *
frontend_word(int frontend)
{
	return frontend_words[frontend];
}

int
frontend_find(const char *word)
{
	for (int i = 0; frontend_words[i] != NULL; i++)
		if (strcmp(frontend_words[i], word) == 0)
			return i;
	return -1;
}

void
path_resolve(char **path, const char *folder)
{
	char *full;

	if (*path == NULL)
		return;
	full = file_path(folder, *path);
	free(*path);
	*path = full;
}

static struct endpoint *
endpoint_at(const struct settings *s, size_t i)
{
	return (struct endpoint *)s->endpoints.item + i;
}

const struct endpoint *
settings_endpoint(const struct settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->endpoints.n; i++)
		if (strcmp(endpoint_at(settings, i)->name, name) == 0)
			return endpoint_at(settings, i);
	return NULL;
}

static bool
strings_have(const struct conf_strings *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->text[i], text) == 0)
			return true;
	return false;
}

bool
endpoint_operation(const struct endpoint *e, const char *operation)
{
	return strings_have(&e->operations, operation);
}

bool
settings_operation(const struct settings *s, const char *operation)
{
	const struct endpoint *e = s->endpoints.item;

	for (size_t i = 0; i < s->endpoints.n; i++)
		if (endpoint_operation(&e[i], operation))
			return true;
	return false;
}

bool
endpoint_binding(const struct endpoint *e, const char *binding)
{
	return strings_have(&e->channel_binding, binding);
}

static int PRINTF_LIKE(4, 5) refuse(struct fail *why, const struct endpoint *e,
    const char *where, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail(why, FAIL_CONFIG, "config", "%s: endpoint '%s': %s", where,
	    e->name, text);
}

/* RFC 7030, 3.2.2: a label is not the name of an operation; nor of those that
 * RFC 8295, 2.1 and RFC 9148, 5.1 added. */
static int
check_name(const struct endpoint *e, struct fail *why)
{
	static const char *const taken[] = {"cacerts", "simpleenroll",
	    "simplereenroll", "fullcmc", "serverkeygen", "csrattrs", "pal",
	    "eecerts", "crls", "symmetrickeys", "firmware", "tamp", "return",
	    "crts", "sen", "sren", "skg", "skc", "att", NULL};

	for (size_t i = 0; taken[i] != NULL; i++)
		if (strcmp(e->name, taken[i]) == 0)
			return refuse(why, e, e->where,
			    "RFC 7030, 3.2.2: a path label is not the name of "
			    "an EST operation");
	return 0;
}

static int
check_unique(const struct settings *s, size_t at, struct fail *why)
{
	const struct endpoint *e = endpoint_at(s, at);

	for (size_t i = 0; i < at; i++) {
		const struct endpoint *other = endpoint_at(s, i);

		if (strcmp(other->name, e->name) == 0)
			return refuse(why, e, e->where,
			    "name was given before, %s", other->where);
		if (other->port == e->port)
			return refuse(why, e, e->where,
			    "port %d is that of endpoint '%s', %s", e->port,
			    other->name, other->where);
	}
	if (e->port == s->httpd.health_port)
		return refuse(why, e, e->where,
		    "port %d is httpd.health_port too", e->port);
	return 0;
}

static int
check_labels(
    const struct settings *s, const struct endpoint *e, struct fail *why)
{
	for (size_t i = 0; i < e->labels.n; i++)
		if (settings_endpoint(s, e->labels.text[i]) == NULL)
			return refuse(why, e, e->where,
			    "labels \"%s\": no such endpoint",
			    e->labels.text[i]);
	return 0;
}

/* What auth says is what the rules are about, else it opens nothing. */
static int
check_rules(const struct endpoint *e, struct fail *why)
{
	const struct allow *rule = e->allow.item;
	size_t secrets = 0, others;

	for (size_t i = 0; i < e->allow.n; i++)
		secrets += rule[i].secret;
	others = e->allow.n - secrets;
	if (e->auth == AUTH_CERTIFICATE && secrets > 0)
		return refuse(why, e, e->where,
		    "allow: a rule with secret wants auth \"secret\" or "
		    "\"either\"");
	if (e->auth != AUTH_CERTIFICATE && secrets != 1)
		return refuse(why, e, e->where,
		    "auth \"%s\" wants one rule { secret = true; } in allow",
		    e->auth == AUTH_SECRET ? "secret" : "either");
	if (e->auth == AUTH_SECRET && others > 0)
		return refuse(why, e, e->where,
		    "auth \"secret\" has no use for rules with own or issuer: "
		    "auth \"either\" takes certificates too");
	return 0;
}

/* RFC 7030, 3.7: nobody gets a certificate unasked who he is. */
static int
check_auth(const struct endpoint *e, struct fail *why)
{
	if (e->auth != AUTH_NONE)
		return check_rules(e, why);
	if (endpoint_operation(e, "simpleenroll") ||
	    endpoint_operation(e, "simplereenroll") ||
	    endpoint_operation(e, "serverkeygen"))
		return refuse(why, e, e->where,
		    "RFC 7030, 3.7: auth \"none\" is for cacerts and csrattrs; "
		    "operations has simpleenroll, simplereenroll or "
		    "serverkeygen");
	if (e->allow.n > 0)
		return refuse(
		    why, e, e->where, "auth \"none\" has no use for allow");
	return 0;
}

/* RFC 7030, 6: server-side key generation is off unless both want it. */
static int
check_keygen(const struct endpoint *e, struct fail *why)
{
	if (!endpoint_operation(e, "serverkeygen") ||
	    profile_keygen(e->profile) != NULL)
		return 0;
	return refuse(why, e, e->where,
	    "operations has serverkeygen, which profile %s has off",
	    e->profile_name);
}

/* RFC 7030, 4.2.3: who has to wait sends the same request again, and then on
 * another TLS session than the one that it names. */
static int
check_link(const struct endpoint *e, struct fail *why)
{
	if (e->pop_link != POP_REQUIRED || e->approval == APPROVAL_NONE)
		return 0;
	return refuse(why, e, e->where,
	    "RFC 7030, 4.2.3: pop_link \"required\" has no use for approval: "
	    "a request that waits outlives the TLS session that it names");
}

/* RFC 7030, 4.5.2: who wants linked requests says so. */
static void
csrattrs_make(struct endpoint *e)
{
	profile_csrattrs(&e->csrattrs, e->profile,
	    e->pop_link == POP_REQUIRED ||
		(e->pop_link == POP_IF_PRESENT && e->channel_binding.n > 0));
}

static int
check_file(const struct endpoint *e, const struct allow *rule, const char *key,
    const char *path, struct fail *why)
{
	if (path == NULL || access(path, F_OK) == 0)
		return 0;
	refuse(why, e, rule->where, "allow: %s: no file %s", key, path);
	return fail_errno(why, "%s", path);
}

static int
check_kind(const struct endpoint *e, const struct allow *rule, struct fail *why)
{
	int kinds =
	    (rule->own.n > 0) + (rule->issuer != NULL) + (rule->secret ? 1 : 0);

	if (kinds != 1)
		return refuse(why, e, rule->where,
		    "allow: a rule has either own, issuer or secret");
	/* A secret is bound to its device's name. */
	if (rule->secret && rule->names_text != NULL &&
	    strcmp(rule->names_text, "own") != 0)
		return refuse(why, e, rule->where,
		    "allow: with secret, names is \"own\"");
	if (rule->issuer == NULL &&
	    (rule->crl != NULL || rule->intermediates != NULL ||
		rule->subject_text != NULL))
		return refuse(why, e, rule->where,
		    "allow: crl, intermediates and subject are for issuer "
		    "only");
	if (check_file(e, rule, "issuer", rule->issuer, why) != 0 ||
	    check_file(e, rule, "intermediates", rule->intermediates, why) !=
		0 ||
	    check_file(e, rule, "crl", rule->crl, why) != 0)
		return -1;
	return 0;
}

static int
check_own(const struct settings *s, const struct endpoint *e,
    const struct allow *rule, struct fail *why)
{
	for (size_t i = 0; i < rule->own.n; i++)
		if (profiles_find(s->profiles, rule->own.text[i]) == NULL)
			return refuse(why, e, rule->where,
			    "allow: own \"%s\": no such profile in %s",
			    rule->own.text[i], s->profiles_path);
	return 0;
}

static int
read_pattern(struct pattern **pattern, const struct endpoint *e,
    const struct allow *rule, const char *key, const char *text,
    struct fail *why)
{
	struct fail cause = {0};

	if (text == NULL || pattern_read(pattern, text, &cause) == 0)
		return 0;
	return refuse(why, e, rule->where, "allow: %s: %s", key, cause.text);
}

static int
check_names(const struct endpoint *e, struct allow *rule, struct fail *why)
{
	const char *text = rule->names_text;
	const char *pattern = NULL;

	rule->names = NAMES_OWN;
	if (text != NULL && strcmp(text, "any") == 0)
		rule->names = NAMES_ANY;
	if (text != NULL && strncmp(text, "pattern ", 8) == 0) {
		rule->names = NAMES_PATTERN;
		pattern = text + 8;
	}
	return read_pattern(&rule->pattern, e, rule, "names", pattern, why);
}

static int
check_allow(struct settings *s, struct endpoint *e, struct fail *why)
{
	struct allow *rule = e->allow.item;

	for (size_t i = 0; i < e->allow.n; i++) {
		path_resolve(&rule[i].issuer, s->folder);
		path_resolve(&rule[i].intermediates, s->folder);
		path_resolve(&rule[i].crl, s->folder);
		if (check_kind(e, &rule[i], why) != 0 ||
		    check_own(s, e, &rule[i], why) != 0 ||
		    read_pattern(&rule[i].subject, e, &rule[i], "subject",
			rule[i].subject_text, why) != 0 ||
		    check_names(e, &rule[i], why) != 0)
			return -1;
	}
	return 0;
}

int
endpoints_check(struct settings *settings, struct fail *why)
{
	for (size_t i = 0; i < settings->endpoints.n; i++) {
		struct endpoint *e = endpoint_at(settings, i);

		e->profile = profiles_find(settings->profiles, e->profile_name);
		if (e->profile == NULL)
			return refuse(why, e, e->where,
			    "profile \"%s\": no such profile in %s",
			    e->profile_name, settings->profiles_path);
		if (check_name(e, why) != 0 ||
		    check_unique(settings, i, why) != 0 ||
		    check_labels(settings, e, why) != 0 ||
		    check_auth(e, why) != 0 || check_keygen(e, why) != 0 ||
		    check_link(e, why) != 0 ||
		    check_allow(settings, e, why) != 0)
			return -1;
		csrattrs_make(e);
	}
	return 0;
}

void
endpoint_free(struct endpoint *endpoint)
{
	struct allow *rule = endpoint->allow.item;

	bytes_free(&endpoint->csrattrs);
	for (size_t i = 0; i < endpoint->allow.n; i++) {
		pattern_free(rule[i].subject);
		pattern_free(rule[i].pattern);
	}
}

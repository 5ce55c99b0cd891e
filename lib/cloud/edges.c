#include "lib/cloud/edges.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "lib/base/file.h"
#include "lib/ca/endpoint.h"
#include "lib/wire/cert.h"

/* ---- reading ------------------------------------------------------------- */

static const char *
path_default(void)
{
	const char *path = secure_getenv("MICROCA_CONNECTOR_CONF");

	return path != NULL && *path != '\0' ? path
	                                     : SYSCONFDIR
	           "/microca/connector.conf";
}

/* Absolute, so that a later change of folder does no harm. */
static int
place(struct edges *s, const char *path, struct fail *why)
{
	char *here = NULL;

	if (path[0] != '/' && (here = getcwd(NULL, 0)) == NULL) {
		fail(why, FAIL_BROKEN, "file", "no working folder");
		return fail_errno(why, "getcwd");
	}
	s->path = file_path(here, path);
	s->folder = mem_dup(s->path, (size_t)(strrchr(s->path, '/') - s->path));
	if (*s->folder == '\0') {
		free(s->folder);
		s->folder = str_dup("/");
	}
	free(here);
	return 0;
}

static int
hubs_check(struct edges *s, struct fail *why)
{
	struct edge_hub *hub = s->hubs.item;

	if (s->hubs.n == 0)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: hubs: one at least is needed", s->path);
	for (size_t i = 0; i < s->hubs.n; i++) {
		for (size_t k = 0; k < i; k++)
			if (strcmp(hub[k].name, hub[i].name) == 0)
				return fail(why, FAIL_CONFIG, "config",
				    "%s: hub '%s' was given before, %s",
				    hub[i].where, hub[i].name, hub[k].where);
		if (azure_check(&hub[i].azure, s->folder, hub[i].where, why) !=
		    0)
			return -1;
	}
	return 0;
}

static int PRINTF_LIKE(3, 4)
    refuse(struct fail *why, const struct edge_rule *rule, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail(why, FAIL_CONFIG, "config", "%s: edge '%s': %s",
	    rule->where, rule->id, text);
}

static int
hub_take(struct edge_rule *rule, const struct edges *s, struct fail *why)
{
	const struct edge_hub *hub = s->hubs.item;

	if (rule->hub_name == NULL && s->hubs.n == 1)
		rule->hub = hub;
	for (size_t i = 0; rule->hub_name != NULL && i < s->hubs.n; i++)
		if (strcmp(hub[i].name, rule->hub_name) == 0)
			rule->hub = &hub[i];
	if (rule->hub != NULL)
		return 0;
	if (rule->hub_name == NULL)
		return refuse(why, rule, "hub is needed, as there are several");
	return refuse(why, rule, "hub \"%s\": there is none of that name",
	    rule->hub_name);
}

static int
patterns_take(struct edge_rule *rule, struct fail *why)
{
	struct fail cause = {0};

	if (rule->devices.n == 0)
		return refuse(why, rule, "devices: one at least is needed");
	rule->patterns = mem_new(rule->devices.n * sizeof(*rule->patterns));
	for (size_t i = 0; i < rule->devices.n; i++)
		if (pattern_read(
			&rule->patterns[i], rule->devices.text[i], &cause) != 0)
			return refuse(why, rule, "devices \"%s\": %s",
			    rule->devices.text[i], cause.text);
	return 0;
}

static int
rule_take(struct edge_rule *rule, const struct edges *s, struct fail *why)
{
	path_resolve(&rule->issuer, s->folder);
	path_resolve(&rule->intermediates, s->folder);
	path_resolve(&rule->crl, s->folder);
	path_resolve(&rule->head_signers, s->folder);
	rule->allow = (struct allow){.issuer = rule->issuer,
	    .intermediates = rule->intermediates,
	    .crl = rule->crl,
	    .where = rule->where};
	if (rule->issuer == NULL)
		return refuse(why, rule, "issuer is needed");
	if (hub_take(rule, s, why) != 0 || patterns_take(rule, why) != 0 ||
	    trust_new(&rule->trust, &rule->allow, NULL, why) != 0)
		return -1;
	return rule->head_signers == NULL
	           ? 0
	           : cert_file_read(&rule->signers, rule->head_signers, why);
}

static int
edges_check(struct edges *s, struct fail *why)
{
	struct edge_rule *rule = s->edges.item;

	if (s->state == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: state may not be empty", s->path);
	path_resolve(&s->state, s->folder);
	for (size_t i = 0; i < s->edges.n; i++) {
		for (size_t k = 0; k < i; k++)
			if (strcmp(rule[k].id, rule[i].id) == 0)
				return refuse(why, &rule[i],
				    "was given before, %s", rule[k].where);
		if (rule_take(&rule[i], s, why) != 0)
			return -1;
	}
	return 0;
}

int
edges_read(struct edges **edges, const char *path, struct fail *why)
{
	struct edges *s = mem_new(sizeof(*s));

	*edges = NULL;
	if (place(s, path != NULL ? path : path_default(), why) != 0 ||
	    conf_read(s, &edges_table, s->path, why) != 0 ||
	    hubs_check(s, why) != 0 || edges_check(s, why) != 0) {
		edges_free(s);
		return -1;
	}
	*edges = s;
	return 0;
}

static void
rule_free(struct edge_rule *rule)
{
	for (size_t i = 0; rule->patterns != NULL && i < rule->devices.n; i++)
		pattern_free(rule->patterns[i]);
	free(rule->patterns);
	trust_free(rule->trust);
	sk_X509_pop_free(rule->signers, X509_free);
}

void
edges_free(struct edges *edges)
{
	if (edges == NULL)
		return;
	for (size_t i = 0; i < edges->edges.n; i++)
		rule_free((struct edge_rule *)edges->edges.item + i);
	conf_free(edges, &edges_table);
	free(edges->path);
	free(edges->folder);
	free(edges);
}

/* ---- who is there -------------------------------------------------------- */

/* The id in one URI; NULL: it is another kind of name. */
static const char *
urn_of(const GENERAL_NAME *name)
{
	const ASN1_IA5STRING *uri;
	const char *text;
	size_t len;

	if (name->type != GEN_URI)
		return NULL;
	uri = name->d.uniformResourceIdentifier;
	text = (const char *)ASN1_STRING_get0_data(uri);
	len = (size_t)ASN1_STRING_length(uri);
	/* An octet NUL in it would make it look shorter than it is. */
	if (strlen(text) != len ||
	    strncmp(text, EDGES_URN, strlen(EDGES_URN)) != 0)
		return NULL;
	return text + strlen(EDGES_URN);
}

static int
name_take(char **id, X509 *cert, struct fail *why)
{
	GENERAL_NAMES *san =
	    X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	const char *found = NULL;
	int n = 0;

	for (int i = 0; i < sk_GENERAL_NAME_num(san); i++) {
		const char *its = urn_of(sk_GENERAL_NAME_value(san, i));

		if (its != NULL) {
			found = its;
			n++;
		}
	}
	*id = n == 1 && conf_is_name(found) ? str_dup(found) : NULL;
	GENERAL_NAMES_free(san);
	ERR_clear_error();
	return *id != NULL
	           ? 0
	           : fail(why, FAIL_DENIED, "client-name",
			 "RFC 5280, 4.2.1.6: the client certificate has to "
			 "have one URI " EDGES_URN "ID");
}

static const struct edge_rule *
rule_find(const struct edges *edges, const char *id)
{
	const struct edge_rule *rule = edges->edges.item;

	for (size_t i = 0; i < edges->edges.n; i++)
		if (strcmp(rule[i].id, id) == 0)
			return &rule[i];
	return NULL;
}

static int
cert_take(X509 **cert, struct span der, struct fail *why)
{
	struct cert *strict;
	struct fail cause = {0};

	*cert = NULL;
	if (der.len == 0)
		return fail(why, FAIL_DENIED, "auth-none",
		    "a client certificate is needed");
	if (cert_read(&strict, der, &cause) != 0 ||
	    cert_x509(cert, der, &cause) != 0) {
		cert_free(strict);
		return fail(why, FAIL_DENIED, "client-cert", "%s", cause.text);
	}
	cert_free(strict);
	return 0;
}

int
edges_find(const struct edge_rule **rule, const struct edges *edges,
    struct span der, struct fail *why)
{
	X509 *cert = NULL;
	char *id = NULL;
	int64_t until;
	int rc = -1;

	*rule = NULL;
	if (cert_take(&cert, der, why) != 0 || name_take(&id, cert, why) != 0)
		goto out;
	if ((*rule = rule_find(edges, id)) == NULL)
		fail(why, FAIL_DENIED, "client-unknown",
		    "no edge '%s' is known here", id);
	else if (trust_check((*rule)->trust, &until, NULL, cert, why) == 0)
		rc = 0;
out:
	if (rc != 0)
		*rule = NULL;
	X509_free(cert);
	free(id);
	return rc;
}

bool
edge_admits(const struct edge_rule *rule, const char *device)
{
	for (size_t i = 0; i < rule->devices.n; i++)
		if (pattern_match(rule->patterns[i], device))
			return true;
	return false;
}

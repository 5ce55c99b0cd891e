#include "lib/ca/settings.h"

#include <ctype.h>
#include <string.h>

#include "lib/ca/endpoint.h"
#include "lib/key/pkcs11uri.h"

struct need {
	const char *name;
	const char *value;
};

static int
need_all(const char *path, const char *group, const char *when,
    const struct need *need, size_t n, struct fail *why)
{
	for (size_t i = 0; i < n; i++)
		if (need[i].value == NULL)
			return fail(why, FAIL_CONFIG, "config",
			    "%s: %s: %s needs %s", path, group, when,
			    need[i].name);
	return 0;
}

#define NEED(path, group, when, why, ...)                                      \
	need_all(path, group, when, (const struct need[]){__VA_ARGS__},        \
	    sizeof((const struct need[]){__VA_ARGS__}) / sizeof(struct need),  \
	    why)

static void
azure_resolve(struct azure_settings *a, const char *folder)
{
	path_resolve(&a->anchors, folder);
	path_resolve(&a->sas_key_file, folder);
	path_resolve(&a->certificate, folder);
	if (a->key != NULL && !pkcs11uri_is(a->key))
		path_resolve(&a->key, folder);
	path_resolve(&a->module, folder);
	path_resolve(&a->pin_file, folder);
	path_resolve(&a->token_file, folder);
	/* Signatures are made over its name in lower case. */
	for (char *p = a->hub; p != NULL && *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
}

static int
check_auth(const struct azure_settings *a, const char *path, struct fail *why)
{
	switch (a->auth) {
	case AZURE_SAS:
		return NEED(path, "azure", "auth \"sas\"", why,
		    {"sas_policy", a->sas_policy},
		    {"sas_key_file", a->sas_key_file});
	case AZURE_CERTIFICATE:
		return NEED(path, "azure", "auth \"certificate\"", why,
		    {"tenant", a->tenant}, {"client_id", a->client_id},
		    {"certificate", a->certificate}, {"key", a->key},
		    {"login", a->login}, {"algorithm", a->algorithm});
	case AZURE_WORKLOAD:
		return NEED(path, "azure", "auth \"workload\"", why,
		    {"tenant", a->tenant}, {"client_id", a->client_id},
		    {"token_file", a->token_file}, {"login", a->login});
	default:
		return NEED(
		    path, "azure", "auth \"managed\"", why, {"imds", a->imds});
	}
}

static int
check_hub(const struct azure_settings *a, const char *path, struct fail *why)
{
	if (a->hub == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: azure: hub is needed", path);
	return check_auth(a, path, why);
}

int
azure_check(struct azure_settings *azure, const char *folder, const char *path,
    struct fail *why)
{
	azure_resolve(azure, folder);
	return check_hub(azure, path, why);
}

static int
check_connector(const struct settings *s, struct fail *why)
{
	const struct cloud_settings *c = &s->cloud;

	if (c->connector.url == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: cloud.connector: url is needed", s->path);
	if ((c->connector.certificate != NULL) != (c->connector.key != NULL))
		return fail(why, FAIL_CONFIG, "config",
		    "%s: cloud.connector: certificate and key go together",
		    s->path);
	if (c->connector.certificate == NULL &&
	    settings_own(s, OWN_CLIENT) == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: cloud.connector: certificate and key are needed, or "
		    "a certificate 'client'",
		    s->path);
	return 0;
}

static void
resolve(struct settings *s)
{
	struct cloud_settings *c = &s->cloud;

	azure_resolve(&c->azure, s->folder);
	path_resolve(&c->metrics, s->folder);
	path_resolve(&c->connector.anchors, s->folder);
	path_resolve(&c->connector.certificate, s->folder);
	if (c->connector.key != NULL && !pkcs11uri_is(c->connector.key))
		path_resolve(&c->connector.key, s->folder);
	if (c->azure.key == NULL || !pkcs11uri_is(c->azure.key))
		return;
	if (c->azure.module == NULL)
		c->azure.module = str_dup(s->ca.module);
	if (c->azure.pin_file == NULL)
		c->azure.pin_file = str_dup(s->ca.pin_file);
}

int
cloud_check(struct settings *settings, struct fail *why)
{
	const struct cloud_settings *c = &settings->cloud;

	resolve(settings);
	if (c->mode == CLOUD_OFF)
		return 0;
	if (c->edge == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: cloud: edge is needed, this CA's name there",
		    settings->path);
	if (c->mode == CLOUD_CONNECTOR)
		return check_connector(settings, why);
	return check_hub(&c->azure, settings->path, why);
}

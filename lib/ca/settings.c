#include "lib/ca/settings.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/ca/endpoint.h"
#include "lib/key/pkcs11uri.h"

static const char *
path_default(void)
{
	const char *path = secure_getenv("MICROCA_CONF");

	return path != NULL && *path != '\0' ? path
	                                     : SYSCONFDIR
	           "/microca/microca.conf";
}

/* Absolute, so that a later change of folder does no harm. */
static int
place(struct settings *s, const char *path, struct fail *why)
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

static void
store_resolve(struct settings *s)
{
	const char *scheme = "sqlite:";
	char *path;

	if (strncmp(s->store, scheme, strlen(scheme)) != 0)
		return;
	path = file_path(s->state, s->store + strlen(scheme));
	free(s->store);
	s->store = str_fmt("sqlite:%s", path);
	free(path);
}

/* It would be shown by "microca check", and wherever the URL is told. */
static int
password_check(const struct settings *s, struct fail *why)
{
	const char *at = strstr(s->store, "://"), *host;

	if (at == NULL || s->store[0] != 'p')
		return 0;
	host = strchr(at + 3, '@');
	if ((host == NULL ||
		memchr(at + 3, ':', (size_t)(host - at - 3)) == NULL) &&
	    strstr(s->store, "password=") == NULL)
		return 0;
	return fail(why, FAIL_CONFIG, "db-url",
	    "%s: no password belongs in the store's URL: name a passfile "
	    "(postgresql://…?passfile=FILE) or a service",
	    s->path);
}

#define RETENTION_LEAST (30 * 86400) /* s: lists, repeats, clocks are past it */

static int
retention_check(struct settings *s, struct fail *why)
{
	if (s->retention.expired_after != 0 &&
	    s->retention.expired_after < RETENTION_LEAST)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: retention.expired_after is 0 or at least 30d",
		    s->path);
	if (s->retention.folder == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: retention.folder may not be empty", s->path);
	path_resolve(&s->retention.folder, s->state);
	return 0;
}

static int
resolve(struct settings *s, struct fail *why)
{
	if (s->state == NULL || s->public_folder == NULL || s->run == NULL ||
	    s->profiles_path == NULL || s->store == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: state, public, run, profiles and store may not be "
		    "empty",
		    s->path);
	if (password_check(s, why) != 0)
		return -1;
	path_resolve(&s->state, s->folder);
	path_resolve(&s->public_folder, s->folder);
	path_resolve(&s->run, s->folder);
	path_resolve(&s->profiles_path, s->folder);
	store_resolve(s);
	if (retention_check(s, why) != 0)
		return -1;
	path_resolve(&s->ca.module, s->folder);
	path_resolve(&s->ca.pin_file, s->folder);
	path_resolve(&s->ca.peers, s->folder);
	if (!pkcs11uri_is(s->ca.key))
		path_resolve(&s->ca.key, s->folder);
	if (s->ocsp.key != NULL && !pkcs11uri_is(s->ocsp.key))
		path_resolve(&s->ocsp.key, s->folder);
	path_resolve(&s->keygen.key, s->folder);
	path_resolve(&s->keygen.certificate, s->folder);
	path_resolve(&s->httpd.log_folder, s->folder);
	path_resolve(&s->httpd.module_folder, s->folder);
	path_resolve(&s->httpd.wrappers, s->folder);
	return 0;
}

static int
check_subject(const struct settings *s, struct fail *why)
{
	struct fail cause = {0};
	X509_NAME *name = NULL;
	int rc = name_from_text(&name, s->ca.subject, &cause);

	if (rc == 0 && X509_NAME_entry_count(name) == 0)
		rc = fail(
		    &cause, FAIL_MALFORMED, "dn-empty", "the name is empty");
	X509_NAME_free(name);
	if (rc != 0)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: ca.subject \"%s\": %s", s->path, s->ca.subject,
		    cause.text);
	return 0;
}

static int
check_keygen(const struct settings *s, struct fail *why)
{
	if ((s->keygen.key == NULL) == (s->keygen.certificate == NULL))
		return 0;
	return fail(why, FAIL_CONFIG, "config",
	    "%s: keygen: key and certificate go together", s->path);
}

/* Nobody said which file, and there is none where it is looked for. */
static int
check_there(const char *path, struct fail *why)
{
	if (path != NULL || access(path_default(), F_OK) == 0)
		return 0;
	return fail(why, FAIL_CONFIG, "config",
	    "there is no %s: -c FILE or MICROCA_CONF names another",
	    path_default());
}

int
settings_read(struct settings **settings, const char *path, struct fail *why)
{
	struct settings *s = mem_new(sizeof(*s));

	*settings = NULL;
	if (check_there(path, why) != 0 ||
	    place(s, path != NULL ? path : path_default(), why) != 0 ||
	    conf_read(s, &settings_table, s->path, why) != 0 ||
	    resolve(s, why) != 0 || check_subject(s, why) != 0 ||
	    check_keygen(s, why) != 0 ||
	    profiles_read(&s->profiles, s->profiles_path, why) != 0 ||
	    endpoints_check(s, why) != 0 || own_check(s, why) != 0 ||
	    cloud_check(s, why) != 0 || inventory_check(s, why) != 0) {
		settings_free(s);
		return -1;
	}
	*settings = s;
	return 0;
}

void
settings_free(struct settings *settings)
{
	if (settings == NULL)
		return;
	for (size_t i = 0; i < settings->endpoints.n; i++)
		endpoint_free((struct endpoint *)settings->endpoints.item + i);
	conf_free(settings, &settings_table);
	profiles_free(settings->profiles);
	free(settings->path);
	free(settings->folder);
	free(settings);
}

void
settings_write(struct bytes *out, const struct settings *settings)
{
	conf_write(out, settings, &settings_table);
}

char *
settings_issuer_path(const struct settings *s)
{
	return file_path(s->state, "issuer.pem");
}

char *
settings_issuers_path(const struct settings *s)
{
	return file_path(s->state, "issuers");
}

char *
settings_chain_path(const struct settings *s)
{
	return file_path(s->public_folder, "chain.pem");
}

char *
settings_bundle_path(const struct settings *s, const struct endpoint *e)
{
	return str_fmt("%s/client-ca-%s.pem", s->public_folder, e->name);
}

/* Untouched when nothing changes: threads may be reading it. */
static void
environment_set(const struct conf_strings *environment)
{
	for (size_t i = 0; i < environment->n; i++) {
		const char *value = strchr(environment->text[i], '=') + 1;
		char *name = mem_dup(environment->text[i],
		    (size_t)(value - 1 - environment->text[i]));
		const char *now = getenv(name);

		if ((now == NULL || strcmp(now, value) != 0) &&
		    setenv(name, value, 1) != 0)
			abort(); /* out of memory */
		free(name);
	}
}

struct key_place
settings_key_place(const struct settings *s)
{
	environment_set(&s->ca.module_environment);
	return (struct key_place){
	    s->ca.key, s->ca.module, s->ca.pin_file, s->state};
}

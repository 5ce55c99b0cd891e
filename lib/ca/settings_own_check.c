#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/ca/endpoint.h"
#include "lib/ca/upstream_crls.h"
#include "lib/key/pkcs11uri.h"
#include "lib/wire/san.h"

static int PRINTF_LIKE(3, 4)
    refuse(struct fail *why, const struct own *own, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return fail(why, FAIL_CONFIG, "config", "%s: certificate '%s': %s",
	    own->where, own_name_word(own->name), text);
}

static int
check_upstream(struct settings *s, struct fail *why)
{
	struct upstream *up = &s->upstream;

	path_resolve(&up->anchors, s->folder);
	path_resolve(&up->password_file, s->folder);
	for (size_t i = 0; i < up->crls.n; i++)
		if (!upstream_crls_is_url(up->crls.text[i]))
			path_resolve(&up->crls.text[i], s->folder);
	if ((up->user != NULL) != (up->password_file != NULL))
		return fail(why, FAIL_CONFIG, "config",
		    "%s: upstream: user and password_file go together",
		    s->path);
	/* RFC 7030, 3.6: the server is authenticated, by something. */
	if (up->url != NULL && up->anchors == NULL && up->pin == NULL &&
	    !up->implicit)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: upstream: RFC 7030, 3.6: one of anchors, pin and "
		    "implicit is needed",
		    s->path);
	return 0;
}

static void
fill(struct settings *s, struct own *own)
{
	if (own->key_type == NULL)
		own->key_type = str_dup(s->ca.key_type);
	if (own->name == OWN_INTERMEDIATE && own->subject == NULL)
		own->subject = str_dup(s->ca.subject);
	if (own->name == OWN_INTERMEDIATE && own->key == NULL &&
	    pkcs11uri_is(s->ca.key))
		own->key = str_dup(s->ca.key);
	path_resolve(&own->initial_certificate, s->folder);
	if (own->initial_key != NULL && !pkcs11uri_is(own->initial_key))
		path_resolve(&own->initial_key, s->folder);
	if (own->hook.n > 0)
		path_resolve(&own->hook.text[0], s->folder);
}

static int
check_names(const struct own *own, struct fail *why)
{
	struct fail cause = {0};
	GENERAL_NAMES *san = NULL;
	X509_NAME *name = NULL;
	int rc = 0;

	if (own->subject == NULL && own->san.n == 0)
		return refuse(why, own, "subject or san is needed");
	if (own->subject != NULL)
		rc = name_from_text(&name, own->subject, &cause);
	X509_NAME_free(name);
	if (rc != 0)
		return refuse(
		    why, own, "subject \"%s\": %s", own->subject, cause.text);
	for (size_t i = 0; i < own->san.n && rc == 0; i++)
		if ((rc = san_add_text(&san, own->san.text[i], &cause)) != 0)
			refuse(why, own, "san \"%s\": %s", own->san.text[i],
			    cause.text);
	GENERAL_NAMES_free(san);
	return rc;
}

static int
check_self(const struct settings *s, const struct own *own, struct fail *why)
{
	const struct profile *profile;

	if (own->name == OWN_INTERMEDIATE)
		return refuse(why, own,
		    "source \"self\" is not for the CA's own certificate: "
		    "microca init --self-signed makes a root");
	if (own->profile == NULL)
		return refuse(why, own, "source \"self\" needs profile");
	profile = profiles_find(s->profiles, own->profile);
	if (profile == NULL)
		return refuse(why, own, "profile \"%s\": no such profile in %s",
		    own->profile, s->profiles_path);
	if (profile->ca)
		return refuse(why, own,
		    "profile \"%s\" is for certificates of CAs", own->profile);
	return 0;
}

static int
check_source(const struct settings *s, const struct own *own, struct fail *why)
{
	if (own->source != OWN_SELF && own->profile != NULL)
		return refuse(why, own, "profile is for source \"self\"");
	if (own->source != OWN_UPSTREAM &&
	    (own->url != NULL || own->label != NULL ||
		own->initial_certificate != NULL))
		return refuse(why, own,
		    "url, label and initial_certificate are for source "
		    "\"upstream\"");
	if (own->source == OWN_SELF)
		return check_self(s, own, why);
	if (own->source == OWN_UPSTREAM && s->upstream.url == NULL)
		return refuse(
		    why, own, "source \"upstream\" needs upstream.url");
	return 0;
}

static int
check_keys(const struct own *own, struct fail *why)
{
	if (own->name == OWN_SERVER && own->key != NULL)
		return refuse(
		    why, own, "key: the web server reads its key from a file");
	if ((own->initial_certificate != NULL) != (own->initial_key != NULL))
		return refuse(why, own,
		    "initial_certificate and initial_key go together");
	if (own->name != OWN_CLIENT && own->initial_certificate != NULL)
		return refuse(
		    why, own, "initial_certificate is for 'client' only");
	return 0;
}

static int
check_unique(const struct settings *s, size_t at, struct fail *why)
{
	const struct own *own = s->certificates.item;

	for (size_t i = 0; i < at; i++)
		if (own[i].name == own[at].name)
			return refuse(why, &own[at], "was given before, %s",
			    own[i].where);
	return 0;
}

int
own_check(struct settings *settings, struct fail *why)
{
	struct own *own = settings->certificates.item;

	if (check_upstream(settings, why) != 0)
		return -1;
	for (size_t i = 0; i < settings->certificates.n; i++) {
		fill(settings, &own[i]);
		if (check_unique(settings, i, why) != 0 ||
		    check_names(&own[i], why) != 0 ||
		    check_source(settings, &own[i], why) != 0 ||
		    check_keys(&own[i], why) != 0)
			return -1;
	}
	return 0;
}

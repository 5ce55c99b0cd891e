/*
 * state/own/anchors.pem: roots that were learnt, by a pin or because an old
 * root vouches for them.  Its first line says of what in the configuration
 * they came: when the operator names other anchors, they count no more.
 */
#include "bin/own.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"

#define HEAD "Learnt from: "
#define HEAD_LEN (sizeof(HEAD) - 1 + 2 * SHA256_LEN)

static char *
learnt_path(const struct settings *settings)
{
	return str_fmt("%s/own/anchors.pem", settings->state);
}

/* What the configuration names, as a hash. */
static int
origin(
    char out[HEAD_LEN + 1], const struct settings *settings, struct fail *why)
{
	const struct upstream *up = &settings->upstream;
	uint8_t hash[SHA256_LEN];
	struct bytes text = {0};

	if (up->anchors != NULL &&
	    file_read(&text, up->anchors, TOOL_FILE_MAX, why) != 0)
		return fail(why, FAIL_CONFIG, "file",
		    "upstream.anchors: %s cannot be read", up->anchors);
	bytes_addf(&text, "\n%s", up->pin != NULL ? up->pin : "");
	sha256(hash, span_of(&text));
	bytes_free(&text);
	memcpy(out, HEAD, sizeof(HEAD));
	hex_write(
	    out + sizeof(HEAD) - 1, (struct span){hash, sizeof(hash)}, false);
	return 0;
}

static void
push(STACK_OF(X509) * all, X509 *cert)
{
	if (X509_up_ref(cert) != 1 || sk_X509_push(all, cert) <= 0)
		abort(); /* out of memory */
}

static int
add_file(STACK_OF(X509) * all, const char *path, struct fail *why)
{
	STACK_OF(X509) *certs = NULL;
	int i;

	if (cert_file_read(&certs, path, why) != 0)
		return -1;
	for (i = 0; i < sk_X509_num(certs); i++)
		push(all, sk_X509_value(certs, i));
	sk_X509_pop_free(certs, X509_free);
	return 0;
}

static bool
is_of(const char *path, const char *head)
{
	struct bytes text = {0};
	struct fail ignored = {0};
	bool same = file_read(&text, path, TOOL_FILE_MAX, &ignored) == 0 &&
	            text.len > HEAD_LEN &&
	            memcmp(text.data, head, HEAD_LEN) == 0;

	bytes_free(&text);
	return same;
}

int
own_anchors_read(STACK_OF(X509) * *anchors, const struct settings *settings,
    struct fail *why)
{
	const char *named = settings->upstream.anchors;
	char head[HEAD_LEN + 1], *path;
	int rc = 0;

	*anchors = sk_X509_new_null();
	if (origin(head, settings, why) != 0)
		return -1;
	if (named != NULL && add_file(*anchors, named, why) != 0)
		return -1;
	path = learnt_path(settings);
	if (is_of(path, head))
		rc = add_file(*anchors, path, why);
	free(path);
	return rc;
}

int
own_anchors_write(const struct settings *settings,
    const STACK_OF(X509) * anchors, struct fail *why)
{
	char head[HEAD_LEN + 1], *path;
	struct bytes text = {0};
	int i, rc;

	if (origin(head, settings, why) != 0)
		return -1;
	bytes_addf(&text, "%s\n", head);
	for (i = 0; i < sk_X509_num(anchors); i++) {
		struct bytes der = {0};

		cert_der_add(&der, sk_X509_value(anchors, i));
		cert_pem_write(&text, span_of(&der));
		bytes_free(&der);
	}
	path = learnt_path(settings);
	rc = file_write(path, span_of(&text), 0600, why);
	free(path);
	bytes_free(&text);
	return rc;
}

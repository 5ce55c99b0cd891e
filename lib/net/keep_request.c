#include "lib/net/keep_request.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/key/pkcs11uri.h"
#include "lib/net/keep_folder.h"
#include "lib/net/keep_shape.h"

#define KEY_WAIT 20.0 /* s for a token to come up */
#define URI_MAX 4096
#define CSR_MAX (64 * 1024)
#define TAKEN_MOST 64 /* names of keys in a token that are passed over */

/* ---- where a key is ----------------------------------------------------- */

static int
uri_refuse(struct fail *why, const char *rule)
{
	return fail(why, FAIL_CONFIG, "pkcs11-uri",
	    "the key's PKCS#11 URI %s: every renewal makes another key", rule);
}

/* The configured URI with an object of this generation's own. */
static int
uri_of(char **uri, const struct keep_plan *plan, unsigned n, struct fail *why)
{
	const char *base = plan->key_uri, *query = strchr(base, '?');
	size_t path = query != NULL ? (size_t)(query - base) : strlen(base);
	const char *object, *end;

	*uri = NULL;
	if (memmem(base, path, ";id=", 4) != NULL ||
	    memmem(base, path, ":id=", 4) != NULL)
		return uri_refuse(why, "must not say an id");
	object = memmem(base, path, ";object=", 8);
	if (object == NULL)
		object = memmem(base, path, ":object=", 8);
	if (object == NULL) {
		*uri = str_fmt("%.*s;object=%s-%06u%s", (int)path, base,
		    plan->name, n, base + path);
		return 0;
	}
	end = memchr(object + 1, ';', path - (size_t)(object + 1 - base));
	if (end == NULL)
		end = base + path;
	*uri = str_fmt("%.*s-%06u%s", (int)(end - base), base, n, end);
	return 0;
}

/* The key's path or URI; NULL: none has been begun.  The caller frees. */
static int
place_text(
    char **text, const struct keep_plan *plan, unsigned n, struct fail *why)
{
	char *path;
	struct bytes uri = {0};
	int rc = 0;

	*text = NULL;
	if (keep_has(plan->folder, n, KEEP_URI)) {
		path = keep_file(plan->folder, n, KEEP_URI);
		rc = file_read(&uri, path, URI_MAX, why);
		if (rc == 0 && uri.len > 0)
			*text = mem_dup(
			    uri.data, strcspn((const char *)uri.data, "\r\n"));
		free(path);
		bytes_free(&uri);
	} else if (keep_has(plan->folder, n, KEEP_KEY)) {
		*text = keep_file(plan->folder, n, KEEP_KEY);
	}
	return rc;
}

static struct key_place
place_of(const struct keep_plan *plan, const char *text)
{
	return (struct key_place){.uri = text,
	    .module = plan->module,
	    .pin_file = plan->pin_file,
	    .state = plan->state != NULL ? plan->state : plan->folder};
}

static int
opened(struct key **key, const struct keep_plan *plan, const char *text,
    struct fail *why)
{
	struct key_place place = place_of(plan, text);

	if (key_open(key, &place, why) != 0)
		return -1;
	if (key_ready(*key, KEY_WAIT, why) == 0)
		return 0;
	key_free(*key);
	*key = NULL;
	return -1;
}

/* ---- a key is made ------------------------------------------------------ */

static bool
is_reason(const struct fail *why, const char *reason)
{
	return why->reason != NULL && strcmp(why->reason, reason) == 0;
}

static int
uri_put(
    const struct keep_plan *plan, unsigned n, const char *uri, struct fail *why)
{
	char *line = str_fmt("%s\n", uri);
	int rc = keep_put(plan->folder, n, KEEP_URI, span_str(line), 0644, why);

	free(line);
	return rc;
}

/* In the token; *n moves on while keys of those names are there. */
static int
token_key_make(const struct keep_plan *plan, unsigned *n, const char *type,
    struct fail *why)
{
	int i, rc = -1;

	for (i = 0; i < TAKEN_MOST; i++) {
		unsigned taken = *n;
		struct key_place place;
		char *uri;

		if (uri_of(&uri, plan, *n, why) != 0)
			return -1;
		place = place_of(plan, uri);
		rc = uri_put(plan, *n, uri, why);
		if (rc == 0)
			rc = key_generate(&place, type, why);
		free(uri);
		if (rc == 0 || !is_reason(why, "key-exists"))
			return rc;
		if (keep_generation_new(n, plan->folder, why) != 0)
			return -1;
		keep_generation_drop(plan->folder, taken);
	}
	return rc;
}

static int
file_key_make(const struct keep_plan *plan, unsigned n, const char *type,
    struct fail *why)
{
	char *path = keep_file(plan->folder, n, KEEP_KEY);
	struct key_place place = place_of(plan, path);
	int rc = key_generate(&place, type, why);

	free(path);
	return rc;
}

/* The key of the pair in use, once more. */
static int
key_again(const struct keep_plan *plan, unsigned n,
    const struct keep_pair *pair, struct fail *why)
{
	char *path;
	int rc = 0;

	if (pkcs11uri_is(pair->key_place))
		return uri_put(plan, n, pair->key_place, why);
	path = keep_file(plan->folder, n, KEEP_KEY);
	if (link(pair->key_place, path) != 0) {
		fail(why, FAIL_BROKEN, "file", "cannot make %s", path);
		rc = fail_errno(why, "link");
	}
	free(path);
	return rc;
}

static int
key_make(const struct keep_plan *plan, unsigned *n, const char *type,
    const struct keep_pair *reused, struct fail *why)
{
	if (reused != NULL)
		return key_again(plan, *n, reused, why);
	return plan->key_uri != NULL ? token_key_make(plan, n, type, why)
	                             : file_key_make(plan, *n, type, why);
}

/* ---- the key is there --------------------------------------------------- */

/* A key that an earlier run began, if it is there and of the wished type. */
static int
key_left(struct key **key, const struct keep_plan *plan, unsigned n,
    const char *type, struct fail *why)
{
	EVP_PKEY *public = NULL;
	char *text, name[16];
	bool fits = false;

	*key = NULL;
	if (place_text(&text, plan, n, why) != 0)
		return -1;
	if (text == NULL)
		return 0;
	if (opened(key, plan, text, why) != 0) {
		free(text);
		/* RFC 7512: named, but never made. */
		return is_reason(why, "token-key") ? 0 : -1;
	}
	free(text);
	if (key_public(&public, *key, why) != 0) {
		key_free(*key);
		*key = NULL;
		return -1;
	}
	fits = strcmp(keep_key_type(public, name), type) == 0;
	EVP_PKEY_free(public);
	if (!fits) {
		key_free(*key);
		*key = NULL;
	}
	return 0;
}

/* A generation that has something in it which does not fit is left behind; its
 * number, and so its key's name, is not used again. */
static int
generation_renew(const struct keep_plan *plan, unsigned *n, struct fail *why)
{
	unsigned old = *n;

	if (old != 0 && !keep_has(plan->folder, old, KEEP_URI) &&
	    !keep_has(plan->folder, old, KEEP_KEY))
		return 0;
	if (keep_generation_new(n, plan->folder, why) != 0)
		return -1;
	if (old != 0)
		keep_generation_drop(plan->folder, old);
	return 0;
}

static int
key_ensure(struct key **key, unsigned *n, const struct keep_plan *plan,
    const char *type, const struct keep_pair *reused, struct fail *why)
{
	char *text = NULL;
	int rc;

	*key = NULL;
	if (*n != 0 && key_left(key, plan, *n, type, why) != 0)
		return -1;
	if (*key != NULL)
		return 0;
	*why = (struct fail){0};
	if (generation_renew(plan, n, why) != 0 ||
	    key_make(plan, n, type, reused, why) != 0 ||
	    place_text(&text, plan, *n, why) != 0)
		return -1;
	rc = opened(key, plan, text, why);
	free(text);
	return rc;
}

/* ---- the request -------------------------------------------------------- */

static int
der_of(struct bytes *der, X509_REQ *req, struct fail *why)
{
	unsigned char *octets = NULL;
	int len = i2d_X509_REQ(req, &octets);

	if (len <= 0) {
		fail(why, FAIL_BROKEN, "build", "cannot encode a request");
		return fail_openssl(why, "i2d");
	}
	bytes_add(der, octets, (size_t)len);
	OPENSSL_free(octets);
	return 0;
}

static int
req_build(struct bytes *der, const struct keep_shape *shape, struct key *key,
    struct fail *why)
{
	X509_REQ *req = X509_REQ_new();
	EVP_PKEY *public = NULL;
	int rc = -1;

	if (key_public(&public, key, why) != 0)
		goto out;
	if (req == NULL || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    X509_REQ_set_subject_name(req, shape->subject) != 1 ||
	    X509_REQ_set_pubkey(req, public) != 1 ||
	    (shape->extensions != NULL &&
		X509_REQ_add_extensions(req, shape->extensions) != 1)) {
		fail(why, FAIL_BROKEN, "build", "cannot make a request");
		fail_openssl(why, "request");
		goto out;
	}
	if (key_sign_req(key, req, shape->hash, why) == 0)
		rc = der_of(der, req, why);
out:
	EVP_PKEY_free(public);
	X509_REQ_free(req);
	return rc;
}

static int
wishes_read(struct csrattrs_wishes *wishes, struct bytes *der,
    const struct keep_source *source, struct fail *why)
{
	memset(wishes, 0, sizeof(*wishes));
	if (source == NULL || source->attributes == NULL)
		return 0;
	if (source->attributes(source->arg, der, why) != 0)
		return -1;
	return csrattrs_read(wishes, span_of(der), why);
}

static int
request_put(const struct keep_plan *plan, unsigned n, const struct bytes *der,
    struct fail *why)
{
	char since[WHEN_LEN];

	when_write(since, when_now());
	if (keep_put(plan->folder, n, KEEP_SINCE, span_str(since), 0644, why) !=
	    0)
		return -1;
	return keep_put(plan->folder, n, KEEP_CSR, span_of(der), 0644, why);
}

static int
request_new(struct bytes *der, unsigned *n, const struct keep_plan *plan,
    const struct keep_pair *pair, bool renews, const struct keep_source *source,
    struct fail *why)
{
	const struct keep_pair *reused =
	    plan->key_reuse && pair != NULL ? pair : NULL;
	struct csrattrs_wishes wishes;
	struct bytes wished = {0};
	struct keep_shape shape = {0};
	struct key *key = NULL;
	char name[16];
	int rc = -1;

	if (wishes_read(&wishes, &wished, source, why) == 0 &&
	    keep_shape_make(
		&shape, plan, renews ? pair->leaf : NULL, &wishes, why) == 0) {
		if (reused != NULL)
			shape.key_type =
			    keep_key_type(X509_get0_pubkey(reused->leaf), name);
		rc = key_ensure(&key, n, plan, shape.key_type, reused, why);
	}
	if (rc == 0)
		rc = req_build(der, &shape, key, why);
	if (rc == 0)
		rc = request_put(plan, *n, der, why);
	key_free(key);
	keep_shape_free(&shape);
	bytes_free(&wished);
	return rc;
}

/* What waits already; nothing when it cannot be read. */
static void
request_read(struct bytes *der, const struct keep_plan *plan, unsigned n)
{
	char *path = keep_file(plan->folder, n, KEEP_CSR);
	struct fail ignored = {0};
	const unsigned char *p;
	X509_REQ *req = NULL;

	if (file_read(der, path, CSR_MAX, &ignored) == 0 && der->len > 0) {
		p = der->data;
		req = d2i_X509_REQ(NULL, &p, (long)der->len);
	}
	if (req == NULL) {
		bytes_free(der);
		(void)fail_openssl(&ignored, "csr.der");
	}
	X509_REQ_free(req);
	free(path);
}

int
keep_request_make(struct bytes *der, unsigned *n, const struct keep_plan *plan,
    const struct keep_pair *pair, bool renews, const struct keep_source *source,
    struct fail *why)
{
	if (*n != 0 && keep_has(plan->folder, *n, KEEP_CSR)) {
		request_read(der, plan, *n);
		if (der->len > 0)
			return 0;
	}
	return request_new(der, n, plan, pair, renews, source, why);
}

int64_t
keep_request_since(const struct keep_plan *plan, unsigned n)
{
	char *path = keep_file(plan->folder, n, KEEP_SINCE);
	struct bytes text = {0};
	struct fail ignored = {0};
	int64_t since = 0;

	if (file_read(&text, path, WHEN_LEN, &ignored) != 0 || text.len == 0 ||
	    when_read(&since, (const char *)text.data, &ignored) != 0)
		since = 0;
	bytes_free(&text);
	free(path);
	return since;
}

void
keep_request_answered(const struct keep_plan *plan, unsigned n)
{
	keep_remove(plan->folder, n, KEEP_CERT);
	keep_remove(plan->folder, n, KEEP_CHAIN);
	keep_remove(plan->folder, n, KEEP_CSR);
	keep_remove(plan->folder, n, KEEP_SINCE);
}

/* ---- bound to a connection ---------------------------------------------- */

/* RFC 7030, 3.5: challengePassword holds the base64 of the channel
 * binding. */
static int
bind_to(X509_REQ *req, const char *binding, struct fail *why)
{
	int at = X509_REQ_get_attr_by_NID(req, NID_pkcs9_challengePassword, -1);

	if (at >= 0)
		X509_ATTRIBUTE_free(X509_REQ_delete_attr(req, at));
	if (X509_REQ_add1_attr_by_NID(req, NID_pkcs9_challengePassword,
		V_ASN1_PRINTABLESTRING, (const unsigned char *)binding,
		(int)strlen(binding)) == 1)
		return 0;
	fail(why, FAIL_BROKEN, "build", "cannot link a request");
	return fail_openssl(why, "challengePassword");
}

/* What the request was signed with; NULL: the key's own. */
static const EVP_MD *
hash_of(const X509_REQ *req)
{
	int hash = NID_undef;

	if (OBJ_find_sigid_algs(X509_REQ_get_signature_nid(req), &hash, NULL) !=
		1 ||
	    hash == NID_undef)
		return NULL;
	return EVP_get_digestbynid(hash);
}

int
keep_csr_bound(struct bytes *der, const struct keep_plan *plan, struct span csr,
    const char *binding, struct fail *why)
{
	const unsigned char *p = csr.data;
	X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)csr.len);
	unsigned current, n = 0;
	char *text = NULL;
	struct key *key = NULL;
	int rc = -1;

	if (req == NULL) {
		fail(why, FAIL_BROKEN, "build", "the request is not one");
		fail_openssl(why, "csr");
	} else if (keep_link_read(&current, plan->folder, "current", why) ==
		       0 &&
		   keep_waiting(&n, plan->folder, current, why) == 0 &&
		   place_text(&text, plan, n, why) == 0) {
		if (text == NULL)
			fail(why, FAIL_BROKEN, "pair", "no request waits");
		else if (opened(&key, plan, text, why) == 0 &&
			 bind_to(req, binding, why) == 0 &&
			 key_sign_req(key, req, hash_of(req), why) == 0)
			rc = der_of(der, req, why);
	}
	key_free(key);
	free(text);
	X509_REQ_free(req);
	return rc;
}

/* microca ocsp - look after the certificates of the OCSP responder. */
#include "bin/microca.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/ca/responder.h"
#include "lib/ca/signer.h"
#include "lib/key/fresh.h"

#define LOCK_WAIT 30.0 /* s */

/* One key's responder, on its way. */
struct work {
	struct tool *tool;
	struct ca *ca;
	struct signer *signer;
	const char *keyid;
	char *path;
	bool made;
	struct responder now; /* as it is in the end */
	struct fail why;
};

static int
build_failed(struct fail *why, const char *what)
{
	fail(why, FAIL_BROKEN, "build", "cannot make the request");
	return fail_openssl(why, "%s", what);
}

/* ---- the key ---------------------------------------------------------------- */

/* Made now, and kept with its certificate. */
static int
sign_fresh(X509_REQ *req, struct bytes *private, struct fail *why)
{
	EVP_PKEY *key = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	long len;
	int rc = -1;

	if (fresh_key(&key, RESPONDER_KEY, why) != 0)
		goto out;
	if (bio == NULL || X509_REQ_set_pubkey(req, key) != 1 ||
	    X509_REQ_sign(req, key, EVP_sha256()) <= 0 ||
	    PEM_write_bio_PKCS8PrivateKey(
		bio, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    (len = BIO_get_mem_data(bio, &pem)) <= 0) {
		build_failed(why, "X509_REQ");
		goto out;
	}
	bytes_room(private, (size_t)len);
	bytes_add(private, pem, (size_t)len);
	OPENSSL_cleanse(pem, (size_t)len);
	rc = 0;
out:
	BIO_free(bio);
	EVP_PKEY_free(key);
	return rc;
}

/* Making one takes the token from all who have it open. */
static bool
key_is_there(const struct key_place *place)
{
	struct key *key = NULL;
	EVP_PKEY *public = NULL;
	struct fail why = {0};
	bool is = false;

	if (key_open(&key, place, &why) == 0) {
		key_settle(key, TOOL_TOKEN_WAIT);
		is = key_public(&public, key, &why) == 0;
	}
	EVP_PKEY_free(public);
	key_free(key);
	return is;
}

/* ocsp.key; made at its first use. */
static int
sign_kept(X509_REQ *req, const struct settings *s, struct fail *why)
{
	struct key_place place = responder_place(s, NULL);
	struct key *key = NULL;
	EVP_PKEY *public = NULL;
	int rc = -1;

	if (!key_is_there(&place) &&
	    key_generate(&place, RESPONDER_KEY, why) != 0) {
		if (why->kind != FAIL_DENIED)
			return -1;
		*why = (struct fail){0}; /* it is there */
	}
	if (key_open(&key, &place, why) != 0 ||
	    key_ready(key, TOOL_TOKEN_WAIT, why) != 0 ||
	    key_public(&public, key, why) != 0)
		goto out;
	if (X509_REQ_set_pubkey(req, public) != 1)
		build_failed(why, "X509_REQ_set_pubkey");
	else
		rc = key_sign_req(key, req, NULL, why);
out:
	EVP_PKEY_free(public);
	key_free(key);
	return rc;
}

static int
request_make(struct bytes *csr, struct bytes *private, const struct work *w,
    struct fail *why)
{
	const struct settings *s = w->ca->settings;
	char *name = responder_name(w->keyid);
	X509_REQ *req = X509_REQ_new();
	unsigned char *der = NULL;
	int len, rc = -1;

	if (req == NULL || X509_REQ_set_version(req, X509_REQ_VERSION_1) != 1 ||
	    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN",
		MBSTRING_ASC, (unsigned char *)name, -1, -1, 0) != 1)
		build_failed(why, "X509_REQ");
	else if ((s->ocsp.key != NULL ? sign_kept(req, s, why)
				      : sign_fresh(req, private, why)) == 0 &&
		 (len = i2d_X509_REQ(req, &der)) > 0) {
		bytes_add(csr, der, (size_t)len);
		OPENSSL_free(der);
		rc = 0;
	}
	X509_REQ_free(req);
	free(name);
	return rc;
}

/* ---- one certificate --------------------------------------------------------- */

static int
renew(struct work *w, struct fail *why)
{
	struct bytes csr = {0}, der = {0}, pem = {0};
	struct profiles *profiles = NULL;
	int rc = -1;

	if (responder_profile(&profiles, w->ca->settings, w->keyid, why) == 0 &&
	    authority_profile_ok(w->signer->issuer->authority,
		profiles_find(profiles, "ocsp-responder"), why) == 0 &&
	    request_make(&csr, &pem, w, why) == 0 &&
	    profile_issue_under(&der, w->tool, w->ca, w->signer,
		profiles_find(profiles, "ocsp-responder"), span_of(&csr),
		why) == 0) {
		bytes_room(&pem, 4 * der.len + 256);
		cert_pem_write(&pem, span_of(&der));
		rc = file_write(w->path, span_of(&pem), 0600, why);
	}
	bytes_wipe(&pem);
	bytes_free(&csr);
	bytes_free(&der);
	profiles_free(profiles);
	return rc;
}

/* Is its private key that of the certificate?  ocsp.key may be another now. */
static bool
key_fits(const struct work *w)
{
	struct key_place place = responder_place(w->ca->settings, w->path);
	struct key *key = NULL;
	EVP_PKEY *public = NULL;
	struct fail why = {0};
	bool fits;

	if (key_open(&key, &place, &why) != 0)
		return false;
	key_settle(key, TOOL_TOKEN_WAIT);
	fits = key_public(&public, key, &why) == 0 &&
	       EVP_PKEY_eq(public, X509_get0_pubkey(w->now.cert)) == 1;
	EVP_PKEY_free(public);
	key_free(key);
	return fits;
}

static bool
is_revoked(const struct work *w)
{
	struct fail why = {0};

	return responder_standing(
		   &w->now, w->ca->store, w->signer->issuer, &why) != 0 &&
	       strcmp(why.reason, "responder-revoked") == 0;
}

/* Half of its time is over, or it was made for another length of it. */
static bool
is_due(const struct work *w, int64_t now)
{
	int64_t length = w->now.not_after - w->now.not_before;

	return w->now.cert == NULL || now < w->now.not_before ||
	       now >= w->now.not_before + length / 2 || is_revoked(w) ||
	       !key_fits(w);
}

static int
look_after(struct work *w, bool force, int64_t now, struct fail *why)
{
	const struct settings *s = w->ca->settings;
	const struct issuer *issuer = w->signer->issuer;
	struct fail none = {0};

	if (w->signer->key == NULL) {
		*why = w->signer->why;
		return -1;
	}
	if (responder_read(&w->now, s, issuer, &none) == 0 && !force &&
	    !is_due(w, now))
		return 0;
	responder_free(&w->now);
	if (key_ready(w->signer->key, TOOL_TOKEN_WAIT, why) != 0 ||
	    renew(w, why) != 0)
		return -1;
	w->made = true;
	return responder_read(&w->now, s, issuer, why);
}

/* ---- saying ------------------------------------------------------------------- */

static void
say(const struct work *w)
{
	char until[WHEN_LEN];

	if (w->why.kind != FAIL_NONE)
		printf("%s: not issued: %s\n", w->keyid, w->why.text);
	if (w->now.cert == NULL)
		return;
	when_write(until, w->now.not_after);
	printf("%s: %s, until %s\n", w->keyid, w->made ? "issued" : "as it was",
	    until);
}

static void
say_json(struct json *all, const struct work *w)
{
	struct json *one = json_new_object();

	json_str(one, "key_id", w->keyid);
	json_str(one, "path", w->path);
	json_bool(one, "made", w->made);
	if (w->now.cert != NULL) {
		json_time(one, "not_before", w->now.not_before);
		json_time(one, "not_after", w->now.not_after);
	}
	if (w->why.kind != FAIL_NONE) {
		json_str(one, "reason", w->why.reason);
		json_str(one, "text", w->why.text);
	}
	json_push(all, one);
}

static void
json_print(struct json *all)
{
	char *text = json_text(all, 2);

	printf("%s\n", text);
	free(text);
}

/* ---- all ------------------------------------------------------------------------ */

static int
all_of(struct tool *tool, struct ca *ca, bool force, struct json *all,
    struct fail *why)
{
	int64_t now = when_now();
	int rc = 0;

	for (size_t i = 0; i < ca->issuers->n; i++) {
		struct work w = {.tool = tool, .ca = ca};

		if ((w.signer = signer_of_key(ca, i, now)) == NULL)
			continue;
		w.keyid = w.signer->issuer->authority->keyid;
		w.path = responder_path(ca->settings, w.keyid);
		if (look_after(&w, force, now, &w.why) != 0) {
			if (rc == 0)
				*why = w.why;
			rc = -1;
		}
		if (all != NULL)
			say_json(all, &w);
		else
			say(&w);
		responder_free(&w.now);
		free(w.path);
	}
	return rc;
}

static int
folder_open(int *lock, const struct settings *s, struct fail *why)
{
	char *folder = responders_folder(s);
	int rc = 0;

	*lock = -1;
	if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
		fail(why, FAIL_BROKEN, "file", "cannot make %s", folder);
		rc = fail_errno(why, "mkdir");
	}
	if (rc == 0)
		rc = file_lock_folder(lock, folder, LOCK_WAIT, why);
	free(folder);
	return rc;
}

int
ocsp_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	bool force = false, json = false;
	const struct option_spec options[] = {
	    {"force", 0, OPTION_FLAG, &force, 0, 0, NULL},
	    {"json", 0, OPTION_FLAG, &json, 0, 0, NULL},
	};
	struct json *all = NULL;
	struct ca *ca = NULL;
	int lock = -1, rc = -1;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0)
		return -1;
	if (tool_issuing_ca(&ca, tool, why) != 0)
		return -1;
	if (json)
		all = json_new_array();
	if (ca->issuers == NULL)
		*why = ca->issuers_why;
	else if (folder_open(&lock, ca->settings, why) == 0)
		rc = all_of(tool, ca, force, all, why);
	if (json)
		json_print(all);
	json_free(all);
	if (lock >= 0)
		(void)close(lock);
	ca_drop(ca);
	return rc;
}

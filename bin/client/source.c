#include "bin/client/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/key/pkcs11uri.h"
#include "lib/wire/cert.h"
#include "lib/wire/name.h"
#include "lib/wire/san.h"

#define PASSWORD_MAX 1024
#define KEY_WAIT 20.0 /* s for a token to come up */

/* ---- a conversation ------------------------------------------------------ */

static int
auth_key(struct talk *talk, const struct source *source, const char *place,
    struct fail *why)
{
	const struct key_place at = {.uri = place,
	    .module = source->plan.module,
	    .pin_file = source->plan.pin_file,
	    .state = source->plan.state};

	if (at.state == NULL && pkcs11uri_is(place))
		return fail(why, FAIL_CONFIG, "usage",
		    "--folder or --state says where it is kept that a token "
		    "refused its PIN");
	if (key_open(&talk->key, &at, why) != 0 ||
	    key_ready(talk->key, KEY_WAIT, why) != 0)
		return -1;
	talk->auth.certs = talk->certs;
	talk->auth.key = talk->key;
	return 0;
}

static int
auth_pair(struct talk *talk, const struct source *source,
    const struct keep_pair *as, struct fail *why)
{
	int i;

	talk->certs = sk_X509_new_null();
	for (i = 0; i < sk_X509_num(as->chain); i++) {
		X509 *cert = sk_X509_value(as->chain, i);

		if (X509_up_ref(cert) != 1 ||
		    sk_X509_push(talk->certs, cert) <= 0)
			abort();
	}
	return auth_key(talk, source, as->key_place, why);
}

static int
auth_files(struct talk *talk, const struct source *source, struct fail *why)
{
	const struct certificate *cert = source->cert;

	if (cert->auth_cert == NULL && cert->auth_key == NULL)
		return 0;
	if (cert->auth_cert == NULL || cert->auth_key == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "auth_cert and auth_key go together");
	if (cert_file_read(&talk->certs, cert->auth_cert, why) != 0)
		return -1;
	return auth_key(talk, source, cert->auth_key, why);
}

/* RFC 7030, 3.2.3: sent only where an authorized server asks for it. */
static int
auth_password(struct talk *talk, const struct server *server, struct fail *why)
{
	if (server->user == NULL && server->password_file == NULL)
		return 0;
	if (server->password_file == NULL)
		return fail(
		    why, FAIL_CONFIG, "config", "user without password_file");
	if (file_read_secret(&talk->password, server->password_file,
		PASSWORD_MAX, why) != 0) {
		if (why->kind == FAIL_ABSENT)
			why->kind = FAIL_CONFIG;
		return -1;
	}
	if (talk->password.data != NULL)
		talk->password
		    .data[strcspn((char *)talk->password.data, "\r\n")] = '\0';
	talk->auth.user = server->user != NULL ? server->user : "";
	talk->auth.password =
	    talk->password.data != NULL ? (char *)talk->password.data : "";
	return 0;
}

int
talk_open(struct talk *talk, struct source *source, const struct keep_pair *as,
    struct fail *why)
{
	const struct server *server = source->cert->server;
	int rc;

	*talk = (struct talk){0};
	if (!source->trusted && trust_begin(source->anchors, server, why) != 0)
		return -1;
	source->trusted = true;
	talk->server = (struct est_server){.url = server->url,
	    .label = server->label,
	    .anchors =
		sk_X509_num(source->anchors) > 0 ? source->anchors : NULL,
	    .implicit = server->implicit,
	    .lenient = server->lenient,
	    .timeout = (double)server->timeout,
	    .pop_link = server->pop_link,
	    .exporter = server->binding != 0};
	rc = as != NULL ? auth_pair(talk, source, as, why)
	                : auth_files(talk, source, why);
	if (rc == 0)
		rc = auth_password(talk, server, why);
	if (rc == 0)
		rc = est_open(&talk->est, &talk->server, &talk->auth, why);
	if (rc != 0)
		talk_close(talk);
	return rc;
}

/* A token that is there without the key will not have it tomorrow. */
static bool
key_is_lost(const struct certificate *cert, const struct fail *why)
{
	return why->reason != NULL && strcmp(why->reason, "token-key") == 0 &&
	       (cert->auth_cert != NULL || cert->server->user != NULL);
}

/* As the holder of `*as`, or, when its key is lost, as for the first time:
 * then `*as` is NULL. */
static int
talk_open_as(struct talk *talk, struct source *source,
    const struct keep_pair **as, struct fail *why)
{
	if (talk_open(talk, source, *as, why) == 0)
		return 0;
	if (*as == NULL || !key_is_lost(source->cert, why))
		return -1;
	warn_user("%s: the key in use is gone: enrolled as for the first time",
	    source->cert->name);
	*why = (struct fail){0};
	*as = NULL;
	return talk_open(talk, source, NULL, why);
}

void
talk_close(struct talk *talk)
{
	if (talk->est != NULL)
		est_close(talk->est);
	key_free(talk->key);
	sk_X509_pop_free(talk->certs, X509_free);
	bytes_wipe(&talk->password);
	*talk = (struct talk){0};
}

int
talk_pair(
    struct keep_pair **pair, const struct source *source, struct fail *why)
{
	*pair = NULL;
	if (source->plan.folder == NULL)
		return 0;
	if (keep_pair_read(pair, source->plan.folder, why) != 0)
		return -1;
	if (*pair != NULL && when_now() >= (*pair)->not_after) {
		keep_pair_free(*pair);
		*pair = NULL;
	}
	return 0;
}

/* ---- what keep_run() asks for ------------------------------------------- */

/* RFC 7030, 4.1: the CAs above what will come, and the roots of tomorrow. */
static int
cas_learn(STACK_OF(X509) * *cacerts, const struct source *source,
    struct est *est, struct fail *why)
{
	if (est_cacerts(cacerts, est, why) != 0)
		return -1;
	return trust_follow(
	    source->anchors, source->cert->server, *cacerts, why);
}

void
roots_refresh(struct source *source)
{
	STACK_OF(X509) *cacerts = NULL;
	struct keep_pair *pair = NULL;
	struct fail why = {0};
	struct talk talk;
	int rc = -1;

	if (!trust_is_old(source->cert->server) ||
	    talk_pair(&pair, source, &why) != 0 || pair == NULL)
		return;
	if (talk_open(&talk, source, pair, &why) == 0) {
		rc = cas_learn(&cacerts, source, talk.est, &why);
		talk_close(&talk);
	}
	if (rc != 0)
		warn_user("%s: the CA's certificates are not known anew: %s",
		    source->cert->name, why.text);
	sk_X509_pop_free(cacerts, X509_free);
	keep_pair_free(pair);
}

struct asking {
	const struct source *source;
	struct span csr;
};

static int
make(void *arg, struct bytes *der, const char *binding, struct fail *why)
{
	const struct asking *asking = arg;

	if (binding != NULL)
		return keep_csr_bound(
		    der, &asking->source->plan, asking->csr, binding, why);
	bytes_add(der, asking->csr.data, asking->csr.len);
	return 0;
}

static int
certify(void *arg, X509 **leaf, STACK_OF(X509) * *others, struct span csr,
    const struct keep_pair *renews, struct fail *why)
{
	struct source *source = arg;
	struct asking asking = {source, csr};
	STACK_OF(X509) *more = NULL;
	struct talk talk;
	int i, rc;

	if (talk_open_as(&talk, source, &renews, why) != 0)
		return -1;
	rc = cas_learn(others, source, talk.est, why);
	if (rc == 0)
		rc = est_enroll(
		    leaf, &more, talk.est, renews != NULL, make, &asking, why);
	for (i = 0; i < sk_X509_num(more); i++) {
		X509 *cert = sk_X509_value(more, i);

		if (X509_up_ref(cert) != 1 || sk_X509_push(*others, cert) <= 0)
			abort();
	}
	sk_X509_pop_free(more, X509_free);
	talk_close(&talk);
	return rc;
}

static int
attributes(void *arg, struct bytes *der, struct fail *why)
{
	struct source *source = arg;
	const struct keep_pair *as;
	struct keep_pair *pair;
	struct talk talk;
	int rc = -1;

	if (talk_pair(&pair, source, why) != 0)
		return -1;
	as = pair;
	if (talk_open_as(&talk, source, &as, why) == 0) {
		rc = est_csrattrs(der, talk.est, why);
		talk_close(&talk);
	}
	keep_pair_free(pair);
	return rc;
}

/* A handshake with the new pair, and an answer. */
static int
probe(void *arg, const struct keep_pair *next, struct fail *why)
{
	struct source *source = arg;
	STACK_OF(X509) *cacerts = NULL;
	struct talk talk;
	int rc;

	if (talk_open(&talk, source, next, why) != 0)
		return -1;
	rc = est_cacerts(&cacerts, talk.est, why);
	sk_X509_pop_free(cacerts, X509_free);
	talk_close(&talk);
	return rc;
}

/* ---- from the settings --------------------------------------------------- */

static int
names_read(
    struct source *source, const struct certificate *cert, struct fail *why)
{
	size_t i;

	if (cert->subject != NULL &&
	    name_from_text(&source->subject, cert->subject, why) != 0) {
		fail_cause(why, "%s", why->text);
		return fail(why, FAIL_CONFIG, "config",
		    "subject: \"%s\" is no name", cert->subject);
	}
	for (i = 0; i < cert->san.n; i++)
		if (san_add_text(&source->san, cert->san.text[i], why) != 0) {
			fail_cause(why, "%s", why->text);
			return fail(why, FAIL_CONFIG, "config",
			    "san: \"%s\" is no name", cert->san.text[i]);
		}
	return 0;
}

static int
hook_check(const struct certificate *cert, struct fail *why)
{
	if (cert->hook.n == 0 || cert->hook.text[0][0] == '/')
		return 0;
	return fail(why, FAIL_CONFIG, "config",
	    "hook: \"%s\" is not an absolute path", cert->hook.text[0]);
}

static int
folder_make(const char *path, struct fail *why)
{
	if (path == NULL || mkdir(path, 0755) == 0 || errno == EEXIST)
		return 0;
	fail(why, FAIL_BROKEN, "folder", "cannot make %s", path);
	return fail_errno(why, "mkdir");
}

static const EVP_MD *
hash_of(int word)
{
	switch (word) {
	case 1:
		return EVP_sha256();
	case 2:
		return EVP_sha384();
	case 3:
		return EVP_sha512();
	default:
		return NULL;
	}
}

static void
plan_make(struct source *source, const struct certificate *cert)
{
	size_t i;

	if (cert->hook.n > 0) {
		source->hook =
		    mem_new((cert->hook.n + 1) * sizeof(*source->hook));
		for (i = 0; i < cert->hook.n; i++)
			source->hook[i] = cert->hook.text[i];
	}
	source->plan = (struct keep_plan){.folder = cert->folder,
	    .name = cert->name,
	    .subject = source->subject,
	    .san = source->san,
	    .key_type = cert->key_type,
	    .hash = hash_of(cert->hash),
	    .key_uri = cert->key_uri,
	    .module = cert->module,
	    .pin_file = cert->pin_file,
	    .state = cert->state,
	    .key_reuse = cert->key_reuse,
	    .renew_before = cert->renew_before,
	    .renew_percent = cert->renew_percent,
	    .ask_again = cert->ask_again,
	    .anchors = source->anchors,
	    .hook = source->hook};
	source->keep =
	    (struct keep_source){certify, cert->csrattrs ? attributes : NULL,
		cert->probe ? probe : NULL, source};
}

int
source_open(
    struct source *source, const struct certificate *cert, struct fail *why)
{
	*source = (struct source){.cert = cert};
	source->anchors = sk_X509_new_null();
	if (source->anchors == NULL)
		abort();
	if (names_read(source, cert, why) != 0 || hook_check(cert, why) != 0 ||
	    folder_make(cert->state, why) != 0) {
		source_close(source);
		return -1;
	}
	plan_make(source, cert);
	return 0;
}

void
source_close(struct source *source)
{
	X509_NAME_free(source->subject);
	GENERAL_NAMES_free(source->san);
	sk_X509_pop_free(source->anchors, X509_free);
	free(source->hook);
	*source = (struct source){0};
}

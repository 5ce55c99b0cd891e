#include "bin/own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/ca/issuers.h"
#include "lib/key/pkcs11uri.h"
#include "lib/net/keep_folder.h"

#define KEY_MAX (64 * 1024)

/* ---- accept and activate ------------------------------------------------ */

/* No issuer yet is none to compare with. */
static int
present_read(
    struct issuers **present, const struct settings *settings, struct fail *why)
{
	if (issuers_read(present, settings, why) == 0)
		return 0;
	if (strcmp(why->reason, "issuer-absent") != 0)
		return -1;
	*why = (struct fail){0};
	return 0;
}

static struct issuer_wish
wish_of(const struct own_run *run, const STACK_OF(X509) * chain)
{
	return (struct issuer_wish){.chain = chain,
	    .extra = run->published,
	    .roots = run->anchors,
	    .public = X509_get0_pubkey(sk_X509_value(chain, 0)),
	    .activate = ISSUER_DEFAULT,
	    .force = run->replace};
}

/* Whatever rule it breaks, it is the server's certificate that is no good. */
static int
refused(struct fail *why)
{
	struct fail rule = *why;

	fail_cause(why, "%s", rule.reason);
	return fail(why, FAIL_DENIED,
	    strcmp(rule.reason, "issuer-root") == 0 ? "up-chain" : "up-cert",
	    "%s", rule.text);
}

static int
accept_chain(void *arg, STACK_OF(X509) * chain, struct fail *why)
{
	const struct own_run *run = arg;
	const struct issuer_wish wish = wish_of(run, chain);
	struct issuers *present = NULL;
	int rc = present_read(&present, run->settings, why);

	if (rc == 0)
		rc = issuers_check(
		    run->settings, present, &wish, when_now(), why);
	issuers_free(present);
	return rc == 0 || why->kind == FAIL_BROKEN ? rc : refused(why);
}

/* keep.h drops old generations; this key has to last as long as the
 * certificates under it.  The caller frees `kept`. */
static int
key_keep(char **kept, const struct own_run *run, const struct keep_pair *pair,
    struct fail *why)
{
	char *folder = str_fmt("%s/own/issuer-keys", run->settings->state);
	char *id = cert_keyid_text(pair->leaf);
	struct bytes pem = {0};
	int rc = -1;

	*kept = str_fmt("%s/%s.pem", folder, id != NULL ? id : "none");
	if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
		fail(why, FAIL_BROKEN, "folder", "cannot make %s", folder);
		fail_errno(why, "mkdir");
	} else if (file_read_secret(&pem, pair->key_place, KEY_MAX, why) == 0) {
		rc = file_write(*kept, span_of(&pem), 0600, why);
	}
	bytes_wipe(&pem);
	free(id);
	free(folder);
	return rc;
}

/* Is it the key that ca.key names? */
static bool
is_ca_key(const struct settings *settings, const EVP_PKEY *public)
{
	struct key_place place = settings_key_place(settings);
	struct fail ignored = {0};
	struct key *key = NULL;
	EVP_PKEY *ours = NULL;
	bool same = key_open(&key, &place, &ignored) == 0 &&
	            key_ready(key, TOOL_TOKEN_WAIT, &ignored) == 0 &&
	            key_public(&ours, key, &ignored) == 0 &&
	            EVP_PKEY_eq(ours, public) == 1;

	EVP_PKEY_free(ours);
	key_free(key);
	return same;
}

static int
key_name(char **name, const struct own_run *run, const struct keep_pair *pair,
    struct fail *why)
{
	*name = NULL;
	if (is_ca_key(run->settings, X509_get0_pubkey(pair->leaf)))
		return 0;
	if (!pkcs11uri_is(pair->key_place))
		return key_keep(name, run, pair, why);
	*name = str_dup(pair->key_place);
	return 0;
}

static int
activate(void *arg, const struct keep_pair *pair, struct fail *why)
{
	struct own_run *run = arg;
	struct issuer_wish wish = wish_of(run, pair->chain);
	struct issuer_book book = {run->tool, run->store};
	char *key;
	int rc = key_name(&key, run, pair, why);

	wish.key = key;
	wish.tell = (struct issuers_tell){issuer_record, &book};
	if (rc == 0)
		rc = issuers_stage(
		    run->settings, &wish, when_now(), &run->activate, why);
	free(key);
	return rc;
}

int
own_intermediate_free(const struct own_run *run, struct fail *why)
{
	struct issuers *present = NULL;
	int64_t now = when_now();
	size_t i;
	int rc = present_read(&present, run->settings, why);

	for (i = 0; rc == 0 && present != NULL && i < present->n; i++)
		if (issuers_state(present, present->item[i], now) ==
		    ISSUER_STAGED)
			rc = fail(why, FAIL_BUSY, "issuer-staged",
			    "the intermediate with serial %s is staged "
			    "already: "
			    "the next one is asked for when that one issues, "
			    "or was dropped",
			    present->item[i]->serial);
	issuers_free(present);
	return rc;
}

void
own_intermediate(struct own_run *run)
{
	run->plan.accept = accept_chain;
	run->plan.activate = activate;
}

/* ---- what is there already ---------------------------------------------- */

/* The key of a generation: a token's by its URI, a file's by a copy. */
static int
key_put(const char *folder, unsigned n, const char *key, struct fail *why)
{
	struct bytes text = {0};
	int rc;

	if (pkcs11uri_is(key)) {
		bytes_addf(&text, "%s\n", key);
		rc = keep_put(folder, n, KEEP_URI, span_of(&text), 0644, why);
	} else {
		rc = file_read_secret(&text, key, KEY_MAX, why);
		if (rc == 0)
			rc = keep_put(
			    folder, n, KEEP_KEY, span_of(&text), 0600, why);
	}
	bytes_wipe(&text);
	return rc;
}

static int
chain_put(const char *folder, unsigned n, const STACK_OF(X509) * chain,
    struct fail *why)
{
	struct bytes pem = {0};
	int i, rc = 0;

	for (i = 0; i < sk_X509_num(chain) && rc == 0; i++) {
		struct bytes der = {0};

		cert_der_add(&der, sk_X509_value(chain, i));
		cert_pem_write(&pem, span_of(&der));
		bytes_free(&der);
		if (i == 0)
			rc = keep_put(
			    folder, n, KEEP_CERT, span_of(&pem), 0644, why);
	}
	if (rc == 0)
		rc = keep_put(folder, n, KEEP_CHAIN, span_of(&pem), 0644, why);
	bytes_free(&pem);
	return rc;
}

/* An issuer that came by hand is the pair in use from now on. */
static int
adopt(const struct own_run *run, const struct issuer *issuer, unsigned current,
    struct fail *why)
{
	const char *folder = run->plan.folder;
	const char *key =
	    issuer->key != NULL ? issuer->key : run->settings->ca.key;
	unsigned n;

	if (keep_generation_new(&n, folder, why) != 0)
		return -1;
	if (key_put(folder, n, key, why) != 0 ||
	    chain_put(folder, n, issuer->authority->chain, why) != 0 ||
	    (current != 0 &&
		keep_link_set(folder, "previous", current, why) != 0)) {
		keep_generation_drop(folder, n);
		return -1;
	}
	return keep_link_set(folder, "current", n, why);
}

/* Before there is any issuer: `microca init` made a key for it. */
static int
seed(const struct own_run *run, struct fail *why)
{
	struct key_place place = settings_key_place(run->settings);
	struct key *key = NULL;
	struct fail ignored = {0};
	unsigned n, waiting;
	int rc = 0;

	if (keep_waiting(&waiting, run->plan.folder, 0, why) != 0)
		return -1;
	if (waiting != 0)
		return 0;
	if (key_open(&key, &place, &ignored) == 0 &&
	    key_ready(key, TOOL_TOKEN_WAIT, &ignored) == 0 &&
	    (rc = keep_generation_new(&n, run->plan.folder, why)) == 0)
		rc = key_put(run->plan.folder, n, place.uri, why);
	key_free(key);
	return rc;
}

/* The last one that was taken into use, staged or active. */
static const struct issuer *
newest(const struct issuers *issuers)
{
	const struct issuer *best = issuers->item[0];
	size_t i;

	for (i = 1; i < issuers->n; i++)
		if (issuers->item[i]->authority->cert->not_before >=
		    best->authority->cert->not_before)
			best = issuers->item[i];
	return best;
}

static int
in_step(
    const struct own_run *run, const struct issuers *issuers, struct fail *why)
{
	const struct issuer *issuer = newest(issuers);
	struct keep_pair *pair = NULL;
	unsigned current;
	int rc;

	if (keep_link_read(&current, run->plan.folder, "current", why) != 0 ||
	    keep_pair_read(&pair, run->plan.folder, why) != 0)
		return -1;
	if (pair != NULL &&
	    (X509_cmp(pair->leaf, issuer->authority->issuer) == 0 ||
		pair->not_before >= issuer->authority->cert->not_before))
		rc = 0;
	else
		rc = adopt(run, issuer, current, why);
	keep_pair_free(pair);
	return rc;
}

int
own_intermediate_adopt(struct own_run *run, struct fail *why)
{
	struct issuers *present = NULL;
	int lock, rc;

	if (keep_folder_open(&lock, run->plan.folder, why) != 0)
		return -1;
	rc = present_read(&present, run->settings, why);
	if (rc == 0)
		rc = present != NULL ? in_step(run, present, why)
		                     : seed(run, why);
	issuers_free(present);
	(void)close(lock);
	return rc;
}

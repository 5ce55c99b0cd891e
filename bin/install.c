/* microca install - take a certificate of the CA's and its chain into use. */
#include "bin/microca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/ca/chain.h"

/* What the command line says besides the files. */
struct install {
	const char *root, *key, *activate;
	bool force;
};

int
chain_install(const struct settings *settings, struct key *key,
    const STACK_OF(X509) * chain, struct fail *why)
{
	struct issuer_wish wish = {.chain = chain, .activate = ISSUER_DEFAULT};
	EVP_PKEY *public = NULL;
	int64_t activate;
	int rc = key_public(&public, key, why);

	wish.public = public;
	if (rc == 0)
		rc = issuers_stage(settings, &wish, when_now(), &activate, why);
	EVP_PKEY_free(public);
	return rc;
}

/* "now", a time, or "+7d". */
static int
activate_read(int64_t *activate, const char *text, struct fail *why)
{
	struct fail form = {0};
	int64_t now = when_now(), after = 0;

	*activate = ISSUER_DEFAULT;
	if (text == NULL)
		return 0;
	if (strcmp(text, "now") == 0)
		*activate = now;
	else if (text[0] == '+' && duration_read(&after, text + 1, &form) == 0)
		*activate = now + after;
	else if (when_read(activate, text, &form) != 0)
		return fail(why, FAIL_CONFIG, "usage",
		    "\"%s\" is no time: now, 2026-12-31T12:00:00Z or +7d",
		    text);
	return 0;
}

/* The key that shall sign: ca.key, or the one that --key names. */
static int
key_of(
    EVP_PKEY **public, const struct ca *ca, const char *uri, struct fail *why)
{
	struct key_place place = settings_key_place(ca->settings);
	struct key *key = NULL;
	int rc = -1;

	if (uri == NULL)
		return key_public(public, ca->key, why);
	place.uri = uri;
	if (key_open(&key, &place, why) == 0 &&
	    key_ready(key, TOOL_TOKEN_WAIT, why) == 0)
		rc = key_public(public, key, why);
	key_free(key);
	return rc;
}

static int
intermediate(struct tool *tool, const struct install *in,
    const STACK_OF(X509) * pool, const STACK_OF(X509) * roots, struct fail *why)
{
	struct issuer_wish wish = {
	    .roots = roots, .key = in->key, .force = in->force};
	STACK_OF(X509) *chain = NULL, *rest = NULL;
	EVP_PKEY *public = NULL;
	unsigned need = in->key == NULL ? CA_STORE | CA_KEY : CA_STORE;
	struct ca *ca = NULL;
	int rc = -1;

	key_harden_process();
	if (activate_read(&wish.activate, in->activate, why) != 0 ||
	    tool_ca(&ca, tool, need, why) != 0 ||
	    key_of(&public, ca, in->key, why) != 0 ||
	    chain_sort(&chain, pool, public, roots, why) != 0)
		goto out;
	rest = chain_rest(pool, chain);
	wish.chain = chain;
	wish.extra = rest;
	wish.public = public;
	rc = issuer_stage(tool, ca, &wish, why);
out:
	EVP_PKEY_free(public);
	ca_drop(ca);
	sk_X509_pop_free(chain, X509_free);
	sk_X509_pop_free(rest, X509_free);
	return rc;
}

/* Appended to `pool`; `also` gets them too when it is not NULL. */
static int
file_add(STACK_OF(X509) * pool, STACK_OF(X509) * *also, const char *path,
    struct fail *why)
{
	STACK_OF(X509) *certs = NULL;
	int i;

	if (cert_file_read(&certs, path, why) != 0)
		return -1;
	for (i = 0; i < sk_X509_num(certs); i++) {
		X509 *cert = sk_X509_value(certs, i);

		if (X509_up_ref(cert) != 1 || sk_X509_push(pool, cert) <= 0)
			abort(); /* out of memory */
	}
	if (also != NULL)
		*also = certs;
	else
		sk_X509_pop_free(certs, X509_free);
	return 0;
}

/* The bundles follow the `allow` rules: write them again after a change. */
static int
publish(struct tool *tool, struct fail *why)
{
	struct audit entry = {
	    .event = "install", .text = "what is published, written anew"};
	struct ca *ca = NULL;
	int rc = -1;

	if (tool_ca(&ca, tool, CA_STORE, why) == 0 &&
	    tool_audit(tool, ca->store, &entry, why) == 0)
		rc = issuers_republish(tool->settings, when_now(), why);
	if (rc == 0)
		printf("published %s\n", tool->settings->public_folder);
	ca_drop(ca);
	return rc;
}

static int
files_install(struct tool *tool, const struct install *in, int files,
    char **file, struct fail *why)
{
	STACK_OF(X509) *pool = sk_X509_new_null(), *roots = NULL;
	int i, rc = -1;

	for (i = 0; i < files; i++)
		if (file_add(pool, NULL, file[i], why) != 0)
			goto out;
	if (in->root != NULL && file_add(pool, &roots, in->root, why) != 0)
		goto out;
	rc = intermediate(tool, in, pool, roots, why);
out:
	sk_X509_pop_free(roots, X509_free);
	sk_X509_pop_free(pool, X509_free);
	return rc;
}

/* For a request of `microca csr NAME`. */
static int
own_files(struct tool *tool, const char *name, int files, char **file,
    struct fail *why)
{
	STACK_OF(X509) *pool = sk_X509_new_null();
	int i, rc = 0;

	for (i = 0; i < files && rc == 0; i++)
		rc = file_add(pool, NULL, file[i], why);
	if (rc == 0)
		rc = own_install(tool, name, pool, why);
	sk_X509_pop_free(pool, X509_free);
	return rc;
}

int
install_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct install in = {0};
	const struct option_spec options[] = {
	    {"root", 0, OPTION_TEXT, &in.root, 0, 0, NULL},
	    {"key", 0, OPTION_TEXT, &in.key, 0, 0, NULL},
	    {"activate", 0, OPTION_TEXT, &in.activate, 0, 0, NULL},
	    {"force", 0, OPTION_FLAG, &in.force, 0, 0, NULL},
	};

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0)
		return -1;
	if (argc == 1 && strcmp(argv[0], "published") == 0)
		return publish(tool, why);
	if (operands_ok(argc, 2, 100, why) != 0)
		return -1;
	if (own_name_of(argv[0]) >= 0 &&
	    own_name_of(argv[0]) != OWN_INTERMEDIATE)
		return own_files(tool, argv[0], argc - 1, argv + 1, why);
	if (strcmp(argv[0], "intermediate") != 0)
		return fail(why, FAIL_CONFIG, "usage",
		    "\"%s\" is nothing to install: intermediate, device, "
		    "server, client, published",
		    argv[0]);
	return files_install(tool, &in, argc - 1, argv + 1, why);
}

/* microca install - take the CA's certificate and its chain into use. */
#include "bin/microca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"

#define CHAIN_MAX 10

/* A profile that no endpoint uses may wait for another issuer. */
static int
profiles_ok(const struct settings *settings, const struct authority *authority,
    struct fail *why)
{
	const struct endpoint *e = settings->endpoints.item;
	size_t i;

	for (i = 0; i < settings->endpoints.n; i++)
		if (authority_profile_ok(authority, e[i].profile, why) != 0)
			return -1;
	return 0;
}

static int
key_ours(const struct authority *authority, struct key *key, struct fail *why)
{
	EVP_PKEY *ours = NULL;
	int rc = 0;

	if (key_public(&ours, key, why) != 0)
		return -1;
	if (EVP_PKEY_eq(ours, authority->key) != 1)
		rc = fail(why, FAIL_DENIED, "issuer-key",
		    "the certificate is not for the CA's key");
	EVP_PKEY_free(ours);
	return rc;
}

int
chain_install(const struct settings *settings, struct key *key,
    STACK_OF(X509) * chain, struct fail *why)
{
	struct authority *authority = NULL;
	int rc = -1;

	if (authority_make(&authority, chain, why) == 0 &&
	    authority_usable(authority, when_now(), why) == 0 &&
	    key_ours(authority, key, why) == 0 &&
	    profiles_ok(settings, authority, why) == 0)
		rc = authority_install(settings, authority->chain, why);
	authority_free(authority);
	return rc;
}

static bool
self_signed(X509 *cert)
{
	return X509_NAME_cmp(X509_get_subject_name(cert),
		   X509_get_issuer_name(cert)) == 0 &&
	       X509_verify(cert, X509_get0_pubkey(cert)) == 1;
}

/* The youngest certificate for our key. */
static X509 *
issuer_find(const STACK_OF(X509) * pool, const EVP_PKEY *key)
{
	X509 *best = NULL;
	int i;

	for (i = 0; i < sk_X509_num(pool); i++) {
		X509 *cert = sk_X509_value(pool, i);
		const EVP_PKEY *its = X509_get0_pubkey(cert);

		if (its == NULL || EVP_PKEY_eq(its, key) != 1)
			continue;
		if (best == NULL || cert_time_of(X509_get0_notBefore(cert)) >
					cert_time_of(X509_get0_notBefore(best)))
			best = cert;
	}
	return best;
}

static X509 *
above_find(const STACK_OF(X509) * pool, X509 *cert)
{
	int i;

	for (i = 0; i < sk_X509_num(pool); i++) {
		X509 *above = sk_X509_value(pool, i);

		if (X509_check_issued(above, cert) == X509_V_OK &&
		    X509_verify(cert, X509_get0_pubkey(above)) == 1)
			return above;
	}
	return NULL;
}

static int
above_missing(X509 *cert, struct fail *why)
{
	char *issuer = name_text(X509_get_issuer_name(cert));

	fail(why, FAIL_DENIED, "issuer-cert",
	    "RFC 5280, 6.1: no valid certificate of \"%s\" among the files",
	    issuer);
	free(issuer);
	return -1;
}

/* `chain` borrows its certificates from `pool`. */
static int
chain_sort(STACK_OF(X509) * chain, const STACK_OF(X509) * pool,
    const EVP_PKEY *key, struct fail *why)
{
	X509 *cert = issuer_find(pool, key);

	if (cert == NULL)
		return fail(why, FAIL_DENIED, "issuer-key",
		    "none of the certificates is for the CA's key");
	while (sk_X509_num(chain) < CHAIN_MAX) {
		if (sk_X509_push(chain, cert) <= 0)
			return fail(
			    why, FAIL_BROKEN, "memory", "out of memory");
		if (self_signed(cert))
			return 0;
		cert = above_find(pool, cert);
		if (cert == NULL)
			return above_missing(
			    sk_X509_value(chain, sk_X509_num(chain) - 1), why);
	}
	return fail(why, FAIL_DENIED, "issuer-cert",
	    "the chain has more than %d certificates", CHAIN_MAX);
}

/* What --root names must be what the chain ends in. */
static int
root_ok(const STACK_OF(X509) * chain, const STACK_OF(X509) * roots,
    struct fail *why)
{
	X509 *last = sk_X509_value(chain, sk_X509_num(chain) - 1);
	int i;

	if (roots == NULL)
		return 0;
	for (i = 0; i < sk_X509_num(roots); i++)
		if (X509_cmp(sk_X509_value(roots, i), last) == 0)
			return 0;
	return fail(why, FAIL_DENIED, "issuer-cert",
	    "the chain does not end in a root that --root names");
}

static int
installed_audit(
    const struct tool *tool, struct store *store, X509 *cert, struct fail *why)
{
	struct audit entry = {.event = "install", .text = "intermediate"};
	struct bytes der = {0};
	struct cert *c = NULL;
	char hash[2 * SHA256_LEN + 1];
	char *subject = name_text(X509_get_subject_name(cert)), *serial = NULL;
	int rc = -1;

	cert_der_add(&der, cert);
	if (cert_read(&c, span_of(&der), why) == 0) {
		serial = cert_serial_text(c->serial);
		hex_write(hash, (struct span){c->sha256, SHA256_LEN}, false);
		entry.subject = subject;
		entry.serial = serial;
		entry.cert_sha256 = hash;
		rc = tool_audit(tool, store, &entry, why);
	}
	if (rc == 0)
		printf("installed %s %s\n", serial, subject);
	free(serial);
	free(subject);
	cert_free(c);
	bytes_free(&der);
	return rc;
}

static int
intermediate(struct tool *tool, const STACK_OF(X509) * pool,
    const STACK_OF(X509) * roots, struct fail *why)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	EVP_PKEY *key = NULL;
	struct ca *ca = NULL;
	int rc = -1;

	if (tool_ca(&ca, tool, CA_STORE | CA_KEY, why) == 0 &&
	    key_public(&key, ca->key, why) == 0 &&
	    chain_sort(chain, pool, key, why) == 0 &&
	    root_ok(chain, roots, why) == 0 &&
	    chain_install(ca->settings, ca->key, chain, why) == 0)
		rc = installed_audit(
		    tool, ca->store, sk_X509_value(chain, 0), why);
	EVP_PKEY_free(key);
	ca_drop(ca);
	sk_X509_free(chain);
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
	struct authority *authority = NULL;
	char *path;
	int rc = -1;

	if (tool_settings(tool, why) != 0 || tool_become_owner(tool, why) != 0)
		return -1;
	path = settings_issuer_path(tool->settings);
	if (authority_read(&authority, path, why) == 0)
		rc = authority_publish(tool->settings, authority->chain, why);
	if (rc == 0)
		printf("published %s\n", tool->settings->public_folder);
	authority_free(authority);
	free(path);
	return rc;
}

static int
files_install(struct tool *tool, const char *root, int files, char **file,
    struct fail *why)
{
	STACK_OF(X509) *pool = sk_X509_new_null(), *roots = NULL;
	int i, rc = -1;

	for (i = 0; i < files; i++)
		if (file_add(pool, NULL, file[i], why) != 0)
			goto out;
	if (root != NULL && file_add(pool, &roots, root, why) != 0)
		goto out;
	rc = intermediate(tool, pool, roots, why);
out:
	sk_X509_pop_free(roots, X509_free);
	sk_X509_pop_free(pool, X509_free);
	return rc;
}

int
install_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	const char *root = NULL;
	const struct option_spec options[] = {
	    {"root", 0, OPTION_TEXT, &root, 0, 0, NULL},
	};

	if (options_read(options, 1, &argc, &argv, why) != 0)
		return -1;
	if (argc == 1 && strcmp(argv[0], "published") == 0)
		return publish(tool, why);
	if (operands_ok(argc, 2, 100, why) != 0)
		return -1;
	if (strcmp(argv[0], "intermediate") != 0)
		return fail(why, FAIL_CONFIG, "usage",
		    "\"%s\" is nothing to install: intermediate, published",
		    argv[0]);
	return files_install(tool, root, argc - 1, argv + 1, why);
}

#include <stdlib.h>

#include "lib/base/file.h"
#include "lib/ca/authority.h"

#define PUBLIC_MODE 0644

static void
pem_add(struct bytes *pem, const STACK_OF(X509) * chain)
{
	for (int i = 0; i < sk_X509_num(chain); i++) {
		struct bytes der = {0};

		cert_der_add(&der, sk_X509_value(chain, i));
		cert_pem_write(pem, span_of(&der));
		bytes_free(&der);
	}
}

static int
chain_write(const char *path, const STACK_OF(X509) * chain, struct fail *why)
{
	struct bytes pem = {0};
	int rc;

	pem_add(&pem, chain);
	rc = file_write(path, span_of(&pem), PUBLIC_MODE, why);
	bytes_free(&pem);
	return rc;
}

/* Append what `all` does not hold yet, taking references. */
static void
merge(STACK_OF(X509) * all, const STACK_OF(X509) * more)
{
	for (int i = 0; i < sk_X509_num(more); i++) {
		X509 *x509 = sk_X509_value(more, i);
		bool known = false;

		for (int j = 0; j < sk_X509_num(all); j++)
			if (X509_cmp(sk_X509_value(all, j), x509) == 0)
				known = true;
		if (!known && X509_up_ref(x509) && !sk_X509_push(all, x509))
			abort(); /* out of memory */
	}
}

static int
merge_file(STACK_OF(X509) * all, const char *path, struct fail *why)
{
	STACK_OF(X509) *certs = NULL;

	if (path == NULL)
		return 0;
	if (cert_file_read(&certs, path, why) != 0)
		return -1;
	merge(all, certs);
	sk_X509_pop_free(certs, X509_free);
	return 0;
}

static int
bundle_write(const struct settings *s, const struct endpoint *e,
    const STACK_OF(X509) * chain, struct fail *why)
{
	const struct allow *rules = e->allow.item;
	STACK_OF(X509) *all = sk_X509_new_null();
	char *path = settings_bundle_path(s, e);
	int rc = 0;

	for (size_t i = 0; i < e->allow.n && rc == 0; i++) {
		if (rules[i].own.n > 0)
			merge(all, chain);
		if (merge_file(all, rules[i].issuer, why) != 0 ||
		    merge_file(all, rules[i].intermediates, why) != 0)
			rc = -1;
	}
	if (rc == 0 && sk_X509_num(all) == 0)
		merge(all, chain);
	if (rc == 0)
		rc = chain_write(path, all, why);
	sk_X509_pop_free(all, X509_free);
	free(path);
	return rc;
}

int
authority_publish(
    const struct settings *settings, STACK_OF(X509) * chain, struct fail *why)
{
	const struct endpoint *endpoints = settings->endpoints.item;
	char *path = settings_chain_path(settings);
	int rc = chain_write(path, chain, why);

	free(path);
	for (size_t i = 0; i < settings->endpoints.n && rc == 0; i++)
		rc = bundle_write(settings, &endpoints[i], chain, why);
	return rc;
}

int
authority_install(
    const struct settings *settings, STACK_OF(X509) * chain, struct fail *why)
{
	struct authority *checked = NULL;
	char *path = settings_issuer_path(settings);
	int rc = -1;

	if (authority_make(&checked, chain, why) == 0 &&
	    chain_write(path, chain, why) == 0)
		rc = authority_publish(settings, chain, why);
	authority_free(checked);
	free(path);
	return rc;
}

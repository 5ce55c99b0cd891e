#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/ca/issuers.h"

#define PUBLIC_MODE 0644
#define FILE_MAX ((size_t)1024 * 1024)

static STACK_OF(X509) * certs_new(void)
{
	STACK_OF(X509) *all = sk_X509_new_null();

	if (all == NULL)
		abort(); /* out of memory */
	return all;
}

/* Append what `all` does not hold yet, taking a reference. */
static void
merge_one(STACK_OF(X509) * all, X509 *x509)
{
	for (int i = 0; i < sk_X509_num(all); i++)
		if (X509_cmp(sk_X509_value(all, i), x509) == 0)
			return;
	if (!X509_up_ref(x509) || !sk_X509_push(all, x509))
		abort(); /* out of memory */
}

static void
merge(STACK_OF(X509) * all, const STACK_OF(X509) * more)
{
	for (int i = 0; i < sk_X509_num(more); i++)
		merge_one(all, sk_X509_value(more, i));
}

/* ---- roots and what leads from one to the other ------------------------- */

static bool
same_subject(const X509 *a, const X509 *b)
{
	return X509_NAME_cmp(
		   X509_get_subject_name(a), X509_get_subject_name(b)) == 0;
}

static bool
same_key(const X509 *a, const X509 *b)
{
	return EVP_PKEY_eq(X509_get0_pubkey(a), X509_get0_pubkey(b)) == 1;
}

static bool
signed_by(X509 *cert, X509 *above)
{
	return X509_NAME_cmp(X509_get_issuer_name(cert),
		   X509_get_subject_name(above)) == 0 &&
	       X509_verify(cert, X509_get0_pubkey(above)) == 1;
}

bool
issuers_is_cross(X509 *cert, const STACK_OF(X509) * roots)
{
	bool named = false, led = false;
	struct fail why = {0};

	if (authority_cert_ok(cert, &why) != 0)
		return false;
	for (int i = 0; i < sk_X509_num(roots); i++) {
		X509 *root = sk_X509_value(roots, i);

		if (same_subject(cert, root) && same_key(cert, root))
			named = true;
		else if (!same_key(cert, root) && signed_by(cert, root))
			led = true;
	}
	return named && led;
}

/* ---- what is published -------------------------------------------------- */

/* What stands in a bag, in three heaps. */
struct heaps {
	STACK_OF(X509) * between, *cross, *roots;
};

static void
heap_up(struct heaps *h, const struct issuer *issuer)
{
	const STACK_OF(X509) *chain = issuer->authority->chain;
	int last = sk_X509_num(chain) - 1;

	for (int i = 0; i < last; i++)
		merge_one(h->between, sk_X509_value(chain, i));
	merge_one(h->roots, sk_X509_value(chain, last));
	for (int i = 0; i < sk_X509_num(issuer->extra); i++) {
		X509 *x509 = sk_X509_value(issuer->extra, i);

		/* Kept ones are roots and cross certificates, no more. */
		merge_one(signed_by(x509, x509) ? h->roots : h->cross, x509);
	}
}

/* The active one, those to come, then those that were, the last first. */
STACK_OF(X509) * issuers_published(const struct issuers *issuers, int64_t now)
{
	const struct issuer *active = issuers_active(issuers, now);
	struct heaps h = {certs_new(), certs_new(), certs_new()};

	heap_up(&h, active);
	for (size_t i = 0; i < issuers->n; i++)
		if (issuers_state(issuers, issuers->item[i], now) ==
		    ISSUER_STAGED)
			heap_up(&h, issuers->item[i]);
	for (size_t i = issuers->n; i > 0; i--)
		heap_up(&h, issuers->item[i - 1]);
	for (size_t i = 0; issuers->peers != NULL && i < issuers->peers->n; i++)
		heap_up(&h, issuers->peers->item[i]);
	merge(h.between, h.cross);
	merge(h.between, h.roots);
	sk_X509_pop_free(h.cross, X509_free);
	sk_X509_pop_free(h.roots, X509_free);
	return h.between;
}

/* What is there already stays: a new file would have it loaded anew. */
static bool
there_already(const char *path, struct span pem)
{
	struct bytes old = {0};
	struct fail why = {0};
	struct stat st;
	bool same = stat(path, &st) == 0 &&
	            (st.st_mode & 07777) == PUBLIC_MODE &&
	            file_read(&old, path, FILE_MAX, &why) == 0 &&
	            span_equal(span_of(&old), pem);

	bytes_free(&old);
	return same;
}

static int
certs_write(const char *path, const STACK_OF(X509) * all, struct fail *why)
{
	struct bytes pem = {0};
	int rc = 0;

	cert_pems_write(&pem, all);
	if (!there_already(path, span_of(&pem)))
		rc = file_write(path, span_of(&pem), PUBLIC_MODE, why);
	bytes_free(&pem);
	return rc;
}

static int
merge_file(STACK_OF(X509) * all, const char *path, struct fail *why)
{
	STACK_OF(X509) *more = NULL;

	if (path == NULL)
		return 0;
	if (cert_file_read(&more, path, why) != 0)
		return -1;
	merge(all, more);
	sk_X509_pop_free(more, X509_free);
	return 0;
}

static int
bundle_write(const struct settings *s, const struct endpoint *e,
    const STACK_OF(X509) * ours, struct fail *why)
{
	const struct allow *rules = e->allow.item;
	char *path = settings_bundle_path(s, e);
	STACK_OF(X509) *all = certs_new();
	int rc = 0;

	for (size_t i = 0; i < e->allow.n && rc == 0; i++) {
		if (rules[i].own.n > 0)
			merge(all, ours);
		if (merge_file(all, rules[i].issuer, why) != 0 ||
		    merge_file(all, rules[i].intermediates, why) != 0)
			rc = -1;
	}
	if (rc == 0 && sk_X509_num(all) == 0)
		merge(all, ours);
	if (rc == 0)
		rc = certs_write(path, all, why);
	sk_X509_pop_free(all, X509_free);
	free(path);
	return rc;
}

int
issuers_publish(const struct settings *settings, const struct issuers *issuers,
    int64_t now, struct fail *why)
{
	const struct endpoint *endpoints = settings->endpoints.item;
	char *path = settings_chain_path(settings);
	STACK_OF(X509) *ours = issuers_published(issuers, now);
	int rc = certs_write(path, ours, why);

	for (size_t i = 0; i < settings->endpoints.n && rc == 0; i++)
		rc = bundle_write(settings, &endpoints[i], ours, why);
	sk_X509_pop_free(ours, X509_free);
	free(path);
	return rc;
}

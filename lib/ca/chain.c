#include "lib/ca/chain.h"

#include <stdlib.h>

#include <openssl/err.h>

#include "lib/wire/name.h"

static void
push(STACK_OF(X509) * all, X509 *cert)
{
	if (all == NULL || X509_up_ref(cert) != 1 ||
	    sk_X509_push(all, cert) <= 0)
		abort(); /* out of memory */
}

static bool
has(const STACK_OF(X509) * all, const X509 *cert)
{
	for (int i = 0; i < sk_X509_num(all); i++)
		if (X509_cmp(sk_X509_value(all, i), cert) == 0)
			return true;
	return false;
}

static bool
signed_by(X509 *cert, X509 *above)
{
	bool yes = X509_check_issued(above, cert) == X509_V_OK &&
	           X509_verify(cert, X509_get0_pubkey(above)) == 1;

	ERR_clear_error();
	return yes;
}

static bool
self_signed(X509 *cert)
{
	bool yes = X509_NAME_cmp(X509_get_subject_name(cert),
		       X509_get_issuer_name(cert)) == 0 &&
	           X509_verify(cert, X509_get0_pubkey(cert)) == 1;

	ERR_clear_error();
	return yes;
}

/* The youngest certificate for our key. */
static X509 *
issuer_find(const STACK_OF(X509) * pool, const EVP_PKEY *key)
{
	X509 *best = NULL;

	for (int i = 0; i < sk_X509_num(pool); i++) {
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

/* Where roots are named, a chain by way of a cross certificate is better than
 * one to a root that is none of them. */
static int
worth(X509 *above, const STACK_OF(X509) * roots)
{
	if (!self_signed(above))
		return 2;
	return roots == NULL || has(roots, above) ? 3 : 1;
}

static X509 *
above_find(const STACK_OF(X509) * pool, const STACK_OF(X509) * chain,
    const STACK_OF(X509) * roots)
{
	X509 *cert = sk_X509_value(chain, sk_X509_num(chain) - 1);
	X509 *best = NULL;

	for (int i = 0; i < sk_X509_num(pool); i++) {
		X509 *above = sk_X509_value(pool, i);

		if (!has(chain, above) && signed_by(cert, above) &&
		    (best == NULL || worth(above, roots) > worth(best, roots)))
			best = above;
	}
	return best;
}

static int
above_missing(X509 *cert, struct fail *why)
{
	char *issuer = name_text(X509_get_issuer_name(cert));

	fail(why, FAIL_DENIED, "issuer-cert",
	    "RFC 5280, 6.1: no valid certificate of \"%s\" among the files: "
	    "name one that has it, too",
	    issuer);
	free(issuer);
	return -1;
}

static int
climb(STACK_OF(X509) * chain, const STACK_OF(X509) * pool,
    const STACK_OF(X509) * roots, struct fail *why)
{
	while (sk_X509_num(chain) <= CHAIN_MAX) {
		X509 *last = sk_X509_value(chain, sk_X509_num(chain) - 1);
		X509 *above;

		if (self_signed(last))
			return 0;
		above = above_find(pool, chain, roots);
		if (above == NULL)
			return above_missing(last, why);
		push(chain, above);
	}
	return fail(why, FAIL_DENIED, "issuer-cert",
	    "the chain has more than %d certificates", CHAIN_MAX);
}

int
chain_sort(STACK_OF(X509) * *chain, const STACK_OF(X509) * pool,
    const EVP_PKEY *key, const STACK_OF(X509) * roots, struct fail *why)
{
	X509 *first = issuer_find(pool, key);
	STACK_OF(X509) * made;

	*chain = NULL;
	if (first == NULL)
		return fail(why, FAIL_DENIED, "issuer-key",
		    "none of the certificates is for the CA's key");
	made = sk_X509_new_null();
	push(made, first);
	if (climb(made, pool, roots, why) != 0) {
		sk_X509_pop_free(made, X509_free);
		return -1;
	}
	*chain = made;
	return 0;
}

STACK_OF(X509) *
    chain_rest(const STACK_OF(X509) * pool, const STACK_OF(X509) * chain)
{
	STACK_OF(X509) *rest = sk_X509_new_null();

	for (int i = 0; i < sk_X509_num(pool); i++)
		if (!has(chain, sk_X509_value(pool, i)))
			push(rest, sk_X509_value(pool, i));
	return rest;
}

#include "lib/ca/issuers_extra.h"

#include <stdlib.h>

static bool
has(const STACK_OF(X509) * all, const X509 *x509)
{
	for (int i = 0; i < sk_X509_num(all); i++)
		if (X509_cmp(sk_X509_value(all, i), x509) == 0)
			return true;
	return false;
}

static void
add(STACK_OF(X509) * all, X509 *x509)
{
	if (has(all, x509))
		return;
	if (!X509_up_ref(x509) || !sk_X509_push(all, x509))
		abort(); /* out of memory */
}

static bool
names(const X509 *above, X509 *cert)
{
	return X509_NAME_cmp(X509_get_issuer_name(cert),
		   X509_get_subject_name(above)) == 0 &&
	       X509_verify(cert, X509_get0_pubkey(above)) == 1;
}

static bool
self_signed(X509 *cert)
{
	return names(cert, cert);
}

STACK_OF(X509) * issuers_roots(const struct issuers *issuers)
{
	STACK_OF(X509) *roots = sk_X509_new_null();

	for (size_t i = 0; issuers != NULL && i < issuers->n; i++) {
		const struct issuer *x = issuers->item[i];
		const STACK_OF(X509) *chain = x->authority->chain;

		add(roots, sk_X509_value(chain, sk_X509_num(chain) - 1));
		for (int j = 0; j < sk_X509_num(x->extra); j++)
			if (self_signed(sk_X509_value(x->extra, j)))
				add(roots, sk_X509_value(x->extra, j));
	}
	return roots;
}

/* What `root` and one of `ours` are joined by is kept, and `root` with it. */
static bool
join(STACK_OF(X509) * kept, STACK_OF(X509) * ours, X509 *root,
    const STACK_OF(X509) * extra)
{
	STACK_OF(X509) *both = sk_X509_new_null();
	int before = sk_X509_num(kept);
	struct fail why = {0};

	for (int i = 0; i < sk_X509_num(ours); i++)
		add(both, sk_X509_value(ours, i));
	add(both, root);
	for (int i = 0; i < sk_X509_num(extra); i++) {
		X509 *x509 = sk_X509_value(extra, i);

		if (!has(kept, x509) && issuers_is_cross(x509, both))
			add(kept, x509);
	}
	sk_X509_pop_free(both, X509_free);
	if (sk_X509_num(kept) == before || authority_cert_ok(root, &why) != 0)
		return sk_X509_num(kept) > before;
	if (!has(ours, root)) {
		add(kept, root);
		add(ours, root);
	}
	return true;
}

STACK_OF(X509) *
    issuers_extra(const struct issuers *present, const struct issuer_wish *wish)
{
	STACK_OF(X509) *kept = sk_X509_new_null(), *ours;
	X509 *root = sk_X509_value(wish->chain, sk_X509_num(wish->chain) - 1);
	bool more = true;

	ours = issuers_roots(present);
	add(ours, root);
	/* Between those that are ours, then to what these lead to. */
	(void)join(kept, ours, root, wish->extra);
	while (more) {
		more = false;
		for (int i = 0; i < sk_X509_num(wish->extra); i++) {
			X509 *x509 = sk_X509_value(wish->extra, i);

			if (!has(ours, x509) && self_signed(x509) &&
			    join(kept, ours, x509, wish->extra))
				more = true;
		}
	}
	sk_X509_pop_free(ours, X509_free);
	return kept;
}

bool
issuers_led_to(
    X509 *root, const STACK_OF(X509) * trusted, const STACK_OF(X509) * extra)
{
	struct fail why = {0};

	for (int i = 0; i < sk_X509_num(extra); i++) {
		X509 *x509 = sk_X509_value(extra, i);

		if (X509_NAME_cmp(X509_get_subject_name(x509),
			X509_get_subject_name(root)) != 0 ||
		    EVP_PKEY_eq(
			X509_get0_pubkey(x509), X509_get0_pubkey(root)) != 1 ||
		    authority_cert_ok(x509, &why) != 0)
			continue;
		for (int j = 0; j < sk_X509_num(trusted); j++)
			if (!self_signed(x509) &&
			    names(sk_X509_value(trusted, j), x509))
				return true;
	}
	return false;
}

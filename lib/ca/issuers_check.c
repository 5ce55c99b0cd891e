#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/ca/issuers.h"
#include "lib/ca/issuers_extra.h"
#include "lib/ca/upstream_crls.h"
#include "lib/key/pkcs11uri.h"

/* What a new generation is measured by. */
struct look {
	const struct settings *settings;
	const struct issuers *present; /* or NULL */
	const struct issuer_wish *wish;
	struct authority *authority;
	int64_t now;
	struct fail *why;
};

static bool
has(const STACK_OF(X509) * all, const X509 *x509)
{
	for (int i = 0; i < sk_X509_num(all); i++)
		if (X509_cmp(sk_X509_value(all, i), x509) == 0)
			return true;
	return false;
}

/* RFC 5280, 6.1.3 (a) (2): each certificate of the chain is valid now. */
static int
time_ok(const struct look *l)
{
	if (authority_usable(l->authority, l->now, l->why) == 0)
		return 0;
	/* An administrator waits for no time to come. */
	l->why->retry = 0;
	if (l->why->kind == FAIL_BUSY && l->now >= l->authority->not_after)
		l->why->kind = FAIL_DENIED;
	return -1;
}

/* It is kept in a line of a file, and read by programs in other folders. */
static bool
place_ok(const char *key)
{
	return key == NULL || (strpbrk(key, "\r\n") == NULL &&
				  (key[0] == '/' || pkcs11uri_is(key)));
}

static int
key_ok(const struct look *l)
{
	if (!place_ok(l->wish->key))
		return fail(l->why, FAIL_CONFIG, "issuer-key",
		    "the key is named neither by a PKCS#11 URI nor by an "
		    "absolute path");
	if (EVP_PKEY_eq(l->wish->public, l->authority->key) == 1)
		return 0;
	return fail(l->why, FAIL_DENIED, "issuer-key",
	    "the certificate is not for the CA's key");
}

/* A profile that no endpoint uses may wait for another issuer. */
static int
profiles_ok(const struct look *l)
{
	const struct endpoint *e = l->settings->endpoints.item;

	for (size_t i = 0; i < l->settings->endpoints.n; i++)
		if (authority_profile_ok(l->authority, e[i].profile, l->why) !=
		    0)
			return -1;
	return 0;
}

/* RFC 4210, 4.4; RFC 7030, 4.1.3: to a new root clients follow NewWithOld
 * alone; nobody follows us to one that only its own files speak for. */
static int
root_ok(const struct look *l)
{
	const STACK_OF(X509) *chain = l->wish->chain;
	X509 *root = sk_X509_value(chain, sk_X509_num(chain) - 1);
	STACK_OF(X509) * trusted;
	bool ok;

	if (l->present == NULL && l->wish->roots == NULL)
		return 0;
	if (has(l->wish->roots, root))
		return 0;
	trusted = l->wish->roots != NULL
	              ? X509_chain_up_ref((STACK_OF(X509) *)l->wish->roots)
	              : issuers_roots(l->present);
	ok = (l->wish->roots == NULL && has(trusted, root)) ||
	     issuers_led_to(root, trusted, l->wish->extra);
	sk_X509_pop_free(trusted, X509_free);
	if (ok)
		return 0;
	return fail(l->why, FAIL_DENIED, "issuer-root",
	    l->wish->roots != NULL
		? "RFC 5280, 6.1.1 (d): the chain does not end in a root that "
		  "--root or the configuration names"
		: "RFC 4210, 4.4: the chain ends in a new root without "
		  "NewWithOld: name it by --root");
}

static int
later_ok(const struct look *l, const struct authority *active)
{
	char was[WHEN_LEN], is[WHEN_LEN];

	if (l->authority->not_after > active->not_after)
		return 0;
	when_write(was, active->not_after);
	when_write(is, l->authority->not_after);
	return fail(l->why, FAIL_DENIED, "issuer-shorter",
	    "the chain ends %s, no later than the present one's %s (--force "
	    "takes it)",
	    is, was);
}

static const ASN1_OCTET_STRING *
constraints_of(X509 *x509)
{
	int at = X509_get_ext_by_NID(x509, NID_name_constraints, -1);

	return at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(x509, at));
}

static bool
constrains(const struct authority *a, const ASN1_OCTET_STRING *value)
{
	for (int i = 0; i < sk_X509_num(a->chain); i++) {
		const ASN1_OCTET_STRING *its =
		    constraints_of(sk_X509_value(a->chain, i));

		if (its != NULL && ASN1_OCTET_STRING_cmp(its, value) == 0)
			return true;
	}
	return false;
}

/* RFC 5280, 4.2.1.10: what names will be asked for nobody knows, so that only
 * those constraints are known to do that are in force already. */
static int
constraints_ok(const struct look *l, const struct authority *active)
{
	for (int i = 0; i < sk_X509_num(l->authority->chain); i++) {
		const ASN1_OCTET_STRING *value =
		    constraints_of(sk_X509_value(l->authority->chain, i));

		if (value != NULL && !constrains(active, value))
			return fail(l->why, FAIL_DENIED, "issuer-constraints",
			    "RFC 5280, 4.2.1.10: name constraints that the "
			    "present chain does not have (--force takes it)");
	}
	return 0;
}

/* It would never issue, whatever is forced. */
static int
begin_ok(const struct look *l)
{
	char end[WHEN_LEN];

	if (l->wish->activate == ISSUER_DEFAULT ||
	    l->wish->activate < l->authority->not_after)
		return 0;
	when_write(end, l->authority->not_after);
	return fail(l->why, FAIL_DENIED, "issuer-gap",
	    "the activation is after the chain's end, %s", end);
}

static int
gap_ok(const struct look *l, const struct authority *active)
{
	int64_t at = l->wish->activate;
	char end[WHEN_LEN];

	if (at == ISSUER_DEFAULT || active == NULL ||
	    l->now >= active->not_after || at < active->not_after)
		return 0;
	when_write(end, active->not_after);
	return fail(l->why, FAIL_DENIED, "issuer-gap",
	    "nothing could be issued from %s, the present one's end, to the "
	    "activation (--force takes it)",
	    end);
}

static int
against_present(const struct look *l)
{
	const struct authority *active = NULL;

	if (l->present != NULL)
		active = issuers_active(l->present, l->now)->authority;
	/* What is there already is no rollover. */
	if (active != NULL &&
	    X509_cmp(active->issuer, l->authority->issuer) == 0)
		return 0;
	/* One that is revoked issues nothing: whatever comes is better. */
	if (l->wish->force ||
	    (active != NULL && active->revoked.kind != FAIL_NONE))
		return 0;
	if (active != NULL &&
	    (later_ok(l, active) != 0 || constraints_ok(l, active) != 0))
		return -1;
	return gap_ok(l, active);
}

/* Not even by force: the CA above has taken it back. */
static int
above_ok(const struct look *l)
{
	struct fail trouble = {0};
	struct above *above = upstream_crls_read(l->settings, l->now, &trouble);

	authority_look_above(l->authority, above);
	above_free(above);
	if (l->authority->revoked.kind == FAIL_NONE)
		return 0;
	*l->why = l->authority->revoked;
	l->why->kind = FAIL_DENIED;
	l->why->retry = 0;
	return -1;
}

int
issuers_check(const struct settings *settings, const struct issuers *present,
    const struct issuer_wish *wish, int64_t now, struct fail *why)
{
	struct look l = {settings, present, wish, NULL, now, why};
	int rc = -1;

	if (authority_make(&l.authority, wish->chain, why) == 0 &&
	    above_ok(&l) == 0 && time_ok(&l) == 0 && key_ok(&l) == 0 &&
	    profiles_ok(&l) == 0 && root_ok(&l) == 0 && begin_ok(&l) == 0)
		rc = against_present(&l);
	authority_free(l.authority);
	return rc;
}

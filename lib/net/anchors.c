#include "lib/net/anchors.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "lib/wire/cert.h"

#define CHAIN_MAX 8
#define CLIMBS_MAX 256
#define PIN_PREFIX "sha256:"

/* ---- certificates -------------------------------------------------------- */

static bool
names_match(X509 *issuer, X509 *cert)
{
	return X509_NAME_cmp(X509_get_subject_name(issuer),
		   X509_get_issuer_name(cert)) == 0;
}

static bool
signed_by(X509 *cert, X509 *issuer)
{
	EVP_PKEY *key = X509_get0_pubkey(issuer);
	bool ok = names_match(issuer, cert) && key != NULL &&
	          X509_verify(cert, key) == 1;

	ERR_clear_error();
	return ok;
}

/* RFC 5280, 4.2.1.9: version 1 roots have no extension to say it in. */
static bool
is_ca(X509 *cert)
{
	return X509_check_ca(cert) != 0;
}

static bool
is_root(X509 *cert)
{
	return signed_by(cert, cert) && is_ca(cert);
}

static bool
is_valid(const X509 *cert, int64_t now)
{
	return cert_time_of(X509_get0_notBefore(cert)) <= now &&
	       now <= cert_time_of(X509_get0_notAfter(cert));
}

static bool
same_holder(X509 *a, X509 *b)
{
	EVP_PKEY *key = X509_get0_pubkey(a);
	bool same = X509_NAME_cmp(X509_get_subject_name(a),
			X509_get_subject_name(b)) == 0 &&
	            key != NULL && X509_get0_pubkey(b) != NULL &&
	            EVP_PKEY_eq(key, X509_get0_pubkey(b)) == 1;

	ERR_clear_error();
	return same;
}

static bool
has(const STACK_OF(X509) * certs, const X509 *cert)
{
	for (int i = 0; i < sk_X509_num(certs); i++)
		if (X509_cmp(sk_X509_value(certs, i), cert) == 0)
			return true;
	return false;
}

static void
push(STACK_OF(X509) * certs, X509 *cert)
{
	if (X509_up_ref(cert) != 1 || sk_X509_push(certs, cert) == 0)
		abort();
}

static STACK_OF(X509) * copy_of(const STACK_OF(X509) * certs)
{
	STACK_OF(X509) *copy = sk_X509_new_null();

	if (copy == NULL)
		abort();
	for (int i = 0; certs != NULL && i < sk_X509_num(certs); i++)
		push(copy, sk_X509_value(certs, i));
	return copy;
}

/* ---- first contact ------------------------------------------------------- */

int
anchors_pin_read(uint8_t pin[SHA256_LEN], const char *text, struct fail *why)
{
	struct bytes hex = {0}, octets = {0};
	bool ok = strncmp(text, PIN_PREFIX, sizeof(PIN_PREFIX) - 1) == 0;

	if (ok) {
		for (text += sizeof(PIN_PREFIX) - 1; *text != '\0'; text++)
			if (*text != ':' || hex.len % 2 != 0 || hex.len == 0)
				bytes_addc(&hex, *text);
		ok = hex.len == 2 * SHA256_LEN &&
		     hex_read(&octets, (char *)hex.data) &&
		     octets.len == SHA256_LEN;
	}
	if (ok)
		memcpy(pin, octets.data, SHA256_LEN);
	bytes_free(&hex);
	bytes_free(&octets);
	return ok ? 0
	          : fail(why, FAIL_CONFIG, "pin",
			"a pin is sha256: and 64 hex digits");
}

static bool
is_pinned(X509 *cert, const uint8_t pin[SHA256_LEN])
{
	struct bytes der = {0};
	uint8_t hash[SHA256_LEN];

	cert_der_add(&der, cert);
	sha256(hash, span_of(&der));
	bytes_free(&der);
	return memcmp(hash, pin, SHA256_LEN) == 0;
}

/* The one of `certs` that is a root (and pinned); `found` counts them. */
static X509 *
root_find(const STACK_OF(X509) * certs, const uint8_t *pin, int *found)
{
	X509 *root = NULL;

	*found = 0;
	for (int i = 0; i < sk_X509_num(certs); i++) {
		X509 *cert = sk_X509_value(certs, i);

		if (!is_root(cert) || (pin != NULL && !is_pinned(cert, pin)) ||
		    (root != NULL && X509_cmp(root, cert) == 0))
			continue;
		root = cert;
		++*found;
	}
	return root;
}

static void
alone(STACK_OF(X509) * *anchors, X509 *root)
{
	*anchors = copy_of(NULL);
	push(*anchors, root);
}

int
anchors_pinned(STACK_OF(X509) * *anchors, const STACK_OF(X509) * cacerts,
    const uint8_t pin[SHA256_LEN], struct fail *why)
{
	int found;
	X509 *root = root_find(cacerts, pin, &found);

	*anchors = NULL;
	if (root == NULL)
		return fail(why, FAIL_DENIED, "pin",
		    "RFC 7030, 4.1.1: no self-signed CA certificate of the "
		    "server has that fingerprint");
	alone(anchors, root);
	return 0;
}

int
anchors_first(
    STACK_OF(X509) * *anchors, const STACK_OF(X509) * cacerts, struct fail *why)
{
	int found;
	X509 *root = root_find(cacerts, NULL, &found);

	*anchors = NULL;
	if (found != 1)
		return fail(why, FAIL_DENIED, "pin",
		    "RFC 7030, 4.1.1: the server sent %d self-signed CA "
		    "certificates: which is to be trusted must be said by pin",
		    found);
	alone(anchors, root);
	return 0;
}

/* ---- a change of the root (RFC 4210, 4.4; RFC 7030, 4.1.3) --------------- */

/*
 * NewWithOld: the new root's name and key in a certificate that a trusted root
 * signed; all of them valid now.
 */
static bool
is_vouched(X509 *root, const STACK_OF(X509) * trusted,
    const STACK_OF(X509) * cacerts, int64_t now)
{
	for (int i = 0; i < sk_X509_num(cacerts); i++) {
		X509 *link = sk_X509_value(cacerts, i);

		if (X509_cmp(link, root) == 0 || !same_holder(link, root) ||
		    !is_ca(link) || !is_valid(link, now))
			continue;
		for (int k = 0; k < sk_X509_num(trusted); k++) {
			X509 *old = sk_X509_value(trusted, k);

			if (is_ca(old) && is_valid(old, now) &&
			    signed_by(link, old))
				return true;
		}
	}
	return false;
}

/* One round; true when something was added. */
static bool
follow_once(
    STACK_OF(X509) * trusted, const STACK_OF(X509) * cacerts, int64_t now)
{
	bool added = false;

	for (int i = 0; i < sk_X509_num(cacerts); i++) {
		X509 *cert = sk_X509_value(cacerts, i);

		if (!is_root(cert) || has(trusted, cert) ||
		    cert_time_of(X509_get0_notAfter(cert)) < now ||
		    !is_vouched(cert, trusted, cacerts, now))
			continue;
		push(trusted, cert);
		added = true;
	}
	return added;
}

static int
strangers_in(const STACK_OF(X509) * cacerts, const STACK_OF(X509) * trusted)
{
	int n = 0;

	for (int i = 0; i < sk_X509_num(cacerts); i++) {
		X509 *cert = sk_X509_value(cacerts, i);

		n += is_root(cert) && !has(trusted, cert);
	}
	return n;
}

int
anchors_follow(STACK_OF(X509) * *followed, bool *changed, int *strangers,
    const STACK_OF(X509) * anchors, const STACK_OF(X509) * cacerts, int64_t now,
    struct fail *why)
{
	(void)why;
	*followed = copy_of(anchors);
	*changed = false;
	while (follow_once(*followed, cacerts, now))
		*changed = true;
	*strangers = strangers_in(cacerts, *followed);
	return 0;
}

/* ---- chains -------------------------------------------------------------- */

struct climb {
	const STACK_OF(X509) * pool, *anchors;
	int left; /* signatures that are looked at, at most */
};

/* RFC 5280, 6.1.4: only a CA's certificate leads further up. */
static bool
leads_up(struct climb *c, X509 *from, X509 *to)
{
	return names_match(to, from) && is_ca(to) && c->left-- > 0 &&
	       signed_by(from, to);
}

/* Continue from the last of `chain`; true when an anchor is reached. */
static bool
climb(STACK_OF(X509) * chain, struct climb *c)
{
	const STACK_OF(X509) *pool = c->pool, *anchors = c->anchors;
	X509 *last = sk_X509_value(chain, sk_X509_num(chain) - 1);

	if (has(anchors, last))
		return true;
	if (sk_X509_num(chain) == CHAIN_MAX)
		return false;
	for (int i = 0; i < sk_X509_num(anchors); i++)
		if (signed_by(last, sk_X509_value(anchors, i))) {
			push(chain, sk_X509_value(anchors, i));
			return true;
		}
	for (int i = 0; pool != NULL && i < sk_X509_num(pool); i++) {
		X509 *next = sk_X509_value(pool, i);

		if (has(chain, next) || !leads_up(c, last, next))
			continue;
		push(chain, next);
		if (climb(chain, c))
			return true;
		X509_free(sk_X509_pop(chain));
	}
	return false;
}

int
anchors_chain(STACK_OF(X509) * *chain, X509 *leaf, const STACK_OF(X509) * pool,
    const STACK_OF(X509) * anchors, struct fail *why)
{
	struct climb c = {pool, anchors, CLIMBS_MAX};

	*chain = copy_of(NULL);
	push(*chain, leaf);
	if (anchors != NULL && climb(*chain, &c))
		return 0;
	sk_X509_pop_free(*chain, X509_free);
	*chain = NULL;
	return fail(why, FAIL_DENIED, "up-chain",
	    "RFC 5280, 6.1: no chain from the certificate to a trust anchor");
}

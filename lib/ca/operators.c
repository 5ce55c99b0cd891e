#include "lib/ca/operators.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ca/leaf.h"
#include "lib/ca/trust.h"
#include "lib/wire/name.h"

struct operators {
	const struct ca *ca;
	struct allow rule;
	struct trust *trust;
};

void
operator_free(struct operator_seen *who)
{
	free(who->name);
	free(who->who);
	memset(who, 0, sizeof(*who));
}

/* ---- anchors ------------------------------------------------------------- */

static void
anchor_hash(uint8_t out[SHA256_LEN], const X509 *x509)
{
	uint8_t *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);

	sha256(out, (struct span){der, len > 0 ? (size_t)len : 0});
	OPENSSL_free(der);
}

/* Whoever enrols with us would come in: by our own key, or one above it. */
static int
anchor_check(const struct settings *s, const struct issuers *issuers,
    const X509 *anchor, struct fail *why)
{
	uint8_t hash[SHA256_LEN];

	anchor_hash(hash, anchor);
	if (issuers == NULL || !issuers_have_key(issuers, hash))
		return 0;
	return fail(why, FAIL_CONFIG, "config",
	    "%s: inventory: anchors %s: it is in this CA's own chain, so that "
	    "a device that enrols could become an operator: operators need a "
	    "CA of their own",
	    s->path, s->inventory.anchors);
}

int
operators_check(
    const struct settings *s, const struct issuers *issuers, struct fail *why)
{
	const struct inventory_settings *v = &s->inventory;
	STACK_OF(X509) *certs = NULL;
	int rc;

	if (v->anchors == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "%s: inventory: anchors: no CA of operators is given",
		    s->path);
	rc = cert_file_read(&certs, v->anchors, why);
	for (int i = 0; rc == 0 && i < sk_X509_num(certs); i++)
		rc = anchor_check(s, issuers, sk_X509_value(certs, i), why);
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

int
operators_open(
    struct operators **operators, const struct ca *ca, struct fail *why)
{
	const struct inventory_settings *v = &ca->settings->inventory;
	struct operators *o = mem_new(sizeof(*o));

	*operators = NULL;
	o->ca = ca;
	o->rule = (struct allow){.issuer = v->anchors,
	    .intermediates = v->intermediates,
	    .crl = v->crl};
	if (operators_check(ca->settings, ca->issuers, why) != 0 ||
	    trust_new(&o->trust, &o->rule, NULL, why) != 0) {
		operators_free(o);
		return -1;
	}
	*operators = o;
	return 0;
}

void
operators_free(struct operators *operators)
{
	if (operators == NULL)
		return;
	trust_free(operators->trust);
	free(operators);
}

/* ---- who ----------------------------------------------------------------- */

static bool
name_is(const X509_NAME *name, const char *text)
{
	struct fail why = {0};
	X509_NAME *want = NULL;
	bool same = name_from_text(&want, text, &why) == 0 &&
	            X509_NAME_cmp(name, want) == 0;

	X509_NAME_free(want);
	return same;
}

static const struct operator*
    listed(const struct operators *o, const struct leaf *leaf)
{
	const struct inventory_settings *v = &o->ca->settings->inventory;
	const struct operator* item = v->operators.item;
	char hex[2 * SHA256_LEN + 1];

	hex_write(hex, (struct span){leaf->cert->sha256, SHA256_LEN}, false);
	for (size_t i = 0; i < v->operators.n; i++)
		if (item[i].fingerprint != NULL
			? strcmp(item[i].fingerprint, hex) == 0
			: name_is(X509_get_issuer_name(leaf->x509),
			      item[i].issuer) &&
			      name_is(X509_get_subject_name(leaf->x509),
				  item[i].subject))
			return &item[i];
	return NULL;
}

static int
here_refuse(struct fail *why)
{
	return fail(why, FAIL_DENIED, "operator-own",
	    "a certificate that this CA issued is no operator's: operators "
	    "need a CA of their own");
}

/* However it is configured: not issued by a key of ours, not recorded here. */
static int
issued_here(const struct ca *ca, const struct leaf *leaf, const X509 *issuer,
    struct fail *why)
{
	struct record r = {0};
	uint8_t hash[SHA256_LEN];
	bool found = false;
	int rc;

	anchor_hash(hash, issuer);
	if (ca->issuers != NULL && issuers_have_key(ca->issuers, hash))
		return here_refuse(why);
	rc = store_find(ca->store, &r, &found, leaf->cert->sha256, why);
	record_free(&r);
	if (rc != 0)
		return -1;
	return found ? here_refuse(why) : 0;
}

static void
describe(struct operator_seen *who, const struct operator* o,
    const struct leaf *leaf)
{
	char *text = leaf_text(leaf);

	who->role = o->role;
	who->who = str_fmt("operator:%s", text);
	who->name =
	    o->name != NULL
		? str_dup(o->name)
		: name_value(X509_get_subject_name(leaf->x509), NID_commonName);
	if (who->name == NULL)
		who->name = str_dup(text);
	free(text);
}

int
operators_find(struct operator_seen *who, struct operators *operators,
    struct span der, struct fail *why)
{
	const struct operator* found;
	struct leaf leaf = {0};
	X509 *issuer = NULL;
	int64_t until;
	int rc = -1;

	memset(who, 0, sizeof(*who));
	if (der.len == 0)
		return fail(why, FAIL_DENIED, "auth-none",
		    "a client certificate of an operator is needed");
	who->shown = true;
	sha256(who->sha256, der);
	if (leaf_read(&leaf, der, why) != 0 ||
	    trust_check(operators->trust, &until, &issuer, leaf.x509, why) !=
		0 ||
	    issued_here(operators->ca, &leaf, issuer, why) != 0)
		goto out;
	if ((found = listed(operators, &leaf)) == NULL) {
		fail(why, FAIL_DENIED, "operator-unknown",
		    "the client certificate is not one of an operator");
		goto out;
	}
	describe(who, found, &leaf);
	rc = 0;
out:
	X509_free(issuer);
	leaf_free(&leaf);
	return rc;
}

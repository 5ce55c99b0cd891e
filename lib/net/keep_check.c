#include "lib/net/keep_check.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/net/anchors.h"
#include "lib/wire/cert.h"
#include "lib/wire/name.h"
#include "lib/wire/san.h"

#define SKEW 300 /* s that clocks may differ */

static int
refuse(struct fail *why, const char *what)
{
	return fail(why, FAIL_DENIED, "up-cert", "the certificate %s", what);
}

/* ---- the certificate by itself ------------------------------------------ */

static bool
weak_hash(X509 *cert)
{
	int hash = NID_undef;

	if (X509_get_signature_info(cert, &hash, NULL, NULL, NULL) != 1)
		return true;
	return hash == NID_sha1 || hash == NID_md5 || hash == NID_md5_sha1 ||
	       hash == NID_md4 || hash == NID_md2;
}

static int
kind_check(const struct keep_plan *plan, X509 *leaf, struct fail *why)
{
	uint32_t flags = X509_get_extension_flags(leaf);
	bool ca = (flags & EXFLAG_CA) != 0;

	if ((flags & EXFLAG_INVALID) != 0)
		return refuse(why, "has extensions that contradict each other");
	if ((flags & EXFLAG_CRITICAL) != 0)
		return refuse(why,
		    "has a critical extension that is not known here (RFC "
		    "5280, 4.2)");
	if (ca && !plan->ca)
		return refuse(why, "is a CA's, and an end entity's was asked");
	if (!ca && plan->ca)
		return refuse(why, "is not a CA's (RFC 5280, 4.2.1.9)");
	if (ca && ((flags & EXFLAG_KUSAGE) == 0 ||
		      (X509_get_key_usage(leaf) & KU_KEY_CERT_SIGN) == 0))
		return refuse(
		    why, "may not sign certificates (RFC 5280, 4.2.1.3)");
	return weak_hash(leaf) ? refuse(why, "is signed with a weak hash") : 0;
}

static int
time_check(X509 *leaf, X509 *renews, int64_t now, struct fail *why)
{
	int64_t from = cert_time_of(X509_get0_notBefore(leaf));
	int64_t to = cert_time_of(X509_get0_notAfter(leaf));

	if (from == INT64_MIN || to == INT64_MIN)
		return refuse(why, "has no readable validity");
	if (from > now + SKEW)
		return refuse(why, "is not valid yet");
	if (to <= now)
		return refuse(why, "has expired");
	if (renews != NULL && to < cert_time_of(X509_get0_notAfter(renews)) &&
	    cert_time_of(X509_get0_notAfter(renews)) > now)
		return refuse(why, "ends before the one in use");
	return 0;
}

/* ---- what was asked for ------------------------------------------------- */

static bool
value_same(const X509_NAME *asked, const X509_NAME *got, int nid)
{
	char *a = name_value(asked, nid), *g = name_value(got, nid);
	bool same = a == NULL || (g != NULL && strcmp(a, g) == 0);

	free(a);
	free(g);
	return same;
}

static int
subject_check(const X509_NAME *asked, const X509_NAME *got, struct fail *why)
{
	char *text;

	if (X509_NAME_cmp(asked, got) == 0)
		return 0;
	if (!value_same(asked, got, NID_commonName) ||
	    !value_same(asked, got, NID_serialNumber))
		return refuse(why, "is for another subject");
	text = name_text(got);
	log_write(LOG_LEVEL_WARN,
	    "the certificate's subject is not the one asked for: %s", text);
	free(text);
	return 0;
}

static bool
san_has(const GENERAL_NAMES *names, GENERAL_NAME *name)
{
	int i;

	for (i = 0; i < sk_GENERAL_NAME_num(names); i++)
		if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), name) ==
		    0)
			return true;
	return false;
}

static int
san_check(
    const GENERAL_NAMES *asked, const GENERAL_NAMES *got, struct fail *why)
{
	int i, there = 0, n = sk_GENERAL_NAME_num(asked);
	char *text;

	if (san_equal(asked, got))
		return 0;
	for (i = 0; i < n; i++)
		there += san_has(got, sk_GENERAL_NAME_value(asked, i));
	if (n > 0 && there == 0)
		return refuse(why, "has none of the subjectAltNames asked for");
	text = san_text(got);
	log_write(LOG_LEVEL_WARN,
	    "the certificate's subjectAltNames are not those asked for: %s",
	    text);
	free(text);
	return 0;
}

static GENERAL_NAMES *
req_san(X509_REQ *req)
{
	STACK_OF(X509_EXTENSION) *exts = X509_REQ_get_extensions(req);
	GENERAL_NAMES *san =
	    X509V3_get_d2i(exts, NID_subject_alt_name, NULL, NULL);

	sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
	return san;
}

static int
asked_check(X509 *leaf, struct span csr, struct fail *why)
{
	const unsigned char *p = csr.data;
	X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)csr.len);
	GENERAL_NAMES *asked = NULL, *got = NULL;
	int rc = -1;

	if (req == NULL) {
		fail(why, FAIL_BROKEN, "build", "the request is not one");
		return fail_openssl(why, "csr");
	}
	asked = req_san(req);
	got = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	/* RFC 7030, 4.2.3 is of no use with a key that we do not have. */
	if (EVP_PKEY_eq(X509_get0_pubkey(leaf), X509_REQ_get0_pubkey(req)) != 1)
		refuse(why, "is for another key");
	else if (subject_check(X509_REQ_get_subject_name(req),
		     X509_get_subject_name(leaf), why) == 0)
		rc = san_check(asked, got, why);
	GENERAL_NAMES_free(got);
	GENERAL_NAMES_free(asked);
	X509_REQ_free(req);
	return rc;
}

/* ---- the chain ---------------------------------------------------------- */

static void
push(STACK_OF(X509) * chain, X509 *cert)
{
	if (X509_up_ref(cert) != 1 || sk_X509_push(chain, cert) <= 0)
		abort();
}

/* Leaf and whoever issued it, as far as it is there. */
static STACK_OF(X509) * chain_guess(X509 *leaf, const STACK_OF(X509) * others)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *last = leaf;
	int i = 0;

	push(chain, leaf);
	while (i < sk_X509_num(others) &&
	       sk_X509_num(chain) <= sk_X509_num(others) &&
	       X509_check_issued(last, last) != X509_V_OK) {
		X509 *other = sk_X509_value(others, i++);

		if (X509_check_issued(other, last) != X509_V_OK ||
		    X509_verify(last, X509_get0_pubkey(other)) != 1)
			continue;
		push(chain, other);
		last = other;
		i = 0;
	}
	return chain;
}

static int
issuer_check(X509 *ca, int64_t now, struct fail *why)
{
	if (X509_check_ca(ca) == 0)
		return fail(why, FAIL_DENIED, "up-chain",
		    "RFC 5280, 6.1.4: the chain has something in it that is no "
		    "CA");
	if (cert_time_of(X509_get0_notAfter(ca)) <= now ||
	    cert_time_of(X509_get0_notBefore(ca)) > now + SKEW)
		return fail(why, FAIL_DENIED, "up-chain",
		    "RFC 5280, 6.1.3: a CA of the chain is not valid now");
	return 0;
}

static int
chain_check(STACK_OF(X509) * *chain, const struct keep_plan *plan, X509 *leaf,
    const STACK_OF(X509) * others, int64_t now, struct fail *why)
{
	int i, rc = 0;

	if (plan->anchors == NULL)
		*chain = chain_guess(leaf, others);
	else if (anchors_chain(chain, leaf, others, plan->anchors, why) != 0)
		return -1;
	for (i = 1; i < sk_X509_num(*chain) && rc == 0; i++)
		rc = issuer_check(sk_X509_value(*chain, i), now, why);
	if (rc == 0 && plan->accept != NULL)
		rc = plan->accept(plan->arg, *chain, why);
	return rc;
}

int
keep_check(STACK_OF(X509) * *chain, const struct keep_plan *plan, X509 *leaf,
    const STACK_OF(X509) * others, struct span csr, X509 *renews, int64_t now,
    struct fail *why)
{
	*chain = NULL;
	if (kind_check(plan, leaf, why) == 0 &&
	    time_check(leaf, renews, now, why) == 0 &&
	    asked_check(leaf, csr, why) == 0 &&
	    chain_check(chain, plan, leaf, others, now, why) == 0)
		return 0;
	sk_X509_pop_free(*chain, X509_free);
	*chain = NULL;
	return -1;
}

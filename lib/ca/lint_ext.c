#include "lib/ca/lint_ext.h"

#include <string.h>

#include "lib/ca/build.h"
#include "lib/wire/der.h"

/* The walk over one certificate: what was expected, and how many were seen.
 * No extension is there twice: cert_read() sees to that. */
struct walk {
	const struct cert *cert;
	const struct authority *authority;
	const struct grant *grant;
	size_t seen;
	struct fail *why;
};

static const struct cert_extension *
seen(struct walk *w, int nid, bool critical)
{
	const struct cert_extension *e = cert_extension_find(w->cert, nid);

	if (e == NULL || e->critical != critical)
		return NULL;
	w->seen++;
	return e;
}

/* RFC 5280, 4.2.1.9: cA only by profile, critical, nested under the issuer. */
static int
lint_basic(struct walk *w)
{
	int64_t want = build_path_length(w->authority, w->grant), length = -1;
	const struct cert_extension *e;
	struct span in, seq, value;

	if (!w->grant->profile->ca) {
		e = cert_extension_find(w->cert, NID_basic_constraints);
		if (e == NULL || (e->value.len == 2 &&
				     memcmp(e->value.data, "\x30", 2) == 0))
			return 0;
		return lint_broken(w->why, "RFC 5280, 4.2.1.9: no CA");
	}
	e = seen(w, NID_basic_constraints, true);
	if (e == NULL)
		return lint_broken(
		    w->why, "RFC 5280, 4.2.1.9: critical basicConstraints");
	in = e->value;
	if (!der_take(&in, DER_SEQUENCE, &seq, NULL) || in.len != 0 ||
	    !der_take(&seq, DER_BOOLEAN, &value, NULL) ||
	    value.data[0] != 0xff ||
	    (seq.len != 0 && (!der_take(&seq, DER_INTEGER, &value, NULL) ||
				 !der_small(value, &length) || seq.len != 0)) ||
	    length != want ||
	    (w->authority->path_length >= 0 &&
		(length < 0 || length >= w->authority->path_length)))
		return lint_broken(w->why, "RFC 5280, 4.2.1.9: path length");
	return 0;
}

/* RFC 5280, 4.2.1.3: the granted bits; keyCertSign with cA alone. */
static int
lint_key_usage(struct walk *w)
{
	const struct profile *p = w->grant->profile;
	const struct cert_extension *e;
	struct span in, bits;
	unsigned usage;

	if (p->key_usage == 0) {
		if (cert_extension_find(w->cert, NID_key_usage) == NULL)
			return 0;
		return lint_broken(w->why, "RFC 5280, 4.2.1.3: no keyUsage");
	}
	e = seen(w, NID_key_usage, p->key_usage_critical);
	if (e == NULL)
		return lint_broken(w->why, "RFC 5280, 4.2.1.3: keyUsage");
	in = e->value;
	if (!der_take(&in, DER_BITS, &bits, NULL) || in.len != 0 ||
	    bits.len < 2 || bits.len > 3 || !der_bits_ok(bits) ||
	    (bits.data[bits.len - 1] >> bits.data[0] & 1) == 0)
		return lint_broken(
		    w->why, "RFC 5280, 4.2.1.3: keyUsage is a bit list");
	usage = bits.data[1] | (bits.len > 2 ? bits.data[2] << 8 : 0);
	if (usage != p->key_usage)
		return lint_broken(w->why, "RFC 5280, 4.2.1.3: bits granted");
	if ((usage & KU_KEY_CERT_SIGN) != 0 && !p->ca)
		return lint_broken(
		    w->why, "RFC 5280, 4.2.1.3: keyCertSign without cA");
	return 0;
}

/* RFC 5280, 4.2.1.2 and 4.2.1.1: both key identifiers, not critical. */
static int
lint_identifiers(struct walk *w)
{
	const struct cert_extension *e;
	const ASN1_OCTET_STRING *above =
	    X509_get0_subject_key_id(w->authority->issuer);
	uint8_t ski[SKI_LEN];
	struct span in, seq, id;

	build_ski(ski, &w->grant->csr->key);
	e = seen(w, NID_subject_key_identifier, false);
	if (e == NULL)
		return lint_broken(w->why, "RFC 5280, 4.2.1.2: SKI");
	in = e->value;
	if (!der_take(&in, DER_OCTETS, &id, NULL) || in.len != 0 ||
	    !span_equal(id, (struct span){ski, SKI_LEN}))
		return lint_broken(w->why, "RFC 5280, 4.2.1.2: SKI is SHA-1");
	e = seen(w, NID_authority_key_identifier, false);
	if (e == NULL)
		return lint_broken(w->why, "RFC 5280, 4.2.1.1: AKI");
	in = e->value;
	if (!der_take(&in, DER_SEQUENCE, &seq, NULL) || in.len != 0 ||
	    !der_take(&seq, DER_CONTEXT(0), &id, NULL) || seq.len != 0 ||
	    !span_equal(id, (struct span){ASN1_STRING_get0_data(above),
				(size_t)ASN1_STRING_length(above)}))
		return lint_broken(
		    w->why, "RFC 5280, 4.2.1.1: AKI is the issuer's SKI");
	return 0;
}

/* RFC 5280, 4.2.1.6: the granted names; critical with an empty subject. */
static int
lint_san(struct walk *w)
{
	bool empty = X509_NAME_entry_count(w->grant->subject) == 0;
	const struct cert_extension *e;
	unsigned char *der = NULL;
	bool equal;
	int len;

	if (w->grant->san == NULL) {
		if (empty)
			return lint_broken(
			    w->why, "RFC 5280, 4.1.2.6: a subject or a SAN");
		return 0;
	}
	e = seen(w, NID_subject_alt_name, empty);
	len = i2d_GENERAL_NAMES(w->grant->san, &der);
	equal = e != NULL && len > 2 &&
	        span_equal(e->value, (struct span){der, (size_t)len});
	OPENSSL_free(der);
	if (!equal)
		return lint_broken(w->why, "RFC 5280, 4.2.1.6: SAN granted");
	return 0;
}

/* Is the next element the URI that `url` becomes here? */
static bool
take_uri(struct walk *w, struct span *in, const char *url)
{
	struct bytes want = {0};
	struct span uri;
	bool ok;

	build_url(&want, url, w->authority->keyid);
	ok = der_take(in, DER_CONTEXT(GEN_URI), &uri, NULL) &&
	     span_equal(uri, span_of(&want));
	bytes_free(&want);
	return ok;
}

/* RFC 5280, 4.2.1.13: one point with all our URLs, nothing else. */
static int
lint_crl_urls(struct walk *w)
{
	const struct conf_strings *urls = &w->grant->profile->crl_urls;
	const struct cert_extension *e;
	struct span in, point, name, full, uris;
	bool ok;

	if (urls->n == 0)
		return 0;
	e = seen(w, NID_crl_distribution_points, false);
	if (e == NULL)
		return lint_broken(w->why, "RFC 5280, 4.2.1.13: CRL URLs");
	in = e->value;
	ok = der_take(&in, DER_SEQUENCE, &point, NULL) && in.len == 0 &&
	     der_take(&point, DER_SEQUENCE, &name, NULL) && point.len == 0 &&
	     der_take(&name, DER_CONTEXT_CONS(0), &full, NULL) &&
	     name.len == 0 &&
	     der_take(&full, DER_CONTEXT_CONS(0), &uris, NULL) && full.len == 0;
	for (size_t i = 0; ok && i < urls->n; i++)
		ok = take_uri(w, &uris, urls->text[i]);
	if (!ok || uris.len != 0)
		return lint_broken(w->why, "RFC 5280, 4.2.1.13: CRL URLs");
	return 0;
}

static bool
take_access(struct walk *w, struct span *in, int nid, const char *url)
{
	const ASN1_OBJECT *o = OBJ_nid2obj(nid);
	struct span one, oid;

	return der_take(in, DER_SEQUENCE, &one, NULL) &&
	       der_take(&one, DER_OID, &oid, NULL) &&
	       span_equal(
		   oid, (struct span){OBJ_get0_data(o), OBJ_length(o)}) &&
	       take_uri(w, &one, url) && one.len == 0;
}

/* RFC 5280, 4.2.2.1. */
static int
lint_access(struct walk *w)
{
	const struct profile *p = w->grant->profile;
	const struct cert_extension *e;
	struct span in, all;
	bool ok;

	if (p->ocsp_urls.n == 0 && p->issuer_urls.n == 0)
		return 0;
	e = seen(w, NID_info_access, false);
	if (e == NULL)
		return lint_broken(w->why, "RFC 5280, 4.2.2.1: access");
	in = e->value;
	ok = der_take(&in, DER_SEQUENCE, &all, NULL) && in.len == 0;
	for (size_t i = 0; ok && i < p->ocsp_urls.n; i++)
		ok = take_access(w, &all, NID_ad_OCSP, p->ocsp_urls.text[i]);
	for (size_t i = 0; ok && i < p->issuer_urls.n; i++)
		ok = take_access(
		    w, &all, NID_ad_ca_issuers, p->issuer_urls.text[i]);
	if (!ok || all.len != 0)
		return lint_broken(w->why, "RFC 5280, 4.2.2.1: access URLs");
	return 0;
}

static const struct cert_extension *
find_oid(const struct cert *cert, const ASN1_OBJECT *o)
{
	struct span oid = {OBJ_get0_data(o), OBJ_length(o)};

	for (size_t i = 0; i < cert->extensions; i++)
		if (span_equal(cert->extension[i].oid, oid))
			return &cert->extension[i];
	return NULL;
}

/* What the profile fixes is there as it stands in the profile. */
static int
lint_fixed(struct walk *w)
{
	const struct profile *p = w->grant->profile;

	for (int i = 0; i < sk_X509_EXTENSION_num(p->fixed); i++) {
		X509_EXTENSION *x = sk_X509_EXTENSION_value(p->fixed, i);
		const ASN1_OBJECT *oid = X509_EXTENSION_get_object(x);
		const ASN1_OCTET_STRING *v = X509_EXTENSION_get_data(x);
		const struct cert_extension *e;
		int nid = OBJ_obj2nid(oid);

		if (nid == NID_key_usage ||
		    (nid == NID_basic_constraints && p->ca))
			continue; /* judged above */
		e = find_oid(w->cert, oid);
		if (e == NULL ||
		    e->critical != (X509_EXTENSION_get_critical(x) != 0) ||
		    !span_equal(
			e->value, (struct span){ASN1_STRING_get0_data(v),
				      (size_t)ASN1_STRING_length(v)}))
			return lint_broken(
			    w->why, "RFC 5280, 4.2: the profile's extensions");
		w->seen++;
	}
	return 0;
}

int
lint_extensions(const struct cert *cert, const struct authority *authority,
    const struct grant *grant, struct fail *why)
{
	struct walk w = {cert, authority, grant, 0, why};

	if (lint_basic(&w) != 0 || lint_key_usage(&w) != 0 ||
	    lint_identifiers(&w) != 0 || lint_san(&w) != 0 ||
	    lint_crl_urls(&w) != 0 || lint_access(&w) != 0 ||
	    lint_fixed(&w) != 0)
		return -1;
	if (w.seen != cert->extensions)
		return lint_broken(
		    why, "RFC 5280, 4.2: an extension nobody granted");
	return 0;
}

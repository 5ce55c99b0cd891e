#include "lib/ca/build_ext.h"

#include <stdlib.h>
#include <string.h>

#include "lib/wire/der.h"

/* The DER of id-ad-ocsp and id-ad-caIssuers (RFC 5280, 4.2.2.1). */
static const uint8_t ad_ocsp[] = {
    0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01};
static const uint8_t ad_ca_issuers[] = {
    0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02};

void
build_url(struct bytes *out, const char *url, const char *keyid)
{
	const char *mark;

	while ((mark = strstr(url, "%k")) != NULL) {
		bytes_add(out, url, (size_t)(mark - url));
		bytes_adds(out, keyid);
		url = mark + 2;
	}
	bytes_adds(out, url);
}

/* Take `der` as the value of a new extension. */
static int
add(X509 *cert, int nid, bool critical, struct bytes *der)
{
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext = NULL;
	int ok = 0;

	if (value != NULL &&
	    ASN1_OCTET_STRING_set(value, der->data, (int)der->len))
		ext = X509_EXTENSION_create_by_NID(NULL, nid, critical, value);
	if (ext != NULL)
		ok = X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(value);
	bytes_free(der);
	return ok;
}

/* RFC 5280, 4.2.1.9: critical, cA TRUE, a path length if there is a limit. */
static int
add_basic(
    X509 *cert, const struct authority *authority, const struct grant *grant)
{
	static const uint8_t yes = 0xff;
	int64_t length = build_path_length(authority, grant);
	struct bytes inner = {0}, der = {0};
	uint8_t octet = (uint8_t)length;

	der_put(&inner, DER_BOOLEAN, (struct span){&yes, 1});
	if (length >= 0)
		der_put(&inner, DER_INTEGER, (struct span){&octet, 1});
	der_put(&der, DER_SEQUENCE, span_of(&inner));
	bytes_free(&inner);
	return add(cert, NID_basic_constraints, true, &der);
}

static int
add_fixed(
    X509 *cert, const struct authority *authority, const struct grant *grant)
{
	const struct profile *p = grant->profile;

	if (p->ca && !add_basic(cert, authority, grant))
		return 0;
	for (int i = 0; i < sk_X509_EXTENSION_num(p->fixed); i++) {
		X509_EXTENSION *ext = sk_X509_EXTENSION_value(p->fixed, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));

		if ((nid != NID_basic_constraints || !p->ca) &&
		    !X509_add_ext(cert, ext, -1))
			return 0;
	}
	return 1;
}

/* RFC 5280, 4.2.1.2: never the request's value. */
static int
add_ski(X509 *cert, const struct grant *grant)
{
	uint8_t ski[SKI_LEN];
	struct bytes der = {0};

	build_ski(ski, &grant->csr->key);
	der_put(&der, DER_OCTETS, (struct span){ski, SKI_LEN});
	return add(cert, NID_subject_key_identifier, false, &der);
}

/* RFC 5280, 4.2.1.6: critical when the subject is empty. */
static int
add_san(X509 *cert, const struct grant *grant)
{
	if (grant->san == NULL)
		return 1;
	return X509_add1_ext_i2d(cert, NID_subject_alt_name, grant->san,
		   X509_NAME_entry_count(grant->subject) == 0,
		   X509V3_ADD_DEFAULT) == 1;
}

static void
put_uri(struct bytes *out, const char *url, const char *keyid)
{
	struct bytes text = {0};

	build_url(&text, url, keyid);
	der_put(out, DER_CONTEXT(GEN_URI), span_of(&text));
	bytes_free(&text);
}

/* RFC 5280, 4.2.1.13: one point, all reasons, no cRLIssuer. */
static int
add_crl_urls(X509 *cert, const struct authority *authority,
    const struct conf_strings *urls)
{
	static const unsigned tags[] = {DER_CONTEXT_CONS(0), /* fullName */
	    DER_CONTEXT_CONS(0), /* distributionPoint */
	    DER_SEQUENCE, DER_SEQUENCE};
	struct bytes der = {0};

	if (urls->n == 0)
		return 1;
	for (size_t i = 0; i < urls->n; i++)
		put_uri(&der, urls->text[i], authority->keyid);
	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++) {
		struct bytes outer = {0};

		der_put(&outer, tags[i], span_of(&der));
		bytes_free(&der);
		der = outer;
	}
	return add(cert, NID_crl_distribution_points, false, &der);
}

static void
put_access(
    struct bytes *out, struct span method, const char *url, const char *keyid)
{
	struct bytes one = {0};

	bytes_add(&one, method.data, method.len);
	put_uri(&one, url, keyid);
	der_put(out, DER_SEQUENCE, span_of(&one));
	bytes_free(&one);
}

/* RFC 5280, 4.2.2.1. */
static int
add_access(
    X509 *cert, const struct authority *authority, const struct profile *p)
{
	struct bytes all = {0}, der = {0};

	if (p->ocsp_urls.n == 0 && p->issuer_urls.n == 0)
		return 1;
	for (size_t i = 0; i < p->ocsp_urls.n; i++)
		put_access(&all, (struct span){ad_ocsp, sizeof(ad_ocsp)},
		    p->ocsp_urls.text[i], authority->keyid);
	for (size_t i = 0; i < p->issuer_urls.n; i++)
		put_access(&all,
		    (struct span){ad_ca_issuers, sizeof(ad_ca_issuers)},
		    p->issuer_urls.text[i], authority->keyid);
	der_put(&der, DER_SEQUENCE, span_of(&all));
	bytes_free(&all);
	return add(cert, NID_info_access, false, &der);
}

int
build_extensions(X509 *cert, const struct authority *authority,
    const struct grant *grant, struct fail *why)
{
	const struct profile *p = grant->profile;

	if (add_fixed(cert, authority, grant) && add_ski(cert, grant) &&
	    X509_add_ext(cert, authority->aki, -1) && add_san(cert, grant) &&
	    add_crl_urls(cert, authority, &p->crl_urls) &&
	    add_access(cert, authority, p))
		return 0;
	fail(why, FAIL_BROKEN, "build", "cannot build an extension");
	return fail_openssl(why, "X509_EXTENSION");
}

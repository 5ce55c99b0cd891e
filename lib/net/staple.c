#include "lib/net/staple.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#define SKEW 300         /* s that clocks may differ */
#define STATUS_REQUEST 5 /* RFC 7633, 4: the extension's number in TLS */

/* RFC 7633: does the certificate say that a response comes with it? */
static bool
is_promised(X509 *leaf)
{
	TLS_FEATURE *features =
	    X509_get_ext_d2i(leaf, NID_tlsfeature, NULL, NULL);
	bool found = false;

	for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
		found = found || ASN1_INTEGER_get(sk_ASN1_INTEGER_value(
				     features, i)) == STATUS_REQUEST;
	sk_ASN1_INTEGER_pop_free(features, ASN1_INTEGER_free);
	return found;
}

/* The response, by a responder that may speak; or NULL. */
static OCSP_BASICRESP *
believed(const unsigned char *der, long len, STACK_OF(X509) * chain,
    X509_STORE *store)
{
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &der, len);
	OCSP_BASICRESP *basic = NULL;

	if (response != NULL &&
	    OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
		basic = OCSP_response_get1_basic(response);
	OCSP_RESPONSE_free(response);
	if (basic != NULL &&
	    OCSP_basic_verify(basic, chain, store, OCSP_PARTIAL_CHAIN) != 1) {
		OCSP_BASICRESP_free(basic);
		basic = NULL;
	}
	return basic;
}

/* Is it about this certificate?  The responder chose the hash. */
static bool
is_about(OCSP_SINGLERESP *single, X509 *leaf, X509 *issuer)
{
	OCSP_CERTID *said =
	    (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(single);
	ASN1_OBJECT *hash = NULL;
	const EVP_MD *md;
	OCSP_CERTID *ours = NULL;
	bool same;

	(void)OCSP_id_get0_info(NULL, &hash, NULL, NULL, said);
	md = EVP_get_digestbyobj(hash);
	if (md != NULL)
		ours = OCSP_cert_to_id(md, leaf, issuer);
	same = ours != NULL && OCSP_id_cmp(ours, said) == 0;
	OCSP_CERTID_free(ours);
	return same;
}

/* V_OCSP_CERTSTATUS_…; unknown when nothing in it is about the certificate, or
 * "good" is of other days. */
static int
status_of(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer)
{
	int found = V_OCSP_CERTSTATUS_UNKNOWN;

	for (int i = 0; i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
		ASN1_GENERALIZEDTIME *from = NULL, *to = NULL;
		int status =
		    OCSP_single_get0_status(single, NULL, NULL, &from, &to);

		if (!is_about(single, leaf, issuer))
			continue;
		if (status == V_OCSP_CERTSTATUS_REVOKED)
			return status;
		if (status == V_OCSP_CERTSTATUS_GOOD &&
		    OCSP_check_validity(from, to, SKEW, -1) == 1)
			found = status;
	}
	return found;
}

int
staple_check(const unsigned char *der, long len, STACK_OF(X509) * chain,
    X509_STORE *store, struct fail *why)
{
	X509 *leaf = sk_X509_value(chain, 0), *issuer = sk_X509_value(chain, 1);
	OCSP_BASICRESP *basic = der != NULL && issuer != NULL
	                            ? believed(der, len, chain, store)
	                            : NULL;
	int status = basic != NULL ? status_of(basic, leaf, issuer)
	                           : V_OCSP_CERTSTATUS_UNKNOWN;

	OCSP_BASICRESP_free(basic);
	ERR_clear_error();
	if (status == V_OCSP_CERTSTATUS_REVOKED)
		return fail(why, FAIL_DENIED, "up-tls",
		    "RFC 6960, 2.2: the server's certificate is revoked");
	if (status != V_OCSP_CERTSTATUS_GOOD && is_promised(leaf))
		return fail(why, FAIL_DENIED, "up-tls",
		    "RFC 7633, 4.2.3: the server's certificate promises an "
		    "OCSP response that says it is good, and none came");
	return 0;
}

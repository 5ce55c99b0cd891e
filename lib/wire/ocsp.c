#include "lib/wire/ocsp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/base/when.h"
#include "lib/wire/der.h"

#define SERIAL_MOST 20 /* octets: RFC 5280, 4.1.2.2 */
#define DEEPEST 24     /* names in a request hold a few levels */

/* ---- request -------------------------------------------------------------- */

static int
malformed(struct fail *why, const char *rule)
{
	return fail(why, FAIL_MALFORMED, "ocsp", "RFC 6960, 4.1.1: %s", rule);
}

/* RFC 6960, 4.1.1: version v1, which is the default and so not written. */
static int
frame_ok(struct span der, struct fail *why)
{
	struct span in = der, request, tbs, whole;

	if (der.len > OCSP_REQUEST_MOST)
		return malformed(why, "the request is too long");
	if (!der_take(&in, DER_SEQUENCE, &request, &whole) || in.len != 0 ||
	    !der_deep_ok(whole, DEEPEST) ||
	    !der_take(&request, DER_SEQUENCE, &tbs, NULL))
		return malformed(why, "an OCSPRequest in DER");
	if (der_peek(tbs, DER_CONTEXT_CONS(0)))
		return malformed(why, "version 1");
	return 0;
}

/* What is read is what was sent, or it was not DER. */
static int
decode(OCSP_REQUEST **request, struct span der, struct fail *why)
{
	const unsigned char *p = der.data;
	OCSP_REQUEST *r = d2i_OCSP_REQUEST(NULL, &p, (long)der.len);
	unsigned char *again = NULL;
	int len = r == NULL ? -1 : i2d_OCSP_REQUEST(r, &again);
	bool same =
	    len >= 0 && span_equal(der, (struct span){again, (size_t)len});

	OPENSSL_free(again);
	ERR_clear_error();
	if (same) {
		*request = r;
		return 0;
	}
	OCSP_REQUEST_free(r);
	return malformed(why, "an OCSPRequest in DER");
}

/* RFC 9654, 2.1: an OCTET STRING of 1 to 128 octets. */
static int
nonce_ok(X509_EXTENSION *ext, struct fail *why)
{
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(ext);
	struct span in = {
	    ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)};
	struct span nonce;

	if (der_take(&in, DER_OCTETS, &nonce, NULL) && in.len == 0 &&
	    nonce.len >= 1 && nonce.len <= OCSP_NONCE_MOST)
		return 0;
	return fail(why, FAIL_MALFORMED, "ocsp-nonce",
	    "RFC 9654, 2.1: a nonce has 1 to %d octets", OCSP_NONCE_MOST);
}

/* RFC 6960, 4.4: what is critical has to be understood. */
static int
extensions_ok(struct ocsp *ocsp, struct fail *why)
{
	OCSP_REQUEST *r = ocsp->request;

	for (int i = 0; i < OCSP_REQUEST_get_ext_count(r); i++) {
		X509_EXTENSION *ext = OCSP_REQUEST_get_ext(r, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));

		if (nid == NID_id_pkix_OCSP_Nonce) {
			if (ocsp->nonce)
				return malformed(why, "a nonce only once");
			if (nonce_ok(ext, why) != 0)
				return -1;
			ocsp->nonce = true;
		} else if (X509_EXTENSION_get_critical(ext)) {
			return malformed(why, "a critical extension");
		}
	}
	return 0;
}

static int
asked_read(struct ocsp *ocsp, struct fail *why)
{
	int n = OCSP_request_onereq_count(ocsp->request);

	if (n < 1)
		return malformed(why, "a certificate is asked for");
	if (n > OCSP_ASKED_MOST)
		return fail(why, FAIL_DENIED, "ocsp-many",
		    "at most %d certificates in a request", OCSP_ASKED_MOST);
	for (int i = 0; i < n; i++) {
		OCSP_ONEREQ *one = OCSP_request_onereq_get0(ocsp->request, i);

		if (OCSP_ONEREQ_get_ext_by_critical(one, 1, -1) >= 0)
			return malformed(why, "a critical extension");
		ocsp->asked[i] = OCSP_onereq_get0_id(one);
	}
	ocsp->n = (size_t)n;
	return 0;
}

int
ocsp_read(struct ocsp **ocsp, struct span der, struct fail *why)
{
	struct ocsp *made;

	*ocsp = NULL;
	if (frame_ok(der, why) != 0)
		return -1;
	made = mem_new(sizeof(*made));
	if (decode(&made->request, der, why) == 0 &&
	    extensions_ok(made, why) == 0 && asked_read(made, why) == 0) {
		*ocsp = made;
		return 0;
	}
	ocsp_free(made);
	return -1;
}

void
ocsp_free(struct ocsp *ocsp)
{
	if (ocsp == NULL)
		return;
	OCSP_REQUEST_free(ocsp->request);
	free(ocsp);
}

/* ---- who is asked for ----------------------------------------------------- */

static const EVP_MD *
hash_of(OCSP_CERTID *asked)
{
	ASN1_OBJECT *hash = NULL;

	if (OCSP_id_get0_info(NULL, &hash, NULL, NULL, asked) != 1)
		return NULL;
	switch (OBJ_obj2nid(hash)) {
	case NID_sha1:
		return EVP_sha1();
	case NID_sha256:
		return EVP_sha256();
	default:
		return NULL;
	}
}

bool
ocsp_is_of(OCSP_CERTID *asked, const X509 *issuer)
{
	const EVP_MD *hash = hash_of(asked);
	OCSP_CERTID *its;
	bool same;

	if (hash == NULL)
		return false;
	its = OCSP_cert_id_new(hash, X509_get_subject_name(issuer),
	    X509_get0_pubkey_bitstr(issuer), NULL);
	same = its != NULL && OCSP_id_issuer_cmp(asked, its) == 0;
	OCSP_CERTID_free(its);
	return same;
}

char *
ocsp_serial(OCSP_CERTID *asked)
{
	ASN1_INTEGER *serial = NULL;
	struct span octets;
	char *text;

	if (OCSP_id_get0_info(NULL, NULL, NULL, &serial, asked) != 1)
		return NULL;
	/* RFC 5280, 4.1.2.2: positive, at most 20 octets. */
	octets = (struct span){
	    ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)};
	if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || octets.len == 0 ||
	    octets.len > SERIAL_MOST ||
	    (octets.len == SERIAL_MOST && (octets.data[0] & 0x80) != 0))
		return NULL;
	text = mem_new(2 * octets.len + 1);
	hex_write(text, octets, true);
	return text;
}

/* ---- answer --------------------------------------------------------------- */

static int
broken(struct fail *why, const char *what)
{
	fail(why, FAIL_BROKEN, "sign", "the answer cannot be made");
	return fail_openssl(why, "%s", what);
}

/* Without time_t, which ends in 2038 where it has 32 bits.  NULL: no memory. */
static ASN1_GENERALIZEDTIME *
general_time(int64_t when)
{
	ASN1_GENERALIZEDTIME *time = ASN1_GENERALIZEDTIME_new();
	struct when_parts p;
	char text[64];

	when_split(&p, when);
	(void)snprintf(text, sizeof(text), "%04d%02d%02d%02d%02d%02dZ", p.year,
	    p.month, p.day, p.hour, p.minute, p.second);
	if (time != NULL && ASN1_GENERALIZEDTIME_set_string(time, text) == 1)
		return time;
	ASN1_GENERALIZEDTIME_free(time);
	return NULL;
}

/* RFC 6960, 4.4.4. */
static int
archive_add(OCSP_SINGLERESP *one, int64_t since, struct fail *why)
{
	ASN1_GENERALIZEDTIME *time = general_time(since);
	int rc = 0;

	if (time == NULL ||
	    OCSP_SINGLERESP_add1_ext_i2d(
		one, NID_id_pkix_OCSP_archiveCutoff, time, 0, 0) != 1)
		rc = broken(why, "archiveCutoff");
	ASN1_GENERALIZEDTIME_free(time);
	return rc;
}

static int
status_add(OCSP_BASICRESP *basic, const struct ocsp_status *s,
    ASN1_TIME *const times[2], struct fail *why)
{
	/* OpenSSL's "no reason" is -1; RFC 5280, 5.3.1: 0 is left out. */
	int reason = s->reason > 0 ? s->reason : -1;
	ASN1_TIME *revoked = NULL;
	OCSP_SINGLERESP *one;
	int rc = 0;

	if (s->status == V_OCSP_CERTSTATUS_REVOKED)
		revoked = general_time(s->revoked);
	one = OCSP_basic_add1_status(
	    basic, s->asked, s->status, reason, revoked, times[0], times[1]);
	if (one == NULL)
		rc = broken(why, "OCSP_basic_add1_status");
	else if (s->archive != 0)
		rc = archive_add(one, s->archive, why);
	ASN1_TIME_free(revoked);
	return rc;
}

static int
statuses_add(
    OCSP_BASICRESP *basic, const struct ocsp_answer *answer, struct fail *why)
{
	ASN1_TIME *times[2] = {general_time(answer->this_update),
	    general_time(answer->next_update)};
	int rc = times[0] == NULL || times[1] == NULL
	             ? broken(why, "GeneralizedTime")
	             : 0;

	for (size_t i = 0; i < answer->n && rc == 0; i++)
		rc = status_add(basic, &answer->status[i], times, why);
	ASN1_TIME_free(times[0]);
	ASN1_TIME_free(times[1]);
	return rc;
}

/* RFC 6960, 4.2.1: the certificate goes along, the responder is named by its
 * key.  What does not verify is not given away. */
static int
answer_sign(
    OCSP_BASICRESP *basic, const struct ocsp_answer *answer, struct fail *why)
{
	if (OCSP_basic_sign(basic, answer->responder, answer->key, EVP_sha256(),
		NULL, OCSP_RESPID_KEY) != 1)
		return broken(why, "OCSP_basic_sign");
	if (OCSP_basic_verify(
		basic, NULL, NULL, OCSP_NOVERIFY | OCSP_NOCHECKS) == 1)
		return 0;
	fail(why, FAIL_BROKEN, "sign-check",
	    "the answer's signature does not verify");
	return fail_openssl(why, "OCSP_basic_verify");
}

int
ocsp_write(
    struct bytes *out, const struct ocsp_answer *answer, struct fail *why)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_RESPONSE *response = NULL;
	unsigned char *der = NULL;
	int len = -1, rc = -1;

	if (basic == NULL) {
		broken(why, "OCSP_BASICRESP_new");
		goto out;
	}
	if (statuses_add(basic, answer, why) != 0)
		goto out;
	if (answer->nonce != NULL &&
	    OCSP_copy_nonce(basic, answer->nonce->request) != 1) {
		broken(why, "OCSP_copy_nonce");
		goto out;
	}
	if (answer_sign(basic, answer, why) != 0)
		goto out;
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	if (response != NULL)
		len = i2d_OCSP_RESPONSE(response, &der);
	if (len <= 0) {
		broken(why, "OCSP_response_create");
		goto out;
	}
	bytes_add(out, der, (size_t)len);
	rc = 0;
out:
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	return rc;
}

static int
error_of(enum fail_kind kind)
{
	switch (kind) {
	case FAIL_MALFORMED:
	case FAIL_SIZE:
		return OCSP_RESPONSE_STATUS_MALFORMEDREQUEST;
	case FAIL_BUSY:
	case FAIL_LIMIT:
		return OCSP_RESPONSE_STATUS_TRYLATER;
	case FAIL_DENIED:
	case FAIL_ABSENT:
		return OCSP_RESPONSE_STATUS_UNAUTHORIZED;
	default:
		return OCSP_RESPONSE_STATUS_INTERNALERROR;
	}
}

void
ocsp_write_error(struct bytes *out, const struct fail *why)
{
	const uint8_t der[] = {0x30, 3, 0x0a, 1, (uint8_t)error_of(why->kind)};

	bytes_add(out, der, sizeof(der));
}

/* Certificate status: what OpenSSL asks is read strictly, what is answered
 * OpenSSL verifies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/wire/ocsp.h"
#include "tests/unit/madecert.h"

#include <cmocka.h>

#define NOW 1790000000

static X509 *issuer, *stranger, *responder;
static EVP_PKEY *key;

static X509 *
made(const char *cn)
{
	struct made m = {.cn = cn, .serial = 7};
	struct bytes der = made_cert(&m);
	struct fail why = {0};
	X509 *x509;

	assert_int_equal(cert_x509(&x509, span_of(&der), &why), 0);
	bytes_free(&der);
	return x509;
}

static int
setup(void **state)
{
	(void)state;
	issuer = made("Issuer");
	stranger = made("Stranger");
	responder = made("Responder");
	key = EVP_EC_gen("P-256");
	assert_int_equal(X509_set_pubkey(responder, key), 1);
	assert_true(X509_sign(responder, key, EVP_sha256()) > 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	X509_free(issuer);
	X509_free(stranger);
	X509_free(responder);
	EVP_PKEY_free(key);
	return 0;
}

static OCSP_CERTID *
id_of(const EVP_MD *hash, const X509 *of, const char *serial)
{
	BIGNUM *n = NULL;
	ASN1_INTEGER *integer;
	OCSP_CERTID *id;

	assert_true(BN_hex2bn(&n, serial) > 0);
	integer = BN_to_ASN1_INTEGER(n, NULL);
	id = OCSP_cert_id_new(hash, X509_get_subject_name(of),
	    X509_get0_pubkey_bitstr(of), integer);
	assert_non_null(id);
	ASN1_INTEGER_free(integer);
	BN_free(n);
	return id;
}

static OCSP_REQUEST *
asking(int n)
{
	OCSP_REQUEST *r = OCSP_REQUEST_new();

	for (int i = 0; i < n; i++)
		assert_non_null(
		    OCSP_request_add0_id(r, id_of(EVP_sha1(), issuer, "1A2B")));
	return r;
}

/* Ends the request. */
static struct bytes
der_of(OCSP_REQUEST *r)
{
	unsigned char *der = NULL;
	struct bytes out = {0};
	int len = i2d_OCSP_REQUEST(r, &der);

	assert_true(len > 0);
	bytes_add(&out, der, (size_t)len);
	OPENSSL_free(der);
	OCSP_REQUEST_free(r);
	return out;
}

static void
extend(OCSP_REQUEST *r, const char *oid, bool critical, struct span value)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	X509_EXTENSION *ext;

	ASN1_OCTET_STRING_set(octets, value.data, (int)value.len);
	ext = X509_EXTENSION_create_by_OBJ(NULL, object, critical, octets);
	assert_int_equal(OCSP_REQUEST_add_ext(r, ext, -1), 1);
	X509_EXTENSION_free(ext);
	ASN1_OCTET_STRING_free(octets);
	ASN1_OBJECT_free(object);
}

static void
nonce_add(OCSP_REQUEST *r, size_t len)
{
	uint8_t octets[200];
	struct bytes value = {0};

	memset(octets, 0xa5, sizeof(octets));
	bytes_addc(&value, 4);
	if (len > 127)
		bytes_addc(&value, (char)0x81);
	bytes_addc(&value, (char)len);
	bytes_add(&value, octets, len);
	extend(r, "1.3.6.1.5.5.7.48.1.2", false, span_of(&value));
	bytes_free(&value);
}

/* NULL: it is taken.  Ends the request. */
static void
taken(struct bytes *der, const char *reason)
{
	struct ocsp *ocsp;
	struct fail why = {0};

	if (ocsp_read(&ocsp, span_of(der), &why) != 0) {
		assert_null(ocsp);
		assert_non_null(reason);
		assert_string_equal(why.reason, reason);
	} else {
		assert_null(reason);
		ocsp_free(ocsp);
	}
	assert_int_equal(ERR_peek_error(), 0);
	bytes_free(der);
}

static void
a_nonce_has_1_to_128_octets(void **state)
{
	static const struct {
		size_t len;
		const char *reason;
	} cases[] = {{0, "ocsp-nonce"}, {1, NULL}, {16, NULL}, {32, NULL},
	    {128, NULL}, {129, "ocsp-nonce"}, {160, "ocsp-nonce"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		OCSP_REQUEST *r = asking(1);
		struct bytes der;

		nonce_add(r, cases[i].len);
		der = der_of(r);
		taken(&der, cases[i].reason);
	}
}

static void
a_nonce_comes_once_and_is_an_octet_string(void **state)
{
	static const struct span bare = {(const uint8_t *)"abcdefgh", 8};
	OCSP_REQUEST *r = asking(1);
	struct bytes der;

	(void)state;
	nonce_add(r, 16);
	nonce_add(r, 16);
	der = der_of(r);
	taken(&der, "ocsp");
	r = asking(1);
	extend(r, "1.3.6.1.5.5.7.48.1.2", false, bare);
	der = der_of(r);
	taken(&der, "ocsp-nonce");
}

static void
a_request_asks_for_1_to_16(void **state)
{
	static const struct {
		int n;
		const char *reason;
	} cases[] = {
	    {0, "ocsp"}, {1, NULL}, {2, NULL}, {16, NULL}, {17, "ocsp-many"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes der = der_of(asking(cases[i].n));

		taken(&der, cases[i].reason);
	}
}

static void
what_is_critical_is_refused_the_rest_is_passed_over(void **state)
{
	static const struct span null = {(const uint8_t *)"\x05\x00", 2};
	OCSP_REQUEST *r = asking(1);
	struct bytes der;

	(void)state;
	extend(r, "1.2.3.4", false, null);
	der = der_of(r);
	taken(&der, NULL);
	r = asking(1);
	extend(r, "1.2.3.4", true, null);
	der = der_of(r);
	taken(&der, "ocsp");
}

static void
only_der_is_read(void **state)
{
	struct bytes good = der_of(asking(1));
	struct bytes der = {0};

	(void)state;
	for (size_t cut = 0; cut < good.len; cut++) {
		bytes_add(&der, good.data, cut);
		taken(&der, "ocsp");
	}
	bytes_add(&der, good.data, good.len);
	bytes_addc(&der, 0);
	taken(&der, "ocsp");
	/* the outer length in two octets, where one would do */
	bytes_add(&der, "\x30\x81", 2);
	bytes_add(&der, good.data + 1, good.len - 1);
	taken(&der, "ocsp");
	/* version 1 written out: DER leaves a default away */
	assert_true(good.data[0] == 0x30 && good.data[2] == 0x30);
	bytes_addc(&der, 0x30);
	bytes_addc(&der, (char)(good.data[1] + 5));
	bytes_addc(&der, 0x30);
	bytes_addc(&der, (char)(good.data[3] + 5));
	bytes_add(&der, "\xa0\x03\x02\x01\x00", 5);
	bytes_add(&der, good.data + 4, good.len - 4);
	taken(&der, "ocsp");
	for (int i = 0; i <= OCSP_REQUEST_MOST; i++)
		bytes_addc(&der, 0x30);
	taken(&der, "ocsp");
	bytes_free(&good);
}

static void
an_issuer_is_its_name_and_its_key(void **state)
{
	const struct {
		const EVP_MD *hash;
		bool known;
	} cases[] = {{EVP_sha1(), true}, {EVP_sha256(), true},
	    {EVP_sha384(), false}, {EVP_sha512(), false}};
	X509 *other = X509_dup(issuer); /* the name, another key */

	(void)state;
	assert_int_equal(X509_set_pubkey(other, key), 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		OCSP_CERTID *id = id_of(cases[i].hash, issuer, "01");

		assert_int_equal(ocsp_is_of(id, issuer), cases[i].known);
		assert_false(ocsp_is_of(id, stranger));
		assert_false(ocsp_is_of(id, other));
		OCSP_CERTID_free(id);
	}
	X509_free(other);
}

static void
serials_are_as_the_store_has_them(void **state)
{
	static const struct {
		const char *asked, *serial;
	} cases[] = {{"01", "01"}, {"1a2b", "1A2B"}, {"8f", "8F"},
	    {"7fffffffffffffffffffffffffffffffffffffff",
		"7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"},
	    {"80ffffffffffffffffffffffffffffffffffffff", NULL},
	    {"01ffffffffffffffffffffffffffffffffffffffff", NULL}, {"-5", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		OCSP_CERTID *id = id_of(EVP_sha1(), issuer, cases[i].asked);
		char *serial = ocsp_serial(id);

		if (cases[i].serial == NULL)
			assert_null(serial);
		else
			assert_string_equal(serial, cases[i].serial);
		free(serial);
		OCSP_CERTID_free(id);
	}
}

static OCSP_BASICRESP *
opened(const struct bytes *der)
{
	const unsigned char *p = der->data;
	OCSP_RESPONSE *r = d2i_OCSP_RESPONSE(NULL, &p, (long)der->len);
	OCSP_BASICRESP *basic;

	assert_non_null(r);
	assert_ptr_equal(p, der->data + der->len);
	assert_int_equal(OCSP_response_status(r), 0);
	basic = OCSP_response_get1_basic(r);
	assert_non_null(basic);
	OCSP_RESPONSE_free(r);
	return basic;
}

static void
status_is(OCSP_BASICRESP *basic, const struct ocsp_status *s)
{
	ASN1_GENERALIZEDTIME *revoked = NULL, *from, *to;
	int status, reason = 0;

	assert_int_equal(OCSP_resp_find_status(basic, s->asked, &status,
			     &reason, &revoked, &from, &to),
	    1);
	assert_int_equal(status, s->status);
	assert_int_equal(cert_time_of(from), NOW);
	assert_int_equal(cert_time_of(to), NOW + 86400);
	if (status != V_OCSP_CERTSTATUS_REVOKED)
		return;
	assert_int_equal(cert_time_of(revoked), s->revoked);
	assert_int_equal(reason, s->reason > 0 ? s->reason : -1);
}

static void
an_answer_says_what_is_asked(void **state)
{
	struct ocsp_status s[] = {
	    {id_of(EVP_sha1(), issuer, "01"), V_OCSP_CERTSTATUS_GOOD, 0, 0, 0},
	    {id_of(EVP_sha256(), issuer, "02"), V_OCSP_CERTSTATUS_REVOKED,
		NOW - 5, 1, 0},
	    {id_of(EVP_sha1(), issuer, "03"), V_OCSP_CERTSTATUS_REVOKED,
		NOW - 6, 0, NOW - 9},
	    {id_of(EVP_sha1(), stranger, "01"), V_OCSP_CERTSTATUS_UNKNOWN, 0, 0,
		0}};
	struct ocsp_answer answer = {.status = s,
	    .n = 4,
	    .this_update = NOW,
	    .next_update = NOW + 86400,
	    .responder = responder,
	    .key = key};
	struct bytes der = {0};
	struct fail why = {0};
	const ASN1_OCTET_STRING *by_key = NULL;
	const X509_NAME *by_name = NULL;
	OCSP_BASICRESP *basic;

	(void)state;
	assert_int_equal(ocsp_write(&der, &answer, &why), 0);
	basic = opened(&der);
	for (size_t i = 0; i < 4; i++)
		status_is(basic, &s[i]);
	assert_int_equal(OCSP_resp_count(basic), 4);
	assert_int_equal(OCSP_resp_get0_id(basic, &by_key, &by_name), 1);
	assert_non_null(by_key);
	assert_int_equal(
	    OCSP_basic_verify(basic, NULL, NULL, OCSP_NOVERIFY), 1);
	assert_int_equal(OCSP_BASICRESP_get_ext_count(basic), 0);
	OCSP_BASICRESP_free(basic);
	bytes_free(&der);
	for (size_t i = 0; i < 4; i++)
		OCSP_CERTID_free(s[i].asked);
}

/* GeneralizedTime throughout, RFC 6960, 4.2.1; beyond what 32 bits hold. */
static void
times_go_on_after_2038(void **state)
{
	const int64_t from = INT64_C(0x80000000) + 5, to = 2840140800;
	struct ocsp_status s = {id_of(EVP_sha1(), issuer, "02"),
	    V_OCSP_CERTSTATUS_REVOKED, from - 1, 1, from - 2};
	struct ocsp_answer answer = {.status = &s,
	    .n = 1,
	    .this_update = from,
	    .next_update = to,
	    .responder = responder,
	    .key = key};
	ASN1_GENERALIZEDTIME *revoked, *first, *last;
	struct bytes der = {0};
	struct fail why = {0};
	OCSP_BASICRESP *basic;

	(void)state;
	assert_int_equal(ocsp_write(&der, &answer, &why), 0);
	basic = opened(&der);
	assert_int_equal(OCSP_resp_find_status(basic, s.asked, NULL, NULL,
			     &revoked, &first, &last),
	    1);
	assert_int_equal(cert_time_of(revoked), from - 1);
	assert_int_equal(cert_time_of(first), from);
	assert_int_equal(cert_time_of(last), to);
	assert_string_equal(
	    (const char *)ASN1_STRING_get0_data(last), "20600101000000Z");
	OCSP_BASICRESP_free(basic);
	bytes_free(&der);
	OCSP_CERTID_free(s.asked);
}

static void
a_nonce_comes_back(void **state)
{
	OCSP_REQUEST *r = asking(1);
	struct bytes in, out = {0};
	struct fail why = {0};
	struct ocsp *ocsp;
	OCSP_BASICRESP *basic;

	(void)state;
	nonce_add(r, 128);
	in = der_of(r);
	assert_int_equal(ocsp_read(&ocsp, span_of(&in), &why), 0);
	assert_true(ocsp->nonce);
	struct ocsp_status s = {
	    ocsp->asked[0], V_OCSP_CERTSTATUS_GOOD, 0, 0, 0};
	struct ocsp_answer answer = {
	    &s, 1, NOW, NOW + 86400, ocsp, responder, key};
	assert_int_equal(ocsp_write(&out, &answer, &why), 0);
	basic = opened(&out);
	assert_int_equal(OCSP_check_nonce(ocsp->request, basic), 1);
	OCSP_BASICRESP_free(basic);
	ocsp_free(ocsp);
	bytes_free(&in);
	bytes_free(&out);
}

static void
a_key_of_another_certificate_does_not_sign(void **state)
{
	struct ocsp_status s = {
	    id_of(EVP_sha1(), issuer, "01"), V_OCSP_CERTSTATUS_GOOD, 0, 0, 0};
	struct ocsp_answer answer = {
	    &s, 1, NOW, NOW + 86400, NULL, stranger, key};
	struct bytes out = {0};
	struct fail why = {0};

	(void)state;
	assert_int_equal(ocsp_write(&out, &answer, &why), -1);
	assert_string_equal(why.reason, "sign");
	assert_int_equal(out.len, 0);
	assert_int_equal(ERR_peek_error(), 0);
	OCSP_CERTID_free(s.asked);
}

static void
an_error_has_a_status_and_no_signature(void **state)
{
	static const struct {
		enum fail_kind kind;
		int status;
	} cases[] = {{FAIL_MALFORMED, 1}, {FAIL_SIZE, 1}, {FAIL_BROKEN, 2},
	    {FAIL_CONFIG, 2}, {FAIL_BUSY, 3}, {FAIL_LIMIT, 3}, {FAIL_DENIED, 6},
	    {FAIL_ABSENT, 6}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fail why = {.kind = cases[i].kind};
		struct bytes der = {0};
		const unsigned char *p;
		OCSP_RESPONSE *r;

		ocsp_write_error(&der, &why);
		p = der.data;
		r = d2i_OCSP_RESPONSE(NULL, &p, (long)der.len);
		assert_non_null(r);
		assert_ptr_equal(p, der.data + der.len);
		assert_int_equal(OCSP_response_status(r), cases[i].status);
		assert_null(OCSP_response_get1_basic(r));
		ERR_clear_error();
		OCSP_RESPONSE_free(r);
		bytes_free(&der);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_nonce_has_1_to_128_octets),
	    cmocka_unit_test(a_nonce_comes_once_and_is_an_octet_string),
	    cmocka_unit_test(a_request_asks_for_1_to_16),
	    cmocka_unit_test(
		what_is_critical_is_refused_the_rest_is_passed_over),
	    cmocka_unit_test(only_der_is_read),
	    cmocka_unit_test(an_issuer_is_its_name_and_its_key),
	    cmocka_unit_test(serials_are_as_the_store_has_them),
	    cmocka_unit_test(an_answer_says_what_is_asked),
	    cmocka_unit_test(times_go_on_after_2038),
	    cmocka_unit_test(a_nonce_comes_back),
	    cmocka_unit_test(a_key_of_another_certificate_does_not_sign),
	    cmocka_unit_test(an_error_has_a_status_and_no_signature),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

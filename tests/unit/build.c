/* build: a grant made into a certificate, and nothing but the grant. */
#include "tests/unit/pki.h"

#include "lib/ca/build.h"
#include "lib/ca/lint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static const uint8_t serial[SERIAL_LEN] = {0, 0x81, 3};

/* Built, signed, and found good by lint. */
static X509 *
built(const struct granted *g, int64_t now)
{
	struct fail why = {0};
	struct cert *cert;
	X509 *x509 = NULL;

	if (build_cert(&x509, g->authority, g->grant, serial, now, &why) != 0)
		print_error("%s\n", why.text);
	assert_non_null(x509);
	cert = pki_signed(x509);
	if (lint_cert(cert, g->authority, g->grant, now, &why) != 0)
		print_error("%s\n", why.text);
	assert_int_equal(why.kind, FAIL_NONE);
	X509_free(x509);
	assert_int_equal(cert_x509(&x509, span_of(&cert->der), &why), 0);
	cert_free(cert);
	assert_int_equal(X509_verify(x509, pki.ca_key), 1);
	return x509;
}

/* `issuer` NULL: the usual one. */
static X509 *
issued(X509 *issuer, const char *endpoint, const struct wish *w, EVP_PKEY *key)
{
	struct granted g =
	    pki_granted(issuer != NULL ? issuer : pki.ca, endpoint, w, key);
	X509 *x509 = built(&g, when_now());

	pki_granted_free(&g);
	return x509;
}

static void
has_text(X509 *x509, const char *text, bool wanted)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;

	assert_int_equal(X509_print(bio, x509), 1);
	(void)BIO_write(bio, "", 1);
	(void)BIO_get_mem_data(bio, &data);
	if ((strstr(data, text) != NULL) != wanted)
		print_error("%s %s\n%s\n", wanted ? "no" : "has", text, data);
	assert_int_equal(strstr(data, text) != NULL, wanted);
	BIO_free(bio);
}

static void
serials_are_positive_dated_and_random(void **state)
{
	uint8_t a[SERIAL_LEN], b[SERIAL_LEN];
	struct fail why = {0};

	(void)state;
	assert_int_equal(build_serial(a, 0x60000000, &why), 0);
	assert_int_equal(build_serial(b, 0x60000000, &why), 0);
	assert_memory_equal(a, "\x30\0\0\0", 4);
	assert_memory_equal(b, "\x30\0\0\0", 4);
	assert_memory_not_equal(a + 4, b + 4, SERIAL_LEN - 4);
	assert_int_equal(build_serial(a, WHEN_FOREVER, &why), 0);
	assert_true(a[0] < 0x80);
}

static void
a_device_certificate_holds_what_the_profile_says(void **state)
{
	struct wish w = {.subject = "CN=dev1", .san = "DNS:dev1.example"};
	X509 *x = issued(NULL, "device", &w, pki.device_key);

	(void)state;
	assert_int_equal(X509_get_version(x), 2);
	assert_int_equal(X509_check_ca(x), 0);
	assert_int_equal(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_extended_key_usage(x), XKU_SSL_CLIENT);
	assert_int_equal(X509_check_issued(pki.ca, x), X509_V_OK);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x), pki.device_key), 1);
	has_text(x, "Subject: CN=dev1, O=Example", true);
	has_text(x, "DNS:dev1.example", true);
	has_text(x, "X509v3 Key Usage: critical", true);
	has_text(x, "URI:http://ca.example/crl/", true);
	has_text(x, "%k", false);
	has_text(x, "OCSP - URI:http://ca.example/ocsp", true);
	has_text(x, "CA Issuers - URI:http://ca.example/ca/", true);
	X509_free(x);
}

/* RFC 5280, 4.2.1.2 (1): as OpenSSL's "hash" makes it. */
static void
the_key_identifier_is_sha1_of_the_key(void **state)
{
	struct wish w = {.subject = "CN=dev1"};
	X509 *x = issued(NULL, "device", &w, pki.device_key);
	X509 *y = pki_ca("CN=y", pki.device_key, NULL, NULL);

	(void)state;
	assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_subject_key_id(x),
			     X509_get0_subject_key_id(y)),
	    0);
	assert_int_equal(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(x),
			     X509_get0_subject_key_id(pki.ca)),
	    0);
	X509_free(x);
	X509_free(y);
}

static void
every_type_of_key_goes_over(void **state)
{
	struct wish w = {.subject = "CN=dev1"};
	EVP_PKEY *rsa = EVP_RSA_gen(2048);
	X509 *x = issued(NULL, "device", &w, rsa);

	(void)state;
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x), rsa), 1);
	X509_free(x);
	EVP_PKEY_free(rsa);
}

/* RFC 5280, 4.1.2.5: no well-defined end; RFC 9608: no revocation. */
static void
a_device_identity_has_no_end(void **state)
{
	struct wish w = {.subject = "serialNumber=7"};
	X509 *x = issued(NULL, "idevid", &w, pki.device_key);

	(void)state;
	assert_string_equal(
	    (const char *)ASN1_STRING_get0_data(X509_get0_notAfter(x)),
	    "99991231235959Z");
	assert_true(X509_get_ext_by_NID(x, NID_no_rev_avail, -1) >= 0);
	assert_true(
	    X509_get_ext_by_NID(x, NID_crl_distribution_points, -1) < 0);
	X509_free(x);
}

static void
an_empty_subject_makes_the_san_critical(void **state)
{
	struct wish w = {.san = "DNS:a.example"};
	X509 *x = issued(NULL, "bare", &w, pki.device_key);

	(void)state;
	has_text(x, "X509v3 Subject Alternative Name: critical", true);
	X509_free(x);
}

static X509 *
issuer_until(int64_t from, int64_t to, const char *basic)
{
	struct spec s = {.subject = "CN=Issuing",
	    .key = pki.ca_key,
	    .issuer = pki.root,
	    .signer = pki.root_key,
	    .from = from,
	    .to = to,
	    .extension = {CA_EXTENSIONS}};

	if (basic != NULL)
		s.extension[0].value = basic;
	return pki_cert(&s);
}

static void
validity_stays_inside_the_issuers(void **state)
{
	X509 *issuer = issuer_until(-60, 10 * DAY, NULL);
	struct wish w = {.subject = "CN=dev1"};
	struct granted g = pki_granted(issuer, "device", &w, pki.device_key);
	struct granted refuse = pki_granted(issuer, "subca",
	    &(struct wish){.subject = "CN=Sub"}, pki.device_key);
	struct fail why = {0};
	X509 *x = built(&g, when_now()), *none = NULL;

	(void)state;
	assert_int_equal(ASN1_TIME_compare(
			     X509_get0_notAfter(x), X509_get0_notAfter(issuer)),
	    0);
	assert_int_equal(ASN1_TIME_compare(X509_get0_notBefore(x),
			     X509_get0_notBefore(issuer)),
	    0);
	((struct profile *)refuse.grant->profile)->outlive = OUTLIVE_REFUSE;
	assert_int_equal(build_cert(&none, refuse.authority, refuse.grant,
			     serial, when_now(), &why),
	    -1);
	assert_string_equal(why.reason, "validity");
	assert_int_equal(why.kind, FAIL_DENIED);
	X509_free(x);
	X509_free(issuer);
	pki_granted_free(&g);
	pki_granted_free(&refuse);
}

/* RFC 5280, 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050. */
static void
dates_change_their_form_in_2050(void **state)
{
	static const struct {
		int64_t until;
		int type;
	} cases[] = {
	    {2524607999, V_ASN1_UTCTIME},
	    {2524608000, V_ASN1_GENERALIZEDTIME},
	};
	struct wish w = {.subject = "serialNumber=7"};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct granted g =
		    pki_granted(pki.ca, "idevid", &w, pki.device_key);
		X509 *x;

		((struct profile *)g.grant->profile)->valid_until =
		    cases[i].until;
		x = built(&g, when_now());
		assert_int_equal(
		    ASN1_STRING_type(X509_get0_notAfter(x)), cases[i].type);
		X509_free(x);
		pki_granted_free(&g);
	}
}

/* RFC 5280, 4.2.1.9. */
static void
path_lengths_nest(void **state)
{
	static const struct {
		const char *issuer, *asked;
		long length;
	} cases[] = {
	    {"critical,CA:TRUE", NULL, 1},
	    {"critical,CA:TRUE,pathlen:9", NULL, 1},
	    {"critical,CA:TRUE,pathlen:1", NULL, 0},
	    {"critical,CA:TRUE", "CA:TRUE,pathlen:0", 0},
	    {"critical,CA:TRUE,pathlen:1", "CA:TRUE,pathlen:1", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		X509 *issuer = issuer_until(-DAY, 300 * DAY, cases[i].issuer);
		struct wish w = {.subject = "CN=Sub",
		    .extension = {{NID_basic_constraints, cases[i].asked}}};
		X509 *x = issued(issuer, "subca", &w, pki.device_key);

		assert_int_equal(X509_check_ca(x), 1);
		assert_int_equal(X509_get_pathlen(x), cases[i].length);
		assert_int_equal(
		    X509_get_key_usage(x), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
		X509_free(x);
		X509_free(issuer);
	}
}

static void
the_issuers_name_keeps_its_octets(void **state)
{
	struct wish w = {.subject = "CN=dev1"};
	X509 *x = issued(NULL, "device", &w, pki.device_key);
	const uint8_t *a, *b;
	size_t an, bn;

	(void)state;
	assert_int_equal(
	    X509_NAME_get0_der(X509_get_issuer_name(x), &a, &an), 1);
	assert_int_equal(
	    X509_NAME_get0_der(X509_get_subject_name(pki.ca), &b, &bn), 1);
	assert_int_equal(an, bn);
	assert_memory_equal(a, b, an);
	X509_free(x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(serials_are_positive_dated_and_random),
	    cmocka_unit_test(a_device_certificate_holds_what_the_profile_says),
	    cmocka_unit_test(the_key_identifier_is_sha1_of_the_key),
	    cmocka_unit_test(every_type_of_key_goes_over),
	    cmocka_unit_test(a_device_identity_has_no_end),
	    cmocka_unit_test(an_empty_subject_makes_the_san_critical),
	    cmocka_unit_test(validity_stays_inside_the_issuers),
	    cmocka_unit_test(dates_change_their_form_in_2050),
	    cmocka_unit_test(path_lengths_nest),
	    cmocka_unit_test(the_issuers_name_keeps_its_octets),
	};

	return cmocka_run_group_tests_name("build", tests, pki_begin, pki_end);
}

/* lint: a certificate that is not what was granted does not leave. */
#include "tests/unit/pki.h"

#include "lib/ca/build.h"
#include "lib/ca/lint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static const uint8_t serial[SERIAL_LEN] = {0x11, 2, 3};
static int64_t now;

/* ---- faults: each changes one thing of a good certificate ----------------- */

static void
drop(X509 *x, int nid)
{
	int at = X509_get_ext_by_NID(x, nid, -1);

	must(at >= 0, OBJ_nid2sn(nid));
	X509_EXTENSION_free(X509_delete_ext(x, at));
}

static void
replace(X509 *x, int nid, const char *value)
{
	struct extension e = {nid, value};

	drop(x, nid);
	pki_extend(x, pki.ca, &e);
}

static void
fault_version(X509 *x)
{
	(void)X509_set_version(x, 1);
}

static void
fault_serial_zero(X509 *x)
{
	(void)ASN1_INTEGER_set(X509_get_serialNumber(x), 0);
}

static void
fault_serial_negative(X509 *x)
{
	(void)ASN1_INTEGER_set(X509_get_serialNumber(x), -5);
}

static void
fault_serial_long(X509 *x)
{
	uint8_t octets[21] = {1};

	(void)ASN1_STRING_set(X509_get_serialNumber(x), octets, 21);
}

static void
fault_issuer(X509 *x)
{
	(void)X509_set_issuer_name(x, X509_get_subject_name(pki.root));
}

static void
fault_subject(X509 *x)
{
	X509_NAME *name = pki_name("CN=dev2,O=Example");

	(void)X509_set_subject_name(x, name);
	X509_NAME_free(name);
}

static void
fault_key(X509 *x)
{
	(void)X509_set_pubkey(x, pki.maker_key);
}

static void
fault_not_before(X509 *x)
{
	must(cert_time_set(X509_getm_notBefore(x), now - 3600), "date");
}

static void
fault_not_yet(X509 *x)
{
	must(cert_time_set(X509_getm_notBefore(x), now + 3600), "date");
}

static void
fault_not_after(X509 *x)
{
	must(cert_time_set(X509_getm_notAfter(x), now + 91 * DAY), "date");
}

static void
fault_expired(X509 *x)
{
	must(cert_time_set(X509_getm_notAfter(x), now), "date");
}

static void
fault_generalized(X509 *x)
{
	ASN1_GENERALIZEDTIME *t = NULL;

	(void)ASN1_TIME_to_generalizedtime(X509_get0_notAfter(x), &t);
	(void)X509_set1_notAfter(x, t);
	ASN1_GENERALIZEDTIME_free(t);
}

static void
fault_no_usage(X509 *x)
{
	drop(x, NID_key_usage);
}

static void
fault_usage(X509 *x)
{
	replace(x, NID_key_usage, "critical,digitalSignature,keyAgreement");
}

static void
fault_usage_critical(X509 *x)
{
	replace(x, NID_key_usage, "digitalSignature");
}

static void
fault_purpose(X509 *x)
{
	replace(x, NID_ext_key_usage, "clientAuth,serverAuth");
}

static void
fault_no_purpose(X509 *x)
{
	drop(x, NID_ext_key_usage);
}

static void
fault_ca(X509 *x)
{
	struct extension e = {NID_basic_constraints, "critical,CA:TRUE"};

	if (X509_get_ext_by_NID(x, NID_basic_constraints, -1) >= 0)
		drop(x, NID_basic_constraints);
	pki_extend(x, pki.ca, &e);
}

static void
fault_no_ski(X509 *x)
{
	drop(x, NID_subject_key_identifier);
}

static void
fault_ski(X509 *x)
{
	replace(x, NID_subject_key_identifier, "00112233");
}

static void
fault_no_aki(X509 *x)
{
	drop(x, NID_authority_key_identifier);
}

static void
fault_aki(X509 *x)
{
	struct extension e = {NID_authority_key_identifier, "keyid:always"};

	drop(x, NID_authority_key_identifier);
	pki_extend(x, pki.root, &e);
}

static void
fault_aki_issuer(X509 *x)
{
	struct extension e = {
	    NID_authority_key_identifier, "keyid:always,issuer:always"};

	drop(x, NID_authority_key_identifier);
	pki_extend(x, pki.ca, &e);
}

static void
fault_san(X509 *x)
{
	replace(x, NID_subject_alt_name, "DNS:dev2.example");
}

static void
fault_no_san(X509 *x)
{
	drop(x, NID_subject_alt_name);
}

static void
fault_san_critical(X509 *x)
{
	replace(x, NID_subject_alt_name, "critical,DNS:dev1.example");
}

static void
fault_crl_url(X509 *x)
{
	replace(x, NID_crl_distribution_points, "URI:http://evil.example/");
}

static void
fault_access(X509 *x)
{
	replace(x, NID_info_access, "OCSP;URI:http://ca.example/ocsp");
}

static void
fault_twice(X509 *x)
{
	struct extension e = {NID_subject_key_identifier, "00112233"};

	pki_extend(x, pki.ca, &e);
}

static void
fault_unknown(X509 *x)
{
	pki_unknown(x, "1.2.3.4", false);
}

static const struct {
	const char *name, *rule;
	void (*fault)(X509 *x);
} faults[] = {
    {"version", "4.1.2.1", fault_version},
    {"serial 0", "4.1.2.2", fault_serial_zero},
    {"serial negative", "4.1.2.2", fault_serial_negative},
    {"serial of 21 octets", "4.1.2.2", fault_serial_long},
    {"issuer", "4.1.2.4", fault_issuer},
    {"subject", "4.1.2.6", fault_subject},
    {"key", "4.1.2.7", fault_key},
    {"notBefore early", "4.1.2.5", fault_not_before},
    {"notBefore late", "4.1.2.5", fault_not_yet},
    {"notAfter late", "4.1.2.5", fault_not_after},
    {"notAfter past", "4.1.2.5", fault_expired},
    {"GeneralizedTime", "4.1.2.5", fault_generalized},
    {"no keyUsage", "4.2.1.3", fault_no_usage},
    {"more keyUsage", "4.2.1.3", fault_usage},
    {"keyUsage not critical", "4.2.1.3", fault_usage_critical},
    {"more extKeyUsage", "RFC 5280, 4.2", fault_purpose},
    {"no extKeyUsage", "RFC 5280, 4.2", fault_no_purpose},
    {"cA", "4.2.1.9", fault_ca},
    {"no SKI", "4.2.1.2", fault_no_ski},
    {"SKI", "4.2.1.2", fault_ski},
    {"no AKI", "4.2.1.1", fault_no_aki},
    {"AKI", "4.2.1.1", fault_aki},
    {"AKI with issuer", "4.2.1.1", fault_aki_issuer},
    {"SAN", "4.2.1.6", fault_san},
    {"no SAN", "4.2.1.6", fault_no_san},
    {"SAN critical", "4.2.1.6", fault_san_critical},
    {"CRL URL", "4.2.1.13", fault_crl_url},
    {"access", "4.2.2.1", fault_access},
    {"extension twice", "RFC 5280, 4.1: not a certificate", fault_twice},
    {"extension nobody granted", "nobody granted", fault_unknown},
};

/* As ca_certify() does: what cannot be read back is a fault too. */
static int
judge(X509 *x, const struct granted *g, struct fail *why)
{
	struct bytes der = {0};
	struct cert *cert = NULL;
	int rc;

	must(X509_sign(x, pki.ca_key, EVP_sha256()) > 0, "sign");
	cert_der_add(&der, x);
	if (cert_read(&cert, span_of(&der), why) != 0) {
		print_message("# not read: %s\n", why->text);
		why->kind = FAIL_BROKEN;
		why->reason = "lint";
		rc = -1;
	} else {
		rc = lint_cert(cert, g->authority, g->grant, now, why);
	}
	cert_free(cert);
	bytes_free(&der);
	return rc;
}

static void
each_fault_is_found(void **state)
{
	struct wish w = {.subject = "CN=dev1", .san = "DNS:dev1.example"};

	(void)state;
	now = when_now();
	for (size_t i = 0; i < COUNT(faults); i++) {
		struct granted g =
		    pki_granted(pki.ca, "device", &w, pki.device_key);
		struct fail why = {0};
		X509 *x = NULL;
		int rc;

		assert_int_equal(
		    build_cert(&x, g.authority, g.grant, serial, now, &why), 0);
		faults[i].fault(x);
		rc = judge(x, &g, &why);
		if (rc == 0 || strstr(why.text, faults[i].rule) == NULL)
			print_error("%s: %s\n", faults[i].name, why.text);
		assert_int_equal(rc, -1);
		assert_int_equal(why.kind, FAIL_BROKEN);
		assert_string_equal(why.reason, "lint");
		assert_non_null(strstr(why.text, faults[i].rule));
		X509_free(x);
		pki_granted_free(&g);
	}
}

/* A CA certificate: nesting and criticality. */
static void
faults_of_a_ca_certificate_are_found(void **state)
{
	static const char *const bad[] = {"critical,CA:TRUE",
	    "critical,CA:TRUE,pathlen:2", "critical,CA:TRUE,pathlen:0",
	    "CA:TRUE,pathlen:1", "critical,CA:FALSE"};
	struct wish w = {.subject = "CN=Sub"};

	(void)state;
	now = when_now();
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct granted g =
		    pki_granted(pki.ca, "subca", &w, pki.device_key);
		struct fail why = {0};
		struct cert *cert;
		X509 *x = NULL;

		assert_int_equal(
		    build_cert(&x, g.authority, g.grant, serial, now, &why), 0);
		replace(x, NID_basic_constraints, bad[i]);
		cert = pki_signed(x);
		assert_int_equal(
		    lint_cert(cert, g.authority, g.grant, now, &why), -1);
		assert_non_null(strstr(why.text, "4.2.1.9"));
		cert_free(cert);
		X509_free(x);
		pki_granted_free(&g);
	}
}

/* RFC 5280, 4.1.2.3: the hash and the kind of signature. */
static void
a_signature_of_another_kind_is_found(void **state)
{
	struct wish w = {.subject = "CN=dev1"};
	struct granted g = pki_granted(pki.ca, "device", &w, pki.device_key);
	EVP_PKEY *rsa = EVP_RSA_gen(2048);
	struct bytes der = {0};
	struct fail why = {0};
	struct cert *cert = NULL;
	X509 *x = NULL;

	(void)state;
	now = when_now();
	assert_int_equal(
	    build_cert(&x, g.authority, g.grant, serial, now, &why), 0);
	assert_true(X509_sign(x, rsa, EVP_sha256()) > 0);
	cert_der_add(&der, x);
	assert_int_equal(cert_read(&cert, span_of(&der), &why), 0);
	assert_int_equal(lint_cert(cert, g.authority, g.grant, now, &why), -1);
	assert_non_null(strstr(why.text, "4.1.2.3"));
	cert_free(cert);
	bytes_free(&der);
	assert_true(X509_sign(x, pki.ca_key, EVP_sha1()) > 0);
	cert_der_add(&der, x);
	assert_int_equal(cert_read(&cert, span_of(&der), &why), 0);
	assert_int_equal(lint_cert(cert, g.authority, g.grant, now, &why), -1);
	assert_non_null(strstr(why.text, "4.1.2.3"));
	cert_free(cert);
	bytes_free(&der);
	X509_free(x);
	EVP_PKEY_free(rsa);
	pki_granted_free(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_fault_is_found),
	    cmocka_unit_test(faults_of_a_ca_certificate_are_found),
	    cmocka_unit_test(a_signature_of_another_kind_is_found),
	};

	return cmocka_run_group_tests_name("lint", tests, pki_begin, pki_end);
}

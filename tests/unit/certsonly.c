#include <stdlib.h>

#include <openssl/pkcs7.h>

#include "lib/wire/cert.h"
#include "lib/wire/certsonly.h"

#include "tests/unit/madecert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define N 3

/* What OpenSSL makes of the same certificates. */
static struct bytes
by_openssl(const struct span *certs, size_t n)
{
	PKCS7 *p7 = PKCS7_new();
	struct bytes out = {0};
	uint8_t *der = NULL;
	int len;

	assert_int_equal(PKCS7_set_type(p7, NID_pkcs7_signed), 1);
	assert_int_equal(PKCS7_content_new(p7, NID_pkcs7_data), 1);
	assert_int_equal(PKCS7_set_detached(p7, 1), 1);
	for (size_t i = 0; i < n; i++) {
		struct fail why = {0};
		X509 *x509;

		assert_int_equal(cert_x509(&x509, certs[i], &why), 0);
		assert_int_equal(PKCS7_add_certificate(p7, x509), 1);
		X509_free(x509);
	}
	len = i2d_PKCS7(p7, &der);
	assert_true(len > 0);
	bytes_add(&out, der, (size_t)len);
	OPENSSL_free(der);
	PKCS7_free(p7);
	return out;
}

static void
is_what_openssl_writes(void **state)
{
	struct bytes der[N], want, got = {0};
	struct span certs[N];

	(void)state;
	for (int i = 0; i < N; i++) {
		der[i] = made_cert(&(struct made){.cn = "leaf", .serial = i});
		certs[i] = span_of(&der[i]);
	}
	for (size_t n = 0; n <= N; n++) {
		bytes_free(&got);
		certsonly_write(&got, certs, n);
		want = by_openssl(certs, n);
		assert_int_equal(got.len, want.len);
		assert_memory_equal(got.data, want.data, want.len);
		bytes_free(&want);
	}
	bytes_free(&got);
	for (int i = 0; i < N; i++)
		bytes_free(&der[i]);
}

static void
openssl_reads_the_certificates_in_order(void **state)
{
	struct bytes der[N], got = {0};
	struct span certs[N];
	const STACK_OF(X509) * read;
	const uint8_t *p;
	PKCS7 *p7;

	(void)state;
	for (int i = 0; i < N; i++) {
		der[i] =
		    made_cert(&(struct made){.cn = "leaf", .serial = 9 - i});
		certs[i] = span_of(&der[i]);
	}
	bytes_adds(&got, "x");
	certsonly_write(&got, certs, N);
	p = got.data + 1;
	p7 = d2i_PKCS7(NULL, &p, (long)got.len - 1);
	assert_non_null(p7);
	assert_ptr_equal(p, got.data + got.len);
	assert_true(PKCS7_type_is_signed(p7));
	assert_int_equal(ASN1_INTEGER_get(p7->d.sign->version), 1);
	assert_int_equal(sk_X509_ALGOR_num(p7->d.sign->md_algs), 0);
	assert_int_equal(sk_PKCS7_SIGNER_INFO_num(p7->d.sign->signer_info), 0);
	assert_null(p7->d.sign->crl);
	assert_int_equal(
	    OBJ_obj2nid(p7->d.sign->contents->type), NID_pkcs7_data);
	assert_null(p7->d.sign->contents->d.ptr);
	read = p7->d.sign->cert;
	assert_int_equal(sk_X509_num(read), N);
	for (int i = 0; i < N; i++) {
		struct bytes again = {0};

		cert_der_add(&again, sk_X509_value(read, i));
		assert_true(span_equal(span_of(&again), certs[i]));
		bytes_free(&again);
		bytes_free(&der[i]);
	}
	PKCS7_free(p7);
	bytes_free(&got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_what_openssl_writes),
	    cmocka_unit_test(openssl_reads_the_certificates_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

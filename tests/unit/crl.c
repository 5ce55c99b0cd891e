/* Certificate lists: OpenSSL reads and verifies what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "lib/base/when.h"
#include "lib/wire/crl.h"

#include <cmocka.h>

#define NOW 1790000000
#define YEAR_2050 INT64_C(2524608000)

struct issuer {
	EVP_PKEY *key;
	X509 *cert;
	const EVP_MD *hash;
};

static void
extend(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static struct issuer
issuer_make(EVP_PKEY *key, const EVP_MD *hash, const char *usage)
{
	struct issuer i = {key, X509_new(), hash};
	X509_NAME *name = X509_get_subject_name(i.cert);

	assert_non_null(key);
	X509_set_version(i.cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(i.cert), 1);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"Micro CA", -1, -1, 0);
	X509_set_issuer_name(i.cert, name);
	X509_gmtime_adj(X509_getm_notBefore(i.cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(i.cert), 86400);
	X509_set_pubkey(i.cert, key);
	extend(i.cert, NID_basic_constraints, "critical,CA:TRUE");
	extend(i.cert, NID_key_usage, usage);
	extend(i.cert, NID_subject_key_identifier, "hash");
	assert_true(X509_sign(i.cert, key, hash) > 0);
	return i;
}

static void
issuer_free(struct issuer *i)
{
	X509_free(i->cert);
	EVP_PKEY_free(i->key);
}

/* Written and signed; read back by OpenSSL. */
static X509_CRL *
list_make(const struct issuer *i, const struct crl_head *head,
    const struct crl_entry *entries, size_t n)
{
	struct fail why = {0};
	struct bytes alg = {0};
	struct crl_head whole = *head;
	struct crl crl;
	struct span tbs, all;
	unsigned char signature[1024];
	size_t len = sizeof(signature);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const unsigned char *p;
	X509_CRL *read;
	struct crl_info info;
	struct bytes entries_der = {0};

	assert_int_equal(crl_algorithm(&alg, i->key, i->hash, &why), 0);
	whole.issuer = i->cert;
	whole.algorithm = span_of(&alg);
	assert_int_equal(crl_begin(&crl, &whole, &why), 0);
	for (size_t k = 0; k < n; k++)
		assert_int_equal(crl_add(&crl, &entries[k], &why), 0);
	bytes_add(&entries_der, crl_entries(&crl).data, crl_entries(&crl).len);
	tbs = crl_tbs(&crl);
	assert_int_equal(
	    EVP_DigestSignInit(ctx, NULL, i->hash, NULL, i->key), 1);
	assert_int_equal(
	    EVP_DigestSign(ctx, signature, &len, tbs.data, tbs.len), 1);
	all = crl_finish(&crl, span_of(&alg), (struct span){signature, len});
	assert_int_equal(crl_read(&info, all, &why), 0);
	assert_int_equal(info.number, head->number);
	assert_int_equal(info.this_update, head->this_update);
	assert_int_equal(info.next_update, head->next_update);
	assert_true(span_equal(info.entries, span_of(&entries_der)));
	bytes_free(&entries_der);
	p = all.data;
	read = d2i_X509_CRL(NULL, &p, (long)all.len);
	assert_non_null(read);
	assert_ptr_equal(p, all.data + all.len);
	assert_int_equal(X509_CRL_verify(read, i->key), 1);
	EVP_MD_CTX_free(ctx);
	crl_free(&crl);
	bytes_free(&alg);
	return read;
}

static void
every_key_signs_what_openssl_verifies(void **state)
{
	struct {
		EVP_PKEY *key;
		const EVP_MD *hash;
	} keys[] = {
	    {EVP_EC_gen("P-256"), EVP_sha256()},
	    {EVP_EC_gen("P-384"), EVP_sha384()},
	    {EVP_RSA_gen(2048), EVP_sha256()},
	    {EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL},
	};
	static const struct crl_head head = {
	    .number = 1, .this_update = NOW, .next_update = NOW + 86400};

	(void)state;
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		struct issuer i =
		    issuer_make(keys[k].key, keys[k].hash, "cRLSign");

		X509_CRL_free(list_make(&i, &head, NULL, 0));
		issuer_free(&i);
	}
}

static void
an_empty_list_has_no_field_for_entries(void **state)
{
	struct issuer i =
	    issuer_make(EVP_EC_gen("P-256"), EVP_sha256(), "cRLSign");
	static const struct crl_head head = {.number = INT64_MAX,
	    .this_update = NOW,
	    .next_update = YEAR_2050 + 5};
	X509_CRL *crl = list_make(&i, &head, NULL, 0);
	ASN1_INTEGER *number =
	    X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);
	AUTHORITY_KEYID *aki =
	    X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
	int64_t value;

	(void)state;
	assert_null(X509_CRL_get_REVOKED(crl));
	assert_int_equal(X509_CRL_get_version(crl), X509_CRL_VERSION_2);
	assert_int_equal(ASN1_INTEGER_get_int64(&value, number), 1);
	assert_int_equal(value, INT64_MAX);
	assert_int_equal(
	    ASN1_OCTET_STRING_cmp(aki->keyid, X509_get0_subject_key_id(i.cert)),
	    0);
	assert_int_equal(X509_CRL_get0_lastUpdate(crl)->type, V_ASN1_UTCTIME);
	assert_int_equal(
	    X509_CRL_get0_nextUpdate(crl)->type, V_ASN1_GENERALIZEDTIME);
	ASN1_INTEGER_free(number);
	AUTHORITY_KEYID_free(aki);
	X509_CRL_free(crl);
	issuer_free(&i);
}

static void
entries_hold_serial_times_and_reason(void **state)
{
	static const struct crl_entry entries[] = {
	    {"01", NOW - 10, 0, 0},
	    {"00FF", NOW - 9, 1, NOW - 500},
	    {"80", NOW - 8, 6, 0},
	    {"7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", YEAR_2050, 9, 0},
	    {"02", NOW - 7, 0, YEAR_2050},
	};
	static const long reasons[] = {-1, 1, 6, 9, -1};
	struct issuer i =
	    issuer_make(EVP_EC_gen("P-256"), EVP_sha256(), "cRLSign");
	static const struct crl_head head = {
	    .number = 200, .this_update = NOW, .next_update = NOW + 1};
	X509_CRL *crl = list_make(&i, &head, entries, 5);
	STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(crl);

	(void)state;
	assert_int_equal(sk_X509_REVOKED_num(list), 5);
	for (int k = 0; k < 5; k++) {
		X509_REVOKED *r = sk_X509_REVOKED_value(list, k);
		BIGNUM *want = NULL;
		BIGNUM *have =
		    ASN1_INTEGER_to_BN(X509_REVOKED_get0_serialNumber(r), NULL);
		ASN1_ENUMERATED *reason =
		    X509_REVOKED_get_ext_d2i(r, NID_crl_reason, NULL, NULL);
		ASN1_GENERALIZEDTIME *invalid = X509_REVOKED_get_ext_d2i(
		    r, NID_invalidity_date, NULL, NULL);
		time_t when = (time_t)entries[k].revoked;

		BN_hex2bn(&want, entries[k].serial);
		assert_int_equal(BN_cmp(want, have), 0);
		assert_int_equal(ASN1_TIME_cmp_time_t(
				     X509_REVOKED_get0_revocationDate(r), when),
		    0);
		assert_int_equal(
		    reason == NULL ? -1 : ASN1_ENUMERATED_get(reason),
		    reasons[k]);
		/* RFC 5280, 5.3.2: GeneralizedTime in every year. */
		assert_int_equal(invalid != NULL, entries[k].invalid != 0);
		if (invalid != NULL)
			assert_int_equal(ASN1_TIME_cmp_time_t(invalid,
					     (time_t)entries[k].invalid),
			    0);
		ASN1_GENERALIZEDTIME_free(invalid);
		ASN1_ENUMERATED_free(reason);
		BN_free(want);
		BN_free(have);
	}
	X509_CRL_free(crl);
	issuer_free(&i);
}

/* Every number of octets that the length of the list may have. */
static void
lists_of_every_size_are_der(void **state)
{
	static const size_t sizes[] = {1, 2, 3, 4, 8, 9, 2000, 3000};
	struct issuer i =
	    issuer_make(EVP_EC_gen("P-256"), EVP_sha256(), "cRLSign");
	static const struct crl_head head = {
	    .number = 128, .this_update = NOW, .next_update = NOW + 1};
	struct crl_entry entries[3000];

	(void)state;
	for (size_t k = 0; k < 3000; k++)
		entries[k] =
		    (struct crl_entry){"0123456789ABCDEF01234567", NOW, 1, 0};
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
		X509_CRL_free(list_make(&i, &head, entries, sizes[k]));
	issuer_free(&i);
}

static void
who_may_not_sign_lists_does_not(void **state)
{
	struct issuer i = issuer_make(
	    EVP_EC_gen("P-256"), EVP_sha256(), "critical,keyCertSign");
	struct crl_head head = {.issuer = i.cert, .number = 1};
	struct fail why = {0};
	struct crl crl;

	(void)state;
	assert_int_equal(crl_begin(&crl, &head, &why), -1);
	assert_string_equal(why.reason, "issuer-cert");
	crl_free(&crl);
	issuer_free(&i);
}

static void
what_is_no_list_is_not_read(void **state)
{
	static const char *const bad[] = {
	    "", "3000", "300430020201", "30053003020101", "0500", "30800000"};
	struct fail why;
	struct crl_info info;

	(void)state;
	for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
		struct bytes der = {0};

		why = (struct fail){0};
		assert_true(hex_read(&der, bad[k]));
		assert_int_equal(crl_read(&info, span_of(&der), &why), -1);
		assert_string_equal(why.reason, "crl");
		bytes_free(&der);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_key_signs_what_openssl_verifies),
	    cmocka_unit_test(an_empty_list_has_no_field_for_entries),
	    cmocka_unit_test(entries_hold_serial_times_and_reason),
	    cmocka_unit_test(lists_of_every_size_are_der),
	    cmocka_unit_test(who_may_not_sign_lists_does_not),
	    cmocka_unit_test(what_is_no_list_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

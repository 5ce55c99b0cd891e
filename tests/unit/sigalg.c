#include "tests/unit/made.h"

#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>

#include "lib/wire/csr.h"
#include "lib/wire/sigalg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static EVP_PKEY *p256, *rsa, *ed25519;

static int
make_keys(void **state)
{
	(void)state;
	p256 = EVP_EC_gen("P-256");
	rsa = EVP_RSA_gen(2048);
	ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return p256 == NULL || rsa == NULL || ed25519 == NULL;
}

static int
free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(p256);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ed25519);
	return 0;
}

/* NULL: it must be accepted, with that hash. */
static void
judge(struct span der, const char *reason, int hash, const char *what)
{
	struct csr *csr;
	struct fail why = {0};
	int rc = csr_read(&csr, der, &why);

	if ((rc == 0) != (reason == NULL) ||
	    (rc < 0 && strcmp(why.reason, reason) != 0))
		fail_msg("%s: %d %s %s", what, rc, why.reason, why.text);
	if (rc == 0)
		assert_int_equal(csr->hash, hash);
	csr_free(csr);
}

static void
each_algorithm_goes_with_its_key(void **state)
{
	static const struct {
		const char *oid, *parameters;
		EVP_PKEY **key;
		const EVP_MD *(*md)(void);
		const char *reason;
		int hash;
	} rows[] = {
	    {"1.2.840.10045.4.3.2", "", &p256, EVP_sha256, NULL, NID_sha256},
	    {"1.2.840.10045.4.3.3", "", &p256, EVP_sha384, NULL, NID_sha384},
	    {"1.2.840.10045.4.3.4", "", &p256, EVP_sha512, NULL, NID_sha512},
	    {"1.2.840.10045.4.3.2", "0500", &p256, EVP_sha256, "sigalg", 0},
	    {"1.2.840.10045.4.3.3", "", &p256, EVP_sha256, "pop", 0},
	    {"1.2.840.10045.4.3.1", "", &p256, EVP_sha224, "sigalg", 0},
	    {"1.2.840.10045.4.1", "", &p256, EVP_sha1, "weak-hash", 0},
	    {"1.2.840.113549.1.1.11", "0500", &p256, EVP_sha256, "sigalg", 0},
	    {"1.3.101.112", "", &p256, EVP_sha256, "sigalg", 0},
	    {"1.2.3.4", "", &p256, EVP_sha256, "sigalg", 0},
	    {"1.3.6.1.5.5.7.6.2", "0500", &p256, EVP_sha256, "pop", 0},
	    {OID_RSA_SHA256, "0500", &rsa, EVP_sha256, NULL, NID_sha256},
	    {OID_RSA_SHA256, "", &rsa, EVP_sha256, NULL, NID_sha256},
	    {OID_RSA_SHA256, "3000", &rsa, EVP_sha256, "sigalg", 0},
	    {OID_RSA_SHA256, "05000500", &rsa, EVP_sha256, "sigalg", 0},
	    {OID_RSA_SHA256, "0500", &rsa, EVP_sha384, "pop", 0},
	    {"1.2.840.113549.1.1.12", "0500", &rsa, EVP_sha384, NULL,
		NID_sha384},
	    {"1.2.840.113549.1.1.13", "0500", &rsa, EVP_sha512, NULL,
		NID_sha512},
	    {"1.2.840.113549.1.1.14", "0500", &rsa, EVP_sha224, "sigalg", 0},
	    {"1.2.840.113549.1.1.5", "0500", &rsa, EVP_sha1, "weak-hash", 0},
	    {"1.3.14.3.2.29", "0500", &rsa, EVP_sha1, "weak-hash", 0},
	    {"1.2.840.113549.1.1.4", "0500", &rsa, EVP_md5, "weak-hash", 0},
	    {"1.2.840.113549.1.1.3", "0500", &rsa, EVP_md5, "weak-hash", 0},
	    {"1.2.840.113549.1.1.2", "0500", &rsa, EVP_md5, "weak-hash", 0},
	    {OID_ECDSA_SHA256, "", &rsa, EVP_sha256, "sigalg", 0},
	    {"1.3.101.112", "", &ed25519, NULL, NULL, NID_undef},
	    {"1.3.101.112", "0500", &ed25519, NULL, "sigalg", 0},
	    {"1.3.101.113", "", &ed25519, NULL, "sigalg", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes info = {0}, signature = {0}, der = {0};
		const EVP_MD *md = rows[i].md != NULL ? rows[i].md() : NULL;

		put_info(
		    &info, SUBJECT_HEX, *rows[i].key, (struct span){NULL, 0});
		put_signature(&signature, *rows[i].key, md, span_of(&info));
		put_request(&der, span_of(&info), rows[i].oid,
		    rows[i].parameters, span_of(&signature));
		judge(span_of(&der), rows[i].reason, rows[i].hash, rows[i].oid);
		bytes_free(&der);
		der = (struct bytes){0};
		/* another's signature proves nothing */
		if (rows[i].reason == NULL) {
			signature.data[signature.len - 1] ^= 1;
			put_request(&der, span_of(&info), rows[i].oid,
			    rows[i].parameters, span_of(&signature));
			judge(span_of(&der), "pop", 0, rows[i].oid);
			bytes_free(&der);
		}
		bytes_free(&signature);
		bytes_free(&info);
	}
}

static void
larger_curves_and_ed448_prove_possession(void **state)
{
	static const struct {
		const char *type, *group, *oid;
		int hash;
	} rows[] = {
	    {"EC", "P-384", "1.2.840.10045.4.3.3", NID_sha384},
	    {"EC", "P-521", "1.2.840.10045.4.3.4", NID_sha512},
	    {"ED448", NULL, "1.3.101.113", NID_undef},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		EVP_PKEY *key =
		    rows[i].group != NULL
			? EVP_EC_gen(rows[i].group)
			: EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type);
		const EVP_MD *md = rows[i].hash == NID_undef
		                       ? NULL
		                       : EVP_get_digestbynid(rows[i].hash);
		struct bytes info = {0}, signature = {0}, der = {0};

		put_info(&info, SUBJECT_HEX, key, (struct span){NULL, 0});
		put_signature(&signature, key, md, span_of(&info));
		put_request(
		    &der, span_of(&info), rows[i].oid, "", span_of(&signature));
		judge(span_of(&der), NULL, rows[i].hash, rows[i].oid);
		bytes_free(&der);
		bytes_free(&signature);
		bytes_free(&info);
		EVP_PKEY_free(key);
	}
}

static void
put_pss_signature(struct bytes *out, const EVP_MD *md, const EVP_MD *mask,
    int salt, struct span data)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey;
	uint8_t signature[256];
	size_t len = sizeof(signature);

	assert_int_equal(EVP_DigestSignInit(ctx, &pkey, md, NULL, rsa), 1);
	EVP_PKEY_CTX_set_rsa_padding(pkey, RSA_PKCS1_PSS_PADDING);
	EVP_PKEY_CTX_set_rsa_mgf1_md(pkey, mask);
	EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey, salt);
	assert_int_equal(
	    EVP_DigestSign(ctx, signature, &len, data.data, data.len), 1);
	bytes_add(out, signature, len);
	EVP_MD_CTX_free(ctx);
}

#define HASH256 "a00f300d06096086480165030402010500"
#define HASH256_NO_NULL "a00d300b0609608648016503040201"
#define HASH384 "a00f300d06096086480165030402020500"
#define HASH1 "a00b300906052b0e03021a0500"
#define HASH224 "a00f300d06096086480165030402040500"
#define MASK256 "a11c301a06092a864886f70d010108300d06096086480165030402010500"
#define MASK384 "a11c301a06092a864886f70d010108300d06096086480165030402020500"
#define MASK1 "a118301606092a864886f70d010108300906052b0e03021a0500"
#define MASK_ODD "a11c301a06092a864886f70d010109300d06096086480165030402010500"
#define SALT(hex) "a2030201" hex
#define TRAILER(hex) "a3030201" hex

static void
pss_parameters_are_strict(void **state)
{
	static const struct {
		const char *fields;
		const EVP_MD *(*md)(void), *(*mask)(void);
		int salt;
		const char *reason;
		int hash;
	} rows[] = {
	    {HASH256 MASK256 SALT("20"), EVP_sha256, EVP_sha256, 32, NULL,
		NID_sha256},
	    {HASH256_NO_NULL MASK256 SALT("20"), EVP_sha256, EVP_sha256, 32,
		NULL, NID_sha256},
	    {HASH384 MASK384 SALT("30"), EVP_sha384, EVP_sha384, 48, NULL,
		NID_sha384},
	    {HASH256 MASK256, EVP_sha256, EVP_sha256, 20, NULL, NID_sha256},
	    {HASH256 MASK256 SALT("20") TRAILER("01"), EVP_sha256, EVP_sha256,
		32, NULL, NID_sha256},
	    {HASH256 MASK256 SALT("1f"), EVP_sha256, EVP_sha256, 32, "pop", 0},
	    {HASH256 MASK256 SALT("00"), EVP_sha256, EVP_sha256, 0, "sigalg",
		0},
	    {HASH256 MASK256 SALT("ff"), EVP_sha256, EVP_sha256, 0, "sigalg",
		0},
	    {HASH256 MASK256 SALT("21"), EVP_sha256, EVP_sha256, 33, "sigalg",
		0},
	    {HASH256 MASK1 SALT("20"), EVP_sha256, EVP_sha1, 32, "sigalg", 0},
	    {HASH256 SALT("20"), EVP_sha256, EVP_sha1, 32, "sigalg", 0},
	    {HASH256 MASK384 SALT("20"), EVP_sha256, EVP_sha384, 32, "sigalg",
		0},
	    {HASH256 MASK_ODD SALT("20"), EVP_sha256, EVP_sha256, 32, "sigalg",
		0},
	    {HASH256 MASK256 SALT("20") TRAILER("02"), EVP_sha256, EVP_sha256,
		32, "sigalg", 0},
	    {HASH256 MASK256 TRAILER("01") SALT("20"), EVP_sha256, EVP_sha256,
		32, "sigalg", 0},
	    {HASH256 MASK256 SALT("20") "0500", EVP_sha256, EVP_sha256, 32,
		"sigalg", 0},
	    {HASH1 MASK1, EVP_sha1, EVP_sha1, 20, "weak-hash", 0},
	    {"", EVP_sha1, EVP_sha1, 20, "weak-hash", 0},
	    {HASH224 MASK256 SALT("1c"), EVP_sha224, EVP_sha256, 28, "sigalg",
		0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes info = {0}, signature = {0}, der = {0}, p = {0};
		char hex[512];

		put_hex(&p, rows[i].fields);
		wrap(&p, DER_SEQUENCE);
		hex_write(hex, span_of(&p), false);
		put_info(&info, SUBJECT_HEX, rsa, (struct span){NULL, 0});
		put_pss_signature(&signature, rows[i].md(), rows[i].mask(),
		    rows[i].salt, span_of(&info));
		put_request(&der, span_of(&info), OID_RSA_PSS, hex,
		    span_of(&signature));
		judge(span_of(&der), rows[i].reason, rows[i].hash,
		    rows[i].fields);
		bytes_free(&der);
		bytes_free(&p);
		bytes_free(&signature);
		bytes_free(&info);
	}
}

static void
pss_without_parameters_is_refused(void **state)
{
	struct sigalg alg;
	struct bytes der = {0};
	struct fail why = {0};

	(void)state;
	put_algorithm(&der, OID_RSA_PSS, "");
	assert_int_equal(
	    sigalg_read(&alg, span_of(&der), PUBKEY_RSA, &why), -1);
	assert_string_equal(why.reason, "sigalg");
	bytes_free(&der);
}

/* r and s as the rows say: NULL is the right one, else hex of an element. */
static void
ecdsa_signatures_have_one_form(void **state)
{
	static const struct {
		const char *r, *s, *after;
		bool good;
	} rows[] = {
	    {NULL, NULL, "", true},
	    {NULL, NULL, "00", false},
	    {"020100", NULL, "", false},
	    {NULL, "020100", "", false},
	    {"0201ff", NULL, "", false},
	    {NULL, "02020001", "", false},
	    {NULL, "0200", "", false},
	    {NULL, "", "", false},
	    {NULL, "040101", "", false},
	    /* the order of the curve */
	    {NULL,
		"022100ffffffff00000000ffffffffffffffff"
		"bce6faada7179e84f3b9cac2fc632551",
		"", false},
	};
	struct sigalg alg = {PUBKEY_EC, NID_sha256, false, 0};
	struct span data = span_str("to be signed");
	struct bytes right = {0};
	const uint8_t *p;
	ECDSA_SIG *sig;

	(void)state;
	put_signature(&right, p256, EVP_sha256(), data);
	p = right.data;
	sig = d2i_ECDSA_SIG(NULL, &p, (long)right.len);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes b = {0};

		if (rows[i].r != NULL)
			put_hex(&b, rows[i].r);
		else
			put_number(&b, ECDSA_SIG_get0_r(sig));
		if (rows[i].s != NULL)
			put_hex(&b, rows[i].s);
		else
			put_number(&b, ECDSA_SIG_get0_s(sig));
		wrap(&b, DER_SEQUENCE);
		put_hex(&b, rows[i].after);
		if (sigalg_verify(&alg, p256, data, span_of(&b)) !=
		    rows[i].good)
			fail_msg("row %zu", i);
		bytes_free(&b);
	}
	ECDSA_SIG_free(sig);
	bytes_free(&right);
}

static void
a_p1363_signature_is_refused(void **state)
{
	struct bytes info = {0}, right = {0}, der = {0};
	uint8_t plain[64];
	const uint8_t *p;
	ECDSA_SIG *sig;

	(void)state;
	put_info(&info, SUBJECT_HEX, p256, (struct span){NULL, 0});
	put_signature(&right, p256, EVP_sha256(), span_of(&info));
	p = right.data;
	sig = d2i_ECDSA_SIG(NULL, &p, (long)right.len);
	BN_bn2binpad(ECDSA_SIG_get0_r(sig), plain, 32);
	BN_bn2binpad(ECDSA_SIG_get0_s(sig), plain + 32, 32);
	put_request(&der, span_of(&info), OID_ECDSA_SHA256, "",
	    (struct span){plain, sizeof(plain)});
	judge(span_of(&der), "pop", 0, "P1363");
	ECDSA_SIG_free(sig);
	bytes_free(&der);
	bytes_free(&right);
	bytes_free(&info);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_algorithm_goes_with_its_key),
	    cmocka_unit_test(larger_curves_and_ed448_prove_possession),
	    cmocka_unit_test(pss_parameters_are_strict),
	    cmocka_unit_test(pss_without_parameters_is_refused),
	    cmocka_unit_test(ecdsa_signatures_have_one_form),
	    cmocka_unit_test(a_p1363_signature_is_refused),
	};

	return cmocka_run_group_tests_name(
	    "sigalg", tests, make_keys, free_keys);
}

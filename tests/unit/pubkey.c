#include "tests/unit/made.h"

#include <stdio.h>

#include <openssl/ec.h>
#include <openssl/obj_mac.h>

#include "lib/wire/pubkey.h"
#include "lib/wire/weakrsa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static struct {
	EVP_PKEY *p256, *rsa;
	uint8_t point[65];
	BIGNUM *n, *e, *p; /* the RSA key's */
} made;

static int
make_keys(void **state)
{
	size_t len;

	(void)state;
	made.p256 = EVP_EC_gen("P-256");
	made.rsa = EVP_RSA_gen(2048);
	return made.p256 == NULL || made.rsa == NULL ||
	       !EVP_PKEY_get_octet_string_param(
		   made.p256, "pub", made.point, sizeof(made.point), &len) ||
	       !EVP_PKEY_get_bn_param(made.rsa, "n", &made.n) ||
	       !EVP_PKEY_get_bn_param(made.rsa, "e", &made.e) ||
	       !EVP_PKEY_get_bn_param(made.rsa, "rsa-factor1", &made.p);
}

static int
free_keys(void **state)
{
	(void)state;
	EVP_PKEY_free(made.p256);
	EVP_PKEY_free(made.rsa);
	BN_free(made.n);
	BN_free(made.e);
	BN_free(made.p);
	return 0;
}

/* NULL: it must be accepted.  Frees `spki`. */
static void
judge(struct bytes *spki, const char *reason, const char *what)
{
	struct pubkey key;
	struct fail why = {0};
	int rc = pubkey_read(&key, span_of(spki), &why);

	if ((rc == 0) != (reason == NULL))
		fail_msg("%s: %d %s %s", what, rc, why.reason, why.text);
	if (rc == 0) {
		pubkey_free(&key);
	} else {
		assert_int_equal(why.kind, FAIL_MALFORMED);
		if (strcmp(why.reason, reason) != 0)
			fail_msg("%s: %s: %s", what, why.reason, why.text);
		assert_null(key.evp);
	}
	bytes_free(spki);
}

static void
good_keys_are_read_and_named(void **state)
{
	static const struct {
		const char *type, *group, *text;
		enum pubkey_type is;
		int curve, bits;
	} rows[] = {
	    {"EC", "P-256", "EC P-256", PUBKEY_EC, NID_X9_62_prime256v1, 256},
	    {"EC", "P-384", "EC P-384", PUBKEY_EC, NID_secp384r1, 384},
	    {"EC", "P-521", "EC P-521", PUBKEY_EC, NID_secp521r1, 521},
	    {"ED25519", NULL, "Ed25519", PUBKEY_ED25519, 0, 255},
	    {"ED448", NULL, "Ed448", PUBKEY_ED448, 0, 448},
	    {"RSA", NULL, "RSA 2048", PUBKEY_RSA, 0, 2048},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		EVP_PKEY *key =
		    rows[i].group != NULL ? EVP_EC_gen(rows[i].group)
		    : rows[i].is == PUBKEY_RSA
			? EVP_RSA_gen(2048)
			: EVP_PKEY_Q_keygen(NULL, NULL, rows[i].type);
		struct bytes spki = {0}, again = {0};
		struct pubkey got;
		struct fail why = {0};
		uint8_t hash[SHA256_LEN];
		enum pubkey_type type;
		char text[32];

		put_key_spki(&spki, key);
		if (pubkey_read(&got, span_of(&spki), &why) < 0)
			fail_msg("%s: %s", rows[i].text, why.text);
		assert_int_equal(got.type, rows[i].is);
		assert_int_equal(got.curve, rows[i].curve);
		assert_int_equal(got.bits, rows[i].bits);
		assert_string_equal(pubkey_text(&got, text), rows[i].text);
		assert_int_equal(EVP_PKEY_eq(got.evp, key), 1);
		sha256(hash, span_of(&spki));
		assert_memory_equal(hash, got.sha256, SHA256_LEN);
		put_key_spki(&again, got.evp);
		assert_true(span_equal(span_of(&again), got.spki));
		assert_int_equal(
		    pubkey_type_read(&type, span_of(&spki), &why), 0);
		assert_int_equal(type, rows[i].is);
		pubkey_free(&got);
		bytes_free(&again);
		bytes_free(&spki);
		EVP_PKEY_free(key);
	}
}

static void
frames_must_be_der(void **state)
{
	struct bytes spki = {0};
	uint8_t *last;

	(void)state;
	judge(&spki, "der", "empty");
	put_hex(&spki, "3000");
	judge(&spki, "der", "empty SEQUENCE");
	put_key_spki(&spki, made.p256);
	spki.len--;
	judge(&spki, "der", "truncated");
	put_key_spki(&spki, made.p256);
	bytes_addc(&spki, 0);
	judge(&spki, "der", "trailing octet");
	put_algorithm(&spki, OID_EC, "06082a8648ce3d030107");
	put_bits(&spki, (struct span){made.point, 65});
	put_hex(&spki, "0500");
	wrap(&spki, DER_SEQUENCE);
	judge(&spki, "der", "a third field");
	put_key_spki(&spki, made.p256);
	last = spki.data + spki.len - 66;
	assert_int_equal(*last, 0);
	*last = 1;
	spki.data[spki.len - 1] &= 0xfe;
	judge(&spki, "der", "unused bits");
}

static void
algorithms_and_curves_are_listed_ones(void **state)
{
	static const struct {
		const char *oid, *parameters, *reason;
	} rows[] = {
	    {OID_EC, "06082a8648ce3d030107", NULL},
	    {OID_EC, "06082a8648ce3d030101", "curve"},   /* P-192 */
	    {OID_EC, "06052b81040021", "curve"},         /* P-224 */
	    {OID_EC, "06052b8104000a", "curve"},         /* secp256k1 */
	    {OID_EC, "06092b2403030208010107", "curve"}, /* brainpoolP256r1 */
	    {OID_EC, "", "curve"},
	    {OID_EC, "0500", "curve"},
	    {OID_EC, "06082a8648ce3d0301070500", "curve"},
	    {OID_EC, "3003020101", "curve"},            /* specifiedCurve */
	    {"1.2.840.10040.4.1", "", "key-alg"},       /* DSA */
	    {"1.2.840.10046.2.1", "", "key-alg"},       /* DH */
	    {"1.3.101.110", "", "key-alg"},             /* X25519 */
	    {"1.2.840.113549.1.1.10", "", "key-alg"},   /* RSA for PSS only */
	    {"2.16.840.1.101.3.4.3.17", "", "key-alg"}, /* ML-DSA-44 */
	    {"1.2.3", "", "key-alg"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes spki = {0};

		put_spki(&spki, rows[i].oid, rows[i].parameters,
		    (struct span){made.point, 65});
		judge(&spki, rows[i].reason, rows[i].parameters);
	}
}

static void
explicit_p256_is_no_named_curve(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct bytes spki = {0};

	(void)state;
	assert_true(
	    EVP_PKEY_set_utf8_string_param(key, "encoding", "explicit"));
	put_key_spki(&spki, key);
	assert_true(spki.len > 200);
	judge(&spki, "curve", "explicit P-256");
	EVP_PKEY_free(key);
}

static void
judge_point(const uint8_t *point, size_t len, const char *what)
{
	struct bytes spki = {0};

	put_spki(
	    &spki, OID_EC, "06082a8648ce3d030107", (struct span){point, len});
	judge(&spki, "key", what);
}

static void
points_are_uncompressed_and_on_the_curve(void **state)
{
	uint8_t p[66] = {0};

	(void)state;
	judge_point(p, 1, "infinity");
	judge_point(p, 0, "empty");
	judge_point(made.point, 64, "short");
	memcpy(p, made.point, 65);
	judge_point(p, 66, "long");
	p[0] = 2 | (p[64] & 1);
	judge_point(p, 33, "compressed");
	p[0] = 6 | (p[64] & 1);
	judge_point(p, 65, "hybrid");
	p[0] = 5;
	judge_point(p, 65, "unknown form");
	p[0] = 4;
	p[64] ^= 1;
	judge_point(p, 65, "off the curve");
	memset(p + 1, 0, 64);
	judge_point(p, 65, "zero");
}

/* A point with x small enough that x + p fits 32 octets too. */
static void
coordinates_are_below_the_prime(void **state)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *point = EC_POINT_new(group);
	BIGNUM *p = BN_new(), *x = BN_new();
	uint8_t octets[65];
	struct bytes spki = {0};

	(void)state;
	assert_true(EC_GROUP_get_curve(group, p, NULL, NULL, NULL));
	for (BN_ULONG i = 1;; i++) {
		BN_set_word(x, i);
		if (EC_POINT_set_compressed_coordinates(
			group, point, x, 0, NULL))
			break;
	}
	EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, octets,
	    sizeof(octets), NULL);
	put_spki(&spki, OID_EC, "06082a8648ce3d030107",
	    (struct span){octets, sizeof(octets)});
	judge(&spki, NULL, "small x");
	BN_add(x, x, p);
	assert_int_equal(BN_bn2binpad(x, octets + 1, 32), 32);
	judge_point(octets, sizeof(octets), "x + p");
	BN_free(x);
	BN_free(p);
	EC_POINT_free(point);
	EC_GROUP_free(group);
}

static void
edwards_keys_have_no_parameters_and_their_length(void **state)
{
	static const struct {
		const char *oid, *parameters;
		size_t len;
		const char *reason;
	} rows[] = {
	    {"1.3.101.112", "", 32, NULL},
	    {"1.3.101.112", "0500", 32, "key-alg"},
	    {"1.3.101.112", "", 31, "key"},
	    {"1.3.101.112", "", 57, "key"},
	    {"1.3.101.113", "", 57, NULL},
	    {"1.3.101.113", "0500", 57, "key-alg"},
	    {"1.3.101.113", "", 32, "key"},
	};
	static const uint8_t key[57] = {1};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes spki = {0};

		put_spki(&spki, rows[i].oid, rows[i].parameters,
		    (struct span){key, rows[i].len});
		judge(&spki, rows[i].reason, rows[i].parameters);
	}
}

static void
judge_rsa(
    const BIGNUM *n, const BIGNUM *e, const char *reason, const char *what)
{
	struct bytes spki = {0};

	put_rsa_spki(&spki, n, e);
	judge(&spki, reason, what);
}

static void
rsa_sizes_are_judged_first(void **state)
{
	static const struct {
		int bits;
		const char *reason;
	} rows[] = {
	    {512, "weak-key"},
	    {1024, "weak-key"},
	    {2047, "weak-key"},
	    {8193, "key-size"},
	    {16384, "key-size"},
	};
	BIGNUM *n = BN_new();

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		BN_rand(n, rows[i].bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
		judge_rsa(n, made.e, rows[i].reason, "size");
	}
	BN_zero(n);
	judge_rsa(n, made.e, "weak-key", "modulus 0");
	BN_one(n);
	judge_rsa(n, made.e, "weak-key", "modulus 1");
	BN_copy(n, made.n);
	BN_sub_word(n, 1);
	judge_rsa(n, made.e, "weak-key", "even modulus");
	BN_free(n);
}

static void
rsa_exponents_are_odd_and_neither_small_nor_huge(void **state)
{
	static const struct {
		const char *hex, *reason;
	} rows[] = {
	    {"010001", NULL},
	    {"010003", NULL},
	    {"00ffffffffffffffffffffffffffffffff"
	     "ffffffffffffffffffffffffffffffff",
		NULL},
	    {"010000000000000000000000000000000000"
	     "000000000000000000000000000001",
		"weak-key"},
	    {"00", "weak-key"},
	    {"01", "weak-key"},
	    {"03", "weak-key"},
	    {"00ffff", "weak-key"},
	    {"010002", "weak-key"},
	    {"ff", "weak-key"},
	    {"feffff", "weak-key"},
	    {"0001", "der"},
	    {"", "der"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes key = {0}, e = {0}, spki = {0};

		put_number(&key, made.n);
		put_hex(&e, rows[i].hex);
		wrap(&e, DER_INTEGER);
		put_part(&key, &e);
		wrap(&key, DER_SEQUENCE);
		put_spki(&spki, OID_RSA, "0500", span_of(&key));
		bytes_free(&key);
		judge(&spki, rows[i].reason, rows[i].hex);
	}
}

static void
rsa_frames_are_strict(void **state)
{
	struct bytes key = {0}, spki = {0};

	(void)state;
	put_number(&key, made.n);
	put_number(&key, made.e);
	wrap(&key, DER_SEQUENCE);
	put_spki(&spki, OID_RSA, "", span_of(&key));
	judge(&spki, "key-alg", "no parameters");
	put_spki(&spki, OID_RSA, "020101", span_of(&key));
	judge(&spki, "key-alg", "parameters not NULL");
	bytes_addc(&key, 0);
	put_spki(&spki, OID_RSA, "0500", span_of(&key));
	judge(&spki, "der", "trailing octet");
	bytes_free(&key);
	put_number(&key, made.n);
	wrap(&key, DER_SEQUENCE);
	put_spki(&spki, OID_RSA, "0500", span_of(&key));
	judge(&spki, "der", "no exponent");
	bytes_free(&key);
}

static void
small_factors_are_found(void **state)
{
	static const BN_ULONG factors[] = {
	    3, 5, 7, 257, 4093, 32749, 65519, 65521};
	BIGNUM *n = BN_new();

	(void)state;
	for (size_t i = 0; i < COUNT(factors); i++) {
		struct fail why = {0};
		unsigned named = 0;

		BN_generate_prime_ex(n, 1024, 0, NULL, NULL, NULL);
		BN_lshift(n, n, 1024 + (int)i * 7);
		BN_add(n, n, made.n);
		while (BN_mod_word(n, factors[i]) != 0)
			BN_add_word(n, 2);
		assert_int_equal(weakrsa_check(n, &why), -1);
		assert_string_equal(why.reason, "weak-key");
		assert_int_equal(
		    sscanf(strstr(why.text, "factor"), "factor %u", &named), 1);
		assert_in_range(named, 3, factors[i]);
		assert_int_equal(BN_mod_word(n, named), 0);
	}
	BN_free(n);
}

static void
factors_of_2_16_and_above_are_not_small(void **state)
{
	BIGNUM *n = BN_new(), *q = BN_new();
	BN_CTX *bn = BN_CTX_new();
	struct fail why = {0};

	(void)state;
	BN_generate_prime_ex(q, 2032, 0, NULL, NULL, NULL);
	BN_set_word(n, 65537);
	BN_mul(n, n, q, bn);
	if (weakrsa_check(n, &why) < 0)
		fail_msg("%s", why.text);
	BN_CTX_free(bn);
	BN_free(q);
	BN_free(n);
}

static void
close_primes_squares_and_primes_are_weak(void **state)
{
	static const BN_ULONG gaps[] = {0, 1000, 1UL << 30};
	BIGNUM *n = BN_new(), *q = BN_new();
	BN_CTX *bn = BN_CTX_new();

	(void)state;
	for (size_t i = 0; i < COUNT(gaps); i++) {
		BN_copy(q, made.p);
		if (gaps[i] != 0) {
			BN_add_word(q, gaps[i]);
			BN_set_bit(q, 0);
			while (BN_check_prime(q, bn, NULL) != 1)
				BN_add_word(q, 2);
		}
		BN_mul(n, made.p, q, bn);
		judge_rsa(n, made.e, "weak-key", "close primes");
	}
	BN_get_rfc3526_prime_2048(n);
	judge_rsa(n, made.e, "weak-key", "prime modulus");
	BN_get_rfc3526_prime_4096(n);
	judge_rsa(n, made.e, "weak-key", "prime modulus");
	BN_CTX_free(bn);
	BN_free(q);
	BN_free(n);
}

/* Infineon's primes: k*M + (65537^a mod M). */
static void
roca_prime(BIGNUM *p, const BIGNUM *m, unsigned long a, BN_CTX *bn)
{
	BIGNUM *g = BN_new(), *e = BN_new(), *k = BN_new();

	BN_set_word(g, 65537);
	BN_set_word(e, a);
	BN_mod_exp(g, g, e, m, bn);
	do {
		BN_rand(k, 1024 - BN_num_bits(m), BN_RAND_TOP_TWO, 0);
		BN_mul(p, k, m, bn);
		BN_add(p, p, g);
	} while (BN_num_bits(p) != 1024 || BN_check_prime(p, bn, NULL) != 1);
	BN_free(k);
	BN_free(e);
	BN_free(g);
}

static void
the_roca_fingerprint_is_found(void **state)
{
	BIGNUM *m = BN_new(), *p = BN_new(), *q = BN_new();
	BN_CTX *bn = BN_CTX_new();
	struct fail why = {0};

	(void)state;
	BN_one(m);
	for (unsigned prime = 2; prime <= 701; prime++) {
		unsigned d = 2;

		while (d < prime && prime % d != 0)
			d++;
		if (d == prime)
			BN_mul_word(m, prime);
	}
	roca_prime(p, m, 12345, bn);
	roca_prime(q, m, 67890, bn);
	BN_mul(p, p, q, bn);
	assert_int_equal(weakrsa_check(p, &why), -1);
	assert_non_null(strstr(why.text, "ROCA"));
	BN_CTX_free(bn);
	BN_free(q);
	BN_free(p);
	BN_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_keys_are_read_and_named),
	    cmocka_unit_test(frames_must_be_der),
	    cmocka_unit_test(algorithms_and_curves_are_listed_ones),
	    cmocka_unit_test(explicit_p256_is_no_named_curve),
	    cmocka_unit_test(points_are_uncompressed_and_on_the_curve),
	    cmocka_unit_test(coordinates_are_below_the_prime),
	    cmocka_unit_test(edwards_keys_have_no_parameters_and_their_length),
	    cmocka_unit_test(rsa_sizes_are_judged_first),
	    cmocka_unit_test(rsa_exponents_are_odd_and_neither_small_nor_huge),
	    cmocka_unit_test(rsa_frames_are_strict),
	    cmocka_unit_test(small_factors_are_found),
	    cmocka_unit_test(factors_of_2_16_and_above_are_not_small),
	    cmocka_unit_test(close_primes_squares_and_primes_are_weak),
	    cmocka_unit_test(the_roca_fingerprint_is_found),
	};

	return cmocka_run_group_tests_name(
	    "pubkey", tests, make_keys, free_keys);
}

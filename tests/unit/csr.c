#include "tests/unit/made.h"

#include "lib/base/file.h"
#include "lib/wire/csr.h"
#include "lib/wire/name.h"
#include "lib/wire/san.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define MUTATIONS 20000
#define VECTOR_MAX 200000

static EVP_PKEY *p256;

static int
make_key(void **state)
{
	(void)state;
	p256 = EVP_EC_gen("P-256");
	return p256 == NULL;
}

static int
free_key(void **state)
{
	(void)state;
	EVP_PKEY_free(p256);
	return 0;
}

/* A file under tests/vectors; the caller frees. */
static struct bytes
file_of(const char *name)
{
	const char *srcdir = getenv("SRCDIR");
	char *path =
	    str_fmt("%s/tests/vectors/%s", srcdir != NULL ? srcdir : ".", name);
	struct bytes text = {0};
	struct fail why = {0};

	if (file_read(&text, path, VECTOR_MAX, &why) < 0)
		fail_msg("%s: %s %s", path, why.text, why.cause);
	free(path);
	return text;
}

static struct bytes
vector_of(const char *name)
{
	struct bytes text = file_of(name), der = {0};
	struct fail why = {0};

	if (csr_body_read(&der, span_of(&text), true, &why) < 0)
		fail_msg("%s: %s", name, why.text);
	bytes_free(&text);
	return der;
}

static struct csr *
csr_of(const char *name)
{
	struct bytes der = vector_of(name);
	struct csr *csr;
	struct fail why = {0};

	if (csr_read(&csr, span_of(&der), &why) < 0)
		fail_msg("%s: %s %s", name, why.reason, why.text);
	bytes_free(&der);
	return csr;
}

static void
judge(struct span der, const char *expected, const char *what)
{
	struct csr *csr;
	struct fail why = {0};
	int rc = csr_read(&csr, der, &why);
	const char *got = rc == 0 ? "ok" : why.reason;

	if (strcmp(got, expected) != 0)
		fail_msg("%s: %s, not %s: %s", what, got, expected, why.text);
	if (rc < 0) {
		assert_null(csr);
		assert_int_equal(why.kind, FAIL_MALFORMED);
		assert_true(strlen(why.text) > 10);
	}
	csr_free(csr);
}

static void
each_vector_gets_its_reason_word(void **state)
{
	struct bytes table = file_of("csr-expected.tsv");
	char *line, *rest = (char *)table.data;
	int n = 0;

	(void)state;
	line = strsep(&rest, "\n");
	assert_string_equal(line, "file\tcsr_read\tstatus\treason\tnote");
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		char *file = strsep(&line, "\t");
		char *expected = strsep(&line, "\t");
		struct bytes der = vector_of(file);

		judge(span_of(&der), expected, file);
		bytes_free(&der);
		n++;
	}
	assert_true(n > 100);
	bytes_free(&table);
}

/* What csr_read() says of key and signature. */
static bool
is_of_the_key(const char *reason)
{
	static const char *const words[] = {"key-alg", "weak-hash", "pop",
	    "sigalg", "curve", "key", "weak-key", "key-size"};

	for (size_t i = 0; i < COUNT(words); i++)
		if (strcmp(words[i], reason) == 0)
			return true;
	return false;
}

/* RFC 7030, 4.4.1: they are ignored, and nothing else is. */
static void
without_proof_key_and_signature_mean_nothing(void **state)
{
	struct bytes table = file_of("csr-expected.tsv");
	char *line, *rest = (char *)table.data;
	int ignored = 0, refused = 0;

	(void)state;
	(void)strsep(&rest, "\n");
	while ((line = strsep(&rest, "\n")) != NULL && *line != '\0') {
		char *file = strsep(&line, "\t");
		char *expected = strsep(&line, "\t");
		struct bytes der = vector_of(file);
		struct csr *csr;
		struct fail why = {0};
		int rc = csr_read_unproven(&csr, span_of(&der), &why);

		if (is_of_the_key(expected) ||
		    strcmp(file, "csr-made/022-sigbits-unused.b64") == 0) {
			if (rc != 0 && is_of_the_key(why.reason))
				fail_msg("%s: %s", file, why.text);
			ignored += rc == 0;
		} else if (strcmp(rc == 0 ? "ok" : why.reason, expected) != 0) {
			fail_msg("%s: %s, not %s", file,
			    rc == 0 ? "ok" : why.reason, expected);
		} else {
			refused += rc != 0;
		}
		if (rc == 0)
			assert_null(csr->key.evp);
		csr_free(csr);
		bytes_free(&der);
	}
	assert_true(ignored > 20);
	assert_true(refused > 20);
	bytes_free(&table);
}

static void
a_key_can_be_given_to_a_request_without(void **state)
{
	struct bytes der = vector_of("csr-made/023-sig-flipped.b64");
	struct bytes spki = {0};
	struct csr *csr;
	struct fail why = {0};

	(void)state;
	assert_int_equal(csr_read_unproven(&csr, span_of(&der), &why), 0);
	put_key_spki(&spki, p256);
	assert_int_equal(csr_key_give(csr, span_of(&spki), &why), 0);
	assert_int_equal(EVP_PKEY_eq(csr->key.evp, p256), 1);
	assert_true(span_equal(csr->key.spki, span_of(&spki)));
	assert_int_equal(csr_key_give(csr, span_str("x"), &why), -1);
	assert_null(csr->key.evp);
	csr_free(csr);
	bytes_free(&spki);
	bytes_free(&der);
}

static void
a_good_request_is_all_in_the_struct(void **state)
{
	struct csr *csr = csr_of("csr-made/001-ok-p256.b64");
	uint8_t hash[SHA256_LEN];
	char *text;

	(void)state;
	text = name_text(csr->subject);
	assert_string_equal(text, "CN=device-0001");
	free(text);
	text = san_text(csr->san);
	assert_string_equal(text, "DNS:device-0001.example.net");
	free(text);
	assert_true(csr->has_key_usage);
	assert_int_equal(csr->key_usage, KU_DIGITAL_SIGNATURE);
	assert_int_equal(csr->ext_key_usages, 0);
	assert_false(csr->has_basic);
	assert_int_equal(csr->path_length, -1);
	assert_null(csr->challenge);
	assert_int_equal(csr->hash, NID_sha256);
	assert_int_equal(csr->key.type, PUBKEY_EC);
	assert_int_equal(csr->key.bits, 256);
	assert_false(csr->attributes_absent);
	assert_false(csr->has_change_subject);
	assert_int_equal(csr->unknowns, 0);
	sha256(hash, span_of(&csr->der));
	assert_memory_equal(hash, csr->sha256, SHA256_LEN);
	assert_true(csr->subject_der.data > csr->der.data);
	assert_int_equal(csr->subject_der.data[0], DER_SEQUENCE);
	csr_free(csr);
}

static void
other_good_requests_say_what_they_want(void **state)
{
	struct csr *csr;

	(void)state;
	csr = csr_of("csr-made/002-ok-p256-no-attributes.b64");
	assert_false(csr->has_key_usage);
	assert_null(csr->san);
	csr_free(csr);
	csr = csr_of("csr-made/003-ok-rsa2048.b64");
	assert_int_equal(csr->key.type, PUBKEY_RSA);
	assert_int_equal(csr->key.bits, 2048);
	csr_free(csr);
	csr = csr_of("csr-made/004-ok-p384.b64");
	assert_int_equal(csr->key.curve, NID_secp384r1);
	assert_int_equal(csr->hash, NID_sha384);
	csr_free(csr);
	csr = csr_of("csr-made/058-ed25519.b64");
	assert_int_equal(csr->key.type, PUBKEY_ED25519);
	assert_int_equal(csr->hash, NID_undef);
	csr_free(csr);
	csr = csr_of("csr-made/068-attr-challenge-wrong.b64");
	assert_string_equal(csr->challenge, "AAAAAAAAAAAAAAAA");
	csr_free(csr);
	csr = csr_of("csr-made/076-ext-ca-true-pathlen0.b64");
	assert_true(csr->ca);
	assert_int_equal(csr->path_length, 0);
	csr_free(csr);
	csr = csr_of("csr-made/086-ext-eku-codeSigning.b64");
	assert_int_equal(csr->ext_key_usages, 1);
	csr_free(csr);
	csr = csr_of("csr-made/091-ext-name-constraints.b64");
	assert_true(csr->has_name_constraints);
	csr_free(csr);
	csr = csr_of("csr-made/131-dn-empty-with-san.b64");
	assert_int_equal(X509_NAME_entry_count(csr->subject), 0);
	assert_int_equal(sk_GENERAL_NAME_num(csr->san), 1);
	csr_free(csr);
	csr = csr_of("est-coaps/A2-enroll-request.b64");
	assert_non_null(
	    strstr(csr->challenge, "JKJ;\xc3\xa2\xc2\x80\xc2\x99/>"));
	assert_int_equal(sk_GENERAL_NAME_num(csr->san), 1);
	csr_free(csr);
}

/* RFC 2986, 4.1 has the field always; some writers leave it out. */
static void
missing_attributes_are_accepted_and_noted(void **state)
{
	struct bytes info = {0}, der = {0};
	struct csr *csr;
	struct fail why = {0};

	(void)state;
	put_hex(&info, "020100" SUBJECT_HEX);
	put_key_spki(&info, p256);
	wrap(&info, DER_SEQUENCE);
	put_signed(&der, span_of(&info), p256);
	assert_int_equal(csr_read(&csr, span_of(&der), &why), 0);
	assert_true(csr->attributes_absent);
	csr_free(csr);
	bytes_free(&der);
	bytes_free(&info);
}

/* Frames made of a good request's parts, each signed. */
static void
frames_must_be_those_of_pkcs_10(void **state)
{
	static const struct {
		const char *before, *after, *reason;
	} rows[] = {
	    {"020100" SUBJECT_HEX, "a000", "ok"},
	    {"020101" SUBJECT_HEX, "a000", "csr-version"},
	    {"020163" SUBJECT_HEX, "a000", "csr-version"},
	    {"0201ff" SUBJECT_HEX, "a000", "csr-version"},
	    {"0209010000000000000000" SUBJECT_HEX, "a000", "csr-version"},
	    {"02020000" SUBJECT_HEX, "a000", "der"},
	    {"0200" SUBJECT_HEX, "a000", "der"},
	    {"020100" SUBJECT_HEX, "a0000500", "not-csr"},
	    {"020100" SUBJECT_HEX, "8000", "not-csr"},
	    {"020100" SUBJECT_HEX, "3000", "not-csr"},
	    {"020100", "a000", "not-csr"},
	    {SUBJECT_HEX, "a000", "not-csr"},
	    {"0500" SUBJECT_HEX, "a000", "not-csr"},
	    {"020100"
	     "3000",
		"a000", "dn-empty"},
	    {"020100"
	     "0500",
		"a000", "not-csr"},
	    {"020100" SUBJECT_HEX, "a0023000", "csr-attrs"},
	    {"020100" SUBJECT_HEX, "a0023080", "der"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes info = {0}, der = {0};
		char what[32];

		(void)snprintf(what, sizeof(what), "row %zu", i);
		put_hex(&info, rows[i].before);
		put_key_spki(&info, p256);
		put_hex(&info, rows[i].after);
		wrap(&info, DER_SEQUENCE);
		put_signed(&der, span_of(&info), p256);
		judge(span_of(&der), rows[i].reason, what);
		bytes_free(&der);
		bytes_free(&info);
	}
}

static void
what_is_no_request_is_refused(void **state)
{
	static const struct {
		const char *hex, *reason;
	} rows[] = {
	    {"", "der"},
	    {"30", "der"},
	    {"0500", "not-csr"},
	    {"3000", "not-csr"},
	    {"30003000", "der-trailing"},
	    {"3080", "der"},
	    {"30800000", "der"},
	    {"3084ffffffff", "der"},
	    {"3088ffffffffffffffff", "der"},
	    {"30ff", "der"},
	    {"30060201000201ff", "not-csr"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes der = {0};

		put_hex(&der, rows[i].hex);
		judge(span_of(&der), rows[i].reason, rows[i].hex);
		bytes_free(&der);
	}
}

static void
four_thousand_levels_do_not_overflow_the_stack(void **state)
{
	struct bytes der = {0};

	(void)state;
	for (int i = 0; i < 4000; i++)
		wrap(&der, DER_SEQUENCE);
	judge(span_of(&der), "der", "nested");
	bytes_free(&der);
}

static void
every_truncation_is_refused(void **state)
{
	struct bytes der = vector_of("csr-made/001-ok-p256.b64");

	(void)state;
	for (size_t len = 0; len < der.len; len++)
		judge((struct span){der.data, len}, "der", "truncated");
	bytes_free(&der);
}

/* The first failing check names the reason: see csr.h. */
static void
the_order_of_checks_is_fixed(void **state)
{
	static const struct {
		const char *version, *subject, *oid, *attributes;
		bool good;
		const char *reason;
	} rows[] = {
	    {"020101", "3000", "1.2.840.10045.4.1", "3000", false,
		"csr-version"},
	    {"020100", "3000", "1.2.840.10045.4.1", "3000", false, "weak-hash"},
	    {"020100", "3000", OID_RSA_SHA256, "3000", false, "sigalg"},
	    {"020100", "3000", OID_ECDSA_SHA256, "3000", false, "pop"},
	    {"020100", "30023100", OID_ECDSA_SHA256, "3000", true, "csr-attrs"},
	    {"020100", "30023100", OID_ECDSA_SHA256,
		"3018"
		"06092a864886f70d01090e"
		"310b"
		"3009"
		"3007"
		"0603551d0f"
		"0400",
		true, "dn-rule"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes info = {0}, signature = {0}, der = {0};
		char what[32];

		(void)snprintf(what, sizeof(what), "row %zu", i);
		put_hex(&der, rows[i].attributes);
		wrap(&der, DER_CONTEXT_CONS(0));
		put_hex(&info, rows[i].version);
		put_hex(&info, rows[i].subject);
		put_key_spki(&info, p256);
		put_part(&info, &der);
		wrap(&info, DER_SEQUENCE);
		put_signature(&signature, p256, EVP_sha256(),
		    rows[i].good ? span_of(&info) : span_str("other"));
		put_request(
		    &der, span_of(&info), rows[i].oid, "", span_of(&signature));
		judge(span_of(&der), rows[i].reason, what);
		bytes_free(&der);
		bytes_free(&signature);
		bytes_free(&info);
	}
}

static void
bodies_are_base64_and_more_only_when_lenient(void **state)
{
	static const struct {
		const char *body;
		const char *strict, *lenient; /* NULL: "ab", else the reason */
	} rows[] = {
	    {"YWI=", NULL, NULL},
	    {" Y\r\nW\tI=\n\r\n", NULL, NULL},
	    {"", "body-empty", "body-empty"},
	    {" \r\n", "body-empty", "body-empty"},
	    {"!!!!", "base64", "base64"},
	    {"YWI", "base64", "base64"},
	    {"YWJ=", "base64", "base64"},
	    {"-----BEGIN CERTIFICATE REQUEST-----\nYWI=\n"
	     "-----END CERTIFICATE REQUEST-----\n",
		"base64", NULL},
	    {"\r\n-----BEGIN NEW CERTIFICATE REQUEST-----\r\nYWI=\r\n"
	     "-----END NEW CERTIFICATE REQUEST-----",
		"base64", NULL},
	    {"-----BEGIN NEW CERTIFICATE REQUEST-----\nYWI=\n"
	     "-----END CERTIFICATE REQUEST-----\n",
		"base64", "base64"},
	    {"-----BEGIN CERTIFICATE-----\nYWI=\n"
	     "-----END CERTIFICATE-----\n",
		"base64", "base64"},
	    {"-----BEGIN CERTIFICATE REQUEST-----\n"
	     "-----END CERTIFICATE REQUEST-----\n",
		"base64", "body-empty"},
	    {"-----BEGIN CERTIFICATE REQUEST-----", "base64", "base64"},
	};

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		bool lenient = i % 2 != 0;
		const char *reason =
		    lenient ? rows[i / 2].lenient : rows[i / 2].strict;
		struct bytes der = {0};
		struct fail why = {0};
		int rc = csr_body_read(
		    &der, span_str(rows[i / 2].body), lenient, &why);

		if ((rc == 0) != (reason == NULL) ||
		    (rc < 0 && strcmp(why.reason, reason) != 0))
			fail_msg("%s: %d %s", rows[i / 2].body, rc, why.reason);
		if (rc == 0)
			assert_true(span_equal(span_of(&der), span_str("ab")));
		bytes_free(&der);
	}
}

static void
bare_der_is_taken_when_lenient(void **state)
{
	struct bytes der = {0};
	struct span body = {(const uint8_t *)"\x30\x00", 2};
	struct fail why = {0};

	(void)state;
	assert_int_equal(csr_body_read(&der, body, false, &why), -1);
	assert_string_equal(why.reason, "base64");
	assert_int_equal(csr_body_read(&der, body, true, &why), 0);
	assert_true(span_equal(span_of(&der), body));
	bytes_free(&der);
}

static uint32_t
random_next(void)
{
	static uint64_t x = 0x2545f4914f6cdd1d; /* always the same sequence */

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 16);
}

static void
mutate(struct bytes *b)
{
	size_t at = random_next() % b->len;
	size_t n = random_next() % 8 + 1;

	if (n > b->len - at)
		n = b->len - at;
	switch (random_next() % 6) {
	case 0:
		b->data[at] ^= (uint8_t)(1u << random_next() % 8);
		break;
	case 1:
		b->data[at] = (uint8_t)random_next();
		break;
	case 2: /* lengths and tags like these do most */
		b->data[at] = (const uint8_t[]){0, 1, 0x7f, 0x80, 0x81, 0x84,
		    0x30, 0xff}[random_next() % 8];
		break;
	case 3: /* delete */
		memmove(b->data + at, b->data + at + n, b->len - at - n);
		b->len -= n;
		break;
	case 4: /* double */
		bytes_add(b, b->data, 0);
		bytes_add(b, "        ", n);
		memmove(b->data + at + n, b->data + at, b->len - at - n);
		break;
	case 5: /* move */
		memmove(b->data + at,
		    b->data + random_next() % (b->len - n + 1), n);
		break;
	}
}

/* OpenSSL's own decoding of the key and its own digest agree.  Its parser of
 * whole requests is no judge: it looks into attributes that we ignore. */
static bool
openssl_agrees(const struct csr *csr)
{
	struct span rest = span_of(&csr->der), body, info, part, bits;
	const uint8_t *spki = csr->key.spki.data;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &spki, (long)csr->key.spki.len);
	const EVP_MD *md =
	    csr->hash == NID_undef ? NULL : EVP_get_digestbynid(csr->hash);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = key != NULL && der_take(&rest, DER_SEQUENCE, &body, NULL) &&
	            der_take(&body, DER_SEQUENCE, &part, &info) &&
	            der_take(&body, DER_SEQUENCE, &part, NULL) &&
	            der_take(&body, DER_BITS, &bits, NULL) && body.len == 0 &&
	            EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
	            EVP_DigestVerify(ctx, bits.data + 1, bits.len - 1,
			info.data, info.len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return good;
}

static int
try_mutant(struct span der)
{
	struct csr *csr;
	struct fail why = {0};

	if (csr_read(&csr, der, &why) < 0) {
		assert_int_equal(why.kind, FAIL_MALFORMED);
		assert_non_null(why.reason);
		return 0;
	}
	assert_true(openssl_agrees(csr));
	csr_free(csr);
	return 1;
}

static void
mutants_of_whole_requests_never_crash(void **state)
{
	static const char *const files[] = {
	    "csr-made/001-ok-p256.b64",
	    "csr-made/005-ok-unknown-attribute.b64",
	    "csr-made/058-ed25519.b64",
	    "csr-made/068-attr-challenge-wrong.b64",
	    "est-coaps/A2-enroll-request.b64",
	    "csr-made/004-ok-p384.b64",
	    "csr-made/003-ok-rsa2048.b64",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct bytes good = vector_of(files[i]);
		int n = i < 5 ? MUTATIONS / 10 : MUTATIONS / 100;

		for (int k = 0; k < n; k++) {
			struct bytes mutant = {0};

			bytes_add(&mutant, good.data, good.len);
			for (uint32_t m = random_next() % 3 + 1; m > 0; m--)
				if (mutant.len > 0)
					mutate(&mutant);
			(void)try_mutant(span_of(&mutant));
			bytes_free(&mutant);
		}
		bytes_free(&good);
	}
}

/* Attributes and subject of requests with much in them, mutated, then signed:
 * so the checks behind the signature see them. */
static void
signed_mutants_never_crash(void **state)
{
	static const char *const attributes[] = {
	    /* extensionRequest: keyUsage, extKeyUsage, basicConstraints, SAN,
	     * nameConstraints, one that is unknown */
	    "30818706092a864886f70d01090e317a3078"
	    "300e0603551d0f0101ff040403020780"
	    "30130603551d25040c300a06082b06010505070302"
	    "300c0603551d130101ff04023000"
	    "30200603551d11041930178206612e74657374870401020304860775726e3a783a"
	    "31"
	    "30160603551d1e0101ff040c300aa0083006820474657374"
	    "300906032a030404020500",
	    /* challengePassword */
	    "301506092a864886f70d01090731080c0661626364c3a9",
	    /* ChangeSubjectName */
	    "301006082b06010505070724310430023000",
	    "300d06032a030531060201010c0161",
	};
	int accepted = 0, taken;

	(void)state;
	for (int k = 0; k < MUTATIONS / 2; k++) {
		struct bytes part = {0}, info = {0}, der = {0};
		bool whole = (size_t)k < COUNT(attributes);

		put_hex(&part, SUBJECT_HEX);
		if (!whole && k % 5 == 0)
			mutate(&part);
		put_hex(&info, "020100");
		put_part(&info, &part);
		put_key_spki(&info, p256);
		put_hex(&part, attributes[(size_t)k % COUNT(attributes)]);
		if (!whole && k % 5 != 0)
			mutate(&part);
		wrap(&part, DER_CONTEXT_CONS(0));
		put_part(&info, &part);
		wrap(&info, DER_SEQUENCE);
		put_signed(&der, span_of(&info), p256);
		taken = try_mutant(span_of(&der));
		assert_true(taken || !whole);
		accepted += taken;
		bytes_free(&der);
		bytes_free(&info);
	}
	assert_in_range(accepted, 1, MUTATIONS / 2 - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_vector_gets_its_reason_word),
	    cmocka_unit_test(without_proof_key_and_signature_mean_nothing),
	    cmocka_unit_test(a_key_can_be_given_to_a_request_without),
	    cmocka_unit_test(a_good_request_is_all_in_the_struct),
	    cmocka_unit_test(other_good_requests_say_what_they_want),
	    cmocka_unit_test(missing_attributes_are_accepted_and_noted),
	    cmocka_unit_test(frames_must_be_those_of_pkcs_10),
	    cmocka_unit_test(what_is_no_request_is_refused),
	    cmocka_unit_test(four_thousand_levels_do_not_overflow_the_stack),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(the_order_of_checks_is_fixed),
	    cmocka_unit_test(bodies_are_base64_and_more_only_when_lenient),
	    cmocka_unit_test(bare_der_is_taken_when_lenient),
	    cmocka_unit_test(mutants_of_whole_requests_never_crash),
	    cmocka_unit_test(signed_mutants_never_crash),
	};

	return cmocka_run_group_tests_name("csr", tests, make_key, free_key);
}

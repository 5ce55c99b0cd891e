#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "lib/key/fresh.h"
#include "lib/wire/der.h"
#include "lib/wire/keypackage.h"
#include "lib/wire/multipart.h"
#include "lib/wire/pkcs8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---- a key made here -------------------------------------------------- */

struct made {
	EVP_PKEY *key;
	struct bytes spki, pkcs8;
	struct pubkey public;
};

static void
made_new(struct made *m, const char *type)
{
	struct fail why = {0};
	int len;
	uint8_t *p;

	memset(m, 0, sizeof(*m));
	if (fresh_key(&m->key, type, &why) != 0)
		fail_msg("%s: %s", type, why.text);
	len = i2d_PUBKEY(m->key, NULL);
	bytes_room(&m->spki, (size_t)len);
	p = m->spki.data;
	m->spki.len = (size_t)i2d_PUBKEY(m->key, &p);
	if (pubkey_read(&m->public, span_of(&m->spki), &why) != 0 ||
	    pkcs8_write(&m->pkcs8, m->key, &m->public, &why) != 0)
		fail_msg("%s: %s %s", type, why.text, why.cause);
}

static void
made_free(struct made *m)
{
	EVP_PKEY_free(m->key);
	pubkey_free(&m->public);
	bytes_free(&m->spki);
	bytes_wipe(&m->pkcs8);
}

static void
every_kind_of_key_is_what_openssl_reads_and_writes(void **state)
{
	static const char *const types[] = {"p256", "p384", "p521", "rsa2048",
	    "rsa3072", "rsa4096", "ed25519", "ed448"};

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct made m;
		const uint8_t *p;
		PKCS8_PRIV_KEY_INFO *info;
		EVP_PKEY *back;
		uint8_t *theirs = NULL;
		int len;

		made_new(&m, types[i]);
		p = m.pkcs8.data;
		info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)m.pkcs8.len);
		assert_non_null(info);
		assert_ptr_equal(p, m.pkcs8.data + m.pkcs8.len);
		back = EVP_PKCS82PKEY(info);
		assert_non_null(back);
		assert_int_equal(EVP_PKEY_eq(back, m.key), 1);
		PKCS8_PRIV_KEY_INFO_free(info);
		EVP_PKEY_free(back);
		info = EVP_PKEY2PKCS8(m.key);
		len = i2d_PKCS8_PRIV_KEY_INFO(info, &theirs);
		assert_int_equal(len, m.pkcs8.len);
		assert_memory_equal(theirs, m.pkcs8.data, m.pkcs8.len);
		OPENSSL_free(theirs);
		PKCS8_PRIV_KEY_INFO_free(info);
		made_free(&m);
	}
}

static void
an_unknown_kind_of_key_is_not_made(void **state)
{
	struct fail why = {0};
	EVP_PKEY *key;

	(void)state;
	assert_int_equal(fresh_key(&key, "des", &why), -1);
	assert_int_equal(why.kind, FAIL_BROKEN);
	assert_null(key);
}

/* ---- multipart -------------------------------------------------------- */

static void
two_parts_with_cr_lf_and_nothing_round_them(void **state)
{
	uint8_t octets[100];
	const struct multipart_part parts[] = {
	    {"application/pkcs8", {octets, 100}},
	    {"application/pkcs7-mime; smime-type=certs-only", {octets, 3}},
	};
	char boundary[MULTIPART_BOUNDARY_LEN], other[MULTIPART_BOUNDARY_LEN];
	struct bytes body = {0}, again = {0};
	char *want;

	(void)state;
	memset(octets, 0, sizeof(octets));
	multipart_write(&body, boundary, parts, 2);
	assert_int_equal(strlen(boundary), 32);
	want = str_fmt("--%s\r\nContent-Type: application/pkcs8\r\n"
		       "Content-Transfer-Encoding: base64\r\n\r\n"
		       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"
		       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\nAAAAAA==\r\n"
		       "--%s\r\nContent-Type: application/pkcs7-mime; "
		       "smime-type=certs-only\r\n"
		       "Content-Transfer-Encoding: base64\r\n\r\n"
		       "AAAA\r\n--%s--\r\n",
	    boundary, boundary, boundary);
	assert_string_equal((char *)body.data, want);
	multipart_write(&again, other, parts, 2);
	assert_string_not_equal(boundary, other);
	free(want);
	bytes_free(&body);
	bytes_free(&again);
}

/* ---- the algorithms a client lists ------------------------------------ */

#define RSA_OID "06092a864886f70d010101"
#define OAEP_OID "06092a864886f70d010107"
#define OAEP_SHA256                                                            \
	"303a" OAEP_OID "302da00f300d06096086480165030402010500a11a301806092a" \
	"864886f70d010108300b0609608648016503040201"
#define KDF256 "06062b8104010b01"
#define KDF1 "06092b8105108648" /* cut short: not what it should be */
#define WRAP128                                                                \
	"300b060960864801650304"                                               \
	"0105"
#define AES128                                                                 \
	"300b060960864801650304"                                               \
	"0102"
#define AES256                                                                 \
	"300b060960864801650304"                                               \
	"012a"
#define DES3 "300a06082a864886f70d0307"

static void
the_first_of_the_clients_algorithms_that_fits_is_taken(void **state)
{
	static const struct {
		const char *hex;
		bool ec;
		const char *reason; /* NULL: chosen */
		int oaep, kdf, wrap, content;
	} table[] = {
	    {"300b" RSA_OID, false, NULL, NID_undef, 0, 0, NID_aes_256_cbc},
	    {"300d" RSA_OID "0500", false, NULL, NID_undef, 0, 0,
		NID_aes_256_cbc},
	    {"300b" OAEP_OID "300b" RSA_OID, false, NULL, NID_sha1, 0, 0,
		NID_aes_256_cbc},
	    {"300d" OAEP_OID "3000" AES128, false, NULL, NID_sha1, 0, 0,
		NID_aes_128_cbc},
	    {DES3 OAEP_SHA256 AES128 AES256, false, NULL, NID_sha256, 0, 0,
		NID_aes_256_cbc},
	    {"3008" KDF256, true, NULL, 0, NID_sha256, NID_id_aes256_wrap,
		NID_aes_256_cbc},
	    {"3015" KDF256 WRAP128, true, NULL, 0, NID_sha256,
		NID_id_aes128_wrap, NID_aes_256_cbc},
	    {"3008" KDF256 WRAP128 AES128, true, NULL, 0, NID_sha256,
		NID_id_aes128_wrap, NID_aes_128_cbc},
	    {"300b" RSA_OID, true, "key-wrap", 0, 0, 0, 0},
	    {"3008" KDF256, false, "key-wrap", 0, 0, 0, 0},
	    {"3012" KDF256 DES3 AES128, true, "csr-attrs", 0, 0, 0, 0},
	    {"3014" KDF256 DES3, true, "key-wrap", 0, 0, 0, 0},
	    {DES3, false, "key-wrap", 0, 0, 0, 0},
	    {"", false, "key-wrap", 0, 0, 0, 0},
	    {"3000", false, "csr-attrs", 0, 0, 0, 0},
	    {"0500", false, "csr-attrs", 0, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct bytes der = {0};
		struct keywrap w;
		struct fail why = {0};
		int rc;

		assert_true(hex_read(&der, table[i].hex));
		rc = keywrap_choose(&w, span_of(&der), table[i].ec, &why);
		if (table[i].reason != NULL) {
			if (rc == 0 || strcmp(why.reason, table[i].reason) != 0)
				fail_msg("row %zu: %d %s", i, rc,
				    rc == 0 ? "" : why.reason);
		} else if (rc != 0 || w.oaep != table[i].oaep ||
			   w.kdf != table[i].kdf || w.wrap != table[i].wrap ||
			   w.content != table[i].content) {
			fail_msg("row %zu: %d %s oaep %d kdf %d wrap %d "
				 "content %d",
			    i, rc, why.text, w.oaep, w.kdf, w.wrap, w.content);
		}
		bytes_free(&der);
	}
}

/* ---- encrypted -------------------------------------------------------- */

static void
extension(X509 *cert, int nid, const char *text)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, text);

	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

/* Self-signed; with `ski` it has a subject key identifier. */
static X509 *
cert_for(EVP_PKEY *key, bool ski)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 4711);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const uint8_t *)"unit", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	extension(cert, NID_key_usage, "critical,digitalSignature");
	if (ski)
		extension(cert, NID_subject_key_identifier, "01020304");
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

/* What openssl cms -decrypt gives: the SignedData, into a ContentInfo. */
static CMS_ContentInfo *
decrypted(struct span der, EVP_PKEY *key, X509 *cert)
{
	const uint8_t *p = der.data;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.len);
	BIO *out = BIO_new(BIO_s_mem());
	struct bytes info = {0}, body = {0};
	char *text;
	long len;

	assert_non_null(cms);
	assert_int_equal(
	    OBJ_obj2nid(CMS_get0_eContentType(cms)), NID_pkcs7_signed);
	assert_int_equal(CMS_decrypt(cms, key, cert, NULL, out, CMS_BINARY), 1);
	CMS_ContentInfo_free(cms);
	len = BIO_get_mem_data(out, &text);
	assert_true(der_put_oid(&body, "1.2.840.113549.1.7.2"));
	der_put(&body, DER_CONTEXT_CONS(0),
	    (struct span){(uint8_t *)text, (size_t)len});
	der_put(&info, DER_SEQUENCE, span_of(&body));
	p = info.data;
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)info.len);
	bytes_wipe(&body);
	bytes_wipe(&info);
	BIO_free(out);
	return cms;
}

static void
round_trip(const char *type, struct keywrap wrap, bool ski)
{
	struct made m;
	EVP_PKEY *mine = NULL, *signer = EVP_EC_gen("P-256");
	X509 *signed_by = cert_for(signer, true), *to;
	X509_STORE *store = X509_STORE_new();
	struct bytes out = {0}, want = {0};
	struct fail why = {0};
	CMS_ContentInfo *cms;
	BIO *text = BIO_new(BIO_s_mem());
	char *got;
	char oid[64];

	made_new(&m, "p256");
	assert_int_equal(fresh_key(&mine, type, &why), 0);
	to = cert_for(mine, ski);
	if (keypackage_write(&out,
		&(struct keypackage){
		    span_of(&m.pkcs8), to, wrap, signed_by, signer, NULL},
		&why) != 0)
		fail_msg("%s: %s %s", type, why.text, why.cause);
	cms = decrypted(span_of(&out), mine, to);
	assert_non_null(cms);
	OBJ_obj2txt(oid, sizeof(oid), CMS_get0_eContentType(cms), 1);
	assert_string_equal(oid, "2.16.840.1.101.2.1.2.78.5");
	X509_STORE_add_cert(store, signed_by);
	if (CMS_verify(cms, NULL, store, NULL, text, CMS_BINARY) != 1) {
		ERR_print_errors_fp(stderr);
		fail_msg("%s: the signature is not verified", type);
	}
	der_put(&want, DER_SEQUENCE, span_of(&m.pkcs8));
	assert_int_equal(BIO_get_mem_data(text, &got), want.len);
	assert_memory_equal(got, want.data, want.len);
	CMS_ContentInfo_free(cms);
	BIO_free(text);
	X509_STORE_free(store);
	X509_free(signed_by);
	X509_free(to);
	EVP_PKEY_free(mine);
	EVP_PKEY_free(signer);
	bytes_free(&out);
	bytes_wipe(&want);
	made_free(&m);
}

static void
whoever_has_the_key_decrypts_and_verifies(void **state)
{
	const struct keywrap plain = {NID_undef, 0, 0, NID_aes_256_cbc},
			     oaep1 = {NID_sha1, 0, 0, NID_aes_128_cbc},
			     oaep = {NID_sha256, 0, 0, NID_aes_256_cbc},
			     ec = {0, NID_sha256, NID_id_aes256_wrap,
				 NID_aes_256_cbc},
			     ec128 = {0, NID_sha512, NID_id_aes128_wrap,
				 NID_aes_128_cbc};

	(void)state;
	round_trip("rsa2048", plain, true);
	round_trip("rsa2048", oaep1, true);
	round_trip("rsa3072", oaep, false);
	round_trip("p256", ec, true);
	round_trip("p256", ec, false);
	round_trip("p384", ec128, true);
	round_trip("p521", ec, true);
}

/* ---- nothing stays behind --------------------------------------------- */

/* How often `needle`, given inverted so that it is not its own find, stands in
 * the process's writable memory. */
static unsigned __attribute__((unused))
memory_holds(const uint8_t *inverted, size_t len)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int mem = open("/proc/self/mem", O_RDONLY);
	char line[512];
	unsigned found = 0;
	unsigned long from, to;
	char mode[5];

	assert_non_null(maps);
	assert_true(mem >= 0);
	while (fgets(line, sizeof(line), maps) != NULL) {
		uint8_t *copy;
		ssize_t n;

		if (sscanf(line, "%lx-%lx %4s", &from, &to, mode) != 3 ||
		    mode[0] != 'r' || mode[1] != 'w' || to - from > (1ul << 28))
			continue;
		copy = malloc(to - from);
		n = pread(mem, copy, to - from, (off_t)from);
		for (ssize_t i = 0; i + (ssize_t)len <= n; i++) {
			size_t k = 0;

			while (k < len &&
			       (copy[i + (ssize_t)k] ^ inverted[k]) == 0xff)
				k++;
			found += k == len;
		}
		OPENSSL_cleanse(copy, to - from);
		free(copy);
	}
	(void)fclose(maps);
	(void)close(mem);
	return found;
}

#define NEEDLE 24

/* Make, write, send off, free: the octets to look for afterwards. */
static void __attribute__((noinline, unused)) life(uint8_t raw[NEEDLE],
    uint8_t text[NEEDLE], const char *type, const char *number)
{
	char boundary[MULTIPART_BOUNDARY_LEN];
	struct made m;
	struct multipart_part part = {"application/pkcs8", {0}};
	struct bytes body = {0}, out = {0};
	struct fail why = {0};
	BIGNUM *bn = NULL;
	uint8_t octets[512];
	const uint8_t *base64;
	EVP_PKEY *other = EVP_EC_gen("P-256");
	X509 *cert = cert_for(other, true);

	made_new(&m, type);
	part.content = span_of(&m.pkcs8);
	multipart_write(&body, boundary, &part, 1);
	assert_int_equal(
	    keypackage_write(&out,
		&(struct keypackage){span_of(&m.pkcs8), cert,
		    {0, NID_sha256, NID_id_aes256_wrap, NID_aes_256_cbc}, cert,
		    other, NULL},
		&why),
	    0);
	assert_int_equal(EVP_PKEY_get_bn_param(m.key, number, &bn), 1);
	BN_bn2bin(bn, octets);
	/* In the second line of base64 there is nothing but key. */
	base64 = (uint8_t *)strstr((char *)body.data, "\r\n\r\n") + 4 + 66;
	for (size_t i = 0; i < NEEDLE; i++) {
		raw[i] = (uint8_t)~octets[i];
		text[i] = (uint8_t)~base64[i];
	}
	OPENSSL_cleanse(octets, sizeof(octets));
	BN_clear_free(bn);
	made_free(&m);
	bytes_wipe(&body);
	bytes_free(&out);
	X509_free(cert);
	EVP_PKEY_free(other);
}

#if !defined(__SANITIZE_ADDRESS__) /* it keeps what is freed */
static void
nothing_of_a_key_is_left_in_memory(void **state)
{
	uint8_t raw[NEEDLE], text[NEEDLE], marker[NEEDLE];

	(void)state;
	for (size_t i = 0; i < NEEDLE; i++)
		marker[i] = (uint8_t)(i * 7 + 1);
	for (size_t i = 0; i < NEEDLE; i++)
		raw[i] = (uint8_t)~marker[i];
	assert_true(memory_holds(raw, NEEDLE) > 0); /* it does find */
	life(raw, text, "p256", OSSL_PKEY_PARAM_PRIV_KEY);
	assert_int_equal(memory_holds(raw, NEEDLE), 0);
	assert_int_equal(memory_holds(text, NEEDLE), 0);
	life(raw, text, "rsa2048", OSSL_PKEY_PARAM_RSA_FACTOR1);
	assert_int_equal(memory_holds(raw, NEEDLE), 0);
	assert_int_equal(memory_holds(text, NEEDLE), 0);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_kind_of_key_is_what_openssl_reads_and_writes),
		cmocka_unit_test(an_unknown_kind_of_key_is_not_made),
		cmocka_unit_test(two_parts_with_cr_lf_and_nothing_round_them),
		cmocka_unit_test(
		    the_first_of_the_clients_algorithms_that_fits_is_taken),
		cmocka_unit_test(whoever_has_the_key_decrypts_and_verifies),
#if !defined(__SANITIZE_ADDRESS__)
		cmocka_unit_test(nothing_of_a_key_is_left_in_memory),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <stdlib.h>
#include <string.h>

#include <openssl/obj_mac.h>

#include "lib/base/file.h"
#include "lib/wire/csrattrs.h"
#include "lib/wire/der.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define EC NID_X9_62_id_ecPublicKey
#define P256 NID_X9_62_prime256v1

static struct bytes
vector(const char *name)
{
	const char *srcdir = getenv("SRCDIR");
	char *path = str_fmt(
	    "%s/tests/vectors/%s.b64", srcdir != NULL ? srcdir : ".", name);
	struct bytes text = {0}, der = {0};
	struct fail why = {0};

	if (file_read(&text, path, 65536, &why) != 0 ||
	    base64_read(&der, span_of(&text), &why) != 0)
		fail_msg("%s: %s", path, why.text);
	bytes_free(&text);
	free(path);
	return der;
}

static const struct expected {
	const char *file;
	const char *reason; /* NULL: read */
	int key, curve, bits, hash;
	size_t names, extensions;
	bool template, linking;
} vectors[] = {
    {"rfc7030/A2-csrattrs-response", NULL, 0, 0, 0, NID_sha384, 0, 0, false,
	true},
    {"rfc7030/S4.5.2-csrattrs", NULL, EC, NID_secp384r1, 0, NID_sha384, 0, 1,
	false, true},
    {"rfc9908/S3.4-template-selfmade", NULL, EC, P256, 0, 0, 3, 3, true, false},
    {"rfc9908/S5.1-acp-san", NULL, 0, 0, 0, 0, 0, 1, false, false},
    {"rfc9908/S5.2-rfc7030-corrected", NULL, EC, NID_secp384r1, 0, NID_sha384,
	0, 0, false, true},
    {"rfc9908/S5.3-as-described-selfmade", NULL, EC, NID_secp521r1, 0,
	NID_sha512, 0, 1, false, true},
    {"rfc9908/S5.4-rsa4096", NULL, NID_rsaEncryption, 0, 4096, NID_sha256, 0, 0,
	false, true},
    {"rfc9908/S5.5-p384", NULL, EC, NID_secp384r1, 0, NID_sha384, 0, 0, false,
	true},
    {"rfc9908/S5.6-p521", NULL, EC, NID_secp521r1, 0, NID_sha512, 0, 0, false,
	true},
    {"rfc9908/coexistence-selfmade", NULL, EC, P256, 0, 0, 3, 3, true, true},
    {"rfc9908/empty-sequence-selfmade", NULL, 0, 0, 0, 0, 0, 0, false, false},
    {"rfc9908/template-minimal-selfmade", NULL, 0, 0, 0, 0, 0, 0, true, false},
    {"csrattrs-bad/01-extreq-bare-oid", NULL, 0, 0, 0, 0, 0, 1, false, false},
    {.file = "csrattrs-bad/02-extension-oid-as-attribute-type",
	.reason = "up-csrattrs"},
    {.file = "csrattrs-bad/03-extreq-single-extension-not-extensions",
	.reason = "up-csrattrs"},
    {.file = "csrattrs-bad/04-extreq-two-values", .reason = "up-csrattrs"},
    {.file = "csrattrs-bad/05-two-extreq-attributes", .reason = "up-csrattrs"},
    {.file = "csrattrs-bad/06-extensions-duplicate-extnid",
	.reason = "up-csrattrs"},
    {"csrattrs-bad/07-curve-as-bare-oid-only", NULL, EC, P256, 0, 0, 0, 0,
	false, false},
    {.file = "csrattrs-bad/08-two-key-type-attributes",
	.reason = "up-csrattrs"},
    {.file = "csrattrs-bad/09-template-with-both-extreq-kinds",
	.reason = "up-csrattrs"},
    {.file = "csrattrs-bad/10-template-version-1", .reason = "up-csrattrs"},
    {.file = "csrattrs-bad/11-template-no-attributes-field",
	.reason = "up-csrattrs"},
    {.file = "csrattrs-bad/12-template-wrong-oid-arc"}, /* just unknown */
    {.file = "csrattrs-bad/13-outer-set-not-sequence", .reason = "up-csrattrs"},
    {.file = "csrattrs-bad/14-trailing-bytes", .reason = "up-csrattrs"},
    {.file = "csrattrs-bad/15-truncated", .reason = "up-csrattrs"},
    {.file = "csrattrs-bad/16-indefinite-length", .reason = "up-csrattrs"},
    {.file = "csrattrs-bad/17-attribute-empty-values-set"}, /* says nothing */
    {.file = "csrattrs-bad/18-oid-non-minimal", .reason = "up-csrattrs"},
    {.file = "csrattrs-bad/19-nesting-3000", .reason = "up-csrattrs"},
    {.file = "csrattrs-bad/20-extensions-critical-not-der-boolean",
	.reason = "up-csrattrs"},
};

static void
compare(const struct expected *e, const struct csrattrs_wishes *w)
{
	if (w->key != e->key || w->curve != e->curve ||
	    w->rsa_bits != e->bits || w->hash != e->hash ||
	    w->names != e->names || w->extensions != e->extensions ||
	    w->template != e->template || w->challenge_password != e->linking)
		fail_msg("%s: key %d curve %d bits %d hash %d names %zu "
			 "extensions %zu template %d linking %d",
		    e->file, w->key, w->curve, w->rsa_bits, w->hash, w->names,
		    w->extensions, w->template, w->challenge_password);
}

static void
vectors_are_read_hinted_or_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct expected *e = &vectors[i];
		struct bytes der = vector(e->file);
		struct csrattrs_wishes w;
		struct fail why = {0};
		int rc = csrattrs_read(&w, span_of(&der), &why);

		if (rc == 0 && e->reason == NULL)
			compare(e, &w);
		else if (rc == 0 || e->reason == NULL ||
			 strcmp(why.reason, e->reason) != 0 ||
			 why.kind != FAIL_MALFORMED)
			fail_msg("%s: %d %s", e->file, rc, why.text);
		bytes_free(&der);
	}
}

static bool
is(struct span value, const char *text, size_t len)
{
	return span_equal(value, (struct span){(const uint8_t *)text, len});
}

static void
the_template_says_names_and_extensions(void **state)
{
	struct bytes der = vector("rfc9908/S3.4-template-selfmade");
	struct csrattrs_wishes w;
	struct fail why = {0};

	(void)state;
	assert_int_equal(csrattrs_read(&w, span_of(&der), &why), 0);
	assert_true(w.subject);
	assert_true(is(w.name[0].oid, "\x55\x04\x03", 3));
	assert_null(w.name[0].value.data);
	assert_int_equal(w.name[1].tag, DER_UTF8);
	assert_true(is(w.name[1].value, "myDept", 6));
	assert_true(is(w.extension[0].oid, "\x55\x1d\x11", 3));
	assert_int_equal(w.extension[0].value.len, 22);
	assert_true(w.extension[1].critical);
	assert_null(w.extension[2].value.data);
	bytes_free(&der);
}

#define RSA_TYPE "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define EC_TYPE "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"

static const struct made {
	const char *what, *der;
	size_t len;
	bool ok;
	enum fail_kind kind;
} made[] = {
#define MADE(what, der, ...)                                                   \
	{                                                                      \
		what, der, sizeof(der) - 1, __VA_ARGS__                        \
	}
    MADE("nothing at all", "", true, FAIL_NONE),
    MADE("RSA, any size", "\x30\x0f\x30\x0d" RSA_TYPE "\x31\x00", true,
	FAIL_NONE),
    MADE("RSA of 1024 bits",
	"\x30\x13\x30\x11" RSA_TYPE "\x31\x04\x02\x02\x04\x00", false,
	FAIL_DENIED),
    MADE("RSA of 16384 bits",
	"\x30\x13\x30\x11" RSA_TYPE "\x31\x04\x02\x02\x40\x00", false,
	FAIL_DENIED),
    MADE("RSA of a negative size",
	"\x30\x12\x30\x10" RSA_TYPE "\x31\x03\x02\x01\xff", false, FAIL_DENIED),
    MADE("RSA with a curve",
	"\x30\x16\x30\x14" RSA_TYPE "\x31\x07\x06\x05\x2b\x81\x04\x00\x22",
	false, FAIL_MALFORMED),
    MADE("secp256k1",
	"\x30\x14\x30\x12" EC_TYPE "\x31\x07\x06\x05\x2b\x81\x04\x00\x0a",
	false, FAIL_DENIED),
    MADE("a bare curve that we do not have",
	"\x30\x07\x06\x05\x2b\x81\x04\x00\x0a", true, FAIL_NONE),
    MADE("sha1WithRSAEncryption",
	"\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05", true,
	FAIL_NONE),
    MADE("an INTEGER in the list", "\x30\x03\x02\x01\x00", false,
	FAIL_MALFORMED),
    MADE("NULL", "\x05\x00", false, FAIL_MALFORMED),
};

static void
no_key_below_policy(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(made); i++) {
		struct csrattrs_wishes w;
		struct fail why = {0};
		struct span der = {(const uint8_t *)made[i].der, made[i].len};
		bool ok = csrattrs_read(&w, der, &why) == 0;

		if (ok != made[i].ok || why.kind != made[i].kind)
			fail_msg("%s: %d %s", made[i].what, ok, why.text);
	}
}

/* A template whose subject is CN with a value of type `tag`. */
static struct bytes
template_of(unsigned tag)
{
	static const struct span value = DER_LITERAL("x"),
				 nothing = DER_LITERAL("");
	struct bytes a = {0}, b = {0};

	bytes_add(&a, (const uint8_t *)"\x06\x03\x55\x04\x03", 5);
	der_put(&a, tag, value);
	der_put(&b, DER_SEQUENCE, span_of(&a));
	a.len = 0;
	der_put(&a, DER_SET, span_of(&b));
	b.len = 0;
	bytes_add(&b, (const uint8_t *)"\x02\x01\x00", 3);
	der_put(&b, DER_SEQUENCE, span_of(&a));
	der_put(&b, DER_CONTEXT_CONS(1), nothing);
	a.len = 0;
	der_put(&a, DER_SEQUENCE, span_of(&b));
	b.len = 0;
	der_put(&b, DER_SET, span_of(&a));
	a.len = 0;
	if (!der_put_oid(&a, "1.2.840.113549.1.9.16.2.61"))
		fail_msg("%s", "OID");
	bytes_add(&a, b.data, b.len);
	b.len = 0;
	der_put(&b, DER_SEQUENCE, span_of(&a));
	a.len = 0;
	der_put(&a, DER_SEQUENCE, span_of(&b));
	bytes_free(&b);
	return a;
}

/* RFC 5280, 4.1.2.4: our request would be none with anything else in it. */
static void
names_are_of_texts_alone(void **state)
{
	(void)state;
	for (unsigned tag = 1; tag < 256; tag++) {
		bool text = tag == 12 || tag == 19 || tag == 20 || tag == 22 ||
		            tag == 28 || tag == 30;
		struct csrattrs_wishes w;
		struct fail why = {0};
		struct bytes der;

		if ((tag & 0x1f) == 0x1f)
			continue; /* tags of several octets are no DER here */
		der = template_of(tag);
		if ((csrattrs_read(&w, span_of(&der), &why) == 0) != text)
			fail_msg("tag %u: %s", tag, why.text);
		bytes_free(&der);
	}
}

/* One list of many: bounded, never a crash. */
static void
a_thousand_entries_are_survived(void **state)
{
	static const uint8_t oid[] = {0x06, 0x03, 0x55, 0x04, 0x03};
	struct bytes list = {0}, der = {0};
	struct csrattrs_wishes w;
	struct fail why = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		bytes_add(&list, oid, sizeof(oid));
	der_put(&der, DER_SEQUENCE, span_of(&list));
	assert_int_equal(csrattrs_read(&w, span_of(&der), &why), 0);
	bytes_free(&list);
	bytes_free(&der);
}

/* What our own server says is what a client understands. */
static void
what_is_written_is_read(void **state)
{
	static const struct csrattrs_rdn rdn[] = {
	    {"2.5.4.3", NULL, false}, {"2.5.4.10", "Plant", false}};
	static const struct csrattrs_extension ext[] = {
	    {"2.5.29.17", false, {0}}};
	struct csrattrs wish = {.template = true,
	    .classic = true,
	    .challenge_password = true,
	    .key_oid = "1.2.840.113549.1.1.1",
	    .rsa_bits = 3072,
	    .rdn = rdn,
	    .rdns = 2,
	    .extension = ext,
	    .extensions = 1};
	struct csrattrs_wishes w;
	struct bytes der = {0};
	struct fail why = {0};

	(void)state;
	csrattrs_write(&der, &wish);
	assert_int_equal(csrattrs_read(&w, span_of(&der), &why), 0);
	assert_true(w.template && w.challenge_password && w.subject);
	assert_int_equal(w.key, NID_rsaEncryption);
	assert_int_equal(w.rsa_bits, 3072);
	assert_int_equal(w.names, 2);
	assert_true(is(w.name[1].value, "Plant", 5));
	assert_int_equal(w.extensions, 1);
	bytes_free(&der);
}

/* Each octet changed, each length cut: no crash, no read past the end. */
static void
mutations_are_survived(void **state)
{
	struct bytes der = vector("rfc9908/S3.4-template-selfmade");
	struct csrattrs_wishes w;
	struct fail why;

	(void)state;
	for (size_t i = 0; i < der.len; i++) {
		uint8_t *cut = mem_dup(der.data, i), was = der.data[i];

		why = (struct fail){0};
		assert_int_equal(csrattrs_read(&w, (struct span){cut, i}, &why),
		    i == 0 ? 0 : -1);
		free(cut);
		for (int bit = 0; bit < 8; bit++) {
			der.data[i] = (uint8_t)(was ^ 1 << bit);
			(void)!csrattrs_read(&w, span_of(&der), &why);
		}
		der.data[i] = was;
	}
	bytes_free(&der);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(vectors_are_read_hinted_or_refused),
	    cmocka_unit_test(the_template_says_names_and_extensions),
	    cmocka_unit_test(no_key_below_policy),
	    cmocka_unit_test(names_are_of_texts_alone),
	    cmocka_unit_test(a_thousand_entries_are_survived),
	    cmocka_unit_test(what_is_written_is_read),
	    cmocka_unit_test(mutations_are_survived),
	};

	return cmocka_run_group_tests_name("csrattrs_read", tests, NULL, NULL);
}

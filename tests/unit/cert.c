#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/wire/cert.h"
#include "lib/wire/der.h"

#include "tests/unit/madecert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static struct bytes leaf;

static int
set_up(void **state)
{
	(void)state;
	leaf = made_cert(&(struct made){.cn = "pump-7", .serial = 0x1234});
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	bytes_free(&leaf);
	return 0;
}

static bool
is_span(struct span in, const uint8_t *data, int len)
{
	return len >= 0 && span_equal(in, (struct span){data, (size_t)len});
}

/* Every field is the one that OpenSSL finds. */
static void
same_as_openssl(struct span der)
{
	struct fail why = {0};
	struct cert *c;
	X509 *x509;
	uint8_t *p = NULL;
	const ASN1_BIT_STRING *signature;
	const X509_ALGOR *alg;

	assert_int_equal(cert_read(&c, der, &why), 0);
	assert_int_equal(cert_x509(&x509, der, &why), 0);
	assert_int_equal(c->version, X509_get_version(x509));
	assert_int_equal(i2d_ASN1_INTEGER(X509_get_serialNumber(x509), &p),
	    (int)c->serial.len + 2);
	assert_memory_equal(c->serial.data, p + 2, c->serial.len);
	OPENSSL_free(p);
	p = NULL;
	assert_int_equal(i2d_X509_NAME(X509_get_subject_name(x509), &p),
	    (int)c->subject.len);
	assert_memory_equal(c->subject.data, p, c->subject.len);
	OPENSSL_free(p);
	p = NULL;
	assert_int_equal(
	    i2d_X509_NAME(X509_get_issuer_name(x509), &p), (int)c->issuer.len);
	assert_memory_equal(c->issuer.data, p, c->issuer.len);
	OPENSSL_free(p);
	p = NULL;
	assert_int_equal(
	    i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &p), (int)c->spki.len);
	assert_memory_equal(c->spki.data, p, c->spki.len);
	OPENSSL_free(p);
	p = NULL;
	assert_int_equal(i2d_re_X509_tbs(x509, &p), (int)c->tbs.len);
	assert_memory_equal(c->tbs.data, p, c->tbs.len);
	OPENSSL_free(p);
	p = NULL;
	X509_get0_signature(&signature, &alg, x509);
	assert_true(is_span(c->signature, ASN1_STRING_get0_data(signature),
	    ASN1_STRING_length(signature)));
	assert_int_equal(i2d_X509_ALGOR(alg, &p), (int)c->sigalg.len);
	assert_memory_equal(c->sigalg.data, p, c->sigalg.len);
	assert_true(span_equal(c->sigalg, c->tbs_sigalg));
	OPENSSL_free(p);
	assert_int_equal(
	    c->not_before, cert_time_of(X509_get0_notBefore(x509)));
	assert_int_equal(c->not_after, cert_time_of(X509_get0_notAfter(x509)));
	assert_int_equal(
	    c->not_after_tag, ASN1_STRING_type(X509_get0_notAfter(x509)));
	assert_int_equal(c->extensions, X509_get_ext_count(x509));
	for (size_t i = 0; i < c->extensions; i++) {
		X509_EXTENSION *ext = X509_get_ext(x509, (int)i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));

		assert_ptr_equal(cert_extension_find(c, nid), &c->extension[i]);
		assert_int_equal(c->extension[i].critical,
		    X509_EXTENSION_get_critical(ext) != 0);
		assert_true(is_span(c->extension[i].value,
		    ASN1_STRING_get0_data(X509_EXTENSION_get_data(ext)),
		    ASN1_STRING_length(X509_EXTENSION_get_data(ext))));
	}
	X509_free(x509);
	cert_free(c);
}

static void
fields_are_those_that_openssl_finds(void **state)
{
	struct bytes v1 = made_cert(
			 &(struct made){.cn = "old", .serial = 1, .v1 = true}),
		     ever = made_cert(&(struct made){.cn = "ever",
			 .serial = -129,
			 .not_after = WHEN_FOREVER});
	struct fail why = {0};
	struct cert *c;
	uint8_t hash[SHA256_LEN];

	(void)state;
	same_as_openssl(span_of(&leaf));
	same_as_openssl(span_of(&v1));
	same_as_openssl(span_of(&ever));
	assert_int_equal(cert_read(&c, span_of(&leaf), &why), 0);
	assert_int_equal(c->extensions, 5);
	assert_null(cert_extension_find(c, NID_name_constraints));
	sha256(hash, span_of(&leaf));
	assert_memory_equal(hash, c->sha256, SHA256_LEN);
	cert_free(c);
	cert_free(NULL);
	bytes_free(&v1);
	bytes_free(&ever);
}

static bool
readable(struct span der)
{
	struct fail why = {0};
	struct cert *c;

	if (cert_read(&c, der, &why) == 0) {
		cert_free(c);
		return true;
	}
	assert_null(c);
	assert_int_equal(why.kind, FAIL_MALFORMED);
	assert_string_equal(why.reason, "cert");
	return false;
}

static void
what_is_cut_or_longer_is_refused(void **state)
{
	struct bytes more = {0};
	struct fail why = {0};
	X509 *x509;

	(void)state;
	for (size_t len = 0; len < leaf.len; len++)
		assert_false(readable((struct span){leaf.data, len}));
	bytes_add(&more, leaf.data, leaf.len);
	bytes_addc(&more, '\0');
	assert_false(readable(span_of(&more)));
	assert_int_equal(cert_x509(&x509, span_of(&more), &why), -1);
	assert_string_equal(why.reason, "cert");
	assert_null(x509);
	bytes_free(&more);
}

static void
changed_octets_never_make_it_read_out_of_bounds(void **state)
{
	unsigned refused = 0;

	(void)state;
	for (size_t i = 0; i < leaf.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			leaf.data[i] ^= (uint8_t)(1u << bit);
			refused += !readable(span_of(&leaf));
			leaf.data[i] ^= (uint8_t)(1u << bit);
		}
	}
	assert_true(refused > 100);
	assert_true(readable(span_of(&leaf)));
}

/* A TBSCertificate out of hex around our own parts. */
static struct bytes
cert_of(const char *before_validity, const char *validity, const char *rest)
{
	struct bytes tbs = {0}, cert = {0}, out = {0};

	assert_true(hex_read(&tbs, before_validity));
	assert_true(hex_read(&tbs, validity));
	assert_true(hex_read(&tbs, rest));
	der_put(&cert, DER_SEQUENCE, span_of(&tbs));
	assert_true(hex_read(&cert, "300506032b6570030100"));
	der_put(&out, DER_SEQUENCE, span_of(&cert));
	bytes_free(&tbs);
	bytes_free(&cert);
	return out;
}

#define V3 "a003020102"
#define HEAD "020101300506032b65703000"
#define UTC "170d3230303130313030303030305a"
#define TIMES "301e" UTC UTC
#define TAIL "3000300a300506032b6570030100"
/* Two dates in GeneralizedTime: 2020, 9999. */
#define GT2020 "180f32303230303130313030303030305a"
#define GT9999 "180f39393939313233313233353935395a"
#define GT1850 "180f31383530303130313030303030305a"

static void
shapes_are_judged(void **state)
{
	static const struct {
		const char *head, *times, *rest;
		bool good;
	} row[] = {
	    {HEAD, TIMES, TAIL, true},
	    {V3 HEAD, TIMES, TAIL, true},
	    {"a003020103" HEAD, TIMES, TAIL, false},
	    {"a0030201ff" HEAD, TIMES, TAIL, false},
	    {"a0050201020500" HEAD, TIMES, TAIL, false},
	    {V3 HEAD, "3020" UTC GT2020, TAIL, true},
	    {V3 HEAD, "3020" UTC GT9999, TAIL, true},
	    {V3 HEAD, "3020" UTC GT1850, TAIL, false},
	    {V3 HEAD, "302d" UTC UTC UTC, TAIL, false},
	    {V3 HEAD, "300f" UTC, TAIL, false},
	    {V3 HEAD, TIMES, TAIL "81020000", true},
	    {V3 HEAD, TIMES, TAIL "8102000082020000", true},
	    {V3 HEAD, TIMES, TAIL "0500", false},
	    {V3 HEAD, TIMES, TAIL "a30c300a300806032a0304040130", true},
	    {V3 HEAD, TIMES, TAIL "a30c300a300806032a03040401300500", false},
	    {V3 HEAD, TIMES, TAIL "a30f300d300b06032a03040101ff040130", true},
	    {V3 HEAD, TIMES, TAIL "a30f300d300b06032a0304010100040130", true},
	    {V3 HEAD, TIMES, TAIL "a30f300d300b06032a0304010101040130", false},
	    {V3 HEAD, TIMES, TAIL "a30d300b300906032a03040a0100", false},
	    {V3 HEAD, TIMES,
		TAIL "a3163014300806032a0304040130300806032a0304040130", false},
	    {V3 HEAD, TIMES,
		TAIL "a3163014300806032a0304040130300806032a0305040130", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct bytes der =
		    cert_of(row[i].head, row[i].times, row[i].rest);

		if (readable(span_of(&der)) != row[i].good)
			fail_msg("row %zu", i);
		bytes_free(&der);
	}
}

static void
extensions_have_a_limit(void **state)
{
	(void)state;
	for (unsigned n = CERT_MAX_EXTENSIONS; n <= CERT_MAX_EXTENSIONS + 1;
	     n++) {
		struct bytes list = {0}, seq = {0}, tail = {0}, der;
		char *hex;

		for (unsigned i = 0; i < n; i++) {
			assert_true(hex_read(&list, "300806032a03"));
			bytes_addc(&list, (char)i);
			assert_true(hex_read(&list, "040130"));
		}
		der_put(&seq, DER_SEQUENCE, span_of(&list));
		assert_true(hex_read(&tail, TAIL));
		der_put(&tail, DER_CONTEXT_CONS(3), span_of(&seq));
		hex = mem_new(2 * tail.len + 1);
		hex_write(hex, span_of(&tail), false);
		der = cert_of(V3 HEAD, TIMES, hex);
		assert_int_equal(
		    readable(span_of(&der)), n == CERT_MAX_EXTENSIONS);
		free(hex);
		bytes_free(&der);
		bytes_free(&tail);
		bytes_free(&seq);
		bytes_free(&list);
	}
}

/* PEM with `eol` for each newline but the last, and `end` for that one. */
static char *
pem_with(const char *eol, const char *end)
{
	struct bytes pem = {0}, out = {0};

	cert_pem_write(&pem, span_of(&leaf));
	for (size_t i = 0; i < pem.len; i++) {
		if (pem.data[i] != '\n')
			bytes_addc(&out, (char)pem.data[i]);
		else
			bytes_adds(&out, i + 1 < pem.len ? eol : end);
	}
	bytes_free(&pem);
	return (char *)out.data;
}

/* As nginx does it: all but letters, digits and -._~; `keep` too. */
static char *
escaped(const char *text, const char *keep)
{
	struct bytes out = {0};

	for (; *text != '\0'; text++) {
		if (strchr(keep, *text) != NULL ||
		    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
				 "pqrstuvwxyz0123456789-._~") > 0)
			bytes_addc(&out, *text);
		else
			bytes_addf(&out, "%%%02X", *text);
	}
	return (char *)out.data;
}

static char *
base64_line(struct span der)
{
	struct bytes out = {0};

	base64_write(&out, der, 0);
	out.data[--out.len] = '\0';
	return (char *)out.data;
}

static void
accepts(char *text, enum cert_form form)
{
	struct bytes der = {0};
	struct fail why = {0};

	bytes_adds(&der, "x");
	if (cert_text_read(&der, text, form, &why) != 0)
		fail_msg("%s: %s", why.text, text);
	assert_int_equal(der.len, leaf.len + 1);
	assert_memory_equal(der.data + 1, leaf.data, leaf.len);
	bytes_free(&der);
	free(text);
}

static void
refuses(char *text, enum cert_form form)
{
	struct bytes der = {0};
	struct fail why = {0};

	bytes_adds(&der, "x");
	if (cert_text_read(&der, text, form, &why) == 0)
		fail_msg("%s", text);
	assert_int_equal(why.kind, FAIL_DENIED);
	assert_string_equal(why.reason, "auth-config");
	assert_int_equal(der.len, 1);
	bytes_free(&der);
	free(text);
}

static void
the_forms_of_the_web_servers_are_read(void **state)
{
	char *pem = pem_with("\n", "\n"), *tabs = pem_with("\n\t", "\n");

	(void)state;
	/* lighttpd, Apache and Caddy: PEM with its newlines. */
	accepts(str_dup(pem), CERT_PEM);
	accepts(pem_with("\n", ""), CERT_PEM);
	accepts(pem_with("\r\n", "\r\n"), CERT_PEM);
	/* nginx, $ssl_client_cert: a tab after each newline. */
	accepts(str_dup(tabs), CERT_PEM);
	accepts(pem_with("\n\t", "\n\t"), CERT_PEM);
	accepts(pem_with(" ", ""), CERT_PEM);
	/* nginx, $ssl_client_escaped_cert. */
	accepts(escaped(pem, ""), CERT_PEM_ESCAPED);
	accepts(escaped(pem, "+=/"), CERT_PEM_ESCAPED);
	/* Caddy and HAProxy: base64 of DER. */
	accepts(base64_line(span_of(&leaf)), CERT_DER_BASE64);
	free(pem);
	free(tabs);
}

static void
a_form_is_not_taken_for_another(void **state)
{
	char *pem = pem_with("\n", "\n");

	(void)state;
	refuses(escaped(pem, ""), CERT_PEM);
	refuses(base64_line(span_of(&leaf)), CERT_PEM);
	refuses(str_dup(pem), CERT_PEM_ESCAPED);
	refuses(base64_line(span_of(&leaf)), CERT_PEM_ESCAPED);
	refuses(str_dup(pem), CERT_DER_BASE64);
	refuses(escaped(pem, ""), CERT_DER_BASE64);
	free(pem);
}

static void
tricks_in_the_variable_are_refused(void **state)
{
	char *pem = pem_with("\n", "\n"), *line = base64_line(span_of(&leaf)),
	     *esc = escaped(pem, ""), *twice = escaped(esc, "");
	struct bytes two = {0};

	(void)state;
	refuses(str_dup(""), CERT_PEM);
	refuses(str_dup("(null)"), CERT_PEM);
	refuses(str_fmt("%s%s", pem, pem), CERT_PEM);
	refuses(str_fmt("%sx", pem), CERT_PEM);
	refuses(str_fmt("x%s", pem), CERT_PEM);
	refuses(str_fmt("%s\v", pem), CERT_PEM);
	refuses(str_fmt("Subject: x\n%s", pem), CERT_PEM);
	refuses(str_fmt("-----BEGIN CERTIFICATE-----\nA: b\n\n%s", pem + 28),
	    CERT_PEM);
	refuses(
	    str_fmt("-----BEGIN CERTIFICATE-----\n\x01%s", pem + 28), CERT_PEM);
	refuses(
	    str_fmt("-----BEGIN CERTIFICATE-----\n-%s", pem + 28), CERT_PEM);
	refuses(str_fmt("-----BEGIN X509 CRL-----\n%s", pem + 28), CERT_PEM);
	refuses(str_fmt("-----begin certificate-----\n%s", pem + 28), CERT_PEM);
	refuses(str_fmt("-----BEGIN CERTIFICATE-----"), CERT_PEM);
	refuses(str_fmt("%.*s", 200, pem), CERT_PEM);
	refuses(str_fmt("%.*s", (int)strlen(pem) - 2, pem), CERT_PEM);
	refuses(str_dup("-----BEGIN CERTIFICATE-----\n"
			"-----END CERTIFICATE-----\n"),
	    CERT_PEM);
	refuses(str_dup("-----BEGIN CERTIFICATE-----\nBQA=\n"
			"-----END CERTIFICATE-----\n"),
	    CERT_PEM);
	refuses(str_fmt("%s%*s", pem, 20000, ""), CERT_PEM);

	refuses(str_fmt("%s%%", esc), CERT_PEM_ESCAPED);
	refuses(str_fmt("%s%%0", esc), CERT_PEM_ESCAPED);
	refuses(str_fmt("%s%%zz", esc), CERT_PEM_ESCAPED);
	refuses(str_fmt("%s%%00", esc), CERT_PEM_ESCAPED);
	refuses(str_fmt("%s%s", esc, esc), CERT_PEM_ESCAPED);
	refuses(str_fmt("%s x", esc), CERT_PEM_ESCAPED);
	refuses(str_fmt("%s\n", esc), CERT_PEM_ESCAPED);
	refuses(str_fmt("%s%%0AX", esc), CERT_PEM_ESCAPED);
	refuses(str_dup(twice), CERT_PEM_ESCAPED);

	refuses(str_fmt(" %s", line), CERT_DER_BASE64);
	refuses(str_fmt("%s\n", line), CERT_DER_BASE64);
	refuses(str_fmt("%.10s\n%s", line, line + 10), CERT_DER_BASE64);
	refuses(str_fmt("%s*", line), CERT_DER_BASE64);
	refuses(str_dup(""), CERT_DER_BASE64);
	bytes_add(&two, leaf.data, leaf.len);
	bytes_add(&two, leaf.data, leaf.len);
	refuses(base64_line(span_of(&two)), CERT_DER_BASE64);
	two.len = leaf.len - 1;
	refuses(base64_line(span_of(&two)), CERT_DER_BASE64);
	bytes_free(&two);
	free(pem);
	free(line);
	free(esc);
	free(twice);
}

/* Write `text` to a file in a folder of our own and read it. */
static int
file_of(const char *text, STACK_OF(X509) * *certs, struct fail *why)
{
	char dir[] = "/tmp/microca-cert-XXXXXX";
	char *path;
	int rc;

	assert_non_null(mkdtemp(dir));
	path = file_path(dir, "certs.pem");
	assert_int_equal(file_write(path, span_str(text), 0600, why), 0);
	rc = cert_file_read(certs, path, why);
	if (rc != 0) {
		assert_null(*certs);
		assert_int_equal(why->kind, FAIL_CONFIG);
		assert_non_null(strstr(why->text, path));
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	free(path);
	return rc;
}

static void
files_hold_1_to_100_certificates(void **state)
{
	char *pem = pem_with("\n", "\n");
	struct bytes many = {0};
	STACK_OF(X509) * certs;
	struct fail why = {0};
	char *bad = str_fmt("%s-----BEGIN CERTIFICATE-----\nMAA=\n"
			    "-----END CERTIFICATE-----\n",
	    pem);

	(void)state;
	for (int i = 0; i < 100; i++)
		bytes_adds(&many, pem);
	assert_int_equal(file_of((char *)many.data, &certs, &why), 0);
	assert_int_equal(sk_X509_num(certs), 100);
	sk_X509_pop_free(certs, X509_free);
	bytes_adds(&many, pem);
	assert_int_equal(file_of((char *)many.data, &certs, &why), -1);
	assert_int_equal(file_of("", &certs, &why), -1);
	assert_int_equal(file_of("text\n", &certs, &why), -1);
	assert_int_equal(file_of(bad, &certs, &why), -1);
	assert_int_equal(cert_file_read(&certs, "/nonexistent/x", &why), -1);
	assert_int_equal(why.kind, FAIL_CONFIG);
	free(bad);
	free(pem);
	bytes_free(&many);
}

static void
serials_are_even_upper_hex(void **state)
{
	static const struct {
		const char *content, *text;
	} row[] = {
	    {"00", "00"},
	    {"01", "01"},
	    {"7fab", "7FAB"},
	    {"00ff", "FF"},
	    {"ff", "-01"},
	    {"ff7f", "-81"},
	    {"80", "-80"},
	    {"8000", "-8000"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct bytes content = {0};
		char *text;

		assert_true(hex_read(&content, row[i].content));
		text = cert_serial_text(span_of(&content));
		assert_string_equal(text, row[i].text);
		free(text);
		bytes_free(&content);
	}
}

static void
key_identifiers_are_lower_hex(void **state)
{
	struct bytes v1 =
	    made_cert(&(struct made){.cn = "old", .serial = 1, .v1 = true});
	struct fail why = {0};
	X509 *x509;
	char *text;

	(void)state;
	assert_int_equal(cert_x509(&x509, span_of(&leaf), &why), 0);
	text = cert_keyid_text(x509);
	assert_int_equal(strlen(text), 40);
	assert_int_equal(strspn(text, "0123456789abcdef"), 40);
	free(text);
	X509_free(x509);
	assert_int_equal(cert_x509(&x509, span_of(&v1), &why), 0);
	assert_null(cert_keyid_text(x509));
	X509_free(x509);
	bytes_free(&v1);
}

static void
times_take_the_form_of_their_year(void **state)
{
	static const struct {
		int64_t when;
		const char *text; /* NULL: refused */
	} row[] = {
	    {0, "700101000000Z"},
	    {-631152000, "500101000000Z"},
	    {-631152001, NULL},
	    {2524607999, "491231235959Z"},
	    {2524608000, "20500101000000Z"},
	    {WHEN_FOREVER, "99991231235959Z"},
	    {WHEN_FOREVER + 1, NULL},
	};
	ASN1_TIME *t = ASN1_TIME_new();

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		bool good = cert_time_set(t, row[i].when);

		assert_int_equal(good, row[i].text != NULL);
		if (!good)
			continue;
		assert_string_equal(
		    (const char *)ASN1_STRING_get0_data(t), row[i].text);
		assert_int_equal(ASN1_STRING_type(t),
		    strlen(row[i].text) == 13 ? V_ASN1_UTCTIME
					      : V_ASN1_GENERALIZEDTIME);
		assert_int_equal(cert_time_of(t), row[i].when);
	}
	assert_int_equal(ASN1_STRING_set(t, "2001010000Z", -1), 1);
	assert_int_equal(cert_time_of(t), INT64_MIN);
	ASN1_TIME_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fields_are_those_that_openssl_finds),
	    cmocka_unit_test(what_is_cut_or_longer_is_refused),
	    cmocka_unit_test(changed_octets_never_make_it_read_out_of_bounds),
	    cmocka_unit_test(shapes_are_judged),
	    cmocka_unit_test(extensions_have_a_limit),
	    cmocka_unit_test(the_forms_of_the_web_servers_are_read),
	    cmocka_unit_test(a_form_is_not_taken_for_another),
	    cmocka_unit_test(tricks_in_the_variable_are_refused),
	    cmocka_unit_test(files_hold_1_to_100_certificates),
	    cmocka_unit_test(serials_are_even_upper_hex),
	    cmocka_unit_test(key_identifiers_are_lower_hex),
	    cmocka_unit_test(times_take_the_form_of_their_year),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* profile: what a profile may say, and what is made of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/when.h"
#include "lib/ca/profile.h"
#include "lib/wire/der.h"
#include "tests/unit/confdocs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define CN "subject = ( { type = \"CN\"; from = \"required\"; } );"

static char folder[] = "/tmp/profile-test-XXXXXX";
static char *path;

static int
folder_make(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	path = file_path(folder, "profiles.conf");
	return 0;
}

static int
folder_remove(void **state)
{
	(void)state;
	(void)unlink(path);
	free(path);
	return rmdir(folder);
}

static int
read_text(struct profiles **profiles, const char *text, struct fail *why)
{
	*why = (struct fail){0};
	assert_int_equal(file_write(path, span_str(text), 0640, why), 0);
	return profiles_read(profiles, path, why);
}

/* A file of one profile, called p. */
static int
read_body(struct profiles **profiles, const char *body, struct fail *why)
{
	char *text = str_fmt("profiles = ( { name = \"p\"; %s } );", body);
	int rc = read_text(profiles, text, why);

	free(text);
	return rc;
}

static const struct profile *
one(struct profiles **profiles, const char *body)
{
	struct fail why;

	if (read_body(profiles, body, &why) != 0)
		print_error("%s\n", why.text);
	assert_non_null(*profiles);
	return profiles_find(*profiles, "p");
}

static void
a_profile_that_breaks_a_rule_is_refused_with_the_rule(void **state)
{
	static const struct {
		const char *body, *text;
	} rows[] = {
	    {CN, "key 'profiles[0].validity' is missing"},
	    {"validity = \"90\";" CN, "key 'profiles[0].validity': not of"},
	    {"validity = \"59s\";" CN, "'profiles[0].validity': not of"},
	    {"validity = \"101y\";" CN, "'profiles[0].validity': not of"},
	    {"validity = \"until 99991232\";" CN, "validity': not of"},
	    {"validity = \"until\";" CN, "validity': not of this form"},
	    {"validity = \"90d\"; outlives_issuer = \"allow\";" CN,
		"RFC 5280, 4.1.2.5: outlives_issuer"},
	    {"validity = \"until 20991231\"; outlives_issuer = \"allow\";" CN,
		"RFC 5280, 4.1.2.5: outlives_issuer"},
	    {"validity = \"90d\"; backdate = \"6m\";" CN,
		"backdate': out of range; allowed: a duration in quotes"},
	    {"validity = \"90d\"; revoke_replaced = \"always\";" CN,
		"revoke_replaced"},
	    {"validity = \"90d\"; revoke_replaced = \"after\";"
	     " revoke_delay = \"59m\";" CN,
		"wants a revoke_delay of \"1h\" at least"},
	    {"validity = \"90d\"; ca = true; revoke_replaced = \"in-use\";"
	     " key_usage = (\"keyCertSign\");" CN,
		"RFC 5280, 6.1.3: revoke_replaced is not for CAs"},
	    {"validity = \"90d\"; renewal_window = \"91d\";" CN,
		"renewal_window is longer than validity"},
	    {"validity = \"90d\"; ca = true;" CN,
		"RFC 5280, 4.2.1.9: ca = true needs key_usage keyCertSign"},
	    {"validity = \"90d\"; key_usage = \"keyCertSign\";" CN,
		"RFC 5280, 4.2.1.9: key_usage keyCertSign needs ca = true"},
	    {"validity = \"90d\"; path_length = 0;" CN,
		"RFC 5280, 4.2.1.9: path_length is for ca = true only"},
	    {"validity = \"90d\"; key_usage = \"digitalsignature\";" CN,
		"key 'profiles[0].key_usage': unknown word; allowed: "
		"\"digitalSignature\", \"nonRepudiation\""},
	    {"validity = \"90d\"; keys = \"rsa2048\"; key_usage = "
	     "\"encipherOnly\";" CN,
		"RFC 5280, 4.2.1.3: encipherOnly"},
	    {"validity = \"90d\"; key_usage = \"keyEncipherment\";" CN,
		"RFC 8813, 3: EC keys"},
	    {"validity = \"90d\"; keys = \"rsa2048\"; "
	     "key_usage = \"keyAgreement\";" CN,
		"RFC 3279, 2.3.1: RSA keys"},
	    {"validity = \"90d\"; keys = \"ed25519\"; "
	     "key_usage = \"keyAgreement\";" CN,
		"RFC 9295, 3: Ed25519"},
	    {"validity = \"90d\"; keys = ();" CN, "keys: at least one"},
	    {"validity = \"90d\"; keys = \"p224\";" CN,
		"key 'profiles[0].keys': unknown word"},
	    {"validity = \"90d\"; ext_key_usage = \"webAuth\";" CN,
		"key 'profiles[0].ext_key_usage': not of this form; allowed: "
		"serverAuth"},
	    {"validity = \"90d\"; ext_key_usage = (\"clientAuth\", "
	     "\"1.3.6.1.5.5.7.3.2\");" CN,
		"ext_key_usage \"1.3.6.1.5.5.7.3.2\": given twice"},
	    {"validity = \"90d\"; key_usage = \"cRLSign\"; "
	     "ext_key_usage = \"clientAuth\";" CN,
		"RFC 5280, 4.2.1.12: ext_key_usage clientAuth has no use"},
	    {"validity = \"90d\"; key_usage = \"cRLSign\"; "
	     "ext_key_usage = \"1.3.6.1.5.5.7.3.1\";" CN,
		"RFC 5280, 4.2.1.12: ext_key_usage 1.3.6.1.5.5.7.3.1 has no"},
	    {"validity = \"90d\"; ext_key_usage = \"anyExtendedKeyUsage\"; "
	     "ext_key_usage_critical = true;" CN,
		"RFC 5280, 4.2.1.12: anyExtendedKeyUsage is not critical"},
	    {"validity = \"90d\"; ext_key_usage = \"timeStamping\";" CN,
		"RFC 3161, 2.3: timeStamping"},
	    {"validity = \"90d\"; ext_key_usage = (\"timeStamping\", "
	     "\"clientAuth\"); ext_key_usage_critical = true;" CN,
		"RFC 3161, 2.3: timeStamping"},
	    {"validity = \"90d\";", "subject: no rule"},
	    {"validity = \"90d\"; subject = ( { type = \"XX\"; } );",
		"key 'profiles[0].subject[0].type': not of this form"},
	    {"validity = \"90d\"; subject = ( { type = \"O\"; "
	     "from = \"fixed\"; } );",
		"from = \"fixed\" needs a value"},
	    {"validity = \"90d\"; subject = ( { type = \"O\"; "
	     "value = \"x\"; } );",
		"value is for from = \"fixed\" only"},
	    {"validity = \"90d\"; subject = ( { type = \"O\"; pattern = \"x\"; "
	     "from = \"fixed\"; value = \"x\"; } );",
		"pattern is not for from = \"fixed\""},
	    {"validity = \"90d\"; subject = ( { type = \"C\"; "
	     "from = \"fixed\"; value = \"CHE\"; } );",
		"value: "},
	    {"validity = \"90d\"; subject = ( { type = \"CN\"; "
	     "pattern = \"(\"; } );",
		"pattern: "},
	    {"validity = \"90d\"; subject = ( { type = \"CN\"; },\n"
	     "{ type = \"2.5.4.3\"; } );",
		":2: profile 'p': subject type \"2.5.4.3\" is given twice"},
	    {"validity = \"90d\"; subject = ( { type = \"OU\"; "
	     "from = \"fixed\"; value = \"x\"; }, { type = \"OU\"; } );",
		"subject type \"OU\" is given twice"},
	    {"validity = \"90d\"; subject_empty = true;",
		"RFC 5280, 4.1.2.6: subject_empty needs a san rule"},
	    {"validity = \"90d\"; subject_empty = true; "
	     "san = ( { type = \"dns\"; } );" CN,
		"subject_empty is only for"},
	    {"validity = \"90d\"; subject_empty = true; ca = true; "
	     "key_usage = \"keyCertSign\"; san = ( { type = \"dns\"; } );",
		"RFC 5280, 4.1.2.6: the subject of a CA is never empty"},
	    {"validity = \"90d\"; san = ( { type = \"x400\"; } );" CN,
		"unknown word; allowed: \"othername\", \"email\", \"dns\", "
		"\"dirname\", \"uri\", \"ip\", \"rid\""},
	    {"validity = \"90d\"; san = ( { type = \"dns\"; },\n"
	     "{ type = \"dns\"; } );" CN,
		":2: profile 'p': san: this type was given before"},
	    {"validity = \"90d\"; san = ( { type = \"ip\"; min = 3; "
	     "max = 2; } );" CN,
		"san: min is larger than max"},
	    {"validity = \"90d\"; san = ( { type = \"ip\"; "
	     "wildcard = true; } );" CN,
		"san: wildcard is for"},
	    {"validity = \"90d\"; policies = \"anyPolicy\";" CN,
		"key 'profiles[0].policies': not of this form"},
	    {"validity = \"90d\"; crl_urls = \"https://x/\";" CN,
		"key 'profiles[0].crl_urls': not of this form"},
	    {"validity = \"90d\"; crl_urls = \"http:///x\";" CN, "not of"},
	    {"validity = \"90d\"; crl_urls = \"http://x/ y\";" CN, "not of"},
	    {"validity = \"90d\"; crl_urls = \"http://x/%n\";" CN, "not of"},
	    {"validity = \"90d\"; issuer_urls = \"ftp://x/\";" CN, "not of"},
	    {"validity = \"90d\"; ocsp_urls = \"ldap://x/\";" CN, "not of"},
	    {"validity = \"90d\"; keys = \"p384\"; "
	     "serverkeygen = \"p256\";" CN,
		"serverkeygen \"p256\": keys does not have it"},
	    {"validity = \"90d\"; keys = (\"rsa2048\", \"rsa3072\"); "
	     "serverkeygen = \"rsa4096\";" CN,
		"serverkeygen \"rsa4096\": keys does not have it"},
	    {"validity = \"90d\"; serverkeygen = \"on\";" CN,
		"key 'profiles[0].serverkeygen': unknown word"},
	    {"validity = \"90d\"; ca = true; key_usage = \"keyCertSign\"; "
	     "serverkeygen = \"p256\";" CN,
		"serverkeygen makes no keys for CAs"},
	    {"validity = \"90d\"; no_rev_avail = true; "
	     "crl_urls = \"http://x/\";" CN,
		"RFC 9608, 3: no_rev_avail excludes"},
	    {"validity = \"90d\"; no_rev_avail = true; "
	     "ocsp_urls = \"http://x/\";" CN,
		"RFC 9608, 3: no_rev_avail excludes"},
	    {"validity = \"90d\"; no_rev_avail = true; ca = true; "
	     "key_usage = \"keyCertSign\";" CN,
		"RFC 9608, 2: no_rev_avail is not for CA"},
	    {"validity = \"90d\"; extra = ( { oid = \"2.5.29.17\"; "
	     "value = \"0500\"; } );" CN,
		"extra \"2.5.29.17\": subjectAltName comes from keys"},
	    {"validity = \"90d\"; extra = ( { oid = \"2.5.29.30\"; "
	     "critical = true; value = \"3000\"; } );" CN,
		"nameConstraints is for ca = true"},
	    {"validity = \"90d\"; extra = ( { oid = \"1.2.3\"; "
	     "value = \"05\"; } );" CN,
		"key 'profiles[0].extra[0].value': not of this form"},
	    {"validity = \"90d\"; extra = ( { oid = \"1.2.3\"; "
	     "value = \"05000500\"; } );" CN,
		"not of this form; allowed: hex of one DER element"},
	    {"validity = \"90d\"; extra = ( { oid = \"1.2.3\"; "
	     "value = \"3080050000\"; } );" CN,
		"not of this form"},
	    {"validity = \"90d\"; extra = ( { oid = \"1.2.03\"; "
	     "value = \"0500\"; } );" CN,
		"key 'profiles[0].extra[0].oid': not of this form"},
	    {"validity = \"90d\"; extra = ( { oid = \"1.2.3\"; "
	     "value = \"0500\"; }, { oid = \"1.2.3\"; value = \"0500\"; } "
	     ");" CN,
		"RFC 5280, 4.2: extra \"1.2.3\" is given twice"},
	    {"validity = \"90d\"; azure = true;" CN, "azure = true needs"},
	    {"validity = \"90d\"; device_id = \"serialNumber\";" CN,
		"device_id \"serialNumber\" needs a subject rule"},
	    {"validity = \"90d\"; device_id = \"CN\"; "
	     "subject = ( { type = \"CN\"; } );",
		"device_id \"CN\" needs a subject rule"},
	    {"validity = \"90d\"; name_constraints = ();" CN,
		"key 'profiles[0].name_constraints': unknown"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct profiles *profiles;
		struct fail why;

		if (read_body(&profiles, rows[i].body, &why) == 0)
			print_error("row %zu was read\n", i);
		assert_null(profiles);
		assert_int_equal(why.kind, FAIL_CONFIG);
		assert_string_equal(why.reason, "config");
		if (strstr(why.text, rows[i].text) == NULL)
			print_error("row %zu: %s\n", i, why.text);
		assert_non_null(strstr(why.text, rows[i].text));
		assert_memory_equal(why.text, path, strlen(path));
	}
}

static void
names_of_profiles_are_unique_and_plain(void **state)
{
	struct profiles *profiles;
	struct fail why;

	(void)state;
	assert_int_equal(
	    read_text(&profiles,
		"profiles = ( { name = \"a\"; validity = \"1d\"; " CN " },\n"
		"{ name = \"a\"; validity = \"1d\"; " CN " } );",
		&why),
	    -1);
	assert_non_null(strstr(why.text, ":2: profile 'a': a profile of that"));
	assert_int_equal(
	    read_text(&profiles,
		"profiles = ( { name = \"a/b\"; validity = \"1d\"; " CN " } );",
		&why),
	    -1);
	assert_non_null(strstr(why.text, "'profiles[0].name': not of this"));
	assert_int_equal(read_text(&profiles, "profiles = ();", &why), -1);
	assert_non_null(strstr(why.text, "at least one"));
	assert_int_equal(read_text(&profiles, "", &why), -1);
	assert_non_null(strstr(why.text, "key 'profiles' is missing"));
}

static void
good_profiles_are_read(void **state)
{
	static const char *const rows[] = {
	    "validity = \"1m\";" CN,
	    "validity = \"100y\";" CN,
	    "validity = \"until 99991231\"; outlives_issuer = \"allow\";" CN,
	    "validity = \"until 2035-12-31T23:59:59Z\";" CN,
	    "validity = \"90d\"; renewal_window = \"90d\";" CN,
	    "validity = \"1y\"; ca = true; key_usage = \"keyCertSign\";" CN,
	    "validity = \"1y\"; ca = true; key_usage = \"keyCertSign\"; "
	    "extra = ( { oid = \"2.5.29.30\"; critical = true; "
	    "value = \"300fa00d300b82096c6f63616c686f7374\"; } );" CN,
	    "validity = \"1d\"; key_usage = ();" CN,
	    "validity = \"1d\"; keys = (\"rsa2048\"); key_usage = "
	    "(\"digitalSignature\", \"keyEncipherment\");" CN,
	    "validity = \"1d\"; ext_key_usage = \"timeStamping\"; "
	    "ext_key_usage_critical = true;" CN,
	    "validity = \"1d\"; ext_key_usage = (\"cmcRA\", \"1.2.3.4\");" CN,
	    "validity = \"1d\"; subject = ( "
	    "{ type = \"DC\"; from = \"fixed\"; value = \"example\"; }, "
	    "{ type = \"DC\"; from = \"fixed\"; value = \"plant\"; }, "
	    "{ type = \"O\"; from = \"fixed\"; value = \" a,b=\\\"c\\\" \"; "
	    "}, { type = \"1.2.3.4\"; } );",
	    "validity = \"1d\"; subject_empty = true; "
	    "san = ( { type = \"dns\"; min = 1; wildcard = true; } );",
	    "validity = \"1d\"; azure = true; device_id = \"CN\";" CN,
	    "validity = \"1d\"; azure = true; device_id = \"sha256\";" CN,
	    "validity = \"1d\"; crl_urls = (\"http://a:8080/crl/%k.crl\", "
	    "\"ldap://b/CN=x%20y?c\"); ocsp_urls = \"https://o/\";" CN,
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct profiles *profiles;

		assert_non_null(one(&profiles, rows[i]));
		profiles_free(profiles);
	}
}

static void
validity_is_a_length_or_an_end(void **state)
{
	struct profiles *profiles;
	const struct profile *p = one(&profiles, "validity = \"1y6d\";" CN);

	(void)state;
	assert_int_equal(p->valid_for, 371 * 86400);
	assert_int_equal(p->valid_until, 0);
	profiles_free(profiles);
	p = one(&profiles, "validity = \"until 99991231\";" CN);
	assert_int_equal(p->valid_for, 0);
	assert_true(p->valid_until == WHEN_FOREVER);
	profiles_free(profiles);
}

/* "OID critical hex" of an extension. */
static char *
extension_text(const struct profile *p, int i)
{
	X509_EXTENSION *ext = sk_X509_EXTENSION_value(p->fixed, i);
	const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(ext);
	struct span der = {
	    ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)};
	char oid[80], hex[512];

	assert_true(der.len < 255);
	OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(ext), 1);
	hex_write(hex, der, false);
	return str_fmt("%s %s %s", oid,
	    X509_EXTENSION_get_critical(ext) ? "critical" : "-", hex);
}

static void
fixed_extensions_are_made_once(void **state)
{
	static const struct {
		const char *body, *ext[8];
	} rows[] = {
	    {"validity = \"1d\";" CN,
		{"2.5.29.19 critical 3000", "2.5.29.15 critical 03020780"}},
	    {"validity = \"1d\"; key_usage = (); "
	     "ext_key_usage = (\"clientAuth\", \"1.2.3.4\"); "
	     "policies = (\"2.23.140.1.2.1\", \"1.2.3\"); no_rev_avail = true; "
	     "extra = ( { oid = \"1.2.3.5\"; critical = true; "
	     "value = \"0101FF\"; } );" CN,
		{"2.5.29.19 critical 3000",
		    "2.5.29.37 - 300f06082b0601050507030206032a0304",
		    "2.5.29.32 - 3010300806066781"
		    "0c010201300406022a03",
		    "2.5.29.56 - 0500", "1.2.3.5 critical 0101ff"}},
	    {"validity = \"1d\"; ca = true; path_length = 3; "
	     "key_usage = (\"keyCertSign\", \"cRLSign\"); "
	     "key_usage_critical = false;" CN,
		{"2.5.29.19 critical 30060101ff020103",
		    "2.5.29.15 - 03020106"}},
	    {"validity = \"1d\"; ca = true; key_usage = \"keyCertSign\";" CN,
		{"2.5.29.19 critical 30030101ff",
		    "2.5.29.15 critical 03020204"}},
	    {"validity = \"1d\"; keys = \"p256\"; "
	     "key_usage = (\"keyAgreement\", \"decipherOnly\");" CN,
		{"2.5.29.19 critical 3000", "2.5.29.15 critical 0303070880"}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct profiles *profiles;
		const struct profile *p = one(&profiles, rows[i].body);
		int n = sk_X509_EXTENSION_num(p->fixed);

		for (int j = 0; j < n; j++) {
			char *text = extension_text(p, j);

			assert_non_null(rows[i].ext[j]);
			assert_string_equal(text, rows[i].ext[j]);
			free(text);
		}
		assert_null(rows[i].ext[n]);
		profiles_free(profiles);
	}
}

static void
csrattrs_say_what_the_profile_wants(void **state)
{
#define KU "300e0603551d0f0101ff040403020780"
	static const struct {
		const char *body, *der;
	} rows[] = {
	    {"csrattrs = \"none\";" CN, ""},
	    /* … but for challengePassword, where it is wanted */
	    {"csrattrs = \"none\";" CN, "300b06092a864886f70d010907"},
	    {"key_usage = (); " CN, ""},
	    /* extensionRequest with keyUsage */
	    {CN, "30213"
		 "01f06092a864886f70d01090e31123010" KU},
	    /* challengePassword before it */
	    {"key_usage = ();" CN, "300b06092a864886f70d010907"},
	    /* one curve: ecPublicKey with it, and its signature */
	    {"keys = \"p384\"; key_usage = ();" CN,
		"301e301206072a8648ce3d020131"
		"0706052b8104002206082a8648ce3d040303"},
	    /* some curves: ecPublicKey without */
	    {"keys = (\"p256\", \"p384\"); key_usage = ();" CN,
		"300d300b06072a8648ce3d02013100"},
	    {"keys = (\"p256\", \"rsa2048\"); key_usage = ();" CN, ""},
	    {"keys = \"rsa3072\"; key_usage = ();" CN,
		"301e"
		"301106092a864886f70d01010131040202"
		"0c0006092a864886f70d01010b"},
	    {"keys = (\"rsa2048\", \"rsa4096\"); key_usage = ();" CN,
		"300f300d06092a864886f70d0101013100"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct profiles *profiles;
		char *body = str_fmt("validity = \"1d\"; %s", rows[i].body);
		const struct profile *p = one(&profiles, body);
		struct bytes der = {0};
		char hex[1024];

		profile_csrattrs(
		    &der, p, strstr(rows[i].der, "2a864886f70d010907") != NULL);
		hex_write(hex, span_of(&der), false);
		assert_string_equal(hex, rows[i].der);
		bytes_free(&der);
		profiles_free(profiles);
		free(body);
	}
}

static void
csrattrs_as_a_template_name_the_subject(void **state)
{
	struct profiles *profiles;
	const struct profile *p = one(&profiles,
	    "validity = \"1d\"; csrattrs = \"template\"; key_usage = (); "
	    "subject = ( { type = \"CN\"; from = \"required\"; }, "
	    "{ type = \"DC\"; from = \"fixed\"; value = \"a\"; }, "
	    "{ type = \"C\"; from = \"fixed\"; value = \"CH\"; } ); "
	    "san = ( { type = \"dns\"; min = 1; } );");
	struct bytes der = {0};
	char hex[1024];

	(void)state;
	profile_csrattrs(&der, p, false);
	hex_write(hex, span_of(&der), false);
	bytes_free(&der);
	/* CN without value, C as PrintableString, a SAN to be filled in. */
	assert_non_null(strstr(hex, "300506035504033"));
	assert_non_null(strstr(hex, "300906035504061302"
				    "4348"));
	assert_null(strstr(hex, "0992268993f22c640119"));
	assert_non_null(strstr(hex, "30050603551d11"));
	profiles_free(profiles);
}

/* Every extension asked for is what we issue. */
static void
csrattrs_ask_for_the_fixed_values(void **state)
{
	struct profiles *profiles;
	const struct profile *p = one(&profiles,
	    "validity = \"1d\"; ca = true; path_length = 0; "
	    "key_usage = (\"keyCertSign\", \"cRLSign\"); "
	    "ext_key_usage = \"clientAuth\"; csrattrs = \"both\";" CN);

	struct bytes list = {0};

	(void)state;
	profile_csrattrs(&list, p, false);
	for (int i = 0; i < 3; i++) {
		unsigned char *der = NULL;
		X509_EXTENSION *ext = sk_X509_EXTENSION_value(p->fixed, i);
		int len = i2d_X509_EXTENSION(ext, &der);

		assert_true(len > 0);
		assert_non_null(memmem(list.data, list.len, der, (size_t)len));
		OPENSSL_free(der);
	}
	bytes_free(&list);
	profiles_free(profiles);
}

static void
keys_are_taken_by_type_curve_and_size(void **state)
{
	static const struct {
		const char *keys, *reason; /* NULL: taken */
		struct pubkey key;
	} rows[] = {
	    {"(\"p256\")", NULL,
		{.type = PUBKEY_EC, .curve = NID_X9_62_prime256v1}},
	    {"(\"p256\")", "curve",
		{.type = PUBKEY_EC, .curve = NID_secp384r1}},
	    {"(\"p384\", \"p521\")", NULL,
		{.type = PUBKEY_EC, .curve = NID_secp521r1}},
	    {"(\"rsa2048\")", "key-alg",
		{.type = PUBKEY_EC, .curve = NID_X9_62_prime256v1}},
	    {"(\"p256\")", "key-alg", {.type = PUBKEY_RSA, .bits = 2048}},
	    {"(\"rsa2048\")", NULL, {.type = PUBKEY_RSA, .bits = 2048}},
	    {"(\"rsa2048\")", "key-size", {.type = PUBKEY_RSA, .bits = 2049}},
	    {"(\"rsa4096\", \"rsa2048\")", NULL,
		{.type = PUBKEY_RSA, .bits = 3333}},
	    {"(\"rsa3072\")", "weak-key", {.type = PUBKEY_RSA, .bits = 3071}},
	    {"(\"p256\")", "key-alg", {.type = PUBKEY_ED25519}},
	    {"(\"ed25519\")", NULL, {.type = PUBKEY_ED25519}},
	    {"(\"ed25519\")", "key-alg", {.type = PUBKEY_ED448}},
	    {"(\"ed448\")", NULL, {.type = PUBKEY_ED448}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct profiles *profiles;
		struct fail why = {0};
		char *body =
		    str_fmt("validity = \"1d\"; keys = %s;" CN, rows[i].keys);
		const struct profile *p = one(&profiles, body);
		int rc = profile_key_ok(p, &rows[i].key, &why);

		assert_int_equal(rc, rows[i].reason != NULL ? -1 : 0);
		if (rows[i].reason != NULL) {
			assert_string_equal(why.reason, rows[i].reason);
			assert_int_equal(why.kind, FAIL_MALFORMED);
		}
		profiles_free(profiles);
		free(body);
	}
}

static void
the_hash_is_the_profile_s_or_the_key_s(void **state)
{
	struct profiles *profiles;
	const struct profile *p = one(&profiles, "validity = \"1d\";" CN);

	(void)state;
	assert_null(profile_hash(p));
	profiles_free(profiles);
	p = one(
	    &profiles, "validity = \"1d\"; signature_hash = \"sha384\";" CN);
	assert_ptr_equal(profile_hash(p), EVP_sha384());
	profiles_free(profiles);
}

static void
the_sample_is_read_and_shows_the_defaults(void **state)
{
	static const char *const names[] = {
	    "device", "idevid", "subca", "server", "ra"};
	char *sample = source_text("etc/profiles.conf");
	struct profiles *profiles;
	struct bytes first = {0}, second = {0}, third = {0};
	struct fail why;

	(void)state;
	assert_int_equal(read_text(&profiles, sample, &why), 0);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_non_null(profiles_find(profiles, names[i]));
	assert_null(profiles_find(profiles, "nosuch"));
	assert_int_equal(
	    profiles_find(profiles, "device")->valid_for, 90 * 86400);
	assert_true(
	    profiles_find(profiles, "idevid")->valid_until == WHEN_FOREVER);
	assert_true(profiles_find(profiles, "subca")->ca);
	profiles_write(&first, profiles);
	profiles_free(profiles);

	uncomment(sample);
	if (read_text(&profiles, sample, &why) != 0)
		print_error("%s\n", why.text);
	assert_non_null(profiles);
	profiles_write(&second, profiles);
	profiles_free(profiles);
	assert_string_equal(first.data, second.data);

	/* What is written reads back the same. */
	assert_int_equal(
	    read_text(&profiles, (const char *)second.data, &why), 0);
	profiles_write(&third, profiles);
	profiles_free(profiles);
	assert_string_equal(second.data, third.data);
	bytes_free(&first);
	bytes_free(&second);
	bytes_free(&third);
	free(sample);
}

static void
every_key_is_in_the_manual_and_in_the_sample(void **state)
{
	char *manual = source_text("man/profiles.conf.5");
	char *sample = source_text("etc/profiles.conf");

	(void)state;
	assert_int_equal(
	    undocumented(&profiles_table, &profiles_table, manual, sample), 0);
	assert_int_equal(count_items(manual), count_keys(&profiles_table));
	free(manual);
	free(sample);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		a_profile_that_breaks_a_rule_is_refused_with_the_rule),
	    cmocka_unit_test(names_of_profiles_are_unique_and_plain),
	    cmocka_unit_test(good_profiles_are_read),
	    cmocka_unit_test(validity_is_a_length_or_an_end),
	    cmocka_unit_test(fixed_extensions_are_made_once),
	    cmocka_unit_test(csrattrs_say_what_the_profile_wants),
	    cmocka_unit_test(csrattrs_as_a_template_name_the_subject),
	    cmocka_unit_test(csrattrs_ask_for_the_fixed_values),
	    cmocka_unit_test(keys_are_taken_by_type_curve_and_size),
	    cmocka_unit_test(the_hash_is_the_profile_s_or_the_key_s),
	    cmocka_unit_test(the_sample_is_read_and_shows_the_defaults),
	    cmocka_unit_test(every_key_is_in_the_manual_and_in_the_sample),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}

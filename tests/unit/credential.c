#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/cloud/assertion.h"
#include "lib/cloud/credential_source.h"
#include "lib/cloud/escape.h"
#include "lib/cloud/guid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define NOW 1790000000

static char dir[] = "/tmp/microca-credential.XXXXXX";
static char *state;

static char *
in_dir(const char *name)
{
	return file_path(dir, name);
}

static void
put(const char *name, const char *text, mode_t mode)
{
	struct fail why = {0};
	char *path = in_dir(name);

	assert_int_equal(file_write(path, span_str(text), mode, &why), 0);
	free(path);
}

static int PRINTF_LIKE(1, 2) run(const char *fmt, ...)
{
	char command[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

/* ---- shared access signatures -------------------------------------------- */

/* Made with Node's crypto and encodeURIComponent. */
static const struct {
	const char *host, *policy, *key;
	int64_t until;
	const char *want;
} signatures[] = {
    {"contoso.azure-devices.net", "registry",
	"MDEyMzQ1Njc4OWFiY2RlZg==", 1700000000,
	"SharedAccessSignature sr=contoso.azure-devices.net&sig="
	"gJ6wKVLP1f47jdaujqXFXHSHZC6mdp9U4BkSiF7Uzr8%3D&skn=registry&se="
	"1700000000"},
    {"Contoso.Azure-Devices.NET", "a*(b)!'", "c2VjcmV0IGtleQ==\n", 1,
	"SharedAccessSignature sr=contoso.azure-devices.net&sig="
	"E97mRbYdhXI6oXm%2BzXQw6Np3NLRvUV3QvTZokoAmeEY%3D&skn="
	"a%2a%28b%29%21%27&se=1"},
    {"h.azure-devices.net", "iothubowner",
	"glTDKakoUPbVOd03b0gW7idkUX2l4CNVFK9DMWRIDXo=", 4102444800,
	"SharedAccessSignature sr=h.azure-devices.net&sig="
	"EOSDdcL5oeUGN8OLQqQPkPNuxaQH57v0EjW80qIv61M%3D&skn=iothubowner&se="
	"4102444800"},
    {"localhost", "service",
	"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"
	"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw==",
	1790000001,
	"SharedAccessSignature sr=localhost&sig="
	"FBrewKgJjP%2BgJhArYbsk4Ot2i3dLgynLzbqOJmcR928%3D&skn=service&se="
	"1790000001"},
};

static void
a_shared_access_signature_is_what_microsofts_client_makes(void **st)
{
	(void)st;
	for (size_t i = 0; i < COUNT(signatures); i++) {
		struct bytes out = {0};
		struct fail why = {0};

		assert_int_equal(
		    sas_write(&out, signatures[i].host, signatures[i].policy,
			span_str(signatures[i].key), signatures[i].until, &why),
		    0);
		assert_string_equal((char *)out.data, signatures[i].want);
		bytes_free(&out);
	}
}

static void
a_key_that_is_no_base64_is_refused_without_being_shown(void **st)
{
	struct bytes out = {0};
	struct fail why = {0};

	(void)st;
	assert_int_equal(
	    sas_write(&out, "h", "p", span_str("not!base64"), 1, &why), -1);
	assert_string_equal(why.reason, "cloud-credential");
	assert_null(strstr(why.text, "not!base64"));
	assert_null(strstr(why.cause, "not!base64"));
	assert_null(out.data);
}

static void
a_device_id_is_escaped_as_encodeURIComponent_does(void **st)
{
	struct bytes out = {0};

	(void)st;
	uri_component(&out, "a-:.+%_#*?!(),=@;$'~ \xc3\xa9");
	assert_string_equal((char *)out.data,
	    "a-%3A.%2B%25_%23*%3F!()%2C%3D%40%3B%24'~%20%C3%A9");
	bytes_free(&out);
	uri_component_strict(&out, "!'()*+");
	assert_string_equal((char *)out.data, "%21%27%28%29%2a%2B");
	bytes_free(&out);
	base64url_write(&out, span_str("\xfb\xff\xfe?"));
	assert_string_equal((char *)out.data, "-__-Pw");
	bytes_free(&out);
}

static void
a_request_id_is_a_random_uuid(void **st)
{
	char a[GUID_LEN], b[GUID_LEN];

	(void)st;
	guid_write(a);
	guid_write(b);
	assert_int_equal(strlen(a), GUID_LEN - 1);
	assert_int_equal(a[14], '4');
	assert_non_null(strchr("89ab", a[19]));
	assert_string_not_equal(a, b);
}

/* ---- answers of token endpoints ------------------------------------------ */

static const struct {
	const char *json;
	int64_t until; /* 0: refused */
} answers[] = {
    /* Entra: numbers; IMDS: texts; others: dates. */
    {"{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"a.b-"
     "c_d\"}",
	NOW + 3599},
    {"{\"access_token\":\"t\",\"expires_in\":\"86399\",\"expires_on\":"
     "\"1790086399\",\"token_type\":\"Bearer\"}",
	NOW + 86399},
    {"{\"access_token\":\"t==\",\"expires_on\":\"1790000100\"}", NOW + 100},
    {"{\"access_token\":\"t\",\"expires_on\":1790000100}", NOW + 100},
    {"{\"access_token\":\"t\",\"expires_on\":\"2026-09-21T15:13:21+00:00\"}",
	1790003601},
    {"{\"access_token\":\"t\",\"token_type\":\"bearer\",\"expires_in\":1}",
	NOW + 1},
    {"{\"access_token\":\"t\",\"expires_in\":0}", 0},
    {"{\"access_token\":\"t\"}", 0},
    {"{\"access_token\":\"t\",\"expires_in\":\"soon\"}", 0},
    {"{\"access_token\":\"t\",\"expires_in\":99999999999}", 0},
    {"{\"access_token\":\"t\",\"expires_in\":9223372036854775807}", 0},
    {"{\"access_token\":\"t\",\"expires_in\":\"36666666666666666666599\"}", 0},
    {"{\"access_token\":\"\",\"expires_in\":100}", 0},
    {"{\"access_token\":\"a b\",\"expires_in\":100}", 0},
    {"{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":100}", 0},
    {"{\"access_token\":7,\"expires_in\":100}", 0},
    {"{\"access_token\":\"t\",\"token_type\":\"mac\",\"expires_in\":100}", 0},
    {"{\"expires_in\":100}", 0},
    {"[]", 0},
};

static void
a_tokens_end_is_read_however_it_is_written(void **st)
{
	(void)st;
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct json *json;
		struct token token = {0};
		struct fail why = {0};
		int rc;

		assert_int_equal(json_read(&json, answers[i].json, &why), 0);
		rc = token_read(&token, json, NOW, &why);
		if ((rc == 0) != (answers[i].until != 0) ||
		    (rc == 0 && token.until != answers[i].until))
			fail_msg("%s: %d, %" PRId64, answers[i].json, rc,
			    token.until);
		if (rc == 0)
			assert_memory_equal(token.text.data, "Bearer ", 7);
		else
			assert_string_equal(why.reason, "cloud-answer");
		bytes_wipe(&token.text);
		json_free(json);
	}
}

/* ---- Azure Arc ----------------------------------------------------------- */

static void
only_a_key_file_of_the_agents_folder_is_read(void **st)
{
	static const char *const good[] = {
	    "Basic realm=" ARC_FOLDER "/0c1.key",
	    "basic realm=" ARC_FOLDER "/a-b_c.d.key",
	};
	static const char *const bad[] = {
	    NULL,
	    "",
	    "Basic",
	    "Basic realm=",
	    "Basic realm=/etc/shadow",
	    "Basic realm=" ARC_FOLDER,
	    "Basic realm=" ARC_FOLDER "/",
	    "Basic realm=" ARC_FOLDER "/.key",
	    "Basic realm=" ARC_FOLDER "/..key",
	    "Basic realm=" ARC_FOLDER "/a.pem",
	    "Basic realm=" ARC_FOLDER "/a.key.pem",
	    "Basic realm=" ARC_FOLDER "/../a.key",
	    "Basic realm=" ARC_FOLDER "/x/a.key",
	    "Basic realm=" ARC_FOLDER "x/a.key",
	    "Basic realm=" ARC_FOLDER "/a b.key",
	    "Basic realm=/tmp" ARC_FOLDER "/a.key",
	    "Digest realm=" ARC_FOLDER "/a.key",
	};

	(void)st;
	for (size_t i = 0; i < COUNT(good); i++) {
		char *path = arc_key_path(good[i]);

		assert_non_null(path);
		assert_string_equal(path, good[i] + 12);
		free(path);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (arc_key_path(bad[i]) != NULL)
			fail_msg("%s was accepted", bad[i]);
}

/* ---- the pace ------------------------------------------------------------ */

static void
throttled_means_ten_seconds_at_least_and_sixty_at_most(void **st)
{
	(void)st;
	assert_true(pace_throttled(1, -1, 0) == 10);
	assert_true(pace_throttled(1, -1, 0.999) < 20);
	assert_true(pace_throttled(2, -1, 0) == 10);
	assert_true(pace_throttled(2, -1, 0.999) > 35);
	assert_true(pace_throttled(9, -1, 0.999) < 60);
	assert_true(pace_throttled(9, -1, 0.999) > 59);
	assert_true(pace_throttled(1, 90, 0) == 90);
	assert_true(pace_throttled(5, 1, 0.5) < 2);
	assert_true(pace_throttled(1000, 0, 0) == 0);
}

static void
transient_failures_wait_up_to_twice_as_long_each(void **st)
{
	(void)st;
	assert_true(pace_transient(1, 0) == 0);
	assert_true(pace_transient(1, 0.999) < 1);
	assert_true(pace_transient(3, 0.999) > 3.9);
	assert_true(pace_transient(3, 0.999) < 4);
	assert_true(pace_transient(60, 0.999) < 30);
}

static void
the_rate_is_kept_over_time_with_a_small_burst(void **st)
{
	struct bucket bucket = {0};
	double now = 1000, wait = 0;

	(void)st;
	for (int i = 0; i < 600; i++) {
		wait = bucket_take(&bucket, 100, 1, now);
		now += wait;
	}
	/* 599 waits of 0.6 s but for the burst of ten. */
	assert_true(now - 1000 > 352 && now - 1000 < 355);
	now += 1000;
	assert_true(bucket_take(&bucket, 100, 100, now) == 0);
	wait = bucket_take(&bucket, 100, 1, now);
	assert_true(wait > 53.9 && wait < 54.1);
	assert_true(bucket_take(&bucket, 0, 1000, now) == 0);
}

static void
nobody_sleeps_past_the_deadline_or_when_told_to_stop(void **st)
{
	volatile int stop = 0;
	struct hub_pace pace = {
	    .wait = true, .deadline = when_now() + 5, .stop = &stop};
	double begin = when_clock();

	(void)st;
	assert_true(pace_open(&pace));
	assert_true(pace_sleep(&pace, 0.01));
	assert_false(pace_sleep(&pace, 60));
	pace.wait = false;
	assert_false(pace_sleep(&pace, 0.01));
	assert_true(pace_sleep(&pace, 0));
	pace.wait = true;
	stop = 1;
	assert_false(pace_open(&pace));
	assert_false(pace_sleep(&pace, 4));
	stop = 0;
	pace.deadline = when_now();
	assert_false(pace_open(&pace));
	assert_true(when_clock() - begin < 2);
}

/* ---- the assertion ------------------------------------------------------- */

static X509 *
certificate(EVP_PKEY *key, int64_t ends)
{
	X509 *cert = X509_new();
	ASN1_TIME *t = ASN1_TIME_new();

	assert_non_null(cert);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
	X509_set_version(cert, 2);
	ASN1_TIME_set(X509_getm_notBefore(cert), NOW - 86400);
	ASN1_TIME_set(X509_getm_notAfter(cert), ends);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN",
	    MBSTRING_ASC, (const unsigned char *)"edge", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	ASN1_TIME_free(t);
	return cert;
}

static void
key_put(const char *name, EVP_PKEY *key)
{
	char *path = in_dir(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(
	    PEM_write_PKCS8PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
	free(path);
}

/* What openssl(1) says of the signature; parts end up in files. */
static void
judge(const char *token, EVP_PKEY *key, bool pss)
{
	char *path = in_dir("public.pem"), *text = str_dup(token), *dot;
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_PUBKEY(f, key), 1);
	fclose(f);
	dot = strrchr(text, '.');
	assert_non_null(dot);
	put("signature", dot + 1, 0600);
	*dot = '\0';
	put("signed", text, 0600);
	assert_int_equal(
	    run("cd %s && { tr -- '-_' '+/' <signature; echo ==; } | "
		"tr -d '\\n' | base64 -di 2>/dev/null >raw; "
		"openssl dgst -sha256 %s -verify public.pem -signature raw "
		"signed >/dev/null",
		dir,
		pss ? "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32"
		    : ""),
	    0);
	free(text);
	free(path);
}

static struct json *
part(const char *token, int number)
{
	struct bytes plain = {0};
	struct json *json;
	struct fail why = {0};
	char *text;
	size_t len;

	while (number-- > 0)
		token = strchr(token, '.') + 1;
	len = strcspn(token, ".");
	text = str_fmt(
	    "%.*s%.*s", (int)len, token, (int)((4 - len % 4) % 4), "===");
	for (char *c = text; *c != '\0'; c++)
		*c = (char)(*c == '-' ? '+' : *c == '_' ? '/' : *c);
	assert_int_equal(base64_read(&plain, span_str(text), &why), 0);
	assert_int_equal(json_read(&json, (char *)plain.data, &why), 0);
	bytes_free(&plain);
	free(text);
	return json;
}

static void
header_check(const char *token, X509 *cert, const char *algorithm)
{
	bool pss = strcmp(algorithm, "PS256") == 0;
	struct json *header = part(token, 0);
	struct bytes text = {0};
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	X509_digest(cert, pss ? EVP_sha256() : EVP_sha1(), digest, &len);
	base64url_write(&text, (struct span){digest, len});
	assert_string_equal(json_str_of(header, "alg"), algorithm);
	assert_string_equal(json_str_of(header, "typ"), "JWT");
	assert_string_equal(
	    json_str_of(header, pss ? "x5t#S256" : "x5t"), (char *)text.data);
	bytes_free(&text);
	json_free(header);
}

static void
claims_check(const char *token)
{
	struct json *claims = part(token, 1);

	assert_string_equal(
	    json_str_of(claims, "aud"), "https://login/t/oauth2/v2.0/token");
	assert_string_equal(json_str_of(claims, "iss"), "app");
	assert_string_equal(json_str_of(claims, "sub"), "app");
	assert_int_equal(strlen(json_str_of(claims, "jti")), GUID_LEN - 1);
	assert_int_equal(json_int_of(claims, "nbf", 0), NOW);
	assert_int_equal(json_int_of(claims, "iat", 0), NOW);
	assert_int_equal(json_int_of(claims, "exp", 0), NOW + 600);
	json_free(claims);
}

static int
make(struct bytes *out, const struct key_place *place, X509 *cert,
    const char *algorithm, struct fail *why)
{
	struct assertion assertion = {
	    .audience = "https://login/t/oauth2/v2.0/token",
	    .client_id = "app",
	    .algorithm = algorithm,
	    .cert = cert,
	    .now = NOW};
	int rc;

	assert_int_equal(key_open(&assertion.key, place, why), 0);
	assert_int_equal(key_ready(assertion.key, 15, why), 0);
	rc = assertion_write(out, &assertion, why);
	key_free(assertion.key);
	return rc;
}

static void
signed_with(const struct key_place *place, EVP_PKEY *key)
{
	static const char *const algorithms[] = {"PS256", "RS256"};
	X509 *cert = certificate(key, NOW + 86400);

	for (size_t i = 0; i < COUNT(algorithms); i++) {
		struct bytes out = {0};
		struct fail why = {0};

		if (make(&out, place, cert, algorithms[i], &why) != 0)
			fail_msg(
			    "%s: %s (%s)", algorithms[i], why.text, why.cause);
		header_check((char *)out.data, cert, algorithms[i]);
		claims_check((char *)out.data);
		judge((char *)out.data, key, i == 0);
		bytes_free(&out);
	}
	X509_free(cert);
}

static void
an_assertion_is_signed_by_a_files_key(void **st)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	char *path = in_dir("key.pem");
	struct key_place place = {path, NULL, NULL, state};

	(void)st;
	key_put("key.pem", key);
	signed_with(&place, key);
	EVP_PKEY_free(key);
	free(path);
}

static void
an_assertion_is_signed_in_a_token(void **st)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	char *conf = in_dir("softhsm2.conf"), *pin = in_dir("pin"), *text;
	struct key_place place = {
	    "pkcs11:token=cloud;object=app", MODULE, pin, state};

	(void)st;
	if (access(MODULE, R_OK) != 0)
		skip();
	key_put("import.pem", key);
	put("pin", "1234\n", 0600);
	text = str_fmt("directories.tokendir = %s\nlog.level = ERROR\n", dir);
	put("softhsm2.conf", text, 0600);
	setenv("SOFTHSM2_CONF", conf, 1);
	assert_int_equal(
	    run("softhsm2-util --init-token --free --label cloud --pin 1234 "
		"--so-pin so-pin-1 >/dev/null"),
	    0);
	assert_int_equal(
	    run("softhsm2-util --import %s/import.pem --token cloud --label "
		"app --id 01 --pin 1234 >/dev/null",
		dir),
	    0);
	signed_with(&place, key);
	EVP_PKEY_free(key);
	free(text);
	free(conf);
	free(pin);
}

static void
what_entra_would_refuse_is_told_before(void **st)
{
	EVP_PKEY *rsa = EVP_RSA_gen(2048), *other = EVP_RSA_gen(2048);
	EVP_PKEY *ec = EVP_EC_gen("P-256"), *small = EVP_RSA_gen(1024);
	char *path = in_dir("one.pem");
	struct key_place place = {path, NULL, NULL, state};
	struct {
		EVP_PKEY *key, *cert;
		int64_t ends;
		const char *text;
	} tries[] = {{rsa, other, NOW + 10, "not its key's"},
	    {ec, ec, NOW + 10, "RSA keys"},
	    {small, small, NOW + 10, "RSA keys"},
	    {rsa, rsa, NOW - 10, "expired"}};

	(void)st;
	for (size_t i = 0; i < COUNT(tries); i++) {
		X509 *cert = certificate(tries[i].cert, tries[i].ends);
		struct bytes out = {0};
		struct fail why = {0};

		key_put("one.pem", tries[i].key);
		assert_int_equal(make(&out, &place, cert, "PS256", &why), -1);
		assert_int_equal(why.kind, FAIL_CONFIG);
		assert_string_equal(why.reason, "cloud-credential");
		assert_non_null(strstr(why.text, tries[i].text));
		assert_null(out.data);
		X509_free(cert);
	}
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(other);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(small);
	free(path);
}

/* ---- the handle ---------------------------------------------------------- */

static void
a_signature_is_kept_until_five_minutes_before_its_end(void **st)
{
	char *path = in_dir("sas");
	struct azure_settings azure = {.hub = (char *)"h.azure-devices.net",
	    .auth = AZURE_SAS,
	    .sas_policy = (char *)"p",
	    .sas_key_file = path};
	struct credential *credential;
	const char *shown;
	struct fail why = {0};
	char *first;

	(void)st;
	put("sas", "c2VjcmV0", 0600);
	assert_int_equal(
	    credential_open(&credential, &azure, NULL, state, &why), 0);
	assert_int_equal(credential_until(credential), 0);
	assert_int_equal(credential_show(&shown, credential, NOW, &why), 0);
	first = str_dup(shown);
	assert_int_equal(credential_until(credential), NOW + 3600);
	assert_int_equal(
	    credential_show(&shown, credential, NOW + 3299, &why), 0);
	assert_string_equal(shown, first);
	/* No other is to be had: while it lives, it is shown. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(
	    credential_show(&shown, credential, NOW + 3301, &why), 0);
	assert_string_equal(shown, first);
	put("sas", "c2VjcmV0", 0600);
	assert_int_equal(
	    credential_show(&shown, credential, NOW + 3400, &why), 0);
	assert_string_not_equal(shown, first);
	/* The hub did not take it: it is not shown again. */
	assert_int_equal(unlink(path), 0);
	credential_doubt(credential);
	assert_int_equal(
	    credential_show(&shown, credential, NOW + 3401, &why), -1);
	credential_close(credential);
	free(first);
	free(path);
}

static void
a_way_that_lacks_its_settings_is_refused(void **st)
{
	struct azure_settings azure = {.hub = (char *)"h"};

	(void)st;
	for (azure.auth = AZURE_SAS; azure.auth <= AZURE_WORKLOAD;
	     azure.auth++) {
		struct credential *credential;
		struct fail why = {0};

		assert_int_equal(
		    credential_open(&credential, &azure, NULL, state, &why),
		    -1);
		assert_null(credential);
		assert_int_equal(why.kind, FAIL_CONFIG);
		assert_string_equal(why.reason, "cloud-credential");
	}
}

/* ---- set-up -------------------------------------------------------------- */

static int
folder_make(void **st)
{
	(void)st;
	if (mkdtemp(dir) == NULL)
		return -1;
	state = in_dir("state");
	return mkdir(state, 0700);
}

static int
remove_one(const char *path, const struct stat *s, int type, struct FTW *where)
{
	(void)s;
	(void)type;
	(void)where;
	return remove(path);
}

static int
folder_remove(void **st)
{
	(void)st;
	free(state);
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		a_shared_access_signature_is_what_microsofts_client_makes),
	    cmocka_unit_test(
		a_key_that_is_no_base64_is_refused_without_being_shown),
	    cmocka_unit_test(a_device_id_is_escaped_as_encodeURIComponent_does),
	    cmocka_unit_test(a_request_id_is_a_random_uuid),
	    cmocka_unit_test(a_tokens_end_is_read_however_it_is_written),
	    cmocka_unit_test(only_a_key_file_of_the_agents_folder_is_read),
	    cmocka_unit_test(
		throttled_means_ten_seconds_at_least_and_sixty_at_most),
	    cmocka_unit_test(transient_failures_wait_up_to_twice_as_long_each),
	    cmocka_unit_test(the_rate_is_kept_over_time_with_a_small_burst),
	    cmocka_unit_test(
		nobody_sleeps_past_the_deadline_or_when_told_to_stop),
	    cmocka_unit_test(an_assertion_is_signed_by_a_files_key),
	    cmocka_unit_test(an_assertion_is_signed_in_a_token),
	    cmocka_unit_test(what_entra_would_refuse_is_told_before),
	    cmocka_unit_test(
		a_signature_is_kept_until_five_minutes_before_its_end),
	    cmocka_unit_test(a_way_that_lacks_its_settings_is_refused),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}

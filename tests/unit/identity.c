/* identity: whose certificate opens which endpoint. */
#include "tests/unit/pki.h"

#include "lib/ca/identity_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static struct ca *ca;

static int
begin(void **state)
{
	pki_begin(state);
	ca = pki_open();
	return 0;
}

static int
end(void **state)
{
	ca_drop(ca);
	return pki_end(state);
}

/* NULL, or the reason word of the refusal. */
static const char *
ask(struct identity **who, const char *endpoint, const X509 *cert,
    struct fail *why)
{
	struct request rq = pki_request(ca, endpoint, cert);
	int rc;

	*who = NULL;
	*why = (struct fail){0};
	rc = identity_of(who, ca, &rq, why);
	request_free(&rq);
	assert_int_equal(rc == 0, *who != NULL);
	return rc == 0 ? NULL : why->reason;
}

static void
answers(const char *endpoint, const X509 *cert, const char *word)
{
	struct identity *who;
	struct fail why;
	const char *got = ask(&who, endpoint, cert, &why);

	if ((got == NULL) != (word == NULL) ||
	    (got != NULL && strcmp(got, word) != 0))
		print_error("%s: %s, not %s: %s\n", endpoint,
		    got != NULL ? got : "let in",
		    word != NULL ? word : "let in", why.text);
	if (word == NULL)
		assert_null(got);
	else
		assert_string_equal(got, word);
	identity_free(who);
}

static X509 *
device(const char *cn)
{
	char *subject = str_fmt("CN=%s", cn);
	X509 *ra =
	    pki_leaf("CN=RA 1", pki.device_key, pki.maker, pki.maker_key);
	struct wish w = {.subject = subject};
	EVP_PKEY *key = pki_key();
	X509 *x509 = pki_enroll(ca, "device", ra, &w, key);

	EVP_PKEY_free(key);
	X509_free(ra);
	free(subject);
	return x509;
}

static void
nobody_without_a_certificate(void **state)
{
	(void)state;
	answers("device", NULL, "auth-none");
	answers("open", NULL, "auth-none");
	answers("open", pki.ca, "auth-none");
}

static void
a_foreign_certificate_gets_the_rule_of_its_subject(void **state)
{
	X509 *ra =
	    pki_leaf("CN=RA 1", pki.device_key, pki.maker, pki.maker_key);
	X509 *dev =
	    pki_leaf("CN=dev1", pki.device_key, pki.maker, pki.maker_key);
	X509 *other =
	    pki_leaf("CN=x1", pki.device_key, pki.maker, pki.maker_key);
	struct identity *who;
	struct fail why;

	(void)state;
	assert_null(ask(&who, "device", ra, &why));
	assert_int_equal(who->allow->names, NAMES_PATTERN);
	assert_string_equal(who->requester, "ra:CN=RA 1");
	assert_false(who->own);
	identity_free(who);
	assert_null(ask(&who, "device", dev, &why));
	assert_int_equal(who->allow->names, NAMES_OWN);
	assert_string_equal(who->requester, "foreign:CN=dev1");
	assert_int_equal(strncmp(who->owner, "foreign:", 8), 0);
	identity_free(who);
	answers("device", other, "client-label");
	X509_free(other);
	X509_free(dev);
	X509_free(ra);
}

static void
an_owner_survives_the_renewal_of_its_certificate(void **state)
{
	EVP_PKEY *key = pki_key();
	X509 *one =
	    pki_leaf("CN=dev1", pki.device_key, pki.maker, pki.maker_key);
	X509 *two = pki_leaf("CN=dev1", key, pki.maker, pki.maker_key);
	X509 *three = pki_leaf("CN=dev3", key, pki.maker, pki.maker_key);
	struct identity *a, *b, *c;
	struct fail why;

	(void)state;
	assert_null(ask(&a, "device", one, &why));
	assert_null(ask(&b, "device", two, &why));
	assert_null(ask(&c, "device", three, &why));
	assert_string_equal(a->owner, b->owner);
	assert_string_not_equal(a->owner, c->owner);
	identity_free(a);
	identity_free(b);
	identity_free(c);
	X509_free(one);
	X509_free(two);
	X509_free(three);
	EVP_PKEY_free(key);
}

/* bad-inputs by the leaf's own content, whoever issued it. */
static void
each_fault_of_a_client_certificate_has_its_word(void **state)
{
	EVP_PKEY *weak = EVP_RSA_gen(1024), *stranger = pki_key();
	const struct {
		struct spec spec;
		const char *word;
	} cases[] = {
	    {{.extension = {LEAF_EXTENSIONS}}, NULL},
	    {{.subject = "CN=dev1"}, NULL},
	    {{.extension = {LEAF_EXTENSIONS}, .from = -9 * DAY, .to = -DAY},
		"client-expired"},
	    {{.extension = {LEAF_EXTENSIONS}, .from = DAY, .to = 9 * DAY},
		"client-notyet"},
	    {{.extension = {LEAF_EXTENSIONS}, .md = EVP_sha1()}, "client-cert"},
	    {{.extension = {LEAF_EXTENSIONS}, .key = weak}, "client-cert"},
	    {{.extension = {LEAF_EXTENSIONS}, .unknown = "1.2.3.4"},
		"client-cert"},
	    {{.version = 1}, "client-cert"},
	    {{.extension = {LEAF_EXTENSIONS, {NID_no_rev_avail, "DER:0500"},
		  {NID_crl_distribution_points, "URI:http://x/"}}},
		"client-cert"},
	    {{.extension = {LEAF_EXTENSIONS, {NID_no_rev_avail, "DER:0500"},
		  {NID_info_access, "OCSP;URI:http://x/"}}},
		"client-cert"},
	    {{.extension = {LEAF_EXTENSIONS, {NID_no_rev_avail, "DER:0500"}}},
		NULL},
	    {{.extension = {{NID_key_usage, "keyEncipherment"}}},
		"client-usage"},
	    {{.extension = {{NID_ext_key_usage, "serverAuth"}}},
		"client-usage"},
	    {{.extension = {{NID_basic_constraints, "CA:TRUE"}}},
		"client-isca"},
	    {{.subject = "OU=dev1"}, "client-label"},
	    {{.subject = NULL, .version = 3}, "client-name"},
	    {{.extension = {LEAF_EXTENSIONS}, .signer = stranger},
		"client-untrusted"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct spec s = cases[i].spec;
		X509 *x;

		if (s.subject == NULL && s.version != 3)
			s.subject = "CN=dev1";
		if (s.version == 3)
			s.version = 0;
		if (s.key == NULL)
			s.key = pki.device_key;
		if (s.signer == NULL)
			s.signer = pki.maker_key;
		s.issuer = pki.maker;
		x = pki_cert(&s);
		if (getenv("VERBOSE") != NULL)
			print_message("# case %zu\n", i);
		answers("device", x, cases[i].word);
		X509_free(x);
	}
	EVP_PKEY_free(weak);
	EVP_PKEY_free(stranger);
}

static void
ambiguous_names_are_nobodys(void **state)
{
	static const char nul[] = "dev1\0evil";
	struct spec s = {.subject = "CN=dev1",
	    .key = pki.device_key,
	    .issuer = pki.maker,
	    .signer = pki.maker_key};
	X509 *two = pki_cert(&s), *zero = pki_cert(&s);
	X509_NAME *name;

	(void)state;
	name = X509_NAME_dup(X509_get_subject_name(two));
	assert_int_equal(
	    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
		(const uint8_t *)"admin", -1, -1, 0),
	    1);
	assert_int_equal(X509_set_subject_name(two, name), 1);
	assert_true(X509_sign(two, pki.maker_key, EVP_sha256()) > 0);
	answers("device", two, "client-name");
	X509_NAME_free(name);
	name = X509_NAME_new();
	assert_int_equal(
	    X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_UTF8STRING,
		(const uint8_t *)nul, (int)sizeof(nul) - 1, -1, 0),
	    1);
	assert_int_equal(X509_set_subject_name(zero, name), 1);
	assert_true(X509_sign(zero, pki.maker_key, EVP_sha256()) > 0);
	answers("device", zero, "client-name");
	X509_NAME_free(name);
	X509_free(two);
	X509_free(zero);
}

static void
a_ca_certificate_is_no_client(void **state)
{
	(void)state;
	answers("device", pki.ca, "client-isca");
	answers("device", pki.root, "client-isca");
	answers("bare", pki.maker, "client-isca");
}

static void
strangers_and_forgeries_are_untrusted(void **state)
{
	EVP_PKEY *key = pki_key();
	X509 *self = pki_leaf("CN=dev1", key, NULL, NULL);
	X509 *fake_ca = pki_ca("CN=Issuing", key, NULL, NULL);
	X509 *fake = pki_leaf("CN=dev1", pki.device_key, fake_ca, key);

	(void)state;
	answers("device", self, "client-untrusted");
	answers("device", fake, "client-untrusted");
	answers("bare", fake, "client-untrusted");
	X509_free(self);
	X509_free(fake);
	X509_free(fake_ca);
	EVP_PKEY_free(key);
}

/* An intermediate that the client alone knows does not help. */
static void
intermediates_come_from_the_configuration_only(void **state)
{
	EVP_PKEY *key = pki_key();
	X509 *middle = pki_ca("CN=Middle", key, pki.maker, pki.maker_key);
	X509 *leaf = pki_leaf("CN=dev1", pki.device_key, middle, key);
	struct fail why = {0};
	struct ca *with = NULL;

	(void)state;
	answers("bare", leaf, "client-untrusted");
	pki_pem_one("middle.pem", middle);
	pki_conf("",
	    "endpoints = ( { name = \"bare\"; port = 1; profile = \"bare\"; "
	    "allow = ( { issuer = \"maker.pem\"; "
	    "intermediates = \"middle.pem\"; } ); } );");
	assert_int_equal(pki_try_open(&with, ca, &why), 0);
	ca_drop(ca);
	ca = with;
	answers("bare", leaf, NULL);
	pki_conf("", pki_endpoints);
	assert_int_equal(pki_try_open(&with, ca, &why), 0);
	ca_drop(ca);
	ca = with;
	X509_free(middle);
	X509_free(leaf);
	EVP_PKEY_free(key);
}

/* RFC 5280, 6.1: faults above the leaf. */
static void
faults_of_the_path_have_a_word(void **state)
{
	static const struct {
		const char *basic, *usage, *constraints, *unknown;
		int64_t to;
	} cases[] = {
	    {"critical,CA:TRUE", "critical,cRLSign", NULL, NULL, DAY},
	    {"critical,CA:FALSE", "critical,digitalSignature", NULL, NULL, DAY},
	    {"critical,CA:TRUE", "critical,keyCertSign",
		"critical,permitted;DNS:plant.example", NULL, DAY},
	    {"critical,CA:TRUE", "critical,keyCertSign", NULL, "1.2.3.4", DAY},
	    {"critical,CA:TRUE", "critical,keyCertSign", NULL, NULL, -60},
	};
	EVP_PKEY *key = pki_key();

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct spec s = {.subject = "CN=Middle",
		    .key = key,
		    .issuer = pki.maker,
		    .signer = pki.maker_key,
		    .from = -DAY,
		    .to = cases[i].to,
		    .unknown = cases[i].unknown,
		    .extension = {{NID_basic_constraints, cases[i].basic},
			{NID_key_usage, cases[i].usage},
			{NID_name_constraints, cases[i].constraints}}};
		X509 *middle = pki_cert(&s), *leaf;
		struct spec below = {.subject = "CN=dev1",
		    .key = pki.device_key,
		    .issuer = middle,
		    .signer = key,
		    .extension = {LEAF_EXTENSIONS,
			{NID_subject_alt_name, "DNS:a.other.example"}}};
		struct allow rule = {0};
		struct trust *trust = NULL;
		struct fail why = {0};
		int64_t until;
		char *a = pki_path("maker.pem"), *b = pki_path("middle.pem");

		leaf = pki_cert(&below);
		pki_pem_one("middle.pem", middle);
		rule.issuer = a;
		rule.intermediates = b;
		assert_int_equal(trust_new(&trust, &rule, NULL, &why), 0);
		assert_int_equal(
		    trust_check(trust, &until, NULL, leaf, &why), -1);
		if (strcmp(why.reason, "client-path") != 0)
			print_error("case %zu: %s\n", i, why.text);
		assert_string_equal(why.reason, "client-path");
		trust_free(trust);
		free(a);
		free(b);
		X509_free(leaf);
		X509_free(middle);
	}
	EVP_PKEY_free(key);
}

static void
an_own_certificate_is_known_by_its_record(void **state)
{
	X509 *own = device("own1");
	struct identity *who;
	struct fail why;

	(void)state;
	assert_null(ask(&who, "device", own, &why));
	assert_true(who->own);
	assert_string_equal(who->profile, "device");
	assert_int_equal(
	    strncmp(who->requester, "own:CN=own1,O=Example serial ", 29), 0);
	assert_int_equal(strncmp(who->owner, "foreign:", 8), 0);
	identity_free(who);
	answers("window", own, "client-label");
	answers("bare", own, "client-label");
	X509_free(own);
}

/* Signed by our key, but never recorded: a restored backup, a stolen key. */
static void
what_the_store_does_not_know_is_unknown(void **state)
{
	X509 *forged = pki_leaf("CN=dev1", pki.device_key, pki.ca, pki.ca_key);

	(void)state;
	answers("device", forged, "client-unknown");
	X509_free(forged);
}

static void
revocation_counts_at_once(void **state)
{
	X509 *own = device("own2");
	struct audit entry = {.event = "revoke"};
	struct bytes der = {0};
	struct cert *cert = NULL;
	struct fail why = {0};
	bool changed;
	char *serial;

	(void)state;
	answers("device", own, NULL);
	answers("device", own, NULL);
	cert_der_add(&der, own);
	assert_int_equal(cert_read(&cert, span_of(&der), &why), 0);
	serial = cert_serial_text(cert->serial);
	assert_int_equal(store_revoke(ca->store, &changed, serial, REASON_HOLD,
			     when_now(), &entry, &why),
	    0);
	answers("device", own, "client-revoked");
	answers("window", own, "client-revoked");
	free(serial);
	cert_free(cert);
	bytes_free(&der);
	X509_free(own);
}

/* The CRL file is read anew when it changes, also for those let in before. */
static void
a_foreign_crl_is_obeyed(void **state)
{
	X509 *leaf =
	    pki_leaf("CN=dev1", pki.device_key, pki.maker, pki.maker_key);
	X509 *other =
	    pki_leaf("CN=dev2", pki.device_key, pki.maker, pki.maker_key);
	char *path = pki_path("maker.crl");

	(void)state;
	answers("idevid", leaf, NULL);
	pki_crl_file(
	    "maker.crl", pki_crl(pki.maker, pki.maker_key, leaf, 30 * DAY));
	answers("idevid", leaf, "client-revoked");
	answers("idevid", other, NULL);
	pki_crl_file(
	    "maker.crl", pki_crl(pki.maker, pki.maker_key, NULL, -DAY));
	answers("idevid", other, "client-crl");
	pki_crl_file(
	    "maker.crl", pki_crl(pki.maker, pki.ca_key, NULL, 30 * DAY));
	answers("idevid", other, "client-crl");
	pki_file("maker.crl", span_str("junk"), 0644);
	answers("idevid", other, "client-crl");
	assert_int_equal(unlink(path), 0);
	answers("idevid", other, "client-crl");
	pki_crl_file(
	    "maker.crl", pki_crl(pki.maker, pki.maker_key, NULL, 30 * DAY));
	answers("idevid", leaf, NULL);
	free(path);
	X509_free(leaf);
	X509_free(other);
}

/* RFC 9608, 4: its CA publishes nothing of it, and nothing is looked for. */
static void
no_revocation_is_looked_for_where_none_is_available(void **state)
{
	const struct spec spec = {.subject = "CN=dev1",
	    .key = pki.device_key,
	    .issuer = pki.maker,
	    .signer = pki.maker_key,
	    .extension = {LEAF_EXTENSIONS, {NID_no_rev_avail, "DER:0500"}}};
	X509 *leaf = pki_cert(&spec);

	(void)state;
	pki_crl_file(
	    "maker.crl", pki_crl(pki.maker, pki.maker_key, NULL, -DAY));
	answers("idevid", leaf, NULL);
	pki_crl_file(
	    "maker.crl", pki_crl(pki.maker, pki.maker_key, NULL, 30 * DAY));
	X509_free(leaf);
}

static void
a_verdict_is_remembered_and_shared(void **state)
{
	X509 *leaf =
	    pki_leaf("CN=dev9", pki.device_key, pki.maker, pki.maker_key);
	struct identity *a, *b, *c;
	struct fail why;

	(void)state;
	assert_null(ask(&a, "device", leaf, &why));
	assert_null(ask(&b, "device", leaf, &why));
	assert_null(ask(&c, "bare", leaf, &why));
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	identity_free(a);
	identity_free(b);
	identity_free(c);
	X509_free(leaf);
}

static void
the_cache_forgets_in_time_and_is_bounded(void **state)
{
	const struct endpoint *e = settings_endpoint(ca->settings, "device");
	struct trust *trust =
	    identity_cache_trust(ca->identities, ca->settings, e, 1);
	struct identity *who = NULL, *got;
	struct fail why;
	uint8_t hash[SHA256_LEN] = {1};

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		assert_int_equal(identity_operator(&who, &why), 0);
		memset(who->sha256, 0, SHA256_LEN);
		who->sha256[0] = 1;
		memcpy(who->sha256 + 1, &i, sizeof(i));
		identity_cache_keep(ca->identities, e, who, trust, 0, 1000);
		identity_free(who);
	}
	got = identity_cache_find(ca->identities, e, hash, 10);
	assert_null(got);
	memcpy(hash + 1, &(unsigned){4999}, sizeof(unsigned));
	got = identity_cache_find(ca->identities, e, hash, 999);
	assert_non_null(got);
	identity_free(got);
	assert_null(identity_cache_find(ca->identities, e, hash, 1000));
	assert_null(identity_cache_find(ca->identities, e, hash, 10));
}

static void
without_an_issuer_own_certificates_have_to_wait(void **state)
{
	X509 *own = device("own3");
	struct ca *with = ca, *without = NULL;
	char *path = pki_path("state/issuer.pem");
	struct fail why = {0};

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(pki_try_open(&without, ca, &why), 0);
	ca = without;
	answers("device", own, "issuer-absent");
	ca = with;
	ca_drop(without);
	pki_issuer(pki.ca, pki.root);
	free(path);
	X509_free(own);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nobody_without_a_certificate),
	    cmocka_unit_test(
		a_foreign_certificate_gets_the_rule_of_its_subject),
	    cmocka_unit_test(an_owner_survives_the_renewal_of_its_certificate),
	    cmocka_unit_test(each_fault_of_a_client_certificate_has_its_word),
	    cmocka_unit_test(ambiguous_names_are_nobodys),
	    cmocka_unit_test(a_ca_certificate_is_no_client),
	    cmocka_unit_test(strangers_and_forgeries_are_untrusted),
	    cmocka_unit_test(intermediates_come_from_the_configuration_only),
	    cmocka_unit_test(faults_of_the_path_have_a_word),
	    cmocka_unit_test(an_own_certificate_is_known_by_its_record),
	    cmocka_unit_test(what_the_store_does_not_know_is_unknown),
	    cmocka_unit_test(revocation_counts_at_once),
	    cmocka_unit_test(a_foreign_crl_is_obeyed),
	    cmocka_unit_test(
		no_revocation_is_looked_for_where_none_is_available),
	    cmocka_unit_test(a_verdict_is_remembered_and_shared),
	    cmocka_unit_test(the_cache_forgets_in_time_and_is_bounded),
	    cmocka_unit_test(without_an_issuer_own_certificates_have_to_wait),
	};

	return cmocka_run_group_tests_name("identity", tests, begin, end);
}

/* authority: which issuing certificates are worth issuing under. */
#include "tests/unit/pki.h"

#include "lib/ca/authority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static struct authority *
made(X509 *issuer, X509 *above, X509 *root)
{
	STACK_OF(X509) *chain = pki_chain(issuer, above, root);
	struct authority *a = NULL;
	struct fail why = {0};

	if (authority_make(&a, chain, &why) != 0)
		print_error("%s\n", why.text);
	sk_X509_pop_free(chain, X509_free);
	assert_non_null(a);
	return a;
}

static void
refused(X509 *issuer, X509 *above, const char *says)
{
	STACK_OF(X509) *chain = pki_chain(issuer, above, NULL);
	struct authority *a = NULL;
	struct fail why = {0};

	assert_int_equal(authority_make(&a, chain, &why), -1);
	assert_null(a);
	assert_int_equal(why.kind, FAIL_CONFIG);
	assert_string_equal(why.reason, "issuer-cert");
	if (strstr(why.text, says) == NULL)
		print_error("%s: not %s\n", why.text, says);
	assert_non_null(strstr(why.text, says));
	sk_X509_pop_free(chain, X509_free);
}

static void
a_good_chain_is_taken_apart(void **state)
{
	struct authority *a = made(pki.ca, pki.root, NULL);
	char *keyid = cert_keyid_text(pki.ca);

	(void)state;
	assert_int_equal(sk_X509_num(a->chain), 2);
	assert_int_equal(X509_cmp(a->issuer, pki.ca), 0);
	assert_int_equal(EVP_PKEY_eq(a->key, pki.ca_key), 1);
	assert_string_equal(a->keyid, keyid);
	assert_int_equal(a->path_length, -1);
	assert_false(a->constrained);
	assert_true(authority_has_name(a, X509_get_subject_name(pki.root)));
	assert_false(authority_has_name(a, X509_get_subject_name(pki.maker)));
	free(keyid);
	authority_free(a);
}

static void
each_fault_of_an_issuer_is_refused(void **state)
{
	EVP_PKEY *weak = EVP_RSA_gen(1024);
	const struct {
		struct spec spec;
		const char *says;
	} cases[] = {
	    {{.extension = {{NID_basic_constraints, "critical,CA:FALSE"},
		  {NID_key_usage, "critical,keyCertSign"},
		  {NID_subject_key_identifier, "hash"}}},
		"6.1.4 (k)"},
	    {{.extension = {{NID_key_usage, "critical,keyCertSign"},
		  {NID_subject_key_identifier, "hash"}}},
		"6.1.4 (k)"},
	    {{.extension = {{NID_basic_constraints, "critical,CA:TRUE"},
		  {NID_key_usage, "critical,cRLSign"},
		  {NID_subject_key_identifier, "hash"}}},
		"6.1.4 (n)"},
	    {{.extension = {{NID_basic_constraints, "critical,CA:TRUE"},
		  {NID_subject_key_identifier, "hash"}}},
		"4.2.1.3"},
	    {{.extension = {{NID_basic_constraints, "critical,CA:TRUE"},
		  {NID_key_usage, "critical,keyCertSign"}}},
		"4.2.1.2"},
	    {{.extension = {CA_EXTENSIONS}, .unknown = "1.2.3.4"},
		"RFC 5280, 4.2"},
	    {{.extension = {CA_EXTENSIONS}, .md = EVP_sha1()}, "SHA-1"},
	    {{.extension = {CA_EXTENSIONS}, .key = weak}, "weak"},
	    {{.extension = {CA_EXTENSIONS}, .signer = pki.maker_key},
		"not signed by the next"},
	    {{.extension = {CA_EXTENSIONS}, .issuer = pki.maker},
		"not signed by the next"},
	    {{.version = 1}, "6.1.4 (k)"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct spec s = cases[i].spec;
		X509 *bad;

		s.subject = "CN=Issuing";
		if (s.key == NULL)
			s.key = pki.ca_key;
		if (s.issuer == NULL)
			s.issuer = pki.root;
		if (s.signer == NULL)
			s.signer = pki.root_key;
		bad = pki_cert(&s);
		refused(bad, pki.root, cases[i].says);
		X509_free(bad);
	}
	EVP_PKEY_free(weak);
}

static void
a_chain_ends_in_a_root_and_starts_with_the_issuer(void **state)
{
	(void)state;
	refused(pki.ca, NULL, "self-signed");
	refused(pki.root, pki.ca, "not signed by the next");
	refused(NULL, NULL, "empty");
}

/* RFC 5280, 6.1.4: what the whole chain leaves below us. */
static void
path_lengths_are_summed_up_from_the_root(void **state)
{
	static const struct {
		const char *root, *middle, *issuer;
		int64_t left; /* -2: refused */
	} cases[] = {
	    {"critical,CA:TRUE", "critical,CA:TRUE", "critical,CA:TRUE", -1},
	    {"critical,CA:TRUE,pathlen:5", "critical,CA:TRUE",
		"critical,CA:TRUE", 3},
	    {"critical,CA:TRUE,pathlen:2", "critical,CA:TRUE",
		"critical,CA:TRUE", 0},
	    {"critical,CA:TRUE,pathlen:1", "critical,CA:TRUE",
		"critical,CA:TRUE", -2},
	    {"critical,CA:TRUE", "critical,CA:TRUE,pathlen:0",
		"critical,CA:TRUE,pathlen:7", -2},
	    {"critical,CA:TRUE", "critical,CA:TRUE,pathlen:4",
		"critical,CA:TRUE,pathlen:1", 1},
	    {"critical,CA:TRUE", "critical,CA:TRUE",
		"critical,CA:TRUE,pathlen:0", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct spec root = {.subject = "CN=R",
				.key = pki.root_key,
				.extension = {CA_EXTENSIONS}},
			    middle = {.subject = "CN=M",
				.key = pki.maker_key,
				.signer = pki.root_key,
				.extension = {CA_EXTENSIONS}},
			    issuer = {.subject = "CN=I",
				.key = pki.ca_key,
				.signer = pki.maker_key,
				.extension = {CA_EXTENSIONS}};
		STACK_OF(X509) * chain;
		struct authority *a = NULL;
		struct fail why = {0};
		X509 *r, *m, *x;
		int rc;

		root.extension[0].value = cases[i].root;
		middle.extension[0].value = cases[i].middle;
		issuer.extension[0].value = cases[i].issuer;
		r = pki_cert(&root);
		middle.issuer = r;
		m = pki_cert(&middle);
		issuer.issuer = m;
		x = pki_cert(&issuer);
		chain = pki_chain(x, m, r);
		rc = authority_make(&a, chain, &why);
		if (cases[i].left == -2) {
			assert_int_equal(rc, -1);
			assert_non_null(strstr(why.text, "6.1.4 (l)"));
		} else {
			assert_int_equal(rc, 0);
			assert_int_equal(a->path_length, cases[i].left);
		}
		authority_free(a);
		sk_X509_pop_free(chain, X509_free);
		X509_free(x);
		X509_free(m);
		X509_free(r);
	}
}

static void
the_clock_decides_whether_it_is_usable(void **state)
{
	struct authority *a = made(pki.ca, pki.root, NULL);
	struct fail why = {0};

	(void)state;
	assert_int_equal(authority_usable(a, when_now(), &why), 0);
	assert_int_equal(authority_usable(a, a->not_before - 1, &why), -1);
	assert_int_equal(why.kind, FAIL_BUSY);
	assert_string_equal(why.reason, "clock");
	assert_int_equal(authority_usable(a, a->not_after, &why), -1);
	assert_int_equal(why.kind, FAIL_BUSY);
	assert_string_equal(why.reason, "issuer-time");
	authority_free(a);
}

static struct profiles *
profiles(void)
{
	char *path = pki_path("profiles.conf");
	struct profiles *p = NULL;
	struct fail why = {0};

	if (profiles_read(&p, path, &why) != 0)
		print_error("%s\n", why.text);
	assert_non_null(p);
	free(path);
	return p;
}

/* The profile under an issuer with this basicConstraints and EKU. */
static void
fits(const char *profile, const char *basic, const char *eku, const char *says)
{
	struct spec s = {.subject = "CN=Issuing",
	    .from = -DAY,
	    .to = 98 * DAY,
	    .key = pki.ca_key,
	    .issuer = pki.root,
	    .signer = pki.root_key,
	    .extension = {CA_EXTENSIONS, {NID_ext_key_usage, eku}}};
	struct profiles *p = profiles();
	struct fail why = {0};
	struct authority *a;
	X509 *issuer;
	int rc;

	s.extension[0].value = basic;
	issuer = pki_cert(&s);
	a = made(issuer, pki.root, NULL);
	rc = authority_profile_ok(a, profiles_find(p, profile), &why);
	assert_int_equal(rc, says == NULL ? 0 : -1);
	if (says != NULL) {
		assert_int_equal(why.kind, FAIL_CONFIG);
		assert_string_equal(why.reason, "profile");
		assert_non_null(strstr(why.text, says));
		assert_non_null(strstr(why.text, "profiles.conf:"));
	}
	authority_free(a);
	X509_free(issuer);
	profiles_free(p);
}

static void
profiles_must_fit_the_issuer(void **state)
{
	(void)state;
	fits("subca", "critical,CA:TRUE", NULL, NULL);
	fits("subca", "critical,CA:TRUE,pathlen:1", NULL, NULL);
	fits("subca", "critical,CA:TRUE,pathlen:0", NULL, "4.2.1.9");
	fits("device", "critical,CA:TRUE,pathlen:0", NULL, NULL);
	fits("device", "critical,CA:TRUE", "clientAuth", NULL);
	fits("device", "critical,CA:TRUE", "anyExtendedKeyUsage", NULL);
	fits("device", "critical,CA:TRUE", "serverAuth", "4.2.1.12");
	fits("copy", "critical,CA:TRUE", NULL, "outlives"); /* 100 days */
}

/* RFC 5280, 4.2.1.10: for subject, CN as a host, and each type of SAN. */
static void
name_constraints_of_the_chain_hold(void **state)
{
	static const struct {
		const char *constraints, *subject, *san;
		bool ok;
	} cases[] = {
	    {"critical,permitted;DNS:plant.example", "CN=x", NULL, true},
	    {"critical,permitted;DNS:plant.example", "CN=x",
		"DNS:a.plant.example", true},
	    {"critical,permitted;DNS:plant.example", "CN=x",
		"DNS:a.other.example", false},
	    {"critical,permitted;DNS:plant.example", "CN=a.other.example", NULL,
		false},
	    {"critical,excluded;DNS:plant.example", "CN=x",
		"DNS:a.plant.example", false},
	    {"critical,permitted;IP:10.0.0.0/255.0.0.0", "CN=x", "IP:10.1.2.3",
		true},
	    {"critical,permitted;IP:10.0.0.0/255.0.0.0", "CN=x", "IP:11.1.2.3",
		false},
	    {"critical,permitted;email:plant.example", "CN=x",
		"email:a@other.example", false},
	    {"critical,permitted;email:plant.example",
		"CN=x,emailAddress=a@other.example", NULL, false},
	    {"critical,permitted;URI:.plant.example", "CN=x",
		"URI:http://a.other.example/", false},
	    {"critical,permitted;RID:1.2.3", "CN=x", "RID:1.2.3.4", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct spec s = {.subject = "CN=Issuing",
				.key = pki.ca_key,
				.issuer = pki.root,
				.signer = pki.root_key,
				.extension = {CA_EXTENSIONS,
				    {NID_name_constraints,
					cases[i].constraints}}},
			    leaf = {.subject = cases[i].subject,
				.key = pki.device_key,
				.extension = {
				    {NID_subject_alt_name, cases[i].san}}};
		X509 *issuer = pki_cert(&s), *x509 = pki_cert(&leaf);
		struct authority *a = made(issuer, pki.root, NULL);
		struct fail why = {0};
		int rc = authority_names_ok(a, x509, &why);

		assert_true(a->constrained);
		if ((rc == 0) != cases[i].ok)
			print_error("case %zu: %s\n", i, why.text);
		assert_int_equal(rc == 0, cases[i].ok);
		if (rc != 0) {
			assert_int_equal(why.kind, FAIL_DENIED);
			assert_string_equal(why.reason, "name-constraint");
		}
		authority_free(a);
		X509_free(x509);
		X509_free(issuer);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_good_chain_is_taken_apart),
	    cmocka_unit_test(each_fault_of_an_issuer_is_refused),
	    cmocka_unit_test(a_chain_ends_in_a_root_and_starts_with_the_issuer),
	    cmocka_unit_test(path_lengths_are_summed_up_from_the_root),
	    cmocka_unit_test(the_clock_decides_whether_it_is_usable),
	    cmocka_unit_test(profiles_must_fit_the_issuer),
	    cmocka_unit_test(name_constraints_of_the_chain_hold),
	};

	return cmocka_run_group_tests_name(
	    "authority", tests, pki_begin, pki_end);
}

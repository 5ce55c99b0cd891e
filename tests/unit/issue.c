/* issue: what is signed is recorded, what is recorded is what goes out. */
#include "tests/unit/pki.h"

#include <pthread.h>

#include <openssl/rand.h>

#include "lib/ca/build.h"
#include "lib/store/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static struct ca *ca;
static X509 *ra; /* may ask for any CN at "device" */

static int
begin(void **state)
{
	pki_begin(state);
	ca = pki_open();
	ra = pki_leaf("CN=RA", pki.device_key, pki.maker, pki.maker_key);
	return 0;
}

static int
end(void **state)
{
	X509_free(ra);
	ca_drop(ca);
	return pki_end(state);
}

/* NULL: issued; else the reason word. */
static const char *
try(struct bytes *der, const X509 *client, const char *operation,
    const struct wish *w, EVP_PKEY *key)
{
	static struct fail why;
	struct request rq = pki_request(ca, "device", client);
	int rc = pki_try_enroll(der, ca, &rq, operation, w, key, &why);

	request_free(&rq);
	if (rc != 0 && getenv("VERBOSE") != NULL)
		print_message("# %s (%s)\n", why.text, why.cause);
	assert_int_equal(rc == 0, der->len > 0);
	return rc == 0 ? NULL : why.reason;
}

static void
refused(const X509 *client, const char *operation, const struct wish *w,
    EVP_PKEY *key, const char *word)
{
	struct bytes der = {0};
	const char *got = try(&der, client, operation, w, key);

	assert_non_null(got);
	assert_string_equal(got, word);
	bytes_free(&der);
}

static struct store_counts
counts(void)
{
	struct store_counts c;
	struct fail why = {0};

	assert_int_equal(store_count(ca->store, &c, when_now(), &why), 0);
	return c;
}

static void
what_goes_out_is_recorded_with_all_about_it(void **state)
{
	struct wish w = {.subject = "CN=rec1", .san = "DNS:rec1.example"};
	EVP_PKEY *key = pki_key();
	X509 *x = pki_enroll(ca, "device", ra, &w, key);
	struct bytes der = {0};
	struct cert *cert = NULL;
	struct record r = {0};
	struct csr *csr = pki_csr(&w, key);
	struct fail why = {0};
	bool found;

	(void)state;
	cert_der_add(&der, x);
	assert_int_equal(cert_read(&cert, span_of(&der), &why), 0);
	assert_int_equal(
	    store_find(ca->store, &r, &found, cert->sha256, &why), 0);
	assert_true(found);
	assert_true(span_equal(span_of(&r.der), span_of(&der)));
	assert_string_equal(r.subject, "CN=rec1,O=Example");
	assert_string_equal(r.san, "DNS:rec1.example");
	assert_string_equal(r.profile, "device");
	assert_string_equal(r.endpoint, "device");
	assert_string_equal(r.operation, "simpleenroll");
	assert_string_equal(r.requester, "ra:CN=RA");
	assert_string_equal(r.issuer, ca_authority(ca, when_now())->keyid);
	assert_memory_equal(r.spki_sha256, csr->key.sha256, SHA256_LEN);
	assert_int_equal(r.status, STORE_GOOD);
	assert_int_equal(r.not_after, cert->not_after);
	csr_free(csr);
	record_free(&r);
	cert_free(cert);
	bytes_free(&der);
	X509_free(x);
	EVP_PKEY_free(key);
}

static int
audit_last(const struct trail_row *row, void *arg)
{
	char **last = arg;

	free(*last);
	*last = str_dup(row->record);
	return 0;
}

static void
an_issuance_is_one_audit_row(void **state)
{
	struct wish w = {.subject = "CN=aud1"};
	int64_t before = counts().audit;
	EVP_PKEY *key = pki_key();
	X509 *x = pki_enroll(ca, "device", ra, &w, key);
	char *last = NULL;
	struct fail why = {0};

	(void)state;
	assert_int_equal(counts().audit, before + 1);
	assert_int_equal(
	    store_trail(ca->store, 0, 0, audit_last, &last, &why), 0);
	assert_non_null(strstr(last, "\"issue\""));
	assert_non_null(strstr(last, "ra:CN=RA"));
	assert_non_null(strstr(last, "CN=aud1,O=Example"));
	assert_non_null(strstr(last, "192.0.2.1"));
	assert_non_null(strstr(last, "0123456789abcdef"));
	free(last);
	X509_free(x);
	EVP_PKEY_free(key);
}

/* OpenSSL's, but for the serials that are to be of the same octets. */
static int same;
static uint8_t octet;

int
RAND_bytes(unsigned char *out, int len)
{
	if (same == 0 || len != SERIAL_LEN - 4)
		return RAND_bytes_ex(NULL, out, (size_t)len, 0);
	same--;
	memset(out, octet, (size_t)len);
	return 1;
}

static bool
is_forced(const X509 *x)
{
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	uint8_t forced[SERIAL_LEN - 4];

	memset(forced, octet, sizeof(forced));
	assert_int_equal(ASN1_STRING_length(serial), SERIAL_LEN);
	return memcmp(ASN1_STRING_get0_data(serial) + 4, forced,
		   sizeof(forced)) == 0;
}

/* RFC 5280, 4.1.2.2.  A serial begins with the time, in units of 2 s: until two
 * are of the same one. */
static void
a_serial_that_is_taken_is_not_used_but_another(void **state)
{
	EVP_PKEY *key = pki_key();
	bool another = false, given_up = false;

	(void)state;
	for (octet = 1; octet < 50 && !(another && given_up); octet++) {
		struct wish a = {.subject = "CN=clash"}, b = a;
		struct bytes der = {0};
		const char *word;
		X509 *first, *second;

		same = 2;
		first = pki_enroll(ca, "device", ra, &a, key);
		assert_true(is_forced(first));
		EVP_PKEY_free(key);
		key = pki_key();
		second = pki_enroll(ca, "device", ra, &b, key);
		another = another || !is_forced(second);
		EVP_PKEY_free(key);
		key = pki_key();
		same = 2; /* of both its tries */
		word = try(&der, ra, "simpleenroll", &b, key);
		if (word != NULL) {
			assert_string_equal(word, "serial-clash");
			given_up = true;
		}
		same = 0;
		X509_free(first);
		X509_free(second);
		bytes_free(&der);
		EVP_PKEY_free(key);
		key = pki_key();
	}
	assert_true(another && given_up);
	EVP_PKEY_free(key);
}

/* All empty subjects are one name: what their owners hold is the SAN. */
static void
without_a_subject_the_other_names_are_owned(void **state)
{
	static const struct {
		const char *client, *san, *word;
	} cases[] = {
	    {"CN=a.example", "DNS:a.example", NULL},
	    {"CN=b.example", "DNS:b.example", NULL},
	    {"O=Thief,CN=b.example", "DNS:B.example", "name-taken"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		X509 *client = pki_leaf(
		    cases[i].client, pki.device_key, pki.maker, pki.maker_key);
		struct request rq = pki_request(ca, "bare", client);
		struct wish w = {.san = cases[i].san};
		EVP_PKEY *key = pki_key();
		struct bytes der = {0};
		struct fail why = {0};
		int rc = pki_try_enroll(
		    &der, ca, &rq, "simpleenroll", &w, key, &why);

		if (rc != 0)
			print_message("# %s: %s\n", why.reason, why.text);
		assert_int_equal(rc == 0, cases[i].word == NULL);
		assert_string_equal(
		    rc != 0 ? why.reason : "", rc != 0 ? cases[i].word : "");
		bytes_free(&der);
		EVP_PKEY_free(key);
		request_free(&rq);
		X509_free(client);
	}
}

/* Design: the same request gets the same answer. */
static void
a_repeat_has_the_same_answer(void **state)
{
	struct wish w = {.subject = "CN=rep1"};
	struct bytes one = {0}, two = {0}, three = {0}, csr_der = {0};
	X509 *other =
	    pki_leaf("CN=RA 2", pki.device_key, pki.maker, pki.maker_key);
	struct request rq = pki_request(ca, "device", ra);
	struct request rq2 = pki_request(ca, "device", other);
	struct identity *who = NULL, *who2 = NULL;
	struct grant *grant = NULL, *grant2 = NULL;
	EVP_PKEY *key = pki_key();
	struct csr *csr;
	struct fail why = {0};
	int64_t before;

	(void)state;
	csr = pki_csr(&w, key);
	assert_int_equal(identity_of(&who, ca, &rq, &why), 0);
	assert_int_equal(identity_of(&who2, ca, &rq2, &why), 0);
	assert_int_equal(
	    policy_grant(&grant, who, &rq, "simpleenroll", csr, &why), 0);
	assert_int_equal(
	    policy_grant(&grant2, who2, &rq2, "simpleenroll", csr, &why), 0);
	assert_int_equal(ca_issue(&one, ca, grant, &why), 0);
	before = counts().certificates;
	assert_int_equal(ca_issue(&two, ca, grant, &why), 0);
	assert_true(span_equal(span_of(&one), span_of(&two)));
	assert_int_equal(counts().certificates, before);
	/* Another client gets nothing of it: the name is taken. */
	assert_int_equal(ca_issue(&three, ca, grant2, &why), -1);
	assert_int_equal(three.len, 0);
	bytes_free(&one);
	bytes_free(&two);
	bytes_free(&csr_der);
	grant_free(grant);
	grant_free(grant2);
	identity_free(who);
	identity_free(who2);
	csr_free(csr);
	request_free(&rq);
	request_free(&rq2);
	X509_free(other);
	EVP_PKEY_free(key);
}

static void
the_cas_own_key_and_name_are_refused(void **state)
{
	struct wish w = {.subject = "CN=thief"};
	struct wish name = {.subject = "CN=issuing"};
	X509 *any = pki_leaf("CN=x", pki.device_key, pki.maker, pki.maker_key);
	struct request rq;
	struct bytes der = {0};
	struct fail why;

	(void)state;
	refused(ra, "simpleenroll", &w, pki.ca_key, "key-reuse");
	refused(ra, "simpleenroll", &w, pki.root_key, "key-reuse");
	rq = pki_request(ca, "bare", any);
	name.san = "DNS:x.example";
	assert_int_equal(pki_try_enroll(&der, ca, &rq, "simpleenroll", &name,
			     pki.device_key, &why),
	    -1);
	assert_string_equal(why.reason, "name-policy");
	assert_int_equal(why.kind, FAIL_DENIED);
	request_free(&rq);
	X509_free(any);
}

static void
an_own_certificate_is_renewed_with_its_names(void **state)
{
	struct wish first = {.subject = "CN=ren1", .san = "DNS:ren1.example"};
	struct wish again = {
	    .subject = "CN=ren1,O=Example", .san = "DNS:ren1.example"};
	EVP_PKEY *key = pki_key(), *key2 = pki_key();
	X509 *old = pki_enroll(ca, "device", ra, &first, key), *x = NULL;
	struct bytes der = {0};
	struct fail why = {0};

	(void)state;
	assert_null(try(&der, old, "simplereenroll", &again, key2));
	assert_int_equal(cert_x509(&x, span_of(&der), &why), 0);
	assert_int_equal(
	    X509_NAME_cmp(X509_get_subject_name(x), X509_get_subject_name(old)),
	    0);
	assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(x), key2), 1);
	refused(ra, "simplereenroll", &again, key2, "reenroll-issuer");
	refused(old, "simplereenroll", &first, key2, "reenroll-name");
	X509_free(x);
	X509_free(old);
	bytes_free(&der);
	EVP_PKEY_free(key);
	EVP_PKEY_free(key2);
}

/* A reading of other files beside the running one. */
static struct ca *
reopened(void)
{
	struct fail why = {0};
	struct ca *now = NULL;

	if (pki_try_open(&now, ca, &why) != 0)
		print_error("%s\n", why.text);
	assert_non_null(now);
	return now;
}

static void
says(X509 *issuer, X509 *root, const char *word)
{
	struct ca *before = ca;
	struct wish w = {.subject = "CN=says1"};
	EVP_PKEY *key = pki_key();

	pki_issuer(issuer, root);
	ca = reopened();
	refused(ra, "simpleenroll", &w, key, word);
	assert_null(strstr(ca->issuers_why.text, "CN="));
	assert_null(strchr(ca->issuers_why.text, '/'));
	ca_drop(ca);
	ca = before;
	pki_issuer(pki.ca, pki.root);
	EVP_PKEY_free(key);
}

static void
a_bad_issuer_issues_nothing(void **state)
{
	struct spec late = {.subject = "CN=Issuing",
	    .key = pki.ca_key,
	    .issuer = pki.root,
	    .signer = pki.root_key,
	    .from = -300 * DAY,
	    .to = -DAY,
	    .extension = {CA_EXTENSIONS}};
	struct spec early = late, noca = late;
	EVP_PKEY *key = pki_key();
	X509 *other = pki_ca("CN=Issuing", key, pki.root, pki.root_key), *x;

	(void)state;
	says(other, pki.root, "issuer-key");
	X509_free(other);
	x = pki_cert(&late);
	says(x, pki.root, "issuer-time");
	X509_free(x);
	early.from = DAY;
	early.to = 300 * DAY;
	x = pki_cert(&early);
	says(x, pki.root, "clock");
	X509_free(x);
	noca.extension[0].value = "critical,CA:FALSE";
	x = pki_cert(&noca);
	says(x, pki.root, "issuer-cert");
	X509_free(x);
	EVP_PKEY_free(key);
}

static void
constraints_of_the_issuer_hold(void **state)
{
	struct spec s = {.subject = "CN=Issuing",
	    .key = pki.ca_key,
	    .issuer = pki.root,
	    .signer = pki.root_key,
	    .extension = {
		CA_EXTENSIONS, {NID_name_constraints,
				   "critical,permitted;DNS:plant.example"}}};
	struct wish in = {.subject = "CN=nc1", .san = "DNS:nc1.plant.example"};
	struct wish out = {.subject = "CN=nc2", .san = "DNS:nc2.example"};
	struct ca *before = ca;
	struct bytes der = {0};
	X509 *x = pki_cert(&s);
	EVP_PKEY *key = pki_key();

	(void)state;
	pki_issuer(x, pki.root);
	ca = reopened();
	assert_null(try(&der, ra, "simpleenroll", &in, key));
	refused(ra, "simpleenroll", &out, key, "name-constraint");
	ca_drop(ca);
	ca = before;
	pki_issuer(pki.ca, pki.root);
	X509_free(x);
	bytes_free(&der);
	EVP_PKEY_free(key);
}

static void
a_profile_that_cannot_be_is_refused_at_start(void **state)
{
	struct spec s = {.subject = "CN=Issuing",
	    .key = pki.ca_key,
	    .issuer = pki.root,
	    .signer = pki.root_key,
	    .extension = {CA_EXTENSIONS}};
	struct fail why = {0};
	struct ca *none = NULL;
	X509 *x;

	(void)state;
	s.extension[0].value = "critical,CA:TRUE,pathlen:0";
	x = pki_cert(&s);
	pki_issuer(x, pki.root);
	assert_int_equal(pki_try_open(&none, ca, &why), -1);
	assert_int_equal(why.kind, FAIL_CONFIG);
	assert_string_equal(why.reason, "profile");
	assert_null(none);
	pki_issuer(pki.ca, pki.root);
	X509_free(x);
}

static void
a_reload_shares_key_and_store(void **state)
{
	struct ca *now = reopened();
	struct wish w = {.subject = "CN=rel1"};
	struct ca *before = ca;
	EVP_PKEY *key = pki_key();
	X509 *x;

	(void)state;
	assert_ptr_equal(now->key, ca->key);
	assert_ptr_equal(now->store, ca->store);
	assert_ptr_equal(now->slots, ca->slots);
	assert_ptr_not_equal(now->settings, ca->settings);
	assert_ptr_equal(ca_hold(now), now);
	ca_drop(now);
	ca_drop(before);
	ca = now;
	x = pki_enroll(ca, "device", ra, &w, key);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void
a_key_that_moved_is_followed(void **state)
{
	struct wish w = {.subject = "CN=mov1"};
	struct ca *now;
	struct fail why = {0};
	EVP_PKEY *key = pki_key();
	X509 *x;

	(void)state;
	pki_key_file("moved.key", pki.ca_key);
	{
		char *text = str_fmt(
		    "state = \"state\"; public = \"public\"; run = \"run\";\n"
		    "disk_reserve = \"0\";\n"
		    "ca = { key = \"moved.key\"; subject = \"CN=I\"; };\n%s",
		    pki_endpoints);

		pki_file("microca.conf", span_str(text), 0640);
		free(text);
	}
	now = reopened();
	assert_ptr_equal(now->key, ca->key);
	assert_int_equal(key_ready(now->key, 10, &why), 0);
	ca_drop(ca);
	ca = now;
	x = pki_enroll(ca, "device", ra, &w, key);
	X509_free(x);
	EVP_PKEY_free(key);
}

static void
without_a_store_nothing_is_issued(void **state)
{
	struct ca *bare = NULL;
	char *path = pki_path("microca.conf");
	struct granted g = pki_granted(pki.ca, "device",
	    &(struct wish){.subject = "CN=no1"}, pki.device_key);
	struct bytes der = {0};
	struct fail why = {0};
	struct cert *cert = NULL;

	(void)state;
	assert_int_equal(ca_open(&bare, path, CA_KEY, NULL, &why), 0);
	assert_int_equal(key_ready(bare->key, 10, &why), 0);
	assert_int_equal(ca_issue(&der, bare, g.grant, &why), -1);
	assert_int_equal(why.kind, FAIL_BROKEN);
	assert_int_equal(der.len, 0);
	assert_int_equal(ca_certify(&cert, bare, g.grant, when_now(), &why), 0);
	cert_free(cert);
	pki_granted_free(&g);
	ca_drop(bare);
	free(path);
}

/* ---- threads -------------------------------------------------------------- */

#define THREADS 8
#define EACH 12

static void *
worker(void *arg)
{
	long id = (long)arg;
	intptr_t failed = 0;
	EVP_PKEY *key = pki_key();

	for (int i = 0; i < EACH; i++) {
		char *cn = str_fmt("CN=t%ld-%d", id, i);
		struct wish w = {.subject = cn};
		struct request rq = pki_request(ca, "device", ra);
		struct bytes der = {0};
		struct fail why;

		EVP_PKEY_free(key);
		key = pki_key();
		if (pki_try_enroll(
			&der, ca, &rq, "simpleenroll", &w, key, &why) != 0 &&
		    why.kind != FAIL_BUSY)
			failed++;
		bytes_free(&der);
		request_free(&rq);
		free(cn);
	}
	EVP_PKEY_free(key);
	return (void *)failed;
}

static void
many_threads_issue_at_once(void **state)
{
	pthread_t thread[THREADS];
	void *failed;

	(void)state;
	for (long i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&thread[i], NULL, worker, (void *)i), 0);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(thread[i], &failed), 0);
		assert_null(failed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_goes_out_is_recorded_with_all_about_it),
	    cmocka_unit_test(an_issuance_is_one_audit_row),
	    cmocka_unit_test(a_serial_that_is_taken_is_not_used_but_another),
	    cmocka_unit_test(without_a_subject_the_other_names_are_owned),
	    cmocka_unit_test(a_repeat_has_the_same_answer),
	    cmocka_unit_test(the_cas_own_key_and_name_are_refused),
	    cmocka_unit_test(an_own_certificate_is_renewed_with_its_names),
	    cmocka_unit_test(a_bad_issuer_issues_nothing),
	    cmocka_unit_test(constraints_of_the_issuer_hold),
	    cmocka_unit_test(a_profile_that_cannot_be_is_refused_at_start),
	    cmocka_unit_test(a_reload_shares_key_and_store),
	    cmocka_unit_test(many_threads_issue_at_once),
	    cmocka_unit_test(without_a_store_nothing_is_issued),
	    cmocka_unit_test(a_key_that_moved_is_followed),
	};

	return cmocka_run_group_tests_name("issue", tests, begin, end);
}

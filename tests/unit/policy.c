/* policy: what is granted of what was asked, and the word for what is not. */
#include "tests/unit/pki.h"

#include "lib/ca/policy_names.h"
#include "lib/wire/san.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static struct settings *settings;
static EVP_PKEY *rsa, *ed25519;

static int
begin(void **state)
{
	char *path;
	struct fail why = {0};

	pki_begin(state);
	path = pki_path("microca.conf");
	if (settings_read(&settings, path, &why) != 0)
		must(false, why.text);
	free(path);
	rsa = EVP_RSA_gen(2048);
	ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return 0;
}

static int
end(void **state)
{
	settings_free(settings);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(ed25519);
	return pki_end(state);
}

/* Somebody, by subject and SAN; `profile`: of our own certificates. */
static struct identity *
somebody(const char *subject, const char *san, const char *profile, int names)
{
	static struct allow rules[] = {[NAMES_OWN] = {.names = NAMES_OWN},
	    [NAMES_ANY] = {.names = NAMES_ANY},
	    [NAMES_PATTERN] = {.names = NAMES_PATTERN}};
	struct identity *who = NULL;
	struct fail why = {0};
	char *copy = str_dup(san), *save = NULL;

	if (rules[NAMES_PATTERN].pattern == NULL)
		assert_int_equal(pattern_read(&rules[NAMES_PATTERN].pattern,
				     "dev[0-9]+", &why),
		    0);
	assert_int_equal(identity_operator(&who, &why), 0);
	who->allow = &rules[names];
	who->subject = pki_name(subject);
	who->own = profile != NULL;
	who->profile = str_dup(profile);
	who->not_after = when_now() + 10 * DAY;
	who->sha256[0] = 7;
	for (char *s = copy != NULL ? strtok_r(copy, ",", &save) : NULL;
	     s != NULL; s = strtok_r(NULL, ",", &save))
		assert_int_equal(san_add_text(&who->san, s, &why), 0);
	free(copy);
	return who;
}

struct asked {
	const char *endpoint, *operation;
	struct wish wish;
	EVP_PKEY *key;
};

static struct grant *
ask(const struct asked *a, const struct identity *who, struct fail *why)
{
	struct request rq = {.id = "0123456789abcdef",
	    .peer = "192.0.2.1",
	    .endpoint = settings_endpoint(settings, a->endpoint)};
	struct csr *csr =
	    pki_csr(&a->wish, a->key != NULL ? a->key : pki.device_key);
	struct grant *grant = NULL;
	int rc;

	*why = (struct fail){0};
	rc = policy_grant(&grant, who, &rq,
	    a->operation != NULL ? a->operation : "simpleenroll", csr, why);
	if (rc == 0 && a->operation != NULL)
		rc = policy_renewal(grant, who, csr, when_now(), why);
	if (rc != 0) {
		grant_free(grant);
		grant = NULL;
	}
	csr_free(csr);
	if (grant != NULL)
		grant->csr = NULL;
	return grant;
}

/* `word` NULL: granted, with this subject. */
static void
answers(const struct asked *a, const struct identity *who, enum fail_kind kind,
    const char *word, const char *subject)
{
	struct fail why;
	struct grant *grant = ask(a, who, &why);
	char *text;

	if (word == NULL) {
		if (grant == NULL)
			print_error("%s: %s\n", why.reason, why.text);
		assert_non_null(grant);
		text = name_text(grant->subject);
		if (subject != NULL)
			assert_string_equal(text, subject);
		free(text);
	} else {
		if (grant != NULL || strcmp(why.reason, word) != 0)
			print_error("not %s: %s\n", word,
			    grant != NULL ? "granted" : why.text);
		assert_null(grant);
		assert_string_equal(why.reason, word);
		assert_int_equal(why.kind, kind);
	}
	grant_free(grant);
}

/* A registration authority without bounds, and what the profile says. */
static void
the_profile_bounds_every_wish(void **state)
{
	const struct {
		struct asked asked;
		enum fail_kind kind;
		const char *word, *subject;
	} cases[] = {
	    /* subject */
	    {{"device", NULL, {.subject = "CN=a"}, NULL}, 0, NULL,
		"CN=a,O=Example"},
	    {{"device", NULL, {.subject = "O=Example,CN=a"}, NULL}, 0, NULL,
		"CN=a,O=Example"},
	    {{"device", NULL, {.subject = "OU=x,serialNumber=7,CN=a,O=Example"},
		 NULL},
		0, NULL, "CN=a,serialNumber=7,OU=x,O=Example"},
	    {{"device", NULL, {.subject = "CN=a,O=Other"}, NULL}, FAIL_DENIED,
		"name-policy", NULL},
	    {{"device", NULL, {.subject = "CN=a b"}, NULL}, FAIL_MALFORMED,
		"dn-rule", NULL},
	    {{"device", NULL, {.subject = "O=Example"}, NULL}, FAIL_MALFORMED,
		"csr-incomplete", NULL},
	    {{"device", NULL, {.san = "IP:192.0.2.1"}, NULL}, FAIL_MALFORMED,
		"csr-incomplete", NULL},
	    {{"device", NULL, {.subject = "CN=a,L=x"}, NULL}, FAIL_MALFORMED,
		"dn-rule", NULL},
	    {{"device", NULL, {.subject = "CN=a,OU=x,OU=y"}, NULL},
		FAIL_MALFORMED, "dn-rule", NULL},
	    {{"bare", NULL, {.subject = NULL, .san = "DNS:a.example"}, NULL}, 0,
		NULL, ""},
	    /* subjectAltName */
	    {{"device", NULL,
		 {.subject = "CN=a", .san = "DNS:a.example,IP:192.0.2.1"},
		 NULL},
		0, NULL, NULL},
	    {{"device", NULL, {.subject = "CN=a", .san = "URI:urn:x:y"}, NULL},
		0, NULL, NULL},
	    {{"device", NULL,
		 {.subject = "CN=a", .san = "URI:http://x.example/"}, NULL},
		FAIL_DENIED, "san-policy", NULL},
	    {{"device", NULL,
		 {.subject = "CN=a",
		     .san = "DNS:a.example,DNS:b.example,DNS:c.example"},
		 NULL},
		FAIL_MALFORMED, "san-count", NULL},
	    {{"device", NULL, {.subject = "CN=a", .san = "email:a@x.example"},
		 NULL},
		FAIL_DENIED, "san-policy", NULL},
	    {{"device", NULL, {.subject = "CN=a", .san = "DNS:*.x.example"},
		 NULL},
		FAIL_DENIED, "san-policy", NULL},
	    {{"bare", NULL, {.subject = "CN=a", .san = "DNS:*.x.example"},
		 NULL},
		0, NULL, NULL},
	    {{"bare", NULL, {.subject = "CN=a"}, NULL}, FAIL_MALFORMED,
		"san-count", NULL},
	    {{"device", NULL, {.subject = "CN=a", .san = "IP:0.0.0.0"}, NULL},
		FAIL_DENIED, "san-policy", NULL},
	    {{"device", NULL, {.subject = "CN=a", .san = "IP:127.0.0.1"}, NULL},
		FAIL_DENIED, "san-policy", NULL},
	    {{"device", NULL, {.subject = "CN=a", .san = "IP:239.1.1.1"}, NULL},
		FAIL_DENIED, "san-policy", NULL},
	    {{"device", NULL, {.subject = "CN=a", .san = "IP:::1"}, NULL},
		FAIL_DENIED, "san-policy", NULL},
	    {{"device", NULL, {.subject = "CN=a", .san = "IP:ff02::1"}, NULL},
		FAIL_DENIED, "san-policy", NULL},
	    {{"device", NULL, {.subject = "CN=a", .san = "IP:::ffff:127.0.0.1"},
		 NULL},
		FAIL_DENIED, "san-policy", NULL},
	    {{"device", NULL, {.subject = "CN=a", .san = "IP:2001:db8::1"},
		 NULL},
		0, NULL, NULL},
	    /* extensions */
	    {{"device", NULL,
		 {.subject = "CN=a",
		     .extension = {{NID_key_usage, "digitalSignature"},
			 {NID_ext_key_usage, "clientAuth"},
			 {NID_basic_constraints, "CA:FALSE"}}},
		 NULL},
		0, NULL, NULL},
	    {{"device", NULL,
		 {.subject = "CN=a",
		     .extension = {{NID_key_usage, "keyCertSign"}}},
		 NULL},
		FAIL_DENIED, "profile-ku", NULL},
	    {{"device", NULL,
		 {.subject = "CN=a",
		     .extension = {{NID_ext_key_usage, "serverAuth"}}},
		 NULL},
		FAIL_DENIED, "profile-eku", NULL},
	    {{"device", NULL,
		 {.subject = "CN=a",
		     .extension = {{NID_ext_key_usage, "anyExtendedKeyUsage"}}},
		 NULL},
		FAIL_DENIED, "profile-eku", NULL},
	    {{"window", NULL,
		 {.subject = "CN=a",
		     .extension = {{NID_ext_key_usage, "clientAuth"}}},
		 NULL},
		FAIL_DENIED, "profile-eku", NULL},
	    {{"device", NULL,
		 {.subject = "CN=a",
		     .extension = {{NID_basic_constraints, "CA:TRUE"}}},
		 NULL},
		FAIL_DENIED, "profile-ca", NULL},
	    {{"subca", NULL,
		 {.subject = "CN=a",
		     .extension = {{NID_basic_constraints, "CA:TRUE"}}},
		 NULL},
		0, NULL, NULL},
	    {{"subca", NULL,
		 {.subject = "CN=a",
		     .extension = {{NID_basic_constraints,
			 "CA:TRUE,pathlen:1"}}},
		 NULL},
		0, NULL, NULL},
	    {{"subca", NULL,
		 {.subject = "CN=a",
		     .extension = {{NID_basic_constraints,
			 "CA:TRUE,pathlen:2"}}},
		 NULL},
		FAIL_DENIED, "profile-ca", NULL},
	    {{"subca", NULL,
		 {.subject = "CN=a",
		     .extension = {{NID_basic_constraints, "CA:FALSE"}}},
		 NULL},
		FAIL_DENIED, "profile-ca", NULL},
	    {{"device", NULL,
		 {.subject = "CN=a",
		     .extension = {{NID_name_constraints, "permitted;DNS:x"}}},
		 NULL},
		FAIL_DENIED, "profile-ca", NULL},
	    {{"device", NULL, {.subject = "CN=a", .unknown = "1.2.3.4"}, NULL},
		FAIL_MALFORMED, "ext", NULL},
	    /* proof-of-possession linking */
	    {{"device", NULL, {.subject = "CN=a", .challenge = "x"}, NULL},
		FAIL_MALFORMED, "pop-link", NULL},
	    {{"copy", NULL, {.subject = "CN=ra"}, NULL}, FAIL_MALFORMED,
		"pop-link", NULL},
	    {{"bare", NULL,
		 {.subject = "CN=a", .san = "DNS:x.example", .challenge = "x"},
		 NULL},
		0, NULL, NULL},
	    /* keys */
	    {{"device", NULL, {.subject = "CN=a"}, rsa}, 0, NULL, NULL},
	    {{"device", NULL, {.subject = "CN=a"}, ed25519}, FAIL_MALFORMED,
		"key-alg", NULL},
	};
	struct identity *ra = somebody("CN=ra", NULL, NULL, NAMES_ANY);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (getenv("VERBOSE") != NULL)
			print_message("# case %zu\n", i);
		answers(&cases[i].asked, ra, cases[i].kind, cases[i].word,
		    cases[i].subject);
	}
	identity_free(ra);
}

static void
unknown_extensions_are_dropped_where_a_profile_says_so(void **state)
{
	struct endpoint *e =
	    (struct endpoint *)settings_endpoint(settings, "copy");
	struct identity *who = somebody("CN=ra", NULL, NULL, NAMES_OWN);
	struct asked a = {
	    "copy", NULL, {.subject = "CN=ra", .unknown = "1.2.3.4"}, NULL};

	(void)state;
	e->pop_link = POP_OFF;
	answers(&a, who, 0, NULL, "CN=ra");
	e->pop_link = POP_REQUIRED;
	identity_free(who);
}

/* RFC 7030, 3.7: names = "own". */
static void
names_are_bound_to_the_identity(void **state)
{
	static const struct {
		const char *subject, *san; /* of the identity */
		struct wish wish;
		const char *word;
	} cases[] = {
	    {"CN=dev1", NULL, {.subject = "CN=dev1"}, NULL},
	    {"CN=dev1", NULL, {.subject = "CN=dev2"}, "name-policy"},
	    {"CN=dev1", NULL, {.subject = "CN=DEV1"}, "name-policy"},
	    {"CN=dev1,serialNumber=7", NULL,
		{.subject = "CN=dev1,serialNumber=7"}, NULL},
	    {"CN=dev1,serialNumber=7", NULL, {.subject = "CN=dev1"}, NULL},
	    {"CN=dev1,serialNumber=7", NULL,
		{.subject = "CN=dev1,serialNumber=8"}, "name-policy"},
	    {"CN=dev1", NULL, {.subject = "CN=dev1,serialNumber=8"},
		"name-policy"},
	    {"CN=dev1,serialNumber=7", NULL, {.subject = "CN=7"},
		"name-policy"},
	    {"serialNumber=7", NULL, {.subject = "CN=7,serialNumber=7"}, NULL},
	    {"CN=dev1,O=Maker", NULL, {.subject = "CN=dev1,OU=x"}, NULL},
	    {"CN=dev1", NULL,
		{.subject = "CN=dev1", .san = "DNS:other.example"},
		"san-policy"},
	    {"CN=dev1.example", NULL,
		{.subject = "CN=dev1.example", .san = "DNS:DEV1.example"},
		NULL},
	    {"CN=dev1", "DNS:a.example,DNS:b.example",
		{.subject = "CN=dev1", .san = "DNS:B.example"}, NULL},
	    {"CN=dev1", "URI:urn:x:1",
		{.subject = "CN=dev1", .san = "URI:urn:x:1"}, NULL},
	    {"CN=dev1", "URI:urn:x:1",
		{.subject = "CN=dev1", .san = "URI:urn:x:2"}, "san-policy"},
	    {"CN=dev1", NULL, {.subject = "CN=dev1", .san = "IP:192.0.2.7"},
		NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct identity *who =
		    somebody(cases[i].subject, cases[i].san, NULL, NAMES_OWN);
		struct asked a = {"device", NULL, cases[i].wish, NULL};

		if (getenv("VERBOSE") != NULL)
			print_message("# case %zu\n", i);
		answers(&a, who, FAIL_DENIED, cases[i].word, NULL);
		identity_free(who);
	}
}

static void
a_certificate_of_the_profile_stands_for_its_subject(void **state)
{
	struct identity *who =
	    somebody("CN=dev1,O=Example", NULL, "device", NAMES_OWN);
	struct asked same = {"device", NULL, {.subject = "CN=dev1"}, NULL};
	struct asked more = {"device", NULL, {.subject = "CN=dev1,OU=x"}, NULL};

	(void)state;
	answers(&same, who, 0, NULL, "CN=dev1,O=Example");
	answers(&more, who, FAIL_DENIED, "name-policy", NULL);
	identity_free(who);
}

static void
a_registration_authority_keeps_to_its_pattern(void **state)
{
	struct identity *ra = somebody("CN=ra", NULL, NULL, NAMES_PATTERN);
	struct asked in = {"device", NULL, {.subject = "CN=dev77"}, NULL};
	struct asked out = {"device", NULL, {.subject = "CN=dev77x"}, NULL};
	struct asked none = {"bare", NULL, {.san = "DNS:x.example"}, NULL};

	(void)state;
	answers(&in, ra, 0, NULL, "CN=dev77,O=Example");
	answers(&out, ra, FAIL_DENIED, "ra-scope", NULL);
	answers(&none, ra, FAIL_DENIED, "ra-scope", NULL);
	identity_free(ra);
}

static void
a_value_may_come_from_the_identity(void **state)
{
	struct endpoint *e =
	    (struct endpoint *)settings_endpoint(settings, "copy");
	struct identity *who = somebody("CN=box", NULL, NULL, NAMES_OWN);
	struct identity *nameless = somebody("O=box", NULL, NULL, NAMES_OWN);
	struct asked absent = {"copy", NULL, {.san = "IP:192.0.2.1"}, NULL};
	struct asked equal = {"copy", NULL, {.subject = "CN=box"}, NULL};
	struct asked other = {"copy", NULL, {.subject = "CN=bax"}, NULL};

	(void)state;
	e->pop_link = POP_OFF;
	answers(&absent, who, 0, NULL, "CN=box");
	answers(&equal, who, 0, NULL, "CN=box");
	answers(&other, who, FAIL_DENIED, "name-policy", NULL);
	answers(&absent, nameless, FAIL_DENIED, "name-policy", NULL);
	e->pop_link = POP_REQUIRED;
	identity_free(who);
	identity_free(nameless);
}

static void
a_grant_says_who_asked_and_how(void **state)
{
	struct identity *ra = somebody("CN=ra", NULL, NULL, NAMES_ANY);
	struct asked a = {
	    "bare", NULL, {.subject = "CN=a", .san = "DNS:x.example"}, NULL};
	struct fail why;
	struct grant *g = ask(&a, ra, &why);

	(void)state;
	assert_non_null(g);
	assert_string_equal(g->requester, "operator");
	assert_string_equal(g->owner, "operator");
	assert_string_equal(g->operation, "simpleenroll");
	assert_string_equal(g->endpoint, "bare");
	assert_string_equal(g->peer, "192.0.2.1");
	assert_string_equal(g->profile->name, "bare");
	assert_int_equal(strlen(g->device), 64);
	assert_false(g->renewal);
	grant_free(g);
	identity_free(ra);
}

/* The request's octets go over: a PrintableString stays one. */
static void
the_requests_string_types_are_kept(void **state)
{
	struct identity *ra = somebody("CN=ra", NULL, NULL, NAMES_ANY);
	struct request rq = {.id = "",
	    .peer = "",
	    .endpoint = settings_endpoint(settings, "window")};
	X509_REQ *req = X509_REQ_new();
	X509_NAME *name = X509_NAME_new();
	struct csr *csr = NULL;
	struct grant *grant = NULL;
	struct fail why = {0};
	uint8_t *der = NULL;
	int len;

	(void)state;
	assert_int_equal(
	    X509_NAME_add_entry_by_NID(name, NID_commonName,
		V_ASN1_PRINTABLESTRING, (const uint8_t *)"old", -1, -1, 0),
	    1);
	assert_int_equal(X509_REQ_set_subject_name(req, name), 1);
	assert_int_equal(X509_REQ_set_pubkey(req, pki.device_key), 1);
	assert_true(X509_REQ_sign(req, pki.device_key, EVP_sha256()) > 0);
	len = i2d_X509_REQ(req, &der);
	assert_int_equal(
	    csr_read(&csr, (struct span){der, (size_t)len}, &why), 0);
	assert_int_equal(
	    policy_grant(&grant, ra, &rq, "simpleenroll", csr, &why), 0);
	assert_int_equal(ASN1_STRING_type(X509_NAME_ENTRY_get_data(
			     X509_NAME_get_entry(grant->subject, 0))),
	    V_ASN1_PRINTABLESTRING);
	grant_free(grant);
	csr_free(csr);
	OPENSSL_free(der);
	X509_NAME_free(name);
	X509_REQ_free(req);
	identity_free(ra);
}

/* RFC 7030, 4.2.2. */
static void
a_renewal_keeps_its_names(void **state)
{
	static const struct {
		const char *endpoint, *profile; /* of the certificate shown */
		struct wish wish;
		enum fail_kind kind;
		const char *word;
	} cases[] = {
	    {"device", "device",
		{.subject = "CN=dev1.x,O=Example",
		    .san = "DNS:dev1.x,IP:192.0.2.1"},
		0, NULL},
	    {"device", "device",
		{.subject = "CN=dev1.x,O=Example",
		    .san = "IP:192.0.2.1,DNS:DEV1.x"},
		0, NULL},
	    {"device", "device",
		{.subject = "CN=dev2.x,O=Example",
		    .san = "DNS:dev1.x,IP:192.0.2.1"},
		FAIL_DENIED, "reenroll-name"},
	    {"device", "device",
		{.subject = "O=Example,CN=dev1.x",
		    .san = "DNS:dev1.x,IP:192.0.2.1"},
		FAIL_DENIED, "reenroll-name"},
	    {"device", "device", {.subject = "CN=dev1.x,O=Example"},
		FAIL_DENIED, "reenroll-name"},
	    {"device", "device",
		{.subject = "CN=dev1.x,O=Example",
		    .san = "DNS:dev1.x,IP:192.0.2.1,IP:192.0.2.2"},
		FAIL_DENIED, "reenroll-name"},
	    {"device", "idevid",
		{.subject = "CN=dev1.x,O=Example",
		    .san = "DNS:dev1.x,IP:192.0.2.1"},
		FAIL_DENIED, "reenroll-issuer"},
	    {"device", NULL,
		{.subject = "CN=dev1.x,O=Example",
		    .san = "DNS:dev1.x,IP:192.0.2.1"},
		FAIL_DENIED, "reenroll-issuer"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct identity *who = somebody("CN=dev1.x,O=Example",
		    "DNS:dev1.x,IP:192.0.2.1", cases[i].profile, NAMES_OWN);
		struct asked a = {
		    cases[i].endpoint, "simplereenroll", cases[i].wish, NULL};

		answers(&a, who, cases[i].kind, cases[i].word,
		    cases[i].word == NULL ? "CN=dev1.x,O=Example" : NULL);
		identity_free(who);
	}
}

static void
a_renewal_has_its_window_and_its_key(void **state)
{
	struct identity *who = somebody("CN=w", NULL, "window", NAMES_OWN);
	struct asked a = {
	    "window", "simplereenroll", {.subject = "CN=w"}, NULL};
	struct csr *csr = pki_csr(&a.wish, pki.device_key);

	(void)state;
	who->not_after = when_now() + 31 * DAY;
	answers(&a, who, FAIL_DENIED, "window", NULL);
	who->not_after = when_now() + 29 * DAY;
	answers(&a, who, 0, NULL, "CN=w");
	memcpy(who->spki_sha256, csr->key.sha256, SHA256_LEN);
	answers(&a, who, FAIL_MALFORMED, "key-reuse", NULL);
	csr_free(csr);
	identity_free(who);
}

/* NULL: granted as another certificate; "renewal", or why it is none. */
static const char *
at_simpleenroll(const struct identity *who, const char *endpoint,
    const struct wish *wish, bool *renewal)
{
	struct request rq = {.id = "0123456789abcdef",
	    .endpoint = settings_endpoint(settings, endpoint)};
	struct csr *csr = pki_csr(wish, pki.device_key);
	struct grant *grant = NULL;
	static struct fail why;
	int rc = policy_grant(&grant, who, &rq, "simpleenroll", csr, &why);

	*renewal = rc == 0 && policy_is_renewal(grant, who, csr);
	if (*renewal)
		rc = policy_renewal(grant, who, csr, when_now(), &why);
	if (rc == 0 && *renewal)
		assert_memory_equal(
		    grant->renews, who->sha256, sizeof(grant->renews));
	grant_free(grant);
	csr_free(csr);
	return rc == 0 ? NULL : why.reason;
}

static void
a_renewal_is_known_at_simpleenroll_too(void **state)
{
	static const struct {
		const char *subject, *profile, *endpoint;
		int64_t left; /* days */
		struct wish wish;
		bool renewal;
		const char *word;
	} cases[] = {
	    {"CN=w", "window", "window", 29, {.subject = "CN=w"}, true, NULL},
	    {"CN=w", "window", "window", 31, {.subject = "CN=w"}, true,
		"window"},
	    {"CN=w", "idevid", "window", 31, {.subject = "CN=w"}, false, NULL},
	    {"CN=w", NULL, "window", 31, {.subject = "CN=w"}, false, NULL},
	    /* Neither in another order nor without what the profile adds. */
	    {"CN=w,O=Example", "device", "device", 9, {.subject = "CN=w"}, true,
		NULL},
	    {"CN=w,O=Example", "device", "device", 9,
		{.subject = "CN=w", .san = "IP:192.0.2.9"}, true,
		"reenroll-name"},
	    {"CN=w,serialNumber=7,O=Example", "device", "device", 9,
		{.subject = "O=Example,serialNumber=7,CN=w",
		    .san = "IP:192.0.2.9"},
		true, "reenroll-name"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct identity *who = somebody(
		    cases[i].subject, NULL, cases[i].profile, NAMES_OWN);
		bool renewal;
		const char *word;

		who->not_after = when_now() + cases[i].left * DAY;
		word = at_simpleenroll(
		    who, cases[i].endpoint, &cases[i].wish, &renewal);
		if (getenv("VERBOSE") != NULL)
			print_message("# case %zu: %s\n", i,
			    word != NULL ? word : "granted");
		assert_int_equal(renewal, cases[i].renewal);
		assert_string_equal(word != NULL ? word : "",
		    cases[i].word != NULL ? cases[i].word : "");
		identity_free(who);
	}
}

/* What a profile fixes is bound by nobody's names; the device must be there. */
static void
what_a_secret_opens_names_its_device(void **state)
{
	static const struct {
		const char *subject, *san;
		bool ok;
	} row[] = {
	    {"CN=pump-1", NULL, true},
	    {"serialNumber=pump-1,O=x", NULL, true},
	    {"CN=line,serialNumber=pump-1", NULL, true},
	    {"O=x", "DNS:pump-1", true},
	    {"O=x", "DNS:PUMP-1", true},
	    {"O=x", NULL, false},
	    {"CN=PUMP-1", NULL, false},
	    {"CN=line", NULL, false},
	    {"OU=pump-1", NULL, false},
	    {"O=x", "DNS:pump-1.example", false},
	    {"O=x", "URI:urn:pump-1", false},
	};
	struct identity *who = somebody("CN=pump-1", NULL, NULL, NAMES_OWN);

	(void)state;
	who->secret = 7;
	who->device = str_dup("pump-1");
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct grant *g = mem_new(sizeof(*g));
		struct fail why = {0};

		g->subject = pki_name(row[i].subject);
		if (row[i].san != NULL)
			assert_int_equal(
			    san_add_text(&g->san, row[i].san, &why), 0);
		if ((policy_secret(g, who, &why) == 0) != row[i].ok) {
			print_error("row %zu: %s\n", i, why.text);
			assert_true(false);
		}
		if (!row[i].ok)
			assert_string_equal(why.reason, "name-policy");
		who->secret = 0; /* a certificate is not asked */
		assert_int_equal(policy_secret(g, who, &why), 0);
		who->secret = 7;
		grant_free(g);
	}
	identity_free(who);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_profile_bounds_every_wish),
	    cmocka_unit_test(
		unknown_extensions_are_dropped_where_a_profile_says_so),
	    cmocka_unit_test(names_are_bound_to_the_identity),
	    cmocka_unit_test(
		a_certificate_of_the_profile_stands_for_its_subject),
	    cmocka_unit_test(a_registration_authority_keeps_to_its_pattern),
	    cmocka_unit_test(what_a_secret_opens_names_its_device),
	    cmocka_unit_test(a_value_may_come_from_the_identity),
	    cmocka_unit_test(a_grant_says_who_asked_and_how),
	    cmocka_unit_test(the_requests_string_types_are_kept),
	    cmocka_unit_test(a_renewal_keeps_its_names),
	    cmocka_unit_test(a_renewal_has_its_window_and_its_key),
	    cmocka_unit_test(a_renewal_is_known_at_simpleenroll_too),
	};

	return cmocka_run_group_tests_name("policy", tests, begin, end);
}

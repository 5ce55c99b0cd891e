/* issuers: which generation is active when, what is published, what is kept. */
#include "tests/unit/pki.h"

#include "lib/ca/chain.h"
#include "lib/ca/issuers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

static struct settings *settings;
static EVP_PKEY *new_root_key;
static X509 *new_root, *old_with_new, *new_with_old;

/* Roots of one name are told apart by the key identifier. */
static X509 *
issuing(const char *subject, EVP_PKEY *key, int64_t days, X509 *above,
    EVP_PKEY *signer)
{
	struct spec s = {.subject = subject,
	    .key = key,
	    .issuer = above,
	    .signer = signer,
	    .from = -DAY,
	    .to = days * DAY,
	    .extension = {
		CA_EXTENSIONS, {NID_authority_key_identifier, "keyid"}}};

	return pki_cert(&s);
}

/* ---- which one ---------------------------------------------------------- */

/* A generation that is nothing but its times. */
static struct issuer *
timed(int64_t activate, int64_t from, int64_t to)
{
	struct issuer *issuer = mem_new(sizeof(*issuer));

	issuer->authority = mem_new(sizeof(*issuer->authority));
	issuer->activate = activate;
	issuer->authority->not_before = from;
	issuer->authority->not_after = to;
	return issuer;
}

static void
the_last_whose_time_has_come_and_that_is_valid_is_active(void **state)
{
	struct issuer *item[] = {timed(INT64_MIN, 0, 1000),
	    timed(100, 50, 2000), timed(200, 150, 300), timed(900, 800, 3000)};
	const struct issuers all = {.item = item, .n = COUNT(item)};
	static const struct {
		int64_t now;
		size_t active;
		const char *states;
	} cases[] = {
	    {-5, 0, "asss"}, {0, 0, "asss"}, {99, 0, "asss"}, {100, 1, "pass"},
	    {199, 1, "pass"}, {200, 2, "ppas"}, {299, 2, "ppas"},
	    {300, 1, "paps"}, /* the third has ended, the second goes on */
	    {899, 1, "paps"}, {900, 3, "pppa"}, {2999, 3, "pppa"},
	    {3000, 3, "pppa"}, /* none is valid: the last */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_ptr_equal(
		    issuers_active(&all, cases[i].now), item[cases[i].active]);
		for (size_t j = 0; j < COUNT(item); j++)
			assert_int_equal(issuer_state_word(issuers_state(
					     &all, item[j], cases[i].now))[0],
			    cases[i].states[j]);
	}
	for (size_t i = 0; i < COUNT(item); i++) {
		free(item[i]->authority);
		free(item[i]);
	}
}

static void
one_that_is_to_come_is_not_active_though_none_else_is_valid(void **state)
{
	struct issuer *item[] = {
	    timed(INT64_MIN, 0, 100), timed(500, 50, 2000)};
	const struct issuers all = {.item = item, .n = COUNT(item)};

	(void)state;
	assert_ptr_equal(issuers_active(&all, 200), item[0]);
	assert_ptr_equal(issuers_active(&all, 500), item[1]);
	for (size_t i = 0; i < COUNT(item); i++) {
		free(item[i]->authority);
		free(item[i]);
	}
}

/* ---- files -------------------------------------------------------------- */

static void
clean(void)
{
	char *command = str_fmt("rm -rf %s/state/issuers %s/state/issuer.pem "
				"%s/public/*.pem",
	    pki_folder, pki_folder, pki_folder);

	assert_int_equal(system(command), 0);
	free(command);
}

static struct issuers *
all_of(void)
{
	struct issuers *all = NULL;
	struct fail why = {0};

	if (issuers_read(&all, settings, &why) != 0)
		print_error("%s (%s)\n", why.text, why.cause);
	assert_non_null(all);
	return all;
}

static void
says(const char *word, int kind)
{
	struct issuers *all = NULL;
	struct fail why = {0};

	assert_int_equal(issuers_read(&all, settings, &why), -1);
	assert_string_equal(why.reason, word);
	assert_int_equal(why.kind, kind);
	assert_null(all);
}

static void
an_absent_issuer_is_waited_for(void **state)
{
	struct promoted p;
	struct fail why = {0};

	(void)state;
	clean();
	says("issuer-absent", FAIL_BUSY);
	assert_int_equal(
	    issuers_promote(&p, settings, NULL, when_now(), &why), 0);
	assert_null(p.active);
	promoted_free(&p);
}

static void
files_that_are_no_generation_are_passed_over(void **state)
{
	struct issuers *all;

	(void)state;
	clean();
	pki_file("state/issuer.pem", span_str("junk"), 0644);
	says("issuer-cert", FAIL_CONFIG);
	pki_mkdir("state/issuers");
	pki_file("state/issuers/1.pem", span_str("Activate: soon\n"), 0600);
	pki_file("state/issuers/2.txt", span_str("notes"), 0600);
	says("issuer-cert", FAIL_CONFIG);
	pki_issuer(pki.ca, pki.root);
	all = all_of();
	assert_int_equal(all->n, 1);
	assert_int_equal(all->trouble.kind, FAIL_CONFIG);
	assert_non_null(strstr(all->trouble.cause, "issuers/1.pem"));
	assert_int_equal(all->item[0]->activate, INT64_MIN);
	assert_null(all->item[0]->key);
	issuers_free(all);
}

/* ---- staging ------------------------------------------------------------ */

static int
try(int64_t *activate, X509 *issuer, X509 *root, int64_t when, bool force,
    const STACK_OF(X509) * extra, struct fail *why)
{
	STACK_OF(X509) *chain = pki_chain(issuer, root, NULL);
	struct issuer_wish wish = {.chain = chain,
	    .extra = extra,
	    .public = X509_get0_pubkey(issuer),
	    .key = EVP_PKEY_eq(X509_get0_pubkey(issuer), pki.ca_key) == 1
	               ? NULL
	               : "/else/where.pem",
	    .activate = when,
	    .force = force};
	int rc;

	memset(why, 0, sizeof(*why));
	rc = issuers_stage(settings, &wish, when_now(), activate, why);
	sk_X509_pop_free(chain, X509_free);
	return rc;
}

static int64_t
staged(X509 *issuer, X509 *root, int64_t when, const STACK_OF(X509) * extra)
{
	int64_t activate = 0;
	struct fail why;

	if (try(&activate, issuer, root, when, false, extra, &why) != 0)
		print_error("%s: %s (%s)\n", why.reason, why.text, why.cause);
	assert_null(why.reason);
	return activate;
}

static void
refused(X509 *issuer, X509 *root, int64_t when, const STACK_OF(X509) * extra,
    const char *word)
{
	struct fail why;
	int64_t activate;

	assert_int_equal(
	    try(&activate, issuer, root, when, false, extra, &why), -1);
	if (strcmp(why.reason, word) != 0)
		print_error("%s: %s\n", why.reason, why.text);
	assert_string_equal(why.reason, word);
}

static int
count_of(const char *name)
{
	char *path = pki_path(name);
	STACK_OF(X509) *certs = NULL;
	struct fail why = {0};
	struct stat st;
	int n;

	assert_int_equal(cert_file_read(&certs, path, &why), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	n = sk_X509_num(certs);
	sk_X509_pop_free(certs, X509_free);
	free(path);
	return n;
}

static void
the_first_is_active_at_once(void **state)
{
	struct issuers *all;

	(void)state;
	clean();
	assert_int_equal(
	    staged(pki.ca, pki.root, when_now() + DAY, NULL), INT64_MIN);
	assert_int_equal(count_of("public/chain.pem"), 2);
	assert_int_equal(count_of("public/client-ca-device.pem"), 3);
	assert_int_equal(count_of("public/client-ca-window.pem"), 2);
	assert_int_equal(count_of("public/client-ca-bare.pem"), 1);
	assert_int_equal(count_of("public/client-ca-open.pem"), 2);
	all = all_of();
	assert_int_equal(all->n, 1);
	assert_non_null(strstr(all->item[0]->path, "state/issuer.pem"));
	issuers_free(all);
}

static void
the_next_waits_for_the_web_server(void **state)
{
	X509 *next =
		 issuing("CN=Issuing", pki.ca_key, 500, pki.root, pki.root_key),
	     *third =
		 issuing("CN=Issuing", pki.ca_key, 600, pki.root, pki.root_key);
	struct issuers *all;
	struct fail why = {0};
	int64_t now = when_now(), at;

	(void)state;
	clean();
	(void)staged(pki.ca, pki.root, ISSUER_DEFAULT, NULL);
	at = staged(next, pki.root, ISSUER_DEFAULT, NULL);
	assert_in_range(at, now + DAY, now + DAY + 5);
	assert_int_equal(count_of("public/chain.pem"), 3);
	assert_int_equal(count_of("public/client-ca-device.pem"), 4);
	refused(third, pki.root, ISSUER_DEFAULT, NULL, "issuer-staged");
	/* Again is no failure, and may move its time. */
	assert_int_equal(staged(next, pki.root, ISSUER_DEFAULT, NULL), at);
	assert_int_equal(staged(next, pki.root, now + 50, NULL), now + 50);
	all = all_of();
	assert_int_equal(all->n, 2);
	assert_ptr_equal(issuers_active(all, now + 49), all->item[0]);
	assert_ptr_equal(issuers_active(all, now + 50), all->item[1]);
	assert_int_equal(
	    issuers_drop(settings, all->item[0]->serial, NULL, now, &why), -1);
	assert_string_equal(why.reason, "issuer-inuse");
	/* One key, two generations: the KEYID is not enough. */
	assert_int_equal(issuers_drop(settings, all->item[1]->authority->keyid,
			     NULL, now, &why),
	    -1);
	assert_string_equal(why.reason, "issuer-unknown");
	/* Who has not looked since may issue under it in a moment. */
	assert_int_equal(
	    issuers_drop(settings, all->item[1]->serial, NULL, now + 25, &why),
	    -1);
	assert_string_equal(why.reason, "issuer-inuse");
	assert_int_equal(
	    issuers_drop(settings, all->item[1]->serial, NULL, now, &why), 0);
	issuers_free(all);
	assert_int_equal(count_of("public/chain.pem"), 2);
	X509_free(next);
	X509_free(third);
}

static void
a_dying_one_is_not_waited_out(void **state)
{
	X509 *dying =
		 issuing("CN=Issuing", pki.ca_key, 1, pki.root, pki.root_key),
	     *next =
		 issuing("CN=Issuing", pki.ca_key, 500, pki.root, pki.root_key);
	int64_t now = when_now(), at;
	struct spec dead = {.subject = "CN=Issuing",
	    .key = pki.ca_key,
	    .issuer = pki.root,
	    .signer = pki.root_key,
	    .from = -10 * DAY,
	    .to = -DAY,
	    .extension = {CA_EXTENSIONS}};
	X509 *past = pki_cert(&dead);

	(void)state;
	clean();
	pki_issuer(dying, pki.root);
	at = staged(next, pki.root, ISSUER_DEFAULT, NULL);
	assert_in_range(at, now + DAY / 2 - 5, now + DAY / 2 + 5);
	clean();
	pki_issuer(past, pki.root);
	assert_in_range(staged(next, pki.root, now + 3600, NULL), now, now + 5);
	X509_free(dying);
	X509_free(next);
	X509_free(past);
}

static void
another_key_pins_the_first_one(void **state)
{
	EVP_PKEY *key = pki_key();
	X509 *next = issuing("CN=Issuing", key, 500, pki.root, pki.root_key);
	struct issuers *all;
	const struct issuer *found;

	(void)state;
	clean();
	(void)staged(pki.ca, pki.root, ISSUER_DEFAULT, NULL);
	(void)staged(next, pki.root, ISSUER_DEFAULT, NULL);
	all = all_of();
	assert_int_equal(all->n, 2);
	assert_string_equal(all->item[0]->key, settings->ca.key);
	assert_string_equal(all->item[1]->key, "/else/where.pem");
	assert_string_equal(
	    issuer_key_place(all->item[1], settings).uri, "/else/where.pem");
	found = issuers_find(all, all->item[1]->authority->keyid);
	assert_ptr_equal(found, all->item[1]);
	found =
	    issuers_by_keyid(all, all->item[0]->authority->keyid, when_now());
	assert_ptr_equal(found, all->item[0]);
	assert_null(issuers_by_keyid(all, "00", when_now()));
	assert_true(
	    issuers_have_key(all, all->item[1]->authority->spki_sha256[0]));
	issuers_free(all);
	X509_free(next);
	EVP_PKEY_free(key);
}

static void
what_makes_it_worse_is_refused_but_by_force(void **state)
{
	X509 *shorter =
	    issuing("CN=Issuing", pki.ca_key, 300, pki.root, pki.root_key);
	struct spec s = {.subject = "CN=Issuing",
	    .key = pki.ca_key,
	    .issuer = pki.root,
	    .signer = pki.root_key,
	    .from = -DAY,
	    .to = 500 * DAY,
	    .extension = {CA_EXTENSIONS,
		{NID_name_constraints, "critical,permitted;DNS:x.example"}}};
	X509 *narrow = pki_cert(&s), *early;
	X509 *foreign =
	    issuing("CN=Issuing", pki.ca_key, 500, new_root, new_root_key);
	int64_t now = when_now(), activate;
	struct fail why;

	(void)state;
	s.from = DAY;
	early = pki_cert(&s);
	clean();
	(void)staged(pki.ca, pki.root, ISSUER_DEFAULT, NULL);
	refused(shorter, pki.root, ISSUER_DEFAULT, NULL, "issuer-shorter");
	refused(narrow, pki.root, ISSUER_DEFAULT, NULL, "issuer-constraints");
	refused(early, pki.root, ISSUER_DEFAULT, NULL, "clock");
	refused(foreign, new_root, ISSUER_DEFAULT, NULL, "issuer-root");
	assert_int_equal(count_of("public/chain.pem"), 2);
	assert_int_equal(
	    try(&activate, shorter, pki.root, now, true, NULL, &why), 0);
	assert_int_equal(
	    try(&activate, narrow, pki.root, now, true, NULL, &why), 0);
	/* A root that nobody leads to is refused by force, too. */
	assert_int_equal(
	    try(&activate, foreign, new_root, now, true, NULL, &why), -1);
	assert_string_equal(why.reason, "issuer-root");
	X509_free(shorter);
	X509_free(narrow);
	X509_free(early);
	X509_free(foreign);
}

static void
what_would_never_issue_is_refused_by_force_too(void **state)
{
	X509 *brief =
	    issuing("CN=Issuing", pki.ca_key, 200, pki.root, pki.root_key);
	int64_t now = when_now(), after = settings->ca.activate_after, activate;
	struct fail why;

	(void)state;
	clean();
	(void)staged(pki.ca, pki.root, ISSUER_DEFAULT, NULL);
	assert_int_equal(
	    try(&activate, brief, pki.root, now + 300 * DAY, true, NULL, &why),
	    -1);
	assert_string_equal(why.reason, "issuer-gap");
	/* Left to us it begins while it is good. */
	settings->ca.activate_after = 300 * DAY;
	assert_int_equal(
	    try(&activate, brief, pki.root, ISSUER_DEFAULT, true, NULL, &why),
	    0);
	assert_in_range(activate, now + 100 * DAY - 5, now + 100 * DAY + 5);
	assert_int_equal(
	    try(&activate, brief, pki.root, now + 300 * DAY, true, NULL, &why),
	    -1);
	assert_string_equal(why.reason, "issuer-gap");
	settings->ca.activate_after = after;
	X509_free(brief);
}

static void
eight_are_kept_at_most(void **state)
{
	int64_t now = when_now();

	(void)state;
	clean();
	(void)staged(pki.ca, pki.root, ISSUER_DEFAULT, NULL);
	for (int i = 1; i <= ISSUERS_MAX; i++) {
		X509 *next = issuing(
		    "CN=Issuing", pki.ca_key, 500 + i, pki.root, pki.root_key);

		if (i < ISSUERS_MAX)
			assert_in_range(
			    staged(next, pki.root, now, NULL), now, now + 5);
		else
			refused(next, pki.root, now, NULL, "issuer-many");
		X509_free(next);
	}
	assert_int_equal(count_of("public/chain.pem"), ISSUERS_MAX + 1);
}

/* ---- a new root --------------------------------------------------------- */

static void
cross_certificates_are_known_by_what_they_bind(void **state)
{
	STACK_OF(X509) *both = pki_chain(pki.root, new_root, NULL);
	STACK_OF(X509) *one = pki_chain(pki.root, NULL, NULL);
	X509 *forged = pki_ca("CN=Root", new_root_key, pki.root, pki.maker_key);
	X509 *other = pki_ca("CN=Root", pki.maker_key, pki.root, pki.root_key);

	(void)state;
	assert_true(issuers_is_cross(old_with_new, both));
	assert_true(issuers_is_cross(new_with_old, both));
	assert_false(issuers_is_cross(new_with_old, one));
	assert_false(issuers_is_cross(pki.root, both));
	assert_false(issuers_is_cross(new_root, both));
	assert_false(issuers_is_cross(pki.ca, both));
	assert_false(issuers_is_cross(forged, both));
	assert_false(issuers_is_cross(other, both));
	X509_free(forged);
	X509_free(other);
	sk_X509_pop_free(both, X509_free);
	sk_X509_pop_free(one, X509_free);
}

static bool
verifies(X509 *leaf, X509 *root, const STACK_OF(X509) * bag)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool ok;

	must(X509_STORE_add_cert(store, root) == 1 &&
		 X509_STORE_CTX_init(ctx, store, leaf, (STACK_OF(X509) *)bag) ==
		     1,
	    "verify");
	ok = X509_verify_cert(ctx) == 1;
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return ok;
}

static void
clients_of_either_root_follow(void **state)
{
	X509 *first =
		 issuing("CN=Issuing", pki.ca_key, 300, pki.root, pki.root_key),
	     *next = issuing(
		 "CN=Issuing 2", pki.ca_key, 500, new_root, new_root_key),
	     *old_leaf = pki_leaf("CN=x", pki.device_key, first, pki.ca_key),
	     *new_leaf = pki_leaf("CN=x", pki.device_key, next, pki.ca_key);
	STACK_OF(X509) *extra =
	    pki_chain(old_with_new, new_with_old, pki.maker);
	STACK_OF(X509) *half = pki_chain(old_with_new, pki.maker, NULL);
	STACK_OF(X509) * bag;
	struct issuers *all;
	int64_t now = when_now();

	(void)state;
	clean();
	(void)staged(first, pki.root, ISSUER_DEFAULT, NULL);
	refused(next, new_root, ISSUER_DEFAULT, half, "issuer-root");
	(void)staged(next, new_root, ISSUER_DEFAULT, extra);
	all = all_of();
	assert_int_equal(sk_X509_num(all->item[1]->extra), 2);
	bag = issuers_published(all, now);
	/* Two issuers, the active one first; two cross; two roots, last. */
	assert_int_equal(sk_X509_num(bag), 6);
	assert_int_equal(X509_cmp(sk_X509_value(bag, 0), first), 0);
	assert_int_equal(X509_cmp(sk_X509_value(bag, 4), pki.root), 0);
	assert_int_equal(X509_cmp(sk_X509_value(bag, 5), new_root), 0);
	assert_true(verifies(old_leaf, pki.root, bag));
	assert_true(verifies(new_leaf, new_root, bag));
	assert_true(verifies(new_leaf, pki.root, bag));
	assert_true(verifies(old_leaf, new_root, bag));
	sk_X509_pop_free(bag, X509_free);
	bag = issuers_published(all, now + 2 * DAY);
	assert_int_equal(sk_X509_num(bag), 6);
	assert_int_equal(X509_cmp(sk_X509_value(bag, 0), next), 0);
	assert_int_equal(X509_cmp(sk_X509_value(bag, 4), new_root), 0);
	sk_X509_pop_free(bag, X509_free);
	issuers_free(all);
	sk_X509_pop_free(extra, X509_free);
	sk_X509_pop_free(half, X509_free);
	X509_free(first);
	X509_free(next);
	X509_free(old_leaf);
	X509_free(new_leaf);
}

/* ---- tidying up --------------------------------------------------------- */

static void
what_is_over_is_dropped_but_never_the_active_one(void **state)
{
	X509 *next =
	    issuing("CN=Issuing", pki.ca_key, 500, pki.root, pki.root_key);
	struct promoted p;
	struct fail why = {0};
	struct issuers *all;
	int64_t now = when_now();

	(void)state;
	clean();
	(void)staged(pki.ca, pki.root, ISSUER_DEFAULT, NULL);
	(void)staged(next, pki.root, now + 100, NULL);
	assert_int_equal(issuers_promote(&p, settings, NULL, now, &why), 0);
	assert_null(p.active);
	assert_int_equal(p.dropped, 0);
	promoted_free(&p);
	assert_int_equal(
	    issuers_promote(&p, settings, NULL, now + 100, &why), 0);
	assert_non_null(p.active);
	assert_int_equal(X509_cmp(p.active, next), 0);
	promoted_free(&p);
	assert_int_equal(
	    issuers_promote(&p, settings, NULL, now + 101, &why), 0);
	assert_null(p.active);
	promoted_free(&p);
	assert_int_equal(count_of("public/chain.pem"), 3);
	assert_int_equal(
	    issuers_promote(&p, settings, NULL, now + 400 * DAY, &why), 0);
	assert_int_equal(p.dropped, 1);
	promoted_free(&p);
	assert_int_equal(count_of("public/chain.pem"), 2);
	assert_int_equal(
	    issuers_promote(&p, settings, NULL, now + 9000LL * DAY, &why), 0);
	assert_int_equal(p.dropped, 0);
	promoted_free(&p);
	all = all_of();
	assert_int_equal(all->n, 1);
	assert_int_equal(X509_cmp(all->item[0]->authority->issuer, next), 0);
	issuers_free(all);
	/* The clock had run ahead: what it cost comes back. */
	assert_int_equal(
	    issuers_promote(&p, settings, NULL, now + 102, &why), 0);
	assert_int_equal(p.back, 1);
	assert_int_equal(p.dropped, 0);
	promoted_free(&p);
	all = all_of();
	assert_int_equal(all->n, 2);
	assert_int_equal(X509_cmp(all->item[0]->authority->issuer, pki.ca), 0);
	assert_int_equal(all->item[0]->activate, INT64_MIN);
	assert_ptr_equal(issuers_active(all, now + 102), all->item[1]);
	issuers_free(all);
	assert_int_equal(count_of("public/chain.pem"), 3);
	X509_free(next);
}

/* Who records is told first: what it refuses is not done. */
struct book {
	int told;
	bool full;
	char text[96];
};

static int
write_down(void *arg, X509 *issuer, const char *text, struct fail *why)
{
	struct book *book = arg;

	(void)issuer;
	book->told++;
	(void)snprintf(book->text, sizeof(book->text), "%s", text);
	*why = (struct fail){.kind = FAIL_BUSY, .reason = "disk-full"};
	return book->full ? -1 : 0;
}

static size_t
generations(void)
{
	struct issuers *all = all_of();
	size_t n = all->n;

	issuers_free(all);
	return n;
}

static char *
last_serial(void)
{
	struct issuers *all = all_of();
	char *serial = str_dup(all->item[all->n - 1]->serial);

	issuers_free(all);
	return serial;
}

static void
what_is_not_recorded_is_not_done(void **state)
{
	X509 *next =
	    issuing("CN=Issuing", pki.ca_key, 500, pki.root, pki.root_key);
	STACK_OF(X509) *chain = pki_chain(next, pki.root, NULL);
	struct book book = {.full = true};
	const struct issuers_tell tell = {write_down, &book};
	struct issuer_wish wish = {.chain = chain,
	    .public = pki.ca_key,
	    .activate = ISSUER_DEFAULT,
	    .tell = tell};
	int64_t now = when_now(), activate;
	char *serial = NULL;
	struct fail why = {0};
	struct promoted p;

	(void)state;
	clean();
	(void)staged(pki.ca, pki.root, ISSUER_DEFAULT, NULL);
	assert_int_equal(
	    issuers_stage(settings, &wish, now, &activate, &why), -1);
	assert_string_equal(why.reason, "disk-full");
	assert_int_equal(generations(), 1);
	assert_int_equal(count_of("public/chain.pem"), 2);
	book.full = false;
	assert_int_equal(
	    issuers_stage(settings, &wish, now, &activate, &why), 0);
	assert_non_null(strstr(book.text, "active from 20"));
	serial = last_serial();
	book.full = true;
	assert_int_equal(issuers_drop(settings, serial, &tell, now, &why), -1);
	assert_int_equal(generations(), 2);
	assert_int_equal(count_of("public/chain.pem"), 3);
	/* Active, then over, then back: each is said again until it is done. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(
		    issuers_promote(&p, settings, &tell, now + 2 * DAY, &why),
		    -1);
		promoted_free(&p);
		assert_string_equal(
		    book.text, "intermediate, has become active");
	}
	book.full = false;
	assert_int_equal(
	    issuers_promote(&p, settings, &tell, now + 2 * DAY, &why), 0);
	promoted_free(&p);
	book.full = true;
	assert_int_equal(
	    issuers_promote(&p, settings, &tell, now + 400 * DAY, &why), -1);
	promoted_free(&p);
	assert_int_equal(generations(), 2);
	book.full = false;
	assert_int_equal(
	    issuers_promote(&p, settings, &tell, now + 400 * DAY, &why), 0);
	promoted_free(&p);
	assert_string_equal(
	    book.text, "intermediate, past its end, is dropped");
	assert_int_equal(generations(), 1);
	book.full = true;
	assert_int_equal(
	    issuers_promote(&p, settings, &tell, now + 2 * DAY, &why), -1);
	promoted_free(&p);
	assert_int_equal(generations(), 1);
	assert_int_equal(book.told, 9);
	free(serial);
	sk_X509_pop_free(chain, X509_free);
	X509_free(next);
}

/* ---- chains ------------------------------------------------------------- */

static void
a_chain_is_sorted_to_the_root_that_is_wanted(void **state)
{
	X509 *next =
	    issuing("CN=Issuing 2", pki.ca_key, 500, new_root, new_root_key);
	STACK_OF(X509) *pool = pki_chain(new_with_old, new_root, next);
	STACK_OF(X509) *roots = pki_chain(pki.root, NULL, NULL), *chain, *rest;
	struct fail why = {0};

	(void)state;
	must(sk_X509_push(pool, pki.root) > 0 && X509_up_ref(pki.root), "push");
	assert_int_equal(chain_sort(&chain, pool, pki.ca_key, NULL, &why), 0);
	assert_int_equal(sk_X509_num(chain), 2);
	rest = chain_rest(pool, chain);
	assert_int_equal(sk_X509_num(rest), 2);
	sk_X509_pop_free(rest, X509_free);
	sk_X509_pop_free(chain, X509_free);
	assert_int_equal(chain_sort(&chain, pool, pki.ca_key, roots, &why), 0);
	assert_int_equal(sk_X509_num(chain), 3);
	assert_int_equal(X509_cmp(sk_X509_value(chain, 2), pki.root), 0);
	sk_X509_pop_free(chain, X509_free);
	assert_int_equal(
	    chain_sort(&chain, pool, pki.maker_key, NULL, &why), -1);
	assert_string_equal(why.reason, "issuer-key");
	assert_null(chain);
	sk_X509_pop_free(pool, X509_free);
	sk_X509_pop_free(roots, X509_free);
	X509_free(next);
}

static int
begin(void **state)
{
	struct spec root = {.subject = "CN=Root",
	    .from = -2 * DAY,
	    .to = 5000LL * DAY,
	    .extension = {CA_EXTENSIONS}};
	struct fail why = {0};
	char *path;

	if (pki_begin(state) != 0)
		return -1;
	path = pki_path("microca.conf");
	if (settings_read(&settings, path, &why) != 0)
		must(false, why.text);
	free(path);
	new_root_key = pki_key();
	root.key = new_root_key;
	new_root = pki_cert(&root);
	old_with_new =
	    issuing("CN=Root", pki.root_key, 3000, new_root, new_root_key);
	new_with_old =
	    issuing("CN=Root", new_root_key, 3000, pki.root, pki.root_key);
	return 0;
}

static int
end(void **state)
{
	settings_free(settings);
	X509_free(new_root);
	X509_free(old_with_new);
	X509_free(new_with_old);
	EVP_PKEY_free(new_root_key);
	return pki_end(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(
		the_last_whose_time_has_come_and_that_is_valid_is_active),
	    cmocka_unit_test(
		one_that_is_to_come_is_not_active_though_none_else_is_valid),
	    cmocka_unit_test(an_absent_issuer_is_waited_for),
	    cmocka_unit_test(files_that_are_no_generation_are_passed_over),
	    cmocka_unit_test(the_first_is_active_at_once),
	    cmocka_unit_test(the_next_waits_for_the_web_server),
	    cmocka_unit_test(a_dying_one_is_not_waited_out),
	    cmocka_unit_test(another_key_pins_the_first_one),
	    cmocka_unit_test(what_makes_it_worse_is_refused_but_by_force),
	    cmocka_unit_test(what_would_never_issue_is_refused_by_force_too),
	    cmocka_unit_test(eight_are_kept_at_most),
	    cmocka_unit_test(cross_certificates_are_known_by_what_they_bind),
	    cmocka_unit_test(clients_of_either_root_follow),
	    cmocka_unit_test(what_is_over_is_dropped_but_never_the_active_one),
	    cmocka_unit_test(what_is_not_recorded_is_not_done),
	    cmocka_unit_test(a_chain_is_sorted_to_the_root_that_is_wanted),
	};

	return cmocka_run_group_tests_name("issuers", tests, begin, end);
}

#include "tests/unit/pki.h"

#include <time.h>

#include "lib/net/anchors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

/*
 * Two generations of one root, a third, and what a CA publishes meanwhile; an
 * intermediate and a leaf; and a stranger.
 */
static EVP_PKEY *k1, *k2, *k3, *ks, *ki, *kl;
static X509 *old, *new, *newest, *stranger, *sub, *leaf;
static X509 *new_with_old, *old_with_new, *newest_with_new;

static X509 *
dated(const char *subject, EVP_PKEY *key, X509 *issuer, EVP_PKEY *signer,
    int64_t from, int64_t to)
{
	struct spec s = {.subject = subject,
	    .key = key,
	    .issuer = issuer,
	    .signer = signer,
	    .from = from,
	    .to = to,
	    .extension = {CA_EXTENSIONS}};

	return pki_cert(&s);
}

static int
make(void **state)
{
	(void)state;
	k1 = pki_key();
	k2 = pki_key();
	k3 = pki_key();
	ks = pki_key();
	ki = pki_key();
	kl = pki_key();
	old = pki_ca("CN=root", k1, NULL, NULL);
	new = pki_ca("CN=root", k2, NULL, NULL);
	newest = pki_ca("CN=root", k3, NULL, NULL);
	stranger = pki_ca("CN=root", ks, NULL, NULL);
	new_with_old = pki_ca("CN=root", k2, old, k1);
	old_with_new = pki_ca("CN=root", k1, new, k2);
	newest_with_new = pki_ca("CN=root", k3, new, k2);
	sub = pki_ca("CN=sub", ki, new, k2);
	leaf = pki_leaf("CN=leaf", kl, sub, ki);
	return 0;
}

static int
drop(void **state)
{
	EVP_PKEY *keys[] = {k1, k2, k3, ks, ki, kl};
	X509 *certs[] = {old, new, newest, stranger, sub, leaf, new_with_old,
	    old_with_new, newest_with_new};

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++)
		EVP_PKEY_free(keys[i]);
	for (size_t i = 0; i < COUNT(certs); i++)
		X509_free(certs[i]);
	return 0;
}

static STACK_OF(X509) * stack_of(X509 *const *certs)
{
	STACK_OF(X509) *all = sk_X509_new_null();

	for (; *certs != NULL; certs++)
		must(X509_add_cert(all, *certs, X509_ADD_FLAG_UP_REF) == 1,
		    "make a stack");
	return all;
}

#define STACK(...) stack_of((X509 *[]){__VA_ARGS__, NULL})

static void
free_all(STACK_OF(X509) * certs)
{
	sk_X509_pop_free(certs, X509_free);
}

/* ---- first contact ------------------------------------------------------- */

static void
pins_are_read(void **state)
{
	char plain[] = "sha256:"
		       "000102030405060708090a0b0c0d0e0f"
		       "101112131415161718191A1B1C1D1E1F";
	static const char colons[] = "sha256:00:01:02:03:04:05:06:07:08:09:0a:"
				     "0b:0c:0d:0e:0f:10:11:12:13:"
				     "14:15:16:17:18:19:1a:1b:1c:1d:1e:1f";
	static const char *const bad[] = {"", "sha256:", "sha1:00", "00",
	    "sha256:00:01",
	    "sha256:0:00102030405060708090a0b0c0d0e0f"
	    "101112131415161718191a1b1c1d1e1f",
	    "sha256:000102030405060708090a0b0c0d0e0f"
	    "101112131415161718191a1b1c1d1e1f20",
	    "sha256:g00102030405060708090a0b0c0d0e0f"
	    "101112131415161718191a1b1c1d1e1f"};
	uint8_t a[SHA256_LEN], b[SHA256_LEN];
	struct fail why = {0};

	(void)state;
	assert_int_equal(anchors_pin_read(a, plain, &why), 0);
	assert_int_equal(anchors_pin_read(b, colons, &why), 0);
	assert_memory_equal(a, b, SHA256_LEN);
	assert_int_equal(a[31], 0x1f);
	for (size_t i = 0; i < COUNT(bad); i++) {
		if (anchors_pin_read(a, bad[i], &why) == 0)
			fail_msg("%s", bad[i]);
		assert_string_equal(why.reason, "pin");
	}
}

static void
pin_of(uint8_t pin[SHA256_LEN], X509 *cert)
{
	struct bytes der = {0};

	cert_der_add(&der, cert);
	sha256(pin, span_of(&der));
	bytes_free(&der);
}

static void
only_the_pinned_root_is_trusted(void **state)
{
	STACK_OF(X509) *bag = STACK(leaf, sub, old, new, new_with_old);
	STACK_OF(X509) * anchors;
	uint8_t pin[SHA256_LEN];
	struct fail why = {0};

	(void)state;
	pin_of(pin, new);
	assert_int_equal(anchors_pinned(&anchors, bag, pin, &why), 0);
	assert_int_equal(sk_X509_num(anchors), 1);
	assert_int_equal(X509_cmp(sk_X509_value(anchors, 0), new), 0);
	free_all(anchors);
	/* Neither what is not there, nor what is no root. */
	pin_of(pin, stranger);
	assert_int_equal(anchors_pinned(&anchors, bag, pin, &why), -1);
	pin_of(pin, sub);
	assert_int_equal(anchors_pinned(&anchors, bag, pin, &why), -1);
	pin_of(pin, new_with_old);
	assert_int_equal(anchors_pinned(&anchors, bag, pin, &why), -1);
	assert_null(anchors);
	assert_string_equal(why.reason, "pin");
	free_all(bag);
}

static void
first_use_wants_exactly_one_root(void **state)
{
	struct spec s = {
	    .subject = "CN=self", .key = kl, .extension = {LEAF_EXTENSIONS}};
	X509 *self = pki_cert(&s);
	const struct {
		STACK_OF(X509) * bag;
		bool ok;
	} rows[] = {{STACK(leaf, sub, new), true}, {STACK(new, new), true},
	    {STACK(leaf, sub), false}, {STACK(old, new), false},
	    {STACK(self), false}};
	struct fail why = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		STACK_OF(X509) * anchors;
		bool ok = anchors_first(&anchors, rows[i].bag, &why) == 0;

		assert_int_equal(ok, rows[i].ok);
		if (ok)
			assert_int_equal(
			    X509_cmp(sk_X509_value(anchors, 0), new), 0);
		free_all(anchors);
		free_all(rows[i].bag);
	}
	X509_free(self);
}

/* ---- following ----------------------------------------------------------- */

static void
a_new_root_is_trusted_by_the_word_of_the_old(void **state)
{
	X509 *stale = dated("CN=root", k2, old, k1, -9 * DAY, -DAY),
	     *early = dated("CN=root", k2, old, k1, DAY, 9 * DAY),
	     *renamed = pki_ca("CN=other", k2, old, k1),
	     *by_stranger = pki_ca("CN=root", k2, stranger, ks),
	     *past = dated("CN=root", k2, NULL, NULL, -9 * DAY, -DAY);
	struct spec no_ca = {.subject = "CN=root",
	    .key = k2,
	    .issuer = old,
	    .signer = k1,
	    .extension = {LEAF_EXTENSIONS}};
	X509 *not_ca = pki_cert(&no_ca);
	const struct {
		const char *what;
		STACK_OF(X509) * bag;
		int followed, strangers;
	} rows[] = {
	    {"as the RFC has it", STACK(old, new, new_with_old, old_with_new),
		2, 0},
	    {"in another order", STACK(new_with_old, new, old), 2, 0},
	    {"nothing new", STACK(old), 1, 0},
	    {"two steps at once",
		STACK(newest, newest_with_new, new, new_with_old), 3, 0},
	    {"without a word", STACK(old, new), 1, 1},
	    {"the old one's word is missing for the newest",
		STACK(newest, newest_with_new), 1, 1},
	    {"a stranger beside", STACK(stranger, new, new_with_old), 2, 1},
	    {"OldWithNew alone", STACK(new, old_with_new), 1, 1},
	    {"a stranger's word", STACK(new, by_stranger, stranger), 1, 2},
	    {"a word that has ended", STACK(new, stale), 1, 1},
	    {"a word not yet given", STACK(new, early), 1, 1},
	    {"for another name", STACK(new, renamed), 1, 1},
	    {"for no CA", STACK(new, not_ca), 1, 1},
	    {"a new root that has ended", STACK(past, new_with_old), 1, 1},
	};
	STACK_OF(X509) *anchors = STACK(old);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		STACK_OF(X509) * followed;
		struct fail why = {0};
		bool changed;
		int strangers;

		assert_int_equal(anchors_follow(&followed, &changed, &strangers,
				     anchors, rows[i].bag, when_now(), &why),
		    0);
		if (sk_X509_num(followed) != rows[i].followed ||
		    strangers != rows[i].strangers ||
		    changed != (rows[i].followed > 1))
			fail_msg("%s: %d followed, %d strangers", rows[i].what,
			    sk_X509_num(followed), strangers);
		free_all(followed);
		free_all(rows[i].bag);
	}
	free_all(anchors);
	X509_free(stale);
	X509_free(early);
	X509_free(renamed);
	X509_free(by_stranger);
	X509_free(past);
	X509_free(not_ca);
}

static void
an_old_root_that_has_ended_vouches_for_nobody(void **state)
{
	X509 *ended = dated("CN=root", k1, NULL, NULL, -9 * DAY, -DAY);
	STACK_OF(X509) *anchors = STACK(ended), *bag = STACK(new, new_with_old),
		       *followed;
	struct fail why = {0};
	bool changed;
	int strangers;

	(void)state;
	assert_int_equal(anchors_follow(&followed, &changed, &strangers,
			     anchors, bag, when_now(), &why),
	    0);
	assert_false(changed);
	assert_int_equal(strangers, 1);
	free_all(followed);
	free_all(anchors);
	free_all(bag);
	X509_free(ended);
}

/* ---- chains -------------------------------------------------------------- */

static void
chains_end_at_an_anchor(void **state)
{
	const struct {
		const char *what;
		STACK_OF(X509) * pool, *anchors;
		int length; /* 0: none */
	} rows[] = {
	    {"leaf, sub, root", STACK(sub), STACK(new), 3},
	    {"the root in the pool too", STACK(new, sub), STACK(new), 3},
	    {"one of several anchors", STACK(sub), STACK(old, new), 3},
	    {"the intermediate is the anchor", STACK(sub), STACK(sub), 2},
	    {"over NewWithOld", STACK(old_with_new, sub, new_with_old),
		STACK(old), 4},
	    {"no intermediate", STACK(new), STACK(new), 0},
	    {"another root", STACK(sub, new), STACK(stranger), 0},
	    {"a ring", STACK(sub, new_with_old, old_with_new), STACK(stranger),
		0},
	    {"the leaf is the anchor", STACK(sub), STACK(leaf), 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		STACK_OF(X509) * chain;
		struct fail why = {0};
		int rc = anchors_chain(
		    &chain, leaf, rows[i].pool, rows[i].anchors, &why);
		int n = rc == 0 ? sk_X509_num(chain) : 0;

		if (n != rows[i].length)
			fail_msg("%s: %d", rows[i].what, n);
		if (rc != 0)
			assert_string_equal(why.reason, "up-chain");
		else
			assert_ptr_equal(sk_X509_value(chain, 0), leaf);
		free_all(chain);
		free_all(rows[i].pool);
		free_all(rows[i].anchors);
	}
}

/* Certificates of one name and key, each above each: no reason to think for
 * minutes. */
static void
a_tangle_has_an_end(void **state)
{
	STACK_OF(X509) *pool = sk_X509_new_null(), *anchors = STACK(stranger),
		       *chain;
	struct fail why = {0};
	clock_t start;

	(void)state;
	for (int i = 0; i < 10; i++)
		must(sk_X509_push(pool, pki_ca("CN=sub", ki, sub, ki)) > 0,
		    "one more");
	start = clock();
	assert_int_equal(anchors_chain(&chain, leaf, pool, anchors, &why), -1);
	assert_string_equal(why.reason, "up-chain");
	assert_true(clock() - start < 2 * CLOCKS_PER_SEC);
	free_all(pool);
	free_all(anchors);
}

static void
nothing_goes_by_way_of_an_end_entity(void **state)
{
	X509 *entity = pki_leaf("CN=sub", ki, new, k2);
	STACK_OF(X509) *pool = STACK(entity), *anchors = STACK(new), *chain;
	struct fail why = {0};

	(void)state;
	assert_int_equal(anchors_chain(&chain, leaf, pool, anchors, &why), -1);
	assert_string_equal(why.reason, "up-chain");
	free_all(pool);
	free_all(anchors);
	X509_free(entity);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pins_are_read),
	    cmocka_unit_test(only_the_pinned_root_is_trusted),
	    cmocka_unit_test(first_use_wants_exactly_one_root),
	    cmocka_unit_test(a_new_root_is_trusted_by_the_word_of_the_old),
	    cmocka_unit_test(an_old_root_that_has_ended_vouches_for_nobody),
	    cmocka_unit_test(chains_end_at_an_anchor),
	    cmocka_unit_test(a_tangle_has_an_end),
	    cmocka_unit_test(nothing_goes_by_way_of_an_end_entity),
	};

	return cmocka_run_group_tests_name("anchors", tests, make, drop);
}

/* Answers that are given again stay within their memory and their time; what
 * is done stays within its share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/web/saved.h"
#include "lib/web/share.h"

#include <cmocka.h>

#define NOW 1790000000
#define MOST 4096

static uint8_t *
key_of(uint8_t key[SHA256_LEN], unsigned n)
{
	memset(key, 0, SHA256_LEN);
	key[0] = (uint8_t)(n & 1); /* some share a list */
	key[2] = (uint8_t)(n >> 8);
	key[3] = (uint8_t)n;
	return key;
}

static void
add(struct saved *s, unsigned n, size_t len)
{
	uint8_t key[SHA256_LEN], octets[MOST + 1];
	struct saved_one one = {{octets, len}, NOW, NOW + 60};

	memset(octets, (int)n, sizeof(octets));
	saved_add(s, key_of(key, n), &one, MOST);
}

static bool
has(struct saved *s, unsigned n, int64_t now)
{
	uint8_t key[SHA256_LEN];
	struct saved_one one;

	if (!saved_find(s, &one, key_of(key, n), now))
		return false;
	assert_int_equal(one.octets.data[one.octets.len - 1], (uint8_t)n);
	assert_int_equal(one.until, NOW + 60);
	return true;
}

static void
what_was_not_used_longest_goes_first(void **state)
{
	struct saved *s = saved_new();

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		add(s, i, 1000);
	assert_true(has(s, 0, NOW));
	add(s, 3, 1000);
	assert_false(has(s, 1, NOW));
	assert_true(has(s, 0, NOW) && has(s, 2, NOW) && has(s, 3, NOW));
	for (unsigned i = 4; i < 2000; i++)
		add(s, i, 1000);
	assert_false(has(s, 0, NOW));
	assert_true(has(s, 1999, NOW));
	saved_free(s);
}

static void
what_is_over_or_too_large_is_not_given(void **state)
{
	struct saved *s = saved_new();

	(void)state;
	add(s, 1, 100);
	assert_true(has(s, 1, NOW + 59));
	assert_false(has(s, 1, NOW + 60));
	assert_false(has(s, 1, NOW - 1)); /* the clock went back */
	add(s, 2, MOST);
	assert_false(has(s, 2, NOW));
	assert_true(has(s, 1, NOW));
	add(s, 1, 200); /* another in its place */
	assert_true(has(s, 1, NOW));
	saved_free(s);
	saved_free(NULL);
}

static void
a_share_is_kept(void **state)
{
	struct share share = {0};
	double spent = 0;

	(void)state;
	for (double clock = 100; clock < 200; clock += 0.01)
		if (share_left(&share, 25, clock)) {
			share_pay(&share, 0.01);
			spent += 0.01;
		}
	assert_true(spent > 24.9 && spent < 25 + 0.25 * SHARE_SAVED + 0.1);
	share = (struct share){0};
	assert_false(share_left(&share, 0, 5));
	assert_false(share_left(&share, 0, 500));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_not_used_longest_goes_first),
	    cmocka_unit_test(what_is_over_or_too_large_is_not_given),
	    cmocka_unit_test(a_share_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* turn: who waited long enough is next. */
#include <unistd.h>

#include "lib/base/when.h"
#include "lib/store/turn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define WAITERS 3

static struct turn turn;
static int order[WAITERS], came; /* under the turn */

struct waiter {
	pthread_t thread;
	int n;
	double wait;
	bool got;
};

static void *
waiter_run(void *arg)
{
	struct waiter *w = arg;

	w->got = turn_take(&turn, when_clock() + w->wait);
	if (w->got) {
		order[came++] = w->n;
		turn_give(&turn);
	}
	return NULL;
}

static void
free_turn_is_taken_at_once(void **state)
{
	(void)state;
	turn_init(&turn);
	assert_true(turn_take(&turn, when_clock()));
	assert_false(turn_try(&turn));
	turn_give(&turn);
	assert_true(turn_try(&turn));
	turn_give(&turn);
	turn_destroy(&turn);
}

static void
waiting_ends_at_the_deadline(void **state)
{
	double start = when_clock();

	(void)state;
	turn_init(&turn);
	assert_true(turn_try(&turn));
	assert_false(turn_take(&turn, start + 0.05));
	assert_true(when_clock() - start >= 0.05);
	assert_null(turn.first);
	turn_give(&turn);
	assert_true(turn_try(&turn));
	turn_give(&turn);
	turn_destroy(&turn);
}

static void
who_waited_long_goes_first_and_in_order(void **state)
{
	struct waiter w[WAITERS];

	(void)state;
	turn_init(&turn);
	came = 0;
	assert_true(turn_try(&turn));
	for (int i = 0; i < WAITERS; i++) {
		struct turn_waiter **last = turn.last;

		w[i] = (struct waiter){.n = i, .wait = 60};
		assert_int_equal(
		    pthread_create(&w[i].thread, NULL, waiter_run, &w[i]), 0);
		/* The queue's end moves when this one has joined it. */
		while (__atomic_load_n(&turn.last, __ATOMIC_ACQUIRE) == last)
			(void)usleep(100);
	}
	(void)usleep(3000); /* longer than their patience */
	turn_give(&turn);
	/* The turn has been handed over: no running thread gets in between. */
	assert_true(turn_take(&turn, when_clock() + 60));
	assert_int_equal(came, WAITERS);
	turn_give(&turn);
	for (int i = 0; i < WAITERS; i++) {
		(void)pthread_join(w[i].thread, NULL);
		assert_true(w[i].got);
		assert_int_equal(order[i], i);
	}
	assert_null(turn.first);
	turn_destroy(&turn);
}

static unsigned long total;

static void *
adder_run(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 20000; i++) {
		if (!turn_take(&turn, when_clock() + 60))
			break;
		total++;
		turn_give(&turn);
	}
	return NULL;
}

static void
one_at_a_time(void **state)
{
	pthread_t thread[8];

	(void)state;
	turn_init(&turn);
	for (int i = 0; i < 8; i++)
		assert_int_equal(
		    pthread_create(&thread[i], NULL, adder_run, NULL), 0);
	for (int i = 0; i < 8; i++)
		(void)pthread_join(thread[i], NULL);
	assert_int_equal(total, 8 * 20000);
	turn_destroy(&turn);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(free_turn_is_taken_at_once),
	    cmocka_unit_test(waiting_ends_at_the_deadline),
	    cmocka_unit_test(who_waited_long_goes_first_and_in_order),
	    cmocka_unit_test(one_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

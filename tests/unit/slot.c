/* Storms on a slow token, simulated; then the real thing and its file. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/key/book.h"
#include "lib/key/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define CLIENTS 2000
#define MOST 24

/* ---- simulation --------------------------------------------------------- */

struct storm {
	const char *name;
	unsigned processes;
	double rate;     /* of the token, signatures a second */
	double spread;   /* s in which all arrive */
	double jitter;   /* s that a client comes late, at most */
	double uneven;   /* share by which a signature's time varies */
	double stay;     /* share of clients that come back when told */
	double guess;    /* first rate in the book, of the true one; 0: none */
	double measured; /* s for which that guess was measured */
	double limit;    /* done within so many times the ideal */
};

struct event {
	double when;
	int client; /* -1: the token is done with a signature */
};

struct world {
	const struct storm *storm;
	struct gate gate[2];
	struct book book;
	struct event heap[CLIENTS + 2];
	int n;
	int queue[2 * MOST], head, waiting; /* for the token, first is served */
	bool working;
	unsigned short seed[3];
	/* What came of it. */
	double last, idle_from, idle;
	int served, refused, lost, wait_most;
};

static void
event_add(struct world *w, double when, int client)
{
	int i = w->n++;

	for (; i > 0 && w->heap[(i - 1) / 2].when > when; i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = (struct event){when, client};
}

static struct event
event_next(struct world *w)
{
	struct event first = w->heap[0], last = w->heap[--w->n];
	int i = 0, kid;

	while ((kid = 2 * i + 1) < w->n) {
		if (kid + 1 < w->n && w->heap[kid + 1].when < w->heap[kid].when)
			kid++;
		if (last.when <= w->heap[kid].when)
			break;
		w->heap[i] = w->heap[kid];
		i = kid;
	}
	w->heap[i] = last;
	return first;
}

static double
chance(struct world *w)
{
	return erand48(w->seed);
}

static void
work_begin(struct world *w, double now)
{
	double uneven = w->storm->uneven * (2 * chance(w) - 1);

	w->idle += now - w->idle_from;
	w->working = true;
	event_add(w, now + (1 + uneven) / w->storm->rate, -1);
}

static void
arrive(struct world *w, double now, int client)
{
	unsigned p = (unsigned)client % w->storm->processes;
	int wait;

	if (gate_enter(&w->gate[p], now)) {
		w->queue[(w->head + w->waiting++) % (2 * MOST)] = client;
		if (!w->working)
			work_begin(w, now);
		return;
	}
	w->refused++;
	book_publish(&w->book, &w->gate[p], (int64_t)p + 1, now);
	wait = book_reserve(&w->book, now, chance(w));
	assert_true(wait >= 1);
	if (wait > w->wait_most)
		w->wait_most = wait;
	if (client % 1000 >= 1000 * w->storm->stay)
		w->lost++;
	else
		event_add(w, now + wait + chance(w) * w->storm->jitter, client);
}

static void
finish(struct world *w, double now)
{
	int client = w->queue[w->head];
	unsigned p = (unsigned)client % w->storm->processes;

	w->head = (w->head + 1) % (2 * MOST);
	w->waiting--;
	w->working = false;
	w->served++;
	w->last = w->idle_from = now;
	if (gate_leave(&w->gate[p], now, true)) {
		book_publish(&w->book, &w->gate[p], (int64_t)p + 1, now);
		w->gate[p].published = now;
	}
	if (w->waiting > 0)
		work_begin(w, now);
}

static void
storm_run(struct world *w, const struct storm *storm)
{
	int i;

	memset(w, 0, sizeof(*w));
	w->storm = storm;
	w->seed[0] = 7;
	w->gate[0].most = w->gate[1].most = MOST;
	book_check(&w->book);
	if (storm->guess > 0)
		w->book.row[5] = (struct book_row){
		    99, storm->rate * storm->guess, storm->measured, 0};
	for (i = 0; i < CLIENTS; i++)
		event_add(w, chance(w) * storm->spread, i);
	while (w->n > 0) {
		struct event e = event_next(w);

		if (e.client < 0)
			finish(w, e.when);
		else
			arrive(w, e.when, e.client);
	}
}

static void
a_storm_drains_at_the_rate_of_the_token(void **state)
{
	static const struct storm storms[] = {
	    {"all at once", 2, 20, 0, 0.05, 0, 1, 0, 0, 1.10},
	    {"within three seconds", 2, 20, 3, 0.05, 0, 1, 0, 0, 1.10},
	    {"one program", 1, 20, 3, 0.05, 0, 1, 0, 0, 1.10},
	    {"late clients", 2, 20, 3, 1, 0, 1, 0, 0, 1.10},
	    {"exact clients", 2, 20, 1, 0, 0, 1, 0, 0, 1.10},
	    {"uneven token", 2, 20, 3, 0.2, 0.8, 1, 0, 0, 1.10},
	    {"half never return", 2, 20, 3, 0.2, 0, 0.5, 0, 0, 1.10},
	    {"guess ten times too slow", 2, 20, 3, 0.2, 0, 1, 0.1, 0.5, 1.10},
	    {"slow guess, all at once", 2, 20, 0, 0.2, 0, 1, 0.1, 0.5, 1.10},
	    {"guess ten times too fast", 2, 20, 3, 0.2, 0, 1, 10, 8, 1.10},
	    {"fast guess, all at once", 2, 20, 0, 0.2, 0, 1, 10, 8, 1.10},
	    {"slower token", 2, 5, 3, 0.2, 0.2, 1, 0, 0, 1.10},
	    {"faster token", 2, 60, 3, 0.2, 0.2, 1, 0, 0, 1.10},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(storms) / sizeof(storms[0]); i++) {
		const struct storm *storm = &storms[i];
		double ideal = CLIENTS / storm->rate;
		static struct world w;

		storm_run(&w, storm);
		assert_int_equal(w.served + w.lost, CLIENTS);
		if (w.last > storm->limit * ideal || w.idle > 0.2 * ideal)
			fail_msg("%s: %.1f s of %.0f ideal, idle %.1f s",
			    storm->name, w.last, ideal, w.idle);
	}
}

static void
a_fast_token_sends_nobody_further_than_a_second(void **state)
{
	static const struct storm storm = {
	    "fast", 2, 20000, 0.02, 0.05, 0, 1, 0, 0, 0};
	static struct world w;

	(void)state;
	storm_run(&w, &storm);
	assert_int_equal(w.served, CLIENTS);
	assert_true(w.refused > 0);
	assert_int_equal(w.wait_most, 1);
}

static struct book
book_of(double rate, double measured, double updated)
{
	struct book book = {.magic = ""};

	book_check(&book);
	book.row[0] = (struct book_row){1, rate, measured, updated};
	return book;
}

static void
slots_are_promised_one_after_the_other(void **state)
{
	struct book book = book_of(20, 8, 1000);
	int i, wait;

	(void)state;
	for (i = 1; i <= 2100; i++) {
		wait = book_reserve(&book, 1000, 0.5);
		assert_int_equal(wait, (int)ceil(i / 21.0 - 1e-9));
	}
	/* What nobody came for passes with its time. */
	book.row[0].updated = 1095;
	assert_int_equal(book_reserve(&book, 1099, 0.5), 2);
	book.row[0].updated = 1200;
	assert_int_equal(book_reserve(&book, 1200, 0.5), 1);
}

static void
nobody_is_sent_further_than_the_rate_is_known(void **state)
{
	static const struct {
		double rate, measured;
		int least, most;
	} cases[] = {
	    {0, 0, 1, 1},    /* nothing known: ask again soon */
	    {0, 4, 50, 100}, /* no signature in four seconds */
	    {2, 0.5, 6, 13},
	    {0.2, 8, 100, 200},
	    {20, 8, 100, 200},
	    {20, 3600, 100, 200},
	    {1e9, 8, 1, 1},
	};
	size_t i;
	int n, wait = 0;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct book book =
		    book_of(cases[i].rate, cases[i].measured, 50);

		/* When all that can be promised is. */
		for (n = 0; n < 5000; n++)
			wait = book_reserve(&book, 50, (n % 11) / 10.0);
		for (n = 0; n < 11; n++) {
			wait = book_reserve(&book, 50, n / 10.0);
			assert_in_range(wait, cases[i].least, cases[i].most);
		}
		assert_true(book.next_free <= 50 + 200);
	}
}

static void
a_book_of_another_life_does_no_harm(void **state)
{
	struct book book = book_of(0.01, 8, 90000);

	(void)state;
	book.next_free = 90100; /* before the reboot: the clock starts anew */
	assert_int_equal(book_reserve(&book, 10, 0.5), 1);
	book = book_of(20, 8, 5);
	book.next_free = NAN;
	book.row[1] = (struct book_row){2, NAN, NAN, NAN};
	book.row[2] = (struct book_row){2, NAN, NAN, 5};
	assert_int_equal(book_reserve(&book, 10, 0.5), 1);
	memset(&book, 0xff, sizeof(book));
	book_check(&book);
	assert_int_equal(book_reserve(&book, 10, 0.5), 1);
}

/* ---- the file ----------------------------------------------------------- */

static char dir[] = "/tmp/microca-slot.XXXXXX";
static char path[64];

static void
at_most_so_many_are_inside(void **state)
{
	struct fail why = {0};
	struct slots *a, *b;

	(void)state;
	assert_int_equal(slots_open(&a, path, 2, &why), 0);
	assert_int_equal(slots_open(&b, path, 1, &why), 0);
	assert_int_equal(slots_enter(a, &why), 0);
	assert_int_equal(slots_enter(a, &why), 0);
	assert_int_equal(slots_enter(a, &why), -1);
	assert_int_equal(why.kind, FAIL_BUSY);
	assert_string_equal(why.reason, "token-busy");
	assert_int_equal(why.retry, 1);
	assert_int_equal(slots_enter(b, &why), 0); /* a place of its own */
	assert_int_equal(slots_enter(b, &why), -1);
	slots_leave(a, true);
	slots_leave(b, false);
	assert_int_equal(slots_enter(a, &why), 0);
	assert_int_equal(slots_enter(b, &why), 0);
	slots_free(a);
	slots_free(b);
}

/* Fill a gate and be refused `n` times; the last Retry-After. */
static int
refused_times(int n)
{
	struct fail why = {0};
	struct slots *s;

	if (slots_open(&s, path, 1, &why) != 0 || slots_enter(s, &why) != 0)
		return -1;
	for (; n > 0; n--)
		if (slots_enter(s, &why) == 0)
			return -1;
	slots_free(s);
	return why.retry;
}

/* A token of 10/s that another program has known for long. */
static void
book_put(void)
{
	struct timespec t;
	struct book book = {.magic = ""};
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	clock_gettime(CLOCK_MONOTONIC, &t);
	book_check(&book);
	book.row[3] = (struct book_row){1, 10, 8, (double)t.tv_sec - 1};
	assert_int_equal(write(fd, &book, sizeof(book)), sizeof(book));
	(void)close(fd);
}

static void
processes_share_one_book(void **state)
{
	pid_t pid[4];
	int i, status, wait;

	(void)state;
	book_put();
	for (i = 0; i < 4; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			_exit(refused_times(50) < 0);
	}
	for (i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
	}
	/* 200 of them at 10.5/s are 19 s; the gates' own rates are none. */
	wait = refused_times(1);
	assert_in_range(wait, 18, 20);
}

static void
a_file_that_is_no_book_is_begun_anew(void **state)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(write(fd, "x", 1), 1);
	(void)close(fd);
	assert_int_equal(refused_times(3), 1);
	assert_int_equal(truncate(path, sizeof(struct book)), 0);
	assert_int_equal(refused_times(3), 1);
}

static void
a_book_that_is_stuck_stops_nobody(void **state)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), wait;

	(void)state;
	assert_int_equal(flock(fd, LOCK_EX), 0);
	wait = refused_times(1);
	assert_in_range(wait, 1, 5);
	(void)close(fd);
}

static void
a_folder_that_is_not_there_is_told(void **state)
{
	struct fail why = {0};
	struct slots *s;

	(void)state;
	assert_int_equal(slots_open(&s, "/nowhere/slots", 4, &why), -1);
	assert_null(s);
	assert_int_equal(why.kind, FAIL_CONFIG);
}

static int
folder_make(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/slots", dir);
	return 0;
}

static int
folder_remove(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_storm_drains_at_the_rate_of_the_token),
	    cmocka_unit_test(a_fast_token_sends_nobody_further_than_a_second),
	    cmocka_unit_test(slots_are_promised_one_after_the_other),
	    cmocka_unit_test(nobody_is_sent_further_than_the_rate_is_known),
	    cmocka_unit_test(a_book_of_another_life_does_no_harm),
	    cmocka_unit_test(at_most_so_many_are_inside),
	    cmocka_unit_test(processes_share_one_book),
	    cmocka_unit_test(a_file_that_is_no_book_is_begun_anew),
	    cmocka_unit_test(a_book_that_is_stuck_stops_nobody),
	    cmocka_unit_test(a_folder_that_is_not_there_is_told),
	};

	return cmocka_run_group_tests(tests, folder_make, folder_remove);
}

/* What is counted is neither lost with a process nor counted twice, and costs
 * next to nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/bytes.h"
#include "lib/base/file.h"
#include "lib/base/meter_sheet.h"
#include "lib/base/when.h"

#include <cmocka.h>

static char folder[] = "/tmp/microca-meter.XXXXXX";
static int files; /* each test has a program of its own */

/* A new file; `path` is valid until the next. */
static const char *
begin(void)
{
	static char path[sizeof(folder) + 40];
	struct fail why = {0};
	char program[16];

	(void)snprintf(program, sizeof(program), "p%d", ++files);
	(void)snprintf(path, sizeof(path), "%s/metrics-%s", folder, program);
	assert_int_equal(meter_open(folder, program, &why), 0);
	return path;
}

static void
look(struct meter *m, const char *path)
{
	struct fail why = {0};

	if (meter_read(m, path, &why) != 0)
		fail_msg("%s (%s)", why.text, why.cause);
}

static uint64_t
count_of(const struct meter *m, enum meter_event what, const char *label,
    const char *second)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->events; i++)
		if (m->event[i].what == what &&
		    strcmp(m->event[i].label, label) == 0 &&
		    strcmp(m->event[i].second, second) == 0)
			n += m->event[i].count;
	return n;
}

static void
each_time_has_its_bucket(void **state)
{
	static const struct {
		double seconds;
		int bucket;
	} cases[] = {
	    {-1, 0},
	    {0, 0},
	    {0.0005, 0},
	    {0.000501, 1},
	    {0.001, 1},
	    {0.02, 5},
	    {0.3, 9},
	    {30, 14},
	    {30.1, 15},
	    {1e6, 15},
	};
	uint64_t want[METER_BOUNDS + 1] = {0}, us = 0;
	const char *path = begin();
	struct meter m;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		meter_time(METER_SIGN, cases[i].seconds);
		want[cases[i].bucket]++;
		if (cases[i].seconds > 0)
			us += (uint64_t)(cases[i].seconds * 1e6);
	}
	look(&m, path);
	for (int i = 0; i <= METER_BOUNDS; i++)
		assert_int_equal(m.time[METER_SIGN].bucket[i], want[i]);
	assert_int_equal(m.time[METER_SIGN].us, us);
	for (int i = 0; i <= METER_BOUNDS; i++)
		assert_int_equal(m.time[METER_COMMIT].bucket[i], 0);
	meter_free(&m);
}

static void
labels_are_told_apart(void **state)
{
	const char *path = begin();
	struct meter m;

	(void)state;
	meter_count(METER_REFUSED, "pop", NULL);
	meter_count(METER_REFUSED, "pop", NULL);
	meter_count(METER_REFUSED, "po", NULL);
	meter_count(METER_TOKEN_ERROR, "pop", NULL);
	meter_count(METER_ISSUED, "device", "idevid");
	meter_count(METER_ISSUED, "devicei", "devid");
	meter_status(200);
	look(&m, path);
	assert_int_equal(count_of(&m, METER_REFUSED, "pop", ""), 2);
	assert_int_equal(count_of(&m, METER_REFUSED, "po", ""), 1);
	assert_int_equal(count_of(&m, METER_TOKEN_ERROR, "pop", ""), 1);
	assert_int_equal(count_of(&m, METER_ISSUED, "device", "idevid"), 1);
	assert_int_equal(count_of(&m, METER_ISSUED, "devicei", "devid"), 1);
	assert_int_equal(count_of(&m, METER_ANSWER, "200", ""), 1);
	assert_int_equal(m.events, 6);
	meter_free(&m);
}

static void
what_finds_no_room_is_other(void **state)
{
	const char *path = begin();
	char long_one[200], word[16];
	struct meter m;
	uint64_t sum = 0;

	(void)state;
	memset(long_one, 'x', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	meter_count(METER_ISSUED, long_one, long_one);
	for (int i = 0; i < 3 * METER_SLOTS; i++) {
		(void)snprintf(word, sizeof(word), "w%d", i);
		meter_count(METER_REFUSED, word, NULL);
	}
	look(&m, path);
	assert_int_equal(m.events, METER_SLOTS + 1);
	assert_int_equal(strlen(m.event[0].label), METER_LABEL - 2);
	for (size_t i = 1; i < m.events; i++)
		sum += m.event[i].count;
	assert_int_equal(sum, 3 * METER_SLOTS);
	assert_int_equal(
	    count_of(&m, METER_REFUSED, "other", ""), 2 * METER_SLOTS + 1);
	meter_free(&m);
}

#define PROCESSES 4
#define THREADS 4
#define EACH 20000

static void *
hammer(void *arg)
{
	static const char *const words[] = {"a", "b", "c", "d", "e"};

	(void)arg;
	for (int i = 0; i < EACH; i++) {
		meter_count(METER_REFUSED, words[i % 5], NULL);
		meter_time(METER_REQUEST, i % 2 == 0 ? 0.0001 : 0.002);
	}
	return NULL;
}

/* Ends as a process does that is killed. */
static void
hammer_and_die(void)
{
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, hammer, NULL) != 0)
			_exit(1);
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(thread[i], NULL);
	(void)raise(SIGKILL);
}

static void
nothing_is_lost_or_counted_twice(void **state)
{
	const char *path = begin();
	const uint64_t all = PROCESSES * THREADS * EACH;
	pid_t pid[PROCESSES];
	struct meter m;
	int status;

	(void)state;
	for (int i = 0; i < PROCESSES; i++)
		if ((pid[i] = fork()) == 0)
			hammer_and_die();
	for (int i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGKILL);
	}
	look(&m, path);
	assert_int_equal(m.events, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(m.event[i].count, all / 5);
	assert_int_equal(m.time[METER_REQUEST].bucket[0], all / 2);
	assert_int_equal(m.time[METER_REQUEST].bucket[2], all / 2);
	assert_int_equal(
	    m.time[METER_REQUEST].us, all / 2 * 100 + all / 2 * 2000);
	meter_free(&m);
}

static void
counts_never_go_back(void **state)
{
	const char *path = begin();
	struct fail why = {0};
	struct meter m;
	char program[16];

	(void)state;
	meter_count(METER_STORE_ERROR, "db-busy", NULL);
	/* The next process of the same program. */
	(void)snprintf(program, sizeof(program), "p%d", files);
	assert_int_equal(meter_open(folder, program, &why), 0);
	meter_count(METER_STORE_ERROR, "db-busy", NULL);
	look(&m, path);
	assert_int_equal(count_of(&m, METER_STORE_ERROR, "db-busy", ""), 2);
	assert_string_equal(m.program, program);
	assert_true(m.since > 0 && m.since <= when_now());
	meter_free(&m);
}

/* The first of all: later a file is open already. */
static void
what_came_before_the_file_is_kept(void **state)
{
	struct fail why = {0};
	struct meter m;
	char path[sizeof(folder) + 40];

	(void)state;
	meter_count(METER_TOKEN_ERROR, "token-absent", NULL);
	meter_count(METER_ISSUED, "device", "idevid");
	meter_time(METER_COMMIT, 0.004);
	assert_int_equal(meter_open(folder, "early", &why), 0);
	(void)snprintf(path, sizeof(path), "%s/metrics-early", folder);
	look(&m, path);
	assert_int_equal(
	    count_of(&m, METER_TOKEN_ERROR, "token-absent", ""), 1);
	assert_int_equal(count_of(&m, METER_ISSUED, "device", "idevid"), 1);
	assert_int_equal(m.time[METER_COMMIT].bucket[3], 1);
	assert_int_equal(m.time[METER_COMMIT].us, 4000);
	meter_free(&m);
}

/* As two that come at once leave it, and one that was killed in between. */
static void
two_slots_of_one_label_are_one(void **state)
{
	static struct meter_sheet sh = {.magic = METER_MAGIC,
	    .size = sizeof(sh),
	    .since = 1,
	    .program = "made",
	    .slot = {
		{SLOT_READY, METER_REFUSED, 3, "pop"},
		{SLOT_TAKEN, METER_REFUSED, 5, "half"},
		{SLOT_READY, METER_REFUSED, 4, "pop"},
		{SLOT_READY, METER_EVENTS + 7, 9, "later"},
		{SLOT_READY, METER_ISSUED, 1, "a\0b"},
	    }};
	char path[sizeof(folder) + 40];
	struct fail why = {0};
	struct meter m;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/metrics-made", folder);
	assert_int_equal(
	    file_write(
		path, (struct span){(uint8_t *)&sh, sizeof(sh)}, 0600, &why),
	    0);
	look(&m, path);
	assert_int_equal(m.events, 2);
	assert_int_equal(count_of(&m, METER_REFUSED, "pop", ""), 7);
	assert_int_equal(count_of(&m, METER_ISSUED, "a", "b"), 1);
	meter_free(&m);
}

static void
another_layout_begins_anew(void **state)
{
	static const struct {
		const char *what;
		size_t len;
		uint64_t magic;
	} cases[] = {
	    {"an older version's", sizeof(struct meter_sheet), METER_MAGIC - 1},
	    {"of another size", sizeof(struct meter_sheet) - 8, METER_MAGIC},
	    {"no counts at all", 5, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char path[sizeof(folder) + 40];
		uint8_t *octets = mem_new(cases[i].len);
		struct fail why = {0};
		struct meter m;

		memset(octets, 1, cases[i].len);
		memcpy(octets, &cases[i].magic,
		    cases[i].len < 8 ? cases[i].len : 8);
		(void)snprintf(path, sizeof(path), "%s/metrics-old", folder);
		assert_int_equal(
		    file_write(
			path, (struct span){octets, cases[i].len}, 0600, &why),
		    0);
		assert_int_equal(meter_read(&m, path, &why), -1);
		assert_string_equal(why.reason, "file");
		assert_int_equal(meter_open(folder, "old", &why), 0);
		look(&m, path);
		assert_int_equal(m.events, 0);
		meter_free(&m);
		free(octets);
	}
}

static void
links_and_folders_are_not_written(void **state)
{
	char path[sizeof(folder) + 40], other[sizeof(folder) + 40];
	struct fail why = {0};
	struct stat st;
	struct meter m;

	(void)state;
	(void)begin();
	(void)snprintf(other, sizeof(other), "%s/other", folder);
	(void)snprintf(path, sizeof(path), "%s/metrics-link", folder);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(meter_open(folder, "link", &why), -1);
	assert_string_equal(why.reason, "file");
	assert_int_equal(lstat(other, &st), -1);
	assert_int_equal(meter_open("/nonexistent", "p", &why), -1);
	assert_int_equal(meter_read(&m, folder, &why), -1);
	assert_int_equal(meter_read(&m, "/nonexistent/p", &why), -1);
	assert_int_equal(why.kind, FAIL_ABSENT);
	/* Counting goes on where it was. */
	meter_count(METER_REFUSED, "pop", NULL);
}

/* The best of some, so that a busy machine says nothing. */
static void
a_request_costs_less_than_a_microsecond(void **state)
{
	double best = 1;

	(void)state;
	(void)begin();
	for (int round = 0; round < 20; round++) {
		double from = when_clock(), each;

		for (int i = 0; i < 1000; i++) {
			double start = when_clock();

			meter_status(200);
			meter_count(METER_ISSUED, "device", "idevid");
			meter_time(METER_REQUEST, when_clock() - start);
		}
		each = (when_clock() - from) / 1000;
		best = each < best ? each : best;
	}
	print_message("# %.0f ns\n", best * 1e9);
#ifndef __SANITIZE_ADDRESS__
	assert_true(best < 1e-6);
#endif
}

static int
clean(void **state)
{
	char *command = str_fmt("rm -rf %s", folder);
	int rc = system(command);

	(void)state;
	free(command);
	return rc;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_came_before_the_file_is_kept),
	    cmocka_unit_test(each_time_has_its_bucket),
	    cmocka_unit_test(labels_are_told_apart),
	    cmocka_unit_test(what_finds_no_room_is_other),
	    cmocka_unit_test(nothing_is_lost_or_counted_twice),
	    cmocka_unit_test(counts_never_go_back),
	    cmocka_unit_test(two_slots_of_one_label_are_one),
	    cmocka_unit_test(another_layout_begins_anew),
	    cmocka_unit_test(links_and_folders_are_not_written),
	    cmocka_unit_test(a_request_costs_less_than_a_microsecond),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	if (mkdtemp(folder) == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, clean);
}

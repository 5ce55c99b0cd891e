/* tally: what the uploader's runs came to, kept and told to Prometheus. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/cloud/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define T0 1767225600LL

static char folder[64];

static int
folder_make(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/tally-XXXXXX");
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
folder_remove(void **state)
{
	static const char *const names[] = {"cloud.json", "cloud.prom"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char *path = file_path(folder, names[i]);

		(void)unlink(path);
		free(path);
	}
	return rmdir(folder);
}

static void
wrong(struct fail *why)
{
	memset(why, 0, sizeof(*why));
	why->kind = FAIL_BUSY;
	why->reason = "cloud-net";
	(void)snprintf(why->text, sizeof(why->text), "no line");
	(void)snprintf(why->cause, sizeof(why->cause), "curl 7");
}

static void
runs_add_up_and_come_back(void **state)
{
	const struct tally_devices first = {5, 4, 3, 2, 0},
				   second = {1, 0, 0, 0, 0};
	struct fail none = {0}, why;
	struct tally t;

	(void)state;
	wrong(&why);
	tally_read(&t, folder);
	assert_int_equal(t.last_run, 0);
	tally_add(&t, RUN_DONE, T0, 1500, &first, &none);
	assert_int_equal(tally_write(&t, folder, &none), 0);
	tally_free(&t);
	tally_read(&t, folder);
	tally_add(&t, RUN_LATER, T0 + 60, 20, &second, &why);
	assert_int_equal(tally_write(&t, folder, &none), 0);
	tally_free(&t);
	tally_read(&t, folder);
	assert_int_equal(t.last_run, T0 + 60);
	assert_int_equal(t.last_success, T0);
	assert_int_equal(t.duration, 20);
	assert_int_equal(t.result, RUN_LATER);
	assert_int_equal(t.runs[RUN_DONE], 1);
	assert_int_equal(t.runs[RUN_LATER], 1);
	assert_int_equal(t.devices.applied, 6);
	assert_int_equal(t.devices.kept, 2);
	assert_int_equal(t.error_time, T0 + 60);
	assert_string_equal(t.error_reason, "cloud-net");
	assert_string_equal(t.error_text, "no line");
	assert_string_equal(t.error_cause, "curl 7");
	tally_free(&t);
}

/* The uploader goes on, whatever lies there. */
static void
file_that_cannot_be_read_is_begun_anew(void **state)
{
	static const char *const texts[] = {
	    "", "{", "[]", "7", "{\"runs\":7,\"devices\":[],\"last_error\":1}"};
	char *path = file_path(folder, "cloud.json");
	struct fail why = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct tally t;

		assert_int_equal(
		    file_write(path, span_str(texts[i]), 0600, &why), 0);
		tally_read(&t, folder);
		assert_int_equal(t.last_run, 0);
		assert_int_equal(t.runs[RUN_DONE], 0);
		tally_free(&t);
	}
	free(path);
}

static void
prometheus_is_told(void **state)
{
	const struct tally_devices devices = {7, 0, 0, 0, 2};
	const struct outbox_state outbox = {12, T0, 3, 2};
	char *path = file_path(folder, "cloud.prom");
	struct fail why = {0}, none = {0};
	struct bytes text = {0};
	struct stat st;
	struct tally t = {0};
	static const char *const lines[] = {
	    "\nmicroca_upload_backlog 12\n",
	    "\nmicroca_upload_oldest_seconds 90\n",
	    "\nmicroca_upload_dead_letters 2\n",
	    "\nmicroca_upload_failed_devices 3\n",
	    "\nmicroca_upload_last_run_timestamp_seconds 1767225690\n",
	    "\nmicroca_upload_last_success_timestamp_seconds 1767225690\n",
	    "\nmicroca_upload_duration_seconds 1.25\n",
	    "\nmicroca_upload_runs_total{result=\"done\"} 1\n",
	    "\nmicroca_upload_runs_total{result=\"denied\"} 0\n",
	    "\nmicroca_upload_devices_total{outcome=\"applied\"} 7\n",
	    "\nmicroca_upload_devices_total{outcome=\"refused\"} 2\n",
	    "\n# TYPE microca_upload_runs_total counter\n",
	};

	(void)state;
	tally_add(&t, RUN_DONE, T0 + 90, 1250, &devices, &none);
	assert_int_equal(tally_metrics(&t, &outbox, T0 + 90, path, &why), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(file_read(&text, path, 65536, &why), 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (strstr((const char *)text.data, lines[i]) == NULL)
			fail_msg("no %s in %s", lines[i], text.data);
	bytes_free(&text);
	tally_free(&t);
	free(path);
}

static void
result_follows_from_what_went_wrong(void **state)
{
	static const struct {
		enum fail_kind kind;
		const char *word;
	} rows[] = {
	    {FAIL_NONE, "done"},
	    {FAIL_BUSY, "later"},
	    {FAIL_LIMIT, "later"},
	    {FAIL_DENIED, "denied"},
	    {FAIL_CONFIG, "broken"},
	    {FAIL_BROKEN, "broken"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct fail why = {.kind = rows[i].kind};

		assert_string_equal(
		    run_result_word(run_result_of(&why)), rows[i].word);
	}
}

#define ON_DISK(f)                                                             \
	cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    ON_DISK(runs_add_up_and_come_back),
	    ON_DISK(file_that_cannot_be_read_is_begun_anew),
	    ON_DISK(prometheus_is_told),
	    cmocka_unit_test(result_follows_from_what_went_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* copy: the database is copied while it is written to, and known to be used. */
#include "tests/unit/records.h"

#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/store/backup.h"

#define THREADS 3

static char copy_path[112], copy_url[128];
static struct fail why;

static int
copy_setup(void **state)
{
	if (folder_make(state) != 0)
		return -1;
	(void)snprintf(copy_path, sizeof(copy_path), "%s-kept", path);
	(void)snprintf(copy_url, sizeof(copy_url), "sqlite:%s", copy_path);
	memset(&why, 0, sizeof(why));
	return 0;
}

static void
must(int rc)
{
	if (rc != 0)
		fail_msg("%s (%s)", why.text, why.cause);
}

static void
issue(struct store *store, unsigned n)
{
	struct store_rules rules = rules_at(T0);
	struct bytes repeat = {0};
	struct record r;
	struct fail no = {0};
	char *name = str_fmt("d%u", n);

	record_make(&r, n, name, name, name);
	if (record_issue(store, &repeat, &r, &rules, &no) != 0)
		fail_msg("%s (%s)", no.text, no.cause);
	record_free(&r);
	free(name);
}

/* ---- while others write ---------------------------------------------------------- */

static struct store *busy;
static unsigned next, stop;

static void *
writer(void *arg)
{
	while (__atomic_load_n(&stop, __ATOMIC_RELAXED) == 0)
		issue(busy, __atomic_add_fetch(&next, 1, __ATOMIC_RELAXED));
	return arg;
}

static void
wait_until(unsigned n)
{
	while (__atomic_load_n(&next, __ATOMIC_RELAXED) < n)
		(void)usleep(1000);
}

static void
copy_is_whole(unsigned least, unsigned most)
{
	struct store_counts counts;
	struct chain chain = {0};
	struct store *copy;
	int64_t head;
	uint8_t hash[SHA256_LEN];

	must(store_open(&copy, copy_url, false, 2, 0, &why));
	must(store_whole(copy, &why));
	must(store_trail(copy, 0, 0, chain_link, &chain, &why));
	must(store_count(copy, &counts, T0, &why));
	must(store_head(copy, 0, &head, hash, &why));
	assert_false(chain.broken);
	assert_int_equal(chain.rows, counts.certificates);
	assert_int_equal(head, chain.rows);
	assert_memory_equal(hash, chain.hash, SHA256_LEN);
	assert_in_range(counts.certificates, least, most);
	bytes_free(&chain.last);
	store_free(copy);
}

static void
test_under_load(void **state)
{
	pthread_t thread[THREADS];

	(void)state;
	busy = store_made();
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&thread[i], NULL, writer, NULL), 0);
	for (unsigned turn = 1; turn <= 5; turn++) {
		unsigned before, after;
		struct stat st;

		wait_until(turn * 200);
		before = __atomic_load_n(&next, __ATOMIC_RELAXED);
		must(store_copy(busy, copy_path, &why));
		after = __atomic_load_n(&next, __ATOMIC_RELAXED);
		assert_int_equal(stat(copy_path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		copy_is_whole(before - THREADS, after);
		assert_int_equal(unlink(copy_path), 0);
		/* Nobody waits for it: they go on. */
		wait_until(after + THREADS + 1);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(thread[i], NULL);
	store_free(busy);
}

static void
test_never_over_a_file(void **state)
{
	struct store *store = store_made();

	(void)state;
	must(store_copy(store, copy_path, &why));
	assert_int_equal(store_copy(store, copy_path, &why), -1);
	assert_string_equal(why.reason, "file");
	store_free(store);
}

/* ---- where its chain is ------------------------------------------------------------ */

static void
test_head_and_links(void **state)
{
	struct store *store = store_made();
	struct chain chain = {0};
	uint8_t hash[SHA256_LEN], zero[SHA256_LEN] = {0};
	int64_t seq, octets;
	bool found;

	(void)state;
	must(store_head(store, 0, &seq, hash, &why));
	assert_int_equal(seq, 0);
	assert_memory_equal(hash, zero, SHA256_LEN);
	must(store_link(store, &found, hash, 0, 0, &why));
	assert_false(found);
	for (unsigned i = 1; i <= 3; i++)
		issue(store, i);
	must(store_trail(store, 0, 0, chain_link, &chain, &why));
	must(store_link(store, &found, hash, 0, 3, &why));
	assert_true(found);
	assert_memory_equal(hash, chain.hash, SHA256_LEN);
	must(store_link(store, &found, hash, 0, 4, &why));
	assert_false(found);
	must(store_size(store, &octets, &why));
	assert_int_equal(octets % 4096, 0);
	assert_true(octets > 20 * 4096);
	bytes_free(&chain.last);
	store_free(store);
}

static void
test_damage_is_found(void **state)
{
	static const char noise[4096] = {1, 2, 3, 4};
	struct store *store = store_made();
	struct stat st;
	FILE *f;

	(void)state;
	/* More than what is walked when it is opened. */
	for (unsigned i = 1; i <= 900; i++)
		issue(store, i);
	must(store_copy(store, copy_path, &why));
	store_free(store);
	assert_int_equal(stat(copy_path, &st), 0);
	assert_true(st.st_size > 1024 * 1024);
	f = fopen(copy_path, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, st.st_size - 8192, SEEK_SET), 0);
	assert_int_equal(fwrite(noise, sizeof(noise), 1, f), 1);
	assert_int_equal(fclose(f), 0);
	must(store_open(&store, copy_url, false, 2, 0, &why));
	assert_int_equal(store_whole(store, &why), -1);
	assert_string_equal(why.reason, "db-corrupt");
	store_free(store);
}

/* ---- nobody's ------------------------------------------------------------------------ */

/* Another process has it open until `go` is closed. */
static pid_t
other(int *go)
{
	int ready[2], end[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(end), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct store *store;
		struct fail no = {0};

		(void)close(end[1]);
		if (store_open(&store, url, false, 2, 0, &no) != 0 ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		(void)!read(end[0], &c, 1);
		store_free(store);
		_exit(0);
	}
	(void)close(ready[1]);
	(void)close(end[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	*go = end[1];
	return pid;
}

static void
test_used_by_another(void **state)
{
	struct store *store = store_made();
	int lock, go, status;
	char number[32];
	pid_t pid;

	(void)state;
	issue(store, 1);
	store_free(store);
	pid = other(&go);
	(void)snprintf(number, sizeof(number), "process %ld (", (long)pid);
	assert_int_equal(store_alone(&lock, url, &why), -1);
	assert_int_equal(lock, -1);
	assert_string_equal(why.reason, "db-inuse");
	assert_non_null(strstr(why.text, number));
	assert_int_equal(store_unused(url, &why), -1);
	(void)close(go);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	must(store_unused(url, &why));
	must(store_alone(&lock, url, &why));
	must(store_open_alone(&store, url, &why));
	store_free(store);
	(void)close(lock);
}

static void
test_not_there(void **state)
{
	int lock;

	(void)state;
	must(store_alone(&lock, url, &why));
	(void)close(lock);
	assert_int_equal(store_alone(&lock, "sqlite:/nowhere/a", &why), -1);
	assert_int_equal(store_alone(&lock, "oracle:a", &why), -1);
	assert_string_equal(why.reason, "db-url");
}

static void
test_mark(void **state)
{
	const struct audit out = {.event = "restore", .text = "out of a file"};
	const struct audit done = {.event = "reconcile"};
	struct store *store = store_made();
	uint8_t hash[SHA256_LEN];
	int64_t when, seq;

	(void)state;
	must(store_restored_when(store, &when, &why));
	assert_int_equal(when, 0);
	must(store_restored(store, false, &out, T0, &why));
	must(store_restored(store, true, &out, T0 + 5, &why));
	must(store_restored_when(store, &when, &why));
	assert_int_equal(when, T0 + 5);
	must(store_reconciled(store, &done, &why));
	must(store_restored_when(store, &when, &why));
	assert_int_equal(when, 0);
	must(store_head(store, 0, &seq, hash, &why));
	assert_int_equal(seq, 3);
	store_free(store);
}

static int
list_add(const struct store_revoked *r, void *arg)
{
	bytes_addf(arg, "%s %lld %d %lld\n", r->serial, (long long)r->revoked,
	    r->reason, (long long)r->invalid);
	return 0;
}

static void
test_forgotten(void **state)
{
	static const char issuer[] = "00112233445566778899aabbccddeeff00112233";
	const struct store_revoked gone[] = {
	    {.serial = "0B",
		.revoked = T0,
		.reason = REASON_KEY_COMPROMISE,
		.invalid = T0 - 9},
	    {.serial = "0A", .revoked = T0 + 1, .reason = REASON_HOLD},
	};
	const struct audit entry = {.event = "restore"};
	const struct audit revoke = {.event = "revoke"};
	struct store_standing s;
	struct bytes list = {0};
	struct store *store = store_made();
	bool found, changed;
	char *serial = str_fmt("%040X", 1);

	(void)state;
	issue(store, 1);
	must(store_revoke(
	    store, &changed, serial, REASON_CESSATION, T0 + 2, &revoke, &why));
	must(store_forgotten_add(store, issuer, gone, 2, &entry, &why));
	must(store_forgotten_add(store, issuer, gone, 1, &entry, &why));
	must(store_revoked_each(store, issuer, 0, list_add, &list, &why));
	assert_string_equal((const char *)list.data,
	    "0000000000000000000000000000000000000001 1767225602 5 0\n"
	    "0A 1767225601 6 0\n"
	    "0B 1767225600 1 1767225591\n");
	list.len = 0;
	bytes_adds(&list, "");
	must(store_revoked_each(store, "00", 0, list_add, &list, &why));
	assert_int_equal(list.len, 0);
	must(store_standing(store, &s, &found, issuer, "0B", &why));
	assert_true(found);
	assert_int_equal(s.status, STORE_REVOKED);
	assert_int_equal(s.reason, REASON_KEY_COMPROMISE);
	must(store_standing(store, &s, &found, issuer, "0A", &why));
	assert_int_equal(s.status, STORE_HELD);
	must(store_standing(store, &s, &found, issuer, "0C", &why));
	assert_false(found);
	must(store_standing(store, &s, &found, "00", "0A", &why));
	assert_false(found);
	bytes_free(&list);
	free(serial);
	store_free(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, copy_setup, folder_remove)
	    /* First: it forks. */
	    TEST(test_used_by_another),
	    TEST(test_not_there),
	    TEST(test_under_load),
	    TEST(test_never_over_a_file),
	    TEST(test_head_and_links),
	    TEST(test_damage_is_found),
	    TEST(test_mark),
	    TEST(test_forgotten),
	};

	return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}

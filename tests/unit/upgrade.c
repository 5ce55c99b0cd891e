/* upgrade: databases of older and newer versions of the schema. */
#include "tests/unit/records.h"

#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/base/file.h"
#include "lib/store/outbox.h"

#define PROCESSES 6

/* What a program with that schema left behind: three certificates, one of them
 * revoked, and their audit chain.  Of 1, one has a device; of 2, two, and there
 * is a secret. */
static void
database_of(int version)
{
	const char *src = getenv("SRCDIR");
	char *name = str_fmt("%s/tests/vectors/store/schema-%d.sql",
	    src != NULL ? src : ".", version);
	struct bytes sql = {0};
	struct fail why = {0};
	sqlite3 *db;

	if (file_read(&sql, name, 1 << 20, &why) != 0)
		fail_msg("%s: %s", name, why.text);
	(void)umask(077);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, (const char *)sql.data, NULL, NULL, NULL) != 0)
		fail_msg("%s: %s", name, sqlite3_errmsg(db));
	(void)sqlite3_close(db);
	bytes_free(&sql);
	free(name);
}

static void
old_database(void)
{
	database_of(1);
}

static int
open_and_close(void)
{
	struct store *store;
	struct fail why = {0};

	if (store_open(&store, url, false, 2, 0, &why) != 0) {
		(void)fprintf(stderr, "%s (%s)\n", why.text, why.cause);
		return 1;
	}
	store_free(store);
	return 0;
}

static int64_t
upgrades(void)
{
	return number_of("SELECT count(*) FROM audit WHERE event = 'upgrade'");
}

static void
is_as_new(struct store *store)
{
	struct store_counts counts;
	struct fail why = {0};

	assert_int_equal(number_of("SELECT value FROM meta"), SQL_VERSION);
	assert_int_equal(upgrades(), 1);
	assert_int_equal(chain_rows(store), 5);
	assert_int_equal(store_count(store, &counts, T0, &why), 0);
	assert_int_equal(counts.certificates, 3);
	assert_int_equal(counts.live, 2);
	assert_int_equal(counts.outbox, 1);
}

static void
old_database_grows_and_keeps_everything(void **state)
{
	struct store *store;
	struct record r;
	struct store_rules rules = rules_at(T0 + 10);
	struct bytes repeat = {0};
	struct fail why = {0};

	(void)state;
	old_database();
	assert_int_equal(store_open(&store, url, false, 2, 0, &why), 0);
	is_as_new(store);
	record_make(&r, 9, "maker", "pump-9", "pump-9");
	assert_int_equal(record_issue(store, &repeat, &r, &rules, &why), 0);
	assert_int_equal(chain_rows(store), 6);
	record_free(&r);
	store_free(store);
	assert_int_equal(open_and_close(), 0);
	assert_int_equal(upgrades(), 1);
}

static void
what_was_to_be_told_still_is(void **state)
{
	struct store *store;
	struct outbox_page page;
	struct fail why = {0};

	(void)state;
	database_of(2);
	assert_int_equal(store_open(&store, url, false, 2, 0, &why), 0);
	assert_int_equal(upgrades(), 1);
	assert_int_equal(chain_rows(store), 6);
	assert_int_equal(number_of("SELECT count(*) FROM secret"), 1);
	assert_int_equal(store_outbox_page(store, &page, 0, T0, &why), 0);
	assert_int_equal(page.n, 2);
	assert_string_equal(page.item[0].device, "pump-1");
	assert_int_equal(page.item[0].goods, 1);
	assert_string_equal(page.item[1].device, "pump-3");
	assert_int_equal(page.item[1].kind, OUTBOX_REVOKED);
	assert_int_equal(page.item[1].goods, 0);
	assert_int_equal(page.item[1].newest.reason, REASON_SUPERSEDED);
	assert_int_equal(page.item[1].confirmed, 0);
	outbox_page_free(&page);
	store_free(store);
}

static char *
shape(const char *file)
{
	struct bytes all = {0};
	sqlite3 *db;
	sqlite3_stmt *st = NULL;

	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(db,
		"SELECT type || ' ' || name || ' ' || coalesce(sql, '')"
		" FROM sqlite_schema ORDER BY type, name",
		-1, &st, NULL),
	    SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW)
		bytes_addf(&all, "%s\n", sqlite3_column_text(st, 0));
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
	return (char *)all.data;
}

static void
grown_database_has_the_shape_of_a_new_one(void **state)
{
	char *grown, *fresh;

	store_free(store_made());
	fresh = shape(path);
	for (int version = 1; version < SQL_VERSION; version++) {
		assert_int_equal(folder_remove(state), 0);
		assert_int_equal(folder_make(state), 0);
		database_of(version);
		assert_int_equal(open_and_close(), 0);
		grown = shape(path);
		assert_string_equal(grown, fresh);
		free(grown);
	}
	free(fresh);
}

static void
many_that_upgrade_at_once_do_it_once(void **state)
{
	struct store *store;
	pid_t child[PROCESSES];
	int status;

	(void)state;
	old_database();
	for (unsigned i = 0; i < PROCESSES; i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] == 0)
			_exit(open_and_close());
	}
	for (unsigned i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	store = store_made();
	is_as_new(store);
	store_free(store);
}

/* Another process, of the old version, writes: the upgrade waits for it, and
 * what it wrote is there. */
static void
upgrade_waits_for_a_writer(void **state)
{
	const struct db_options o = {.connections = 2, .wait = 0.2};
	struct store *store;
	struct fail why = {0};
	sqlite3 *db;

	(void)state;
	old_database();
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL), 0);
	assert_int_equal(
	    sqlite3_exec(db, "BEGIN IMMEDIATE; UPDATE outbox SET confirmed = 7",
		NULL, NULL, NULL),
	    0);
	assert_int_equal(store_open_with(&store, url, &o, 0, &why), -1);
	assert_string_equal(why.reason, "db-busy");
	assert_int_equal(upgrades(), 0);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), 0);
	(void)sqlite3_close(db);
	assert_int_equal(open_and_close(), 0);
	assert_int_equal(upgrades(), 1);
	assert_int_equal(number_of("SELECT confirmed FROM outbox"), 7);
}

static void
upgrade_that_fails_leaves_the_old_version(void **state)
{
	struct store *store;
	struct fail why = {0};

	(void)state;
	old_database();
	/* In the way of the first statement but one. */
	(void)number_of("CREATE TABLE secret (x INTEGER)");
	assert_int_equal(store_open(&store, url, false, 2, 0, &why), -1);
	assert_string_equal(why.reason, "db-write");
	assert_int_equal(number_of("SELECT value FROM meta"), 1);
	assert_int_equal(number_of("SELECT count(*) FROM sqlite_schema WHERE"
				   " name = 'pending'"),
	    0);
}

/* 0: refused as it should be. */
static int
refused_as_unwritable(void)
{
	struct store *store;
	struct fail why = {0};

	if (store_open(&store, url, false, 2, 0, &why) != -1)
		return 1;
	return strcmp(why.text, "the database cannot be written") == 0 ? 0 : 2;
}

static void
database_that_cannot_be_written_is_not_upgraded(void **state)
{
	pid_t child;
	int status;

	(void)state;
	old_database();
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(chmod(path, 0444), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) /* root may write everything */
		_exit(geteuid() == 0 && setuid(65534) != 0
			  ? 3
			  : refused_as_unwritable());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(number_of("SELECT value FROM meta"), 1);
}

static void
newer_database_is_refused(void **state)
{
	struct store *store;
	struct fail why = {0};

	(void)state;
	old_database();
	(void)number_of("UPDATE meta SET value = '99' RETURNING 1");
	assert_int_equal(store_open(&store, url, true, 2, 0, &why), -1);
	assert_int_equal(why.kind, FAIL_CONFIG);
	assert_string_equal(why.reason, "db-schema");
	assert_non_null(strstr(why.text,
	    "has schema version 99, this program needs 8: a newer microca has "
	    "used it"));
	(void)number_of("UPDATE meta SET value = '2x' RETURNING 1");
	assert_int_equal(store_open(&store, url, true, 2, 0, &why), -1);
	assert_string_equal(why.reason, "db-schema");
	(void)number_of("DELETE FROM meta RETURNING 1");
	assert_int_equal(store_open(&store, url, true, 2, 0, &why), -1);
	assert_string_equal(why.reason, "db-schema");
}

#define ON_DISK(f)                                                             \
	cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    /* First: they fork. */
	    ON_DISK(many_that_upgrade_at_once_do_it_once),
	    ON_DISK(database_that_cannot_be_written_is_not_upgraded),
	    ON_DISK(old_database_grows_and_keeps_everything),
	    ON_DISK(grown_database_has_the_shape_of_a_new_one),
	    ON_DISK(what_was_to_be_told_still_is),
	    ON_DISK(upgrade_waits_for_a_writer),
	    ON_DISK(upgrade_that_fails_leaves_the_old_version),
	    ON_DISK(newer_database_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

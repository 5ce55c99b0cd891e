/*
 * Certificate rows for the store's tests: not certificates, but like them.
 *
 * MICROCA_TEST_STORE: the URL of a PostgreSQL database that the tests may empty;
 * without it they run on an SQLite file.  tests/op/pgsql-units.sh has one.
 */
#ifndef TESTS_RECORDS_H
#define TESTS_RECORDS_H

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/trail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h> /* last: its fail() is a macro */

#define T0 1767225600LL /* 2026-01-01 */
#define DAY 86400

static char folder[64], path[96], url[256];

static inline const char *
pgsql(void)
{
	return getenv("MICROCA_TEST_STORE");
}

static inline void
skipped(void **state)
{
	(void)state;
	skip();
}

/* What is about SQLite's files, by `names` up to NULL, is not run on another. */
static inline void
sqlite_alone(struct CMUnitTest *tests, size_t n, const char *const *names)
{
	for (size_t i = 0; i < n && pgsql() != NULL; i++)
		for (size_t k = 0; names[k] != NULL; k++)
			if (strcmp(tests[i].name, names[k]) == 0)
				tests[i].test_func = skipped;
}

/* By psql(1): its first line, or "". */
static inline void
pgsql_run(char out[64], const char *sql)
{
	char *command = str_fmt(
	    "psql -XAtq -v ON_ERROR_STOP=1 -d '%s' -c \"$SQL\"", pgsql());
	char rest[256];
	FILE *f;

	assert_int_equal(setenv("SQL", sql, 1), 0);
	out[0] = '\0';
	f = popen(command, "re");
	assert_non_null(f);
	if (fgets(out, 64, f) != NULL)
		out[strcspn(out, "\n")] = '\0';
	while (fgets(rest, sizeof(rest), f) != NULL)
		;
	if (pclose(f) != 0)
		fail_msg("psql: %s", sql);
	free(command);
}

/* The next store_made() makes a new one. */
static inline void
database_forget(void)
{
	char out[64];

	if (pgsql() == NULL)
		assert_int_equal(unlink(path), 0);
	else
		pgsql_run(out,
		    "SET client_min_messages = error;"
		    "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
		    /* What the tests' SQL takes from SQLite. */
		    "CREATE FUNCTION json_extract(text, text) RETURNS bigint"
		    " LANGUAGE sql AS"
		    " 'SELECT ($1::json ->> substr($2, 3))::bigint';"
		    "CREATE FUNCTION randomblob(int) RETURNS bytea LANGUAGE sql"
		    " AS 'SELECT sha256(random()::text::bytea)'");
}

static inline int
folder_make(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/store-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/test.db", folder);
	(void)snprintf(url, sizeof(url), "sqlite:%s", path);
	if (pgsql() != NULL) {
		(void)snprintf(url, sizeof(url), "%s", pgsql());
		database_forget();
	}
	return 0;
}

static inline int
folder_remove(void **state)
{
	static const char *const tail[] = {"", "-wal", "-shm", "-kept"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		char *name = str_fmt("%s%s", path, tail[i]);

		(void)unlink(name);
		free(name);
	}
	return rmdir(folder);
}

static inline void
digest(uint8_t out[SHA256_LEN], const char *what, const char *of)
{
	char *text = str_fmt("%s %s", what, of);

	sha256(out, span_str(text));
	free(text);
}

/* Certificate number `n` of `owner` for `subject`, key `key`. */
static inline void
record_make(struct record *r, unsigned n, const char *owner,
    const char *subject, const char *key)
{
	memset(r, 0, sizeof(*r));
	r->serial = str_fmt("%040X", n);
	r->issuer = str_dup("00112233445566778899aabbccddeeff00112233");
	r->subject = str_fmt("CN=%s", subject);
	r->san = str_fmt("DNS:%s.example", subject);
	bytes_addf(&r->der, "certificate %u of %s for %s", n, owner, subject);
	sha256(r->sha256, span_of(&r->der));
	r->profile = str_dup("device");
	r->endpoint = str_dup("device");
	r->operation = str_dup("simpleenroll");
	r->requester = str_fmt("own:%s", owner);
	r->owner = str_dup(owner);
	digest(r->spki_sha256, "key", key);
	digest(r->csr_sha256, r->subject, key);
	digest(r->subject_hash, "subject", subject);
	digest(r->request_key, r->serial, key);
	r->issued = r->not_before = T0;
	r->not_after = T0 + 90 * DAY;
}

static inline struct store_rules
rules_at(int64_t now)
{
	return (struct store_rules){
	    .now = now, .repeat_window = 3600, .clock_slack = 300};
}

static inline int
record_issue(struct store *store, struct bytes *repeat, const struct record *r,
    const struct store_rules *rules, struct fail *why)
{
	char sha[2 * SHA256_LEN + 1];
	struct audit entry = {.event = "issue",
	    .operation = r->operation,
	    .endpoint = r->endpoint,
	    .profile = r->profile,
	    .requester = r->requester,
	    .subject = r->subject,
	    .serial = r->serial,
	    .cert_sha256 = sha,
	    .status = 200};

	hex_write(sha, (struct span){r->sha256, SHA256_LEN}, false);
	return store_issue(store, repeat, r, rules, &entry, why);
}

static inline struct store *
store_made(void)
{
	struct store *store;
	struct fail why = {0};

	if (store_open(&store, url, true, 4, 0, &why) != 0)
		fail_msg("%s (%s)", why.text, why.cause);
	return store;
}

struct chain {
	int64_t rows;
	uint8_t hash[SHA256_LEN];
	bool broken;
	struct bytes last; /* the last record */
};

static inline int
chain_link(const struct trail_row *row, void *arg)
{
	struct chain *c = arg;
	uint8_t want[SHA256_LEN];

	audit_hash(want, c->hash, row->record);
	if (row->lane != 0 || row->seq != ++c->rows ||
	    memcmp(want, row->hash, SHA256_LEN) != 0)
		c->broken = true;
	memcpy(c->hash, row->hash, SHA256_LEN);
	c->last.len = 0;
	bytes_adds(&c->last, row->record);
	return 0;
}

/* Rows of an unbroken chain; -1: broken or unreadable. */
static inline int64_t
chain_rows(struct store *store)
{
	struct chain c = {0};
	struct fail why = {0};
	int rc = store_trail(store, 0, 0, chain_link, &c, &why);

	bytes_free(&c.last);
	return rc == 0 && !c.broken ? c.rows : -1;
}

/* One number by SQL on a connection of its own. */
static inline int64_t
number_of(const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *st = NULL;
	int64_t n = -1;
	char out[64];

	if (pgsql() != NULL) {
		pgsql_run(out, sql);
		return out[0] == 't' ? 1 : strtoll(out, NULL, 10);
	}
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) ==
		SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
	return n;
}

#endif

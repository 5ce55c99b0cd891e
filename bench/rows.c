#include "bench/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/store/rows.h"
#include "tests/tools/bulk.h"

#define DER_LEN 600

static unsigned serials; /* atomic */

static void
die(const char *what, const struct fail *why)
{
	(void)fprintf(stderr, "%s: %s (%s)\n", what, why->text, why->cause);
	exit(1);
}

static void
random_fill(uint8_t *p, size_t len, unsigned *seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(rand_r(seed) >> 7);
}

void
rows_make(struct record *r, unsigned *seed)
{
	unsigned n = __atomic_add_fetch(&serials, 1, __ATOMIC_RELAXED);
	uint8_t tail[14];
	char hex[29];

	memset(r, 0, sizeof(*r));
	random_fill(tail, sizeof(tail), seed);
	hex_write(hex, (struct span){tail, sizeof(tail)}, true);
	r->serial = str_fmt("3F%010X%s", n, hex);
	r->issuer = str_dup("0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c");
	r->subject = str_fmt("CN=pump-%u,O=Example Works", n);
	r->san = str_fmt("DNS:pump-%u.example.com", n);
	r->profile = str_dup("device");
	r->endpoint = str_dup("device");
	r->operation = str_dup("simpleenroll");
	r->requester = str_fmt("own:CN=pump-%u,O=Example Works", n);
	r->owner = str_fmt("own:pump-%u", n);
	r->device = str_fmt("pump-%u", n);
	for (size_t i = 0; i < DER_LEN; i += sizeof(tail))
		bytes_add(&r->der, tail, sizeof(tail));
	random_fill(r->sha256, SHA256_LEN, seed);
	random_fill(r->csr_sha256, SHA256_LEN, seed);
	random_fill(r->spki_sha256, SHA256_LEN, seed);
	random_fill(r->subject_hash, SHA256_LEN, seed);
	random_fill(r->request_key, SHA256_LEN, seed);
	r->issued = r->not_before = when_now();
	r->not_after = r->issued + 90 * 86400;
}

void
rows_issue(struct store *store, const struct record *r, const uint8_t *renews)
{
	static const char hex[] = "00112233445566778899aabbccddeeff"
				  "00112233445566778899aabbccddeeff";
	struct store_rules rules = {.now = when_now(),
	    .repeat_window = 3600,
	    .clock_slack = 300,
	    .max_live = renews == NULL ? 3 : 0,
	    .renews = renews};
	struct audit entry = {.event = "issue",
	    .request = "01JD3ZW9X6Q8RS",
	    .operation = r->operation,
	    .endpoint = r->endpoint,
	    .profile = r->profile,
	    .peer = "192.0.2.17",
	    .requester = r->requester,
	    .client_sha256 = hex,
	    .csr_sha256 = hex,
	    .spki_sha256 = hex,
	    .subject = r->subject,
	    .serial = r->serial,
	    .cert_sha256 = hex,
	    .status = 200};
	struct bytes repeat = {0};
	struct fail why = {0};

	if (store_issue(store, &repeat, r, &rules, &entry, &why) != 0)
		die("store_issue", &why);
	bytes_free(&repeat);
}

/* hash(KIND, NUMBER): what rows_hash() gives, and its head as a number. */
static void
hash_function(sqlite3_context *ctx, int n, sqlite3_value **v)
{
	uint8_t hash[SHA256_LEN];

	(void)n;
	rows_hash(hash, (const char *)sqlite3_value_text(v[0]),
	    (unsigned)sqlite3_value_int64(v[1]));
	if (sqlite3_user_data(ctx) != NULL)
		sqlite3_result_int64(ctx, hash_head(hash));
	else
		sqlite3_result_blob(ctx, hash, sizeof(hash), SQLITE_TRANSIENT);
}

void
rows_hash(uint8_t hash[SHA256_LEN], const char *kind, unsigned number)
{
	char text[40];

	(void)snprintf(text, sizeof(text), "%s %u", kind, number);
	sha256(hash, span_str(text));
}

static sqlite3 *
fill_open(const char *path)
{
	const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
	static int head;
	sqlite3 *db = bulk_open(path);

	if (sqlite3_create_function(
		db, "hash", 2, flags, NULL, hash_function, NULL, NULL) != 0 ||
	    sqlite3_create_function(
		db, "head", 2, flags, &head, hash_function, NULL, NULL) != 0)
		exit(1);
	bulk_do(db, "PRAGMA journal_mode=OFF");
	return db;
}

/* $n: numbers; the columns that follow from them. */
#define NUMBERS                                                                \
	"WITH RECURSIVE n(i) AS (SELECT %u"                                    \
	" UNION ALL SELECT i + 1 FROM n WHERE i < %u)"

static void
certificates_fill(sqlite3 *db, unsigned from, unsigned to, unsigned revoked)
{
	long long now = (long long)when_now();
	char *text = str_fmt(NUMBERS
	    " INSERT INTO certificate (id, status, reason, revoked,"
	    " compromised, issued, not_before, not_after, sha256_head,"
	    " spki_head, subject_head, request_head, sha256, spki_sha256,"
	    " subject_hash, request_key, csr_sha256, owner, device, serial,"
	    " issuer, subject, san, profile, endpoint, operation, requester,"
	    " der)"
	    " SELECT i, i <= %u, 5 * (i <= %u), (i <= %u) * %lld, 0, %lld,"
	    " %lld, %lld + i %% 86400, head('sha', i), head('spki', i),"
	    " head('subject', i), head('request', i), hash('sha', i),"
	    " hash('spki', i), hash('subject', i), hash('request', i),"
	    " hash('csr', i), 'own:filled-' || i, 'filled-' || i,"
	    " '3E' || printf('%%010X', i) || hex(substr(hash('sha', i), 1, "
	    "14)),"
	    " '" ROWS_ISSUER "', 'CN=filled-' || i || ',O=Example Works',"
	    " 'DNS:filled-' || i || '.example.com', 'device', 'device',"
	    " 'simpleenroll', 'own:CN=filled-' || i || ',O=Example Works',"
	    " randomblob(%d) FROM n",
	    from + 1, to, revoked, revoked, revoked, now, now, now,
	    now + 90 * 86400, DER_LEN);

	bulk_do(db, text);
	free(text);
}

void
rows_serial(char serial[ROWS_SERIAL], unsigned number)
{
	uint8_t hash[SHA256_LEN];

	rows_hash(hash, "sha", number);
	(void)snprintf(serial, ROWS_SERIAL, "3E%010X", number);
	hex_write(serial + strlen(serial), (struct span){hash, 14}, true);
}

static void
filled(sqlite3 *db, unsigned from, unsigned to, unsigned revoked)
{
	char *text;

	certificates_fill(db, from, to, revoked);
	text = str_fmt(NUMBERS
	    " INSERT INTO audit (seq, time, event, hash, record)"
	    " SELECT i + (SELECT coalesce(max(seq), 0) FROM audit) - %u, i, "
	    "'issue',"
	    " randomblob(32), hex(randomblob(400)) FROM n;" NUMBERS
	    " INSERT INTO outbox (seq, device, kind, certificate, sha256,"
	    " created, confirmed) SELECT i, 'filled-' || i, 'enrolled', i,"
	    " randomblob(32), i, 1 FROM n",
	    from + 1, to, from, from + 1, to);
	bulk_do(db, text);
	free(text);
}

void
rows_fill(const char *path, unsigned from, unsigned to, unsigned revoked)
{
	const unsigned late = (to - from) / BULK_LATE;
	sqlite3 *db = fill_open(path);
	struct bytes sql = {0};

	bulk_do(db, "BEGIN");
	bulk_drop(db, &sql);
	filled(db, from, to - late, revoked);
	bulk_do(db, (const char *)sql.data);
	filled(db, to - late, to, revoked);
	bulk_do(db, "COMMIT; PRAGMA journal_mode=WAL");
	(void)sqlite3_close(db);
	bytes_free(&sql);
}

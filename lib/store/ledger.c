#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/rows.h"

/* Sums written along with one row; the rest waits for the next. */
#define SUMS 8

static int
entry_add(struct conn *c, const struct audit *entry, struct fail *why)
{
	int64_t now_us = when_now_us();
	char *text = audit_text(entry, now_us);
	int rc = audit_add(c, entry, text, now_us, why);

	free(text);
	return rc;
}

static int
sum_add(struct conn *c, const struct refusal_sum *sum, struct fail *why)
{
	struct audit entry = {.event = "refuse",
	    .reason = sum->reason,
	    .peer = sum->network,
	    .text = "refusals that were counted, not recorded one by one",
	    .count = sum->count};

	return entry_add(c, &entry, why);
}

/* `entry` may be NULL. */
static int
ledger_write(struct store *store, const struct audit *entry,
    const struct refusal_sum *sums, size_t n, bool durable, struct fail *why)
{
	struct conn *c;
	int rc = 0;

	if (db_begin(&c, store->db, DB_WRITE, why) != 0)
		return -1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = sum_add(c, &sums[i], why);
	if (rc == 0 && entry != NULL)
		rc = entry_add(c, entry, why);
	if (rc == 0)
		return db_commit(c, durable, why);
	db_rollback(c);
	return -1;
}

static size_t
sums_take(
    struct refusal_sum sums[SUMS], struct store *store, int64_t now, bool all)
{
	size_t n = 0;

	while (n < SUMS && refusals_take(store->refusals, &sums[n], now, all))
		n++;
	return n;
}

static void
sums_give_back(struct store *store, const struct refusal_sum *sums, size_t n)
{
	for (size_t i = 0; i < n; i++)
		refusals_give_back(store->refusals, &sums[i]);
}

int
store_audit(struct store *store, const struct audit *entry, bool durable,
    struct fail *why)
{
	struct refusal_sum sums[SUMS];
	int64_t now = when_now();
	bool scarce = store_space(store) < store->reserve, own;
	size_t n = 0;

	if (scarce && strcmp(entry->event, "refuse") == 0) {
		refusals_drop(store->refusals, entry->reason);
		return 0;
	}
	/* Before this one is counted: it may open the next minute. */
	if (!scarce)
		n = sums_take(sums, store, now, false);
	own = !entry->unknown || refusals_admit(store->refusals, entry, now);
	if (!own && n == 0)
		return 0;
	if (ledger_write(store, own ? entry : NULL, sums, n, durable, why) == 0)
		return 0;
	sums_give_back(store, sums, n);
	return -1;
}

void
ledger_flush(struct store *store)
{
	struct refusal_sum sums[SUMS];
	struct fail why = {0};
	size_t n;

	while ((n = sums_take(sums, store, 0, true)) > 0)
		if (ledger_write(store, NULL, sums, n, true, &why) != 0)
			return;
}

/* One page of the chain: copied, for `each` may use the store. */
#define PAGE 256
struct link {
	int64_t lane, seq;
	char *record;
	uint8_t hash[SHA256_LEN];
};

static int
page_read(struct link *page, size_t *n, struct store *store, int64_t after,
    struct fail *why)
{
	const enum sql q = SQL_AUDIT_LIST;
	struct conn *c;
	bool row;
	int rc;

	*n = 0;
	if (db_begin(&c, store->db, DB_SCAN, why) != 0)
		return -1;
	rc = db_query(c, q, &row,
	    VALUES(value_number(LANE), value_number(after), value_number(PAGE)),
	    why);
	for (; rc == 0 && row && *n < PAGE; rc = db_step(c, q, &row, why)) {
		struct link *l = &page[(*n)++];
		struct span hash = db_octets(c, q, 3);

		l->lane = db_number(c, q, 0);
		l->seq = db_number(c, q, 1);
		l->record = str_dup(db_text(c, q, 2));
		memset(l->hash, 0, SHA256_LEN);
		if (hash.len == SHA256_LEN)
			memcpy(l->hash, hash.data, SHA256_LEN);
	}
	db_rollback(c);
	return rc == 0 && *n > 0 ? db_sync(store->db, why) : rc;
}

int
store_audit_list(struct store *store,
    int (*each)(int64_t lane, int64_t seq, const char *record,
	const uint8_t hash[SHA256_LEN], void *arg),
    void *arg, struct fail *why)
{
	struct link *page = mem_new(PAGE * sizeof(*page));
	int64_t after = 0;
	size_t n;
	bool stop = false;
	int rc;

	do {
		rc = page_read(page, &n, store, after, why);
		for (size_t i = 0; i < n; i++) {
			after = page[i].seq;
			if (rc == 0 && !stop)
				stop =
				    each(page[i].lane, page[i].seq,
					page[i].record, page[i].hash, arg) != 0;
			free(page[i].record);
		}
	} while (rc == 0 && n == PAGE && !stop);
	free(page);
	return rc;
}

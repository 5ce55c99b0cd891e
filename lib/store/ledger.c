#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/store/internal.h"
#include "lib/store/rows.h"

/* Sums written along with one row; the rest waits for the next. */
#define SUMS 8

static int
sum_add(struct conn *c, const struct refusal_sum *sum, struct fail *why)
{
	struct audit entry = {.event = "refuse",
	    .reason = sum->reason,
	    .peer = sum->network,
	    .text = "refusals that were counted, not recorded one by one",
	    .count = sum->count};

	return audit_say(c, &entry, why);
}

struct page {
	const struct audit *entry; /* NULL: none */
	const struct refusal_sum *sums;
	size_t n;
};

static int
page_write(struct conn *c, void *arg, bool *keep, struct fail *why)
{
	const struct page *p = arg;
	int rc = 0;

	(void)keep;
	for (size_t i = 0; i < p->n && rc == 0; i++)
		rc = sum_add(c, &p->sums[i], why);
	if (rc == 0 && p->entry != NULL)
		rc = audit_say(c, p->entry, why);
	return rc;
}

static int
ledger_write(struct store *store, const struct audit *entry,
    const struct refusal_sum *sums, size_t n, bool durable, struct fail *why)
{
	struct page p = {entry, sums, n};

	return db_write(store->db, durable, page_write, &p, why);
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

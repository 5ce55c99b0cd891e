#include "lib/store/rows.h"

static const char *const kind_words[] = {
    [OUTBOX_ENROLLED] = "enrolled",
    [OUTBOX_RENEWED] = "renewed",
    [OUTBOX_REVOKED] = "revoked",
};

/* Never below the clock: a database restored from a backup does not give out
 * a second time the numbers that it forgot. */
static int
seq_next(int64_t *seq, struct conn *c, int64_t now_us, struct fail *why)
{
	bool row;

	*seq = now_us;
	if (db_query(c, SQL_OUTBOX_LAST, &row, NULL, 0, why) != 0)
		return -1;
	if (row && db_number(c, SQL_OUTBOX_LAST, 0) >= now_us)
		*seq = db_number(c, SQL_OUTBOX_LAST, 0) + 1;
	return 0;
}

int
outbox_add(struct conn *c, enum outbox_kind kind, const struct record *r,
    int64_t id, int64_t now_us, struct fail *why)
{
	int64_t seq;
	bool row;

	if (seq_next(&seq, c, now_us, why) != 0)
		return -1;
	return db_query(c, SQL_OUTBOX_INSERT, &row,
	    VALUES(value_number(seq), value_text(r->device),
		value_text(kind_words[kind]), value_number(id),
		value_octets(r->sha256, SHA256_LEN),
		value_number(now_us / 1000000)),
	    why);
}

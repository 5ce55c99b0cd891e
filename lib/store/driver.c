#include "lib/store/driver.h"

#include <string.h>
#include <time.h>

#include "lib/base/meter.h"
#include "lib/base/when.h"

/* Counted where it happens: -1, or what `rc` is. */
static int
metered(int rc, const struct fail *why)
{
	if (rc != 0 && strcmp(why->reason, DB_AGAIN) != 0)
		meter_count(METER_STORE_ERROR, why->reason, NULL);
	return rc;
}

struct value
value_number(int64_t v)
{
	return (struct value){.type = VALUE_NUMBER, .number = v};
}

struct value
value_text(const char *s)
{
	struct value v = {.type = VALUE_NULL};

	if (s != NULL) {
		v.type = VALUE_TEXT;
		v.octets = span_str(s);
	}
	return v;
}

struct value
value_octets(const void *p, size_t len)
{
	return (struct value){.type = VALUE_OCTETS, .octets = {p, len}};
}

int
db_begin(struct conn **c, struct db *db, enum db_use use, struct fail *why)
{
	return metered(db->driver->begin(c, db, use, why), why);
}

int
db_commit(struct conn *c, bool durable, struct fail *why)
{
	double begun = when_clock();
	int rc = metered(c->driver->commit(c, durable, why), why);

	if (rc == 0 && durable)
		meter_time(METER_COMMIT, when_clock() - begun);
	return rc;
}

void
db_rollback(struct conn *c)
{
	c->driver->rollback(c);
}

/* Half a ms, then up to 50: never in step with others. */
static void
stand_back(unsigned tries)
{
	unsigned most = tries < 6 ? 500U << tries : 30000U;
	unsigned us = most / 2 + (unsigned)(when_now_us() % most);
	struct timespec nap = {0, (long)us * 1000};

	(void)nanosleep(&nap, NULL);
}

static int
write_once(
    struct db *db, bool durable, db_work *work, void *arg, struct fail *why)
{
	bool keep = true;
	struct conn *c;

	if (db_begin(&c, db, DB_WRITE, why) != 0)
		return -1;
	if (work(c, arg, &keep, why) != 0) {
		db_rollback(c);
		return -1;
	}
	if (keep)
		return db_commit(c, durable, why);
	db_rollback(c);
	/* It may have read what another committed and is still to sync. */
	return db_sync(db, why);
}

int
db_write(
    struct db *db, bool durable, db_work *work, void *arg, struct fail *why)
{
	double until = when_clock() + DB_WAIT;
	unsigned tries = 0;

	for (;;) {
		if (write_once(db, durable, work, arg, why) == 0)
			return 0;
		if (strcmp(why->reason, DB_AGAIN) != 0)
			return -1;
		if (when_clock() >= until)
			return fail(
			    why, FAIL_BUSY, "db-busy", "the database is busy");
		stand_back(tries++);
	}
}

int
db_sync(struct db *db, struct fail *why)
{
	return metered(db->driver->sync(db, why), why);
}

int
db_step(struct conn *c, enum sql id, bool *row, struct fail *why)
{
	return metered(c->driver->step(c, id, row, why), why);
}

int
db_query(struct conn *c, enum sql id, bool *row, const struct value *values,
    size_t n, struct fail *why)
{
	c->driver->bind(c, id, values, n);
	return db_step(c, id, row, why);
}

int
db_count(int64_t *out, struct conn *c, enum sql id, const struct value *values,
    size_t n, struct fail *why)
{
	bool row;

	*out = 0;
	if (db_query(c, id, &row, values, n, why) != 0)
		return -1;
	if (row)
		*out = db_number(c, id, 0);
	return 0;
}

int
db_rows(struct db *db, enum db_use use, enum sql id, const struct value *values,
    size_t n, db_row *row, void *arg, struct fail *why)
{
	struct conn *c;
	bool is;
	int rc;

	if (db_begin(&c, db, use, why) != 0)
		return -1;
	rc = db_query(c, id, &is, values, n, why);
	for (; rc == 0 && is; rc = db_step(c, id, &is, why))
		row(c, id, arg);
	db_rollback(c);
	return rc;
}

int64_t
db_number(struct conn *c, enum sql id, int column)
{
	return c->driver->number(c, id, column);
}

const char *
db_text(struct conn *c, enum sql id, int column)
{
	return c->driver->text(c, id, column);
}

struct span
db_octets(struct conn *c, enum sql id, int column)
{
	return c->driver->octets(c, id, column);
}

#include "lib/store/driver.h"

#include <string.h>

#include "lib/base/meter.h"
#include "lib/base/when.h"

/* Counted where it happens: -1, or what `rc` is. */
static int
metered(int rc, const struct fail *why)
{
	if (rc != 0)
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

#include "lib/key/book.h"

#include <math.h>
#include <string.h>

#define MAGIC "slots 1"
#define MEMORY 8.0 /* s: what is older counts less than 1/e */
#define TRUST 25.0 /* s ahead for each second measured */
#define AHEAD_MOST (TRUST * MEMORY)
#define EAGER 1.05 /* promised rate / measured rate */
#define FRESH 10.0 /* s: an older row is of a process that is idle */
#define PUBLISH_EVERY 1.0

/* The token is short when half the places are taken: then it is measured. */
static bool
busy_enough(const struct gate *gate)
{
	unsigned half = gate->most / 2;

	return gate->inside >= (half > 0 ? half : 1);
}

bool
gate_enter(struct gate *gate, double now)
{
	if (gate->inside >= gate->most) {
		gate->refused = now;
		return false;
	}
	gate->inside++;
	if (gate->since == 0 && busy_enough(gate))
		gate->since = now;
	return true;
}

bool
gate_leave(struct gate *gate, double now, bool signed_one)
{
	gate->inside--;
	if (signed_one && gate->since != 0) {
		double took = now - gate->since, keep = exp(-took / MEMORY);

		gate->done = gate->done * keep + 1;
		gate->busy = gate->busy * keep + took;
		gate->since = now;
	}
	if (!busy_enough(gate))
		gate->since = 0;
	return gate->done > 0 && gate->refused != 0 &&
	       now - gate->refused < FRESH &&
	       now - gate->published >= PUBLISH_EVERY;
}

void
book_check(struct book *book)
{
	if (memcmp(book->magic, MAGIC, sizeof(book->magic)) == 0)
		return;
	memset(book, 0, sizeof(*book));
	memcpy(book->magic, MAGIC, sizeof(book->magic));
}

/* Its own row, else the one that was not told for longest. */
static struct book_row *
row_of(struct book *book, int64_t pid)
{
	struct book_row *oldest = &book->row[0];
	int i;

	for (i = 0; i < BOOK_ROWS; i++) {
		if (book->row[i].pid == pid)
			return &book->row[i];
		if (book->row[i].updated < oldest->updated)
			oldest = &book->row[i];
	}
	return oldest;
}

void
book_publish(
    struct book *book, const struct gate *gate, int64_t pid, double now)
{
	struct book_row *row = row_of(book, pid);
	double running = gate->since != 0 ? now - gate->since : 0;
	/* A signature that takes longer than usual slows the rate at once. */
	double late = gate->done > 0 ? running - gate->busy / gate->done : 0;

	row->pid = pid;
	row->rate = gate->done > 0 && gate->busy > 0
	                ? gate->done / (gate->busy + (late > 0 ? late : 0))
	                : 0;
	row->measured = fmin(gate->busy + running, MEMORY);
	row->updated = now;
}

int
book_reserve(struct book *book, double now, double chance)
{
	double rate = 0, measured = 0, ahead, slot, wait;
	int i;

	for (i = 0; i < BOOK_ROWS; i++) {
		const struct book_row *row = &book->row[i];

		/* A clock that began anew with a reboot: another life. */
		if (!(row->updated <= now && now - row->updated < FRESH))
			continue;
		if (row->rate > 0)
			rate += row->rate;
		measured = fmax(measured, row->measured);
	}
	ahead = fmin(fmax(1, TRUST * measured), AHEAD_MOST);
	if (!(book->next_free >= now && book->next_free <= now + AHEAD_MOST))
		book->next_free = now;
	slot = rate > 0 ? book->next_free + 1 / (rate * EAGER) : INFINITY;
	if (slot <= now + ahead) {
		book->next_free = slot;
		wait = slot - now;
	} else {
		wait = ahead * (0.5 + 0.5 * chance);
	}
	return wait < 1 ? 1 : (int)ceil(wait);
}

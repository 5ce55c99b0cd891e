/*
 * book - how fast the token signs, and who was told to come back when.  Pure.
 *
 * A gate is one process's: how many are inside, and how many signatures it got
 * in the seconds when plenty were waiting, the last eight seconds or so
 * counting most.  The book is shared: each gate's rate, and the next free slot.
 *
 * A refused device is promised the next slot, at a rate 5 % above what was
 * measured: who comes too early finds the queue full and gets a slot at the
 * end, while a token that nobody comes to would be lost time.  A rate measured
 * for T seconds is believed for 25 T seconds ahead, 200 s at most; who has no
 * place before that is told to ask again in the second half of that time, and
 * nothing is kept for it.  So a first guess that is wrong, and devices that
 * never come back, cost little.  A promise that is not kept passes with its
 * time: the next free slot is never in the past and moves one place for each
 * refusal.
 */
#ifndef MICROCA_BOOK_H
#define MICROCA_BOOK_H

#include <stdbool.h>
#include <stdint.h>

/* `now` is when_clock(), the same for all processes. */
struct gate {
	unsigned inside, most;
	double since;      /* measuring since; 0: too few are waiting */
	double done, busy; /* signatures in seconds, forgetting */
	double refused;    /* when somebody was, last */
	double published;  /* when the book was told, last */
};

#define BOOK_ROWS 16

struct book {
	char magic[8];
	double next_free;
	struct book_row {
		int64_t pid;
		double rate;     /* signatures a second; 0: none seen yet */
		double measured; /* for so many seconds */
		double updated;
	} row[BOOK_ROWS];
};

/* Admitted?  If not, publish and reserve. */
bool gate_enter(struct gate *gate, double now);
/* True when it is time to publish: once a second while devices are refused. */
bool gate_leave(struct gate *gate, double now, bool signed_one);

/* An empty book in place of one that is none. */
void book_check(struct book *book);
void book_publish(
    struct book *book, const struct gate *gate, int64_t pid, double now);
/* Retry-After, at least 1 s.  `chance`: random, 0 to 1. */
int book_reserve(struct book *book, double now, double chance);

#endif

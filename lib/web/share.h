/*
 * share - how much of the time may be spent on something.
 *
 * Credit grows with the clock, by so many per cent of it, up to what SHARE_SAVED
 * seconds bring; what was done is paid with the time that it took.
 */
#ifndef MICROCA_SHARE_H
#define MICROCA_SHARE_H

#include <stdbool.h>

#define SHARE_SAVED 2.0 /* s */

/* All zero is a full one. */
struct share {
	double last; /* when_clock() */
	double credit;
};

/* Is there credit at `clock`? */
bool share_left(struct share *share, int percent, double clock);
void share_pay(struct share *share, double seconds);

#endif

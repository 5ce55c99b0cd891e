/*
 * meter_sheet - the file of a meter.  Inner part of meter.
 */
#ifndef MICROCA_METER_SHEET_H
#define MICROCA_METER_SHEET_H

#include "lib/base/meter.h"

/* Another one for each layout. */
#define METER_MAGIC UINT64_C(0x316574656d616301)
#define METER_SLOTS 112

enum meter_slot_state { SLOT_FREE, SLOT_TAKEN, SLOT_READY };

/* Labels are written once, before SLOT_READY. */
struct meter_slot {
	uint32_t state, what;
	uint64_t count;
	char labels[METER_LABEL]; /* NUL after each, then NULs */
};

struct meter_sheet {
	uint64_t magic, size; /* the magic comes last: the rest is made */
	int64_t since;
	char program[32];
	struct meter_times time[METER_TIMES];
	uint64_t other[METER_EVENTS];
	struct meter_slot slot[METER_SLOTS];
};

/* One count, as it is now. */
uint64_t meter_value(const uint64_t *count);

#endif

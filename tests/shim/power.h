/*
 * power - what a process did to its files, for tests/tools/power.c to tell what
 * a disk would hold had the power been cut there.
 *
 * A journal of these records, each written at once: all processes' in one
 * order.  Behind the head: path, other, data.
 */
#ifndef TESTS_POWER_H
#define TESTS_POWER_H

#include <stdint.h>

#define POWER_MAGIC 0x52574f50u

enum power_op {
	POWER_WRITE = 'W',  /* data at `at` of `path`: it is in the cache */
	POWER_LENGTH = 'T', /* … is `at` octets long */
	POWER_BEGIN = 'B',  /* a sync number `at` of `path` begins, … */
	POWER_END = 'E',    /* … has ended: what was before its begin stays */
	POWER_WHOLE = 'S',  /* all of `path` is `data`; `at` 1: and synced */
	POWER_RENAME = 'R', /* `path` is called `other` */
	POWER_LINK = 'L',   /* … as well */
	POWER_UNLINK = 'U',
	POWER_FOLDER = 'D', /* a sync of this folder has ended */
	POWER_SAID = 'A',   /* `data` goes to a peer now */
	POWER_TOLD = 'X',   /* the test's word, in `data` */
};

struct power_head {
	uint32_t magic, op;
	uint64_t inode, at;
	uint32_t path_len, other_len, data_len, spare;
};

#endif

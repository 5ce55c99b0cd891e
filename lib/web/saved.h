/*
 * saved - answers that are given again, within a bound of memory; what was not
 * asked for longest goes first.  Not locked.
 */
#ifndef MICROCA_SAVED_H
#define MICROCA_SAVED_H

#include "lib/base/bytes.h"

struct saved;

/* What is known of an answer. */
struct saved_one {
	struct span octets;  /* borrowed until the next call */
	int64_t from, until; /* Unix s */
};

struct saved *saved_new(void);
void saved_free(struct saved *saved);
/* By what it says: false when there is none that holds at `now`. */
bool saved_find(struct saved *saved, struct saved_one *one,
    const uint8_t key[SHA256_LEN], int64_t now);
/* Copied, unless it alone is above `most` octets in all. */
void saved_add(struct saved *saved, const uint8_t key[SHA256_LEN],
    const struct saved_one *one, size_t most);

#endif

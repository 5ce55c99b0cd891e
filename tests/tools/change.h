/*
 * change - something is changed in octets that are DER, by chance that a number
 * decides: the same number, the same change.  What is around a changed element
 * is as long as it has to be then, so that its reader comes to see it.
 */
#ifndef MICROCA_TEST_CHANGE_H
#define MICROCA_TEST_CHANGE_H

#include "lib/base/bytes.h"

struct chance {
	uint64_t at;
};
uint64_t chance_any(struct chance *c);
size_t chance_below(struct chance *c, size_t n); /* n 0: 0 */

/* Off the front of `rest`; false: none of 64 KiB or less. */
bool change_element(
    struct span *rest, struct span *content, struct span *whole);
/* One to three elements of `der`; what is put there from elsewhere comes from
 * `n` donors, at least one. */
void change_elements(
    struct bytes *der, const struct span *donors, size_t n, struct chance *c);
/* Any octets, or the end is cut off. */
void change_octets(struct bytes *b, struct chance *c);

#endif

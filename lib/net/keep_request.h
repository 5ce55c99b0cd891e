/*
 * keep_request - the key and the request of the generation that waits.
 *
 * Both are made once and used until the request is answered, over restarts: a
 * repeat finds its approval and its lost answer by the same octets.  A key in
 * a token gets an object of its own per generation; its URI is on the disk
 * before it is made, so that a cut leaves nothing without a name.
 */
#ifndef MICROCA_KEEP_REQUEST_H
#define MICROCA_KEEP_REQUEST_H

#include "lib/net/keep.h"

/*
 * The request of generation *n (0: a new one is begun).  `pair` is the one in
 * use or NULL; `renews` says that this is its renewal.  `source` gives wishes
 * for a new request, NULL: none.  Fails as key_generate(), key_ready(),
 * keep_shape_make(), source->attributes(); FAIL_BROKEN "file".
 */
MUST_CHECK int keep_request_make(struct bytes *der, unsigned *n,
    const struct keep_plan *plan, const struct keep_pair *pair, bool renews,
    const struct keep_source *source, struct fail *why);
/* When the request of generation `n` was made; 0: unknown. */
int64_t keep_request_since(const struct keep_plan *plan, unsigned n);
/* The request was answered: the next one is made anew, with the same key. */
void keep_request_answered(const struct keep_plan *plan, unsigned n);

#endif

/*
 * effective - the whole configuration as one text: both files, defaults
 * included, as `microca check --config` prints it.
 */
#ifndef MICROCA_EFFECTIVE_H
#define MICROCA_EFFECTIVE_H

#include "lib/ca/settings.h"

void effective_write(struct bytes *out, const struct settings *settings);
/* SHA-256 of that text, lower hex. */
void effective_sha256(
    char out[2 * SHA256_LEN + 1], const struct settings *settings);

#endif

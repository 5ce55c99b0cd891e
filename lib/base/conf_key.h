/*
 * conf_key - what the tables of keywords say, in words: for refusals.
 */
#ifndef MICROCA_CONF_KEY_H
#define MICROCA_CONF_KEY_H

#include "lib/base/conf.h"

/* One number as a value of that type is written: 5, "90d", "64k". */
void conf_value_write(struct bytes *out, enum conf_type type, int64_t n);
/* "a whole number, 1 to 65535" */
void conf_key_allowed(struct bytes *out, const struct conf_key *key);
/* The key most like `name`, or NULL when none is. */
const char *conf_table_nearest(
    const struct conf_table *table, const char *name);

#endif

/*
 * rows - certificates, requests and counts as JSON and CSV.  Pure.
 *
 * JSON is snake_case, times RFC 3339; CSV is RFC 4180 with a header, and a
 * cell that a spreadsheet would take for a formula gets a leading '.
 */
#ifndef MICROCA_PAGE_ROWS_H
#define MICROCA_PAGE_ROWS_H

#include "lib/base/json.h"
#include "lib/store/browse.h"
#include "lib/store/census.h"
#include "lib/store/pending.h"

struct json *row_json(const struct record *r, int64_t now);
struct json *row_pending(const struct pending *p);
struct json *row_census(const struct census *census);

void row_csv_head(struct bytes *out);
void row_csv(struct bytes *out, const struct record *r, int64_t now);

#endif

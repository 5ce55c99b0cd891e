/*
 * frame - what every page of the inventory has around it, and its parts that
 * come more than once.  Inner part of render.
 */
#ifndef MICROCA_FRAME_H
#define MICROCA_FRAME_H

#include "lib/page/html.h"
#include "lib/page/views.h"

enum frame_place { FRAME_HOME, FRAME_LIST, FRAME_PENDING, FRAME_ELSEWHERE };

/* From the doctype to <main>, with the heading and what was just done. */
void frame_begin(struct bytes *out, const struct view *view,
    enum frame_place place, const char *title);
void frame_end(struct bytes *out, const struct view *view);

/* What is wrong with what was sent; NULL: nothing is written. */
void frame_trouble(struct bytes *out, const char *trouble);
/* A row of a list of terms; no row when `text` is NULL or "". */
void frame_term(struct bytes *out, const char *name, const char *text);
/* Rows as well: a time, with how far it is off (0: no row), a hash, a key's
 * kind (NULL: no row). */
void frame_time(struct bytes *out, const char *name, int64_t when, int64_t now);
void frame_sha256(
    struct bytes *out, const char *name, const uint8_t sha[SHA256_LEN]);
void frame_key(struct bytes *out, const EVP_PKEY *key);
/* A certificate's subject, leading to its page, and its alternative names. */
void frame_link(struct bytes *out, const struct record *r);
/* "good", … as a word that the style has a colour and a sign for. */
void frame_state(struct bytes *out, enum browse_state state);

/* Bars of a chart: one for each of `n`, from `begin` on, `step` seconds each.
 * With the highest in words and a table of the same figures, for who does not
 * see or want the bars. */
struct chart {
	const char *id; /* of HTML: a letter, then letters and digits */
	const char *title, *column;
	const char *unit; /* "on", "in the week from": before a day */
	const char *none; /* said when all are 0 */
	int64_t begin, step;
	const int64_t *count;
	size_t n;
};
void chart_bars(struct bytes *out, const struct chart *chart);
/* How much of a time, or of anything, is used: 0 to 1, on one line. */
void chart_share(struct bytes *out, const char *label, double share);

#endif

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
/* "good", … as a word that the style has a colour and a sign for. */
void frame_state(struct bytes *out, enum browse_state state);

/* Bars of a chart: one for each of `n`, from `begin` on, `step` seconds each.
 * With a table of the same figures, for who does not see or want the bars. */
struct chart {
	const char *id; /* of HTML: a letter, then letters and digits */
	const char *title, *column;
	int64_t begin, step;
	const int64_t *count;
	size_t n;
};
void chart_bars(struct bytes *out, const struct chart *chart);
/* How much of a time, or of anything, is used: 0 to 1, on one line. */
void chart_share(struct bytes *out, const char *label, double share);

#endif

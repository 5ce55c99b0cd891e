/*
 * html - HTML5 whose texts are always escaped.
 *
 * The format is markup of ours; what goes in by %s is anybody's: & < > " ' are
 * escaped, so it is fit for element content and for attributes in quotes,
 * and octets that are no UTF-8, controls and what turns the direction of
 * writing are shown as U+FFFD.  Pure.
 */
#ifndef MICROCA_HTML_H
#define MICROCA_HTML_H

#include "lib/base/bytes.h"

/* Verbs: %s (NULL: nothing), %d, %lld, %zu, %%; no flags, widths. */
void html_addf(struct bytes *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
void html_text(struct bytes *out, const char *text);

/* <time>, to the second or to the day, UTC; 0: a dash. */
void html_time(struct bytes *out, int64_t when);
void html_day(struct bytes *out, int64_t when);
/* "in 3 days", "5 hours ago". */
void html_ago(struct bytes *out, int64_t when, int64_t now);
/* "1 234 567", with narrow spaces that do not break. */
void html_count(struct bytes *out, int64_t n);
/* "1.4 GiB". */
void html_size(struct bytes *out, int64_t octets);

#endif

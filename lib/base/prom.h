/*
 * prom - Prometheus' text exposition format, version 0.0.4.  Pure.
 *
 * A family is its head and then its values, in one piece; no two values of one
 * family have the same labels.  Names are the caller's to get right, labels'
 * values are any text.
 */
#ifndef MICROCA_PROM_H
#define MICROCA_PROM_H

#include "lib/base/bytes.h"

#define PROM_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* `type`: "counter", "gauge" or "histogram".  `help` is one line. */
void prom_head(
    struct bytes *out, const char *name, const char *type, const char *help);
/* Names and values of labels by turns, then NULL; none: NULL.  One without a
 * value ("") is left out, as the format has it. */
void prom_value(struct bytes *out, const char *name, double value,
    const char *const *labels);
#define PROM_LABELS(...)                                                       \
	(const char *const[])                                                  \
	{                                                                      \
		__VA_ARGS__, NULL                                              \
	}

#endif

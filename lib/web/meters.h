/*
 * meters - what the programs counted, as Prometheus' text.
 *
 * Every RUN/metrics-PROGRAM is a program (meter.h).  Counters that only begin
 * to exist with their first event hide that event from rate(), so those that
 * are known beforehand are written from the start: certificates by endpoint,
 * and for reasons the one called "other".
 */
#ifndef MICROCA_METERS_H
#define MICROCA_METERS_H

#include "lib/ca/settings.h"

/* Files that cannot be read are left out. */
void meters_write(struct bytes *out, const struct settings *settings);

#endif

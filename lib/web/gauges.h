/*
 * gauges - how this CA stands, as Prometheus' text: health, ends of
 * certificates and lists, audit, uploads, disk, requests that wait.
 *
 * Costs the same however many certificates there are; what waits is counted
 * along an index of just that.  What the database does not tell, since it is not
 * well, is left out.
 */
#ifndef MICROCA_GAUGES_H
#define MICROCA_GAUGES_H

#include "lib/ca/ca.h"
#include "lib/web/findings.h"

/* `ca` with CA_STORE. */
void gauges_write(struct bytes *out, const struct ca *ca,
    const struct findings *findings, int64_t now);

#endif

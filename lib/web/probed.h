/*
 * probed - what reached a program, said to this machine's administrator.
 *
 * Instead of the operation, for a request with a good ticket (probe.h): JSON
 * with what the web server handed over.  Nothing is asked of token or store,
 * and nothing is recorded.  Without a good ticket the header means nothing.
 */
#ifndef MICROCA_PROBED_H
#define MICROCA_PROBED_H

#include "lib/ca/settings.h"
#include "lib/web/edge.h"

/* In this header's value, and in each spoofed one, for what is looked for in
 * the variables that no client may set. */
#define PROBED_MARK "MicroCA-Mark"

/* False: it was no probe, and nothing was done. */
bool probed(const char *program, const struct settings *s, struct edge *e);

#endif

/*
 * probe - a ticket by which a program knows that this machine's administrator
 * asks what reaches it (`microca check --url`).
 *
 * A file in the run folder whose name is the SHA-256 of the ticket, readable to
 * its owner alone; the ticket goes in the request's header MicroCA-Probe.  Who
 * cannot write to that folder as the programs' user has no ticket.  It is good
 * for PROBE_LIFE, and until the file goes.
 */
#ifndef MICROCA_PROBE_H
#define MICROCA_PROBE_H

#include "lib/base/bytes.h"

#define PROBE_HEADER "MicroCA-Probe"
#define PROBE_LIFE 120      /* s */
#define PROBE_TICKET_LEN 64 /* lower hex digits */

/* The ticket's file; the caller frees. */
char *probe_path(const char *run, const char *ticket);
/* A new ticket, and its file.  FAIL_BROKEN. */
MUST_CHECK int probe_begin(
    char ticket[PROBE_TICKET_LEN + 1], const char *run, struct fail *why);
void probe_end(const char *run, const char *ticket);
/* Is it one?  Whatever else it is, nobody is told why not. */
bool probe_good(const char *run, const char *ticket);

#endif

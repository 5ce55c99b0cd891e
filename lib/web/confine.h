/*
 * confine - a program that needs no token asks the kernel for little, and
 * from here on can ask for no more (seccomp, by libseccomp).
 *
 * What is left: to read files, to talk on descriptors that are open, to take
 * connections from the listening socket, memory that is never code, threads.
 * Not left: other programs, other processes, sockets of its own but Unix
 * datagrams (syslogd), and files to write, unless `may` says so.  What is refused fails with EPERM, is counted,
 * and is told to the log by confine_tell(); nothing is killed, for the C
 * library of tomorrow may ask for something new and do without.
 *
 * Built without libseccomp, or with AddressSanitizer: see confine().
 */
#ifndef MICROCA_CONFINE_H
#define MICROCA_CONFINE_H

#include "lib/base/fail.h"

enum confine_may {
	CONFINE_FILES = 1,   /* open files to write, remove them: a database */
	CONFINE_NETWORK = 2, /* sockets of its own, and names looked up: a
	                        database elsewhere, a hub */
};

/*
 * All threads of the process, for good; once.  `may`: enum confine_may bits.
 * With AddressSanitizer the same, and what LeakSanitizer needs, which traces
 * its own process.  Fails: FAIL_CONFIG "confine", when it was built without
 * libseccomp or the kernel has no filters.
 */
MUST_CHECK int confine(unsigned may, struct fail *why);

/* As a setting wants it: enum confine_when (settings.h).  Where there is none to
 * be had, CONFINE_IF_POSSIBLE logs that and goes on.  Fails as confine(). */
MUST_CHECK int confine_as(int when, unsigned may, struct fail *why);

/* Log what was refused since this was called last: once for each call. */
void confine_tell(void);

#endif

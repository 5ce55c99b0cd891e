/*
 * crew - the threads of a FastCGI program, and what its process is like.
 *
 * A stop finishes the requests in work and takes no other.
 */
#ifndef MICROCA_CREW_H
#define MICROCA_CREW_H

#include <signal.h>

#include "lib/web/fcgi.h"

struct crew;

struct crew_work {
	int threads;
	double wait; /* s, of every single read and write */
	/* Wait for a connection and answer it (fcgi_connect() to
	 * fcgi_finish()); may return without. */
	void (*next)(void *arg, struct edge *e);
	void *arg;
};

/* No set-user-ID, not as root.  FAIL_CONFIG "privilege". */
MUST_CHECK int crew_privilege(struct fail *why);
/* Many threads, little memory; files for nobody else. */
void crew_process(void);
/* What the main thread waits for: SIGTERM, SIGINT, SIGHUP; blocked in every
 * thread that starts from now on. */
void crew_signals(sigset_t *set);

/* Logs that it is ready.  `work` is copied.  FAIL_BROKEN "resource". */
MUST_CHECK int crew_start(
    struct crew **crew, const struct crew_work *work, struct fail *why);
bool crew_stopping(const struct crew *crew);
void crew_stop(struct crew *crew);

#endif

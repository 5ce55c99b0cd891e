/*
 * fcgi - FastCGI by libfcgi: the listening socket at descriptor 0, one
 * connection per worker thread.
 *
 * Connections are accepted here and handed to libfcgi, so that the peer's uid
 * is known and time limits stand before the first octet is read, and so that
 * a signal ends the wait for a connection but never a request.  Multiplexing
 * is not offered; FCGI_KEEP_CONN is honoured.
 */
#ifndef MICROCA_FCGI_H
#define MICROCA_FCGI_H

#include <signal.h>

#include "lib/base/fail.h"
#include "lib/web/edge.h"

/* The signal that ends a wait; blocked in every thread, see fcgi_connect(). */
#define FCGI_WAKE SIGUSR1

/* Does descriptor 0 listen?  If not, this is plain CGI. */
bool fcgi_listening(void);
/*
 * Before the first thread starts: FAIL_CONFIG "socket" unless descriptor 0 is
 * a Unix socket in the file system that others may not write to.
 */
MUST_CHECK int fcgi_start(struct fail *why);

/* One worker's; `wait` s is the limit of every single read and write. */
struct edge *fcgi_new(double wait);
void fcgi_free(struct edge *e);

/*
 * Wait for a connection, or for the next request on one that is kept.  False:
 * FCGI_WAKE came, or there is none after all; call again or stop.
 */
bool fcgi_connect(struct edge *e, uid_t *peer);
/* Read the request's environment; false: there was no request in it. */
bool fcgi_begin(struct edge *e);
/* The request is over; with `last` so is the connection. */
void fcgi_finish(struct edge *e, bool last);

#endif

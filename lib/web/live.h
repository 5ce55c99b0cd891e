/*
 * live - one reading of the configuration, as the requests in work share it.
 *
 * Requests hold the reading they began with; a newer one takes its place for
 * the next, and the old goes with its last request.
 */
#ifndef MICROCA_LIVE_H
#define MICROCA_LIVE_H

#include "lib/web/seen.h"
#include "lib/web/serve.h"
#include "lib/web/users.h"

struct live {
	struct ca *ca;
	struct bytes loaded;    /* what the operation's load() made … */
	struct fail loaded_why; /* … or why it did not */
	struct fail guard_why;  /* why its guard() lets nothing run: … */
	bool guarded;           /* … atomic: it does not */
	void *own;              /* what its open() made */
	void (*close)(void *own);
	struct users users; /* who may connect */
	struct seen *watch; /* files whose change asks for a new reading */
	unsigned refs;
};

/*
 * Read `conf`.  `old` (or NULL) lends key, store and slots.  With `sockets`
 * web_server_users are looked up too.  FAIL_CONFIG and what ca_open() says.
 */
MUST_CHECK int live_open(struct live **live, const struct operation *op,
    const char *conf, bool sockets, const struct live *old, struct fail *why);
struct live *live_hold(struct live *live);
void live_drop(struct live *live); /* NULL is fine */

/* Ask the operation's guard(); a change is logged.  One thread asks. */
void live_guard(struct live *live, const struct operation *op);
/* Does it let requests run? */
MUST_CHECK int live_guarded(struct live *live, struct fail *why);
bool live_admits(const struct live *live, uid_t peer);
/* Has a watched file changed since it was last asked?  One thread asks. */
bool live_stale(struct live *live);

#endif

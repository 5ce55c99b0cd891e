/*
 * desk - what a Cloud Connector works with: its edges, and lines to their hubs
 * that are kept with their tokens from one request to the next.
 *
 * One reading of the configuration, shared by the requests in work; a newer one
 * takes its place for the next, and the old goes with its last request.
 */
#ifndef MICROCA_DESK_H
#define MICROCA_DESK_H

#include "lib/cloud/edges.h"
#include "lib/cloud/hub.h"

struct desk {
	struct edges *edges;
	struct desk_line *idle; /* under desk_lock */
	unsigned refs;
};

/* The state folder has to be there, and ours.  FAIL_CONFIG. */
MUST_CHECK int desk_open(
    struct desk **desk, const char *conf, struct fail *why);
void desk_drop(struct desk *desk); /* NULL is fine */

/* A line to a hub, for one thread until it is given back. */
struct desk_line {
	struct hub *hub;
	struct hub_pace pace;
	const struct edge_hub *to;
	struct desk_line *next;
};
/* `deadline`, Unix s, of what is done with it.  As hub_open(). */
MUST_CHECK int desk_take(struct desk_line **line, struct desk *desk,
    const struct edge_hub *hub, int64_t deadline, struct fail *why);
void desk_give(struct desk *desk, struct desk_line *line); /* NULL is fine */

#endif

/*
 * events - an edge's certificate states brought to its hub: who may say what,
 * one at a time for a device, and what became of each.
 */
#ifndef MICROCA_EVENTS_H
#define MICROCA_EVENTS_H

#include "lib/cloud/contract.h"
#include "lib/cloud/edges.h"
#include "lib/cloud/hub.h"

struct events {
	const struct edge_rule *rule;
	struct hub *hub;
	const char *state;
	int64_t deadline; /* Unix s; what is not begun by then is deferred */
};

/*
 * Every item gets its result: nothing is for the whole but what `trouble` says
 * to the operator: why the hub is not written to any more in this request
 * (FAIL_NONE: it is).  A site that the rule names is written into the items.
 */
void events_apply(struct cloud_result *results, struct contract_batch *batch,
    const struct events *events, struct fail *trouble);

#endif

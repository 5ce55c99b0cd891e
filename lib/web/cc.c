#include "lib/web/cc.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/cloud/batches.h"
#include "lib/cloud/detached.h"
#include "lib/cloud/events.h"
#include "lib/cloud/headfile.h"
#include "lib/cloud/told.h"

/* What is said is of the edge whose certificate it is. */
static int
same_edge(const struct visit *v, const char *edge, struct fail *why)
{
	if (strcmp(v->edge->id, edge) == 0)
		return 0;
	return fail(why, FAIL_DENIED, "edge-mismatch",
	    "the certificate is not that edge's");
}

/* Our own standing with the hub is no fault of the edge's. */
static int
unavailable(struct fail *why)
{
	if (why->kind == FAIL_BUSY)
		return -1;
	fail_cause(why, "%s: %s", why->reason, why->text);
	fail(why, FAIL_BUSY, "hub-unavailable",
	    "the connector has no use of the hub now");
	return fail_retry(why, 300);
}

static int
batch_once(const struct desk *desk, const struct visit *v,
    const struct contract_batch *batch, struct fail *why)
{
	struct fail its = {0};

	if (batches_note(desk->edges->state, v->edge->id, batch->batch,
		span_of(&v->body), &its) == 0)
		return 0;
	if (its.kind == FAIL_CONFLICT) {
		*why = its;
		return -1;
	}
	log_fail("whether a batch's id is used twice is not seen", &its);
	return 0;
}

static void
batch_log(const struct visit *v, const struct contract_batch *batch,
    const struct cloud_result *results, const struct fail *trouble)
{
	unsigned n[CLOUD_UNKNOWN + 1] = {0};

	for (size_t i = 0; i < batch->n; i++)
		n[results[i].outcome]++;
	log_write(LOG_LEVEL_INFO,
	    "%s: %u applied, %u unchanged, %u superseded, %u deferred, "
	    "%u rejected, %u not known; batch %s (request %s)",
	    v->edge->id, n[CLOUD_APPLIED], n[CLOUD_UNCHANGED],
	    n[CLOUD_SUPERSEDED], n[CLOUD_DEFERRED], n[CLOUD_REJECTED],
	    n[CLOUD_UNKNOWN], batch->batch, v->id);
	if (trouble->kind != FAIL_NONE)
		log_fail(v->edge->hub->azure.hub, trouble);
}

int
cc_events(
    struct desk *desk, const struct visit *v, char **json, struct fail *why)
{
	struct contract_batch *batch = mem_new(sizeof(*batch));
	struct cloud_result *results =
	    mem_new(CONTRACT_ITEMS * sizeof(*results));
	struct desk_line *line = NULL;
	struct fail trouble = {0};
	int rc = -1;

	if (contract_batch_read(batch, (const char *)v->body.data, why) == 0 &&
	    same_edge(v, batch->edge, why) == 0 &&
	    batch_once(desk, v, batch, why) == 0 &&
	    desk_take(&line, desk, v->edge->hub, v->deadline, why) == 0) {
		struct events ev = {
		    v->edge, line->hub, desk->edges->state, v->deadline};

		events_apply(results, batch, &ev, &trouble);
		*json = contract_results_write(batch, results);
		batch_log(v, batch, results, &trouble);
		rc = 0;
	}
	desk_give(desk, line);
	free(results);
	contract_batch_free(batch);
	free(batch);
	return rc;
}

/* Without the issuer's certificate a head is kept, but not believed. */
static int
signature_ok(bool *ok, const struct visit *v, const struct checkpoint *cp,
    struct fail *why)
{
	*ok = v->edge->signers != NULL;
	if (!*ok)
		return 0;
	if (cp->signature == NULL)
		return fail(why, FAIL_DENIED, "signature",
		    "a head has to be signed by the edge's CA");
	return detached_verify(
	    cp->signature, span_str(cp->head), v->edge->signers, why);
}

int
cc_heads(
    struct desk *desk, const struct visit *v, char **json, struct fail *why)
{
	struct checkpoint *cp = mem_new(sizeof(*cp));
	bool verified = false, added = false;
	int rc = -1;

	if (checkpoint_read(cp, (const char *)v->body.data, why) == 0 &&
	    same_edge(v, cp->edge, why) == 0 &&
	    signature_ok(&verified, v, cp, why) == 0 &&
	    headfile_add(&added, desk->edges->state, cp, verified, when_now(),
		why) == 0) {
		*json = told_head(cp->edge, added, verified);
		rc = 0;
	}
	checkpoint_free(cp);
	free(cp);
	return rc;
}

int
cc_device(
    struct desk *desk, const struct visit *v, char **json, struct fail *why)
{
	const char *id = (const char *)v->rest.data;
	struct hub_device found = {0};
	struct desk_line *line = NULL;
	bool there = false;
	int rc;

	if (!contract_device_ok(id))
		return fail(why, FAIL_ABSENT, "no-device",
		    "that is no name of a device");
	if (!edge_admits(v->edge, id))
		return fail(why, FAIL_DENIED, "id-not-allowed",
		    "this edge may not ask for this device");
	if ((rc = desk_take(&line, desk, v->edge->hub, v->deadline, why)) !=
		0 ||
	    (rc = hub_find(line->hub, &found, &there, id, why)) != 0)
		rc = unavailable(why);
	else if (!there)
		rc = fail(why, FAIL_ABSENT, "no-device",
		    "the hub has no such device");
	else
		*json = told_device(&found);
	hub_device_free(&found);
	desk_give(desk, line);
	return rc;
}

int
cc_health(
    struct desk *desk, const struct visit *v, char **json, struct fail *why)
{
	const struct edge_hub *hub = v->edge->hub;
	struct desk_line *line = NULL;
	struct fail its = {0};

	(void)why;
	if (desk_take(&line, desk, hub, v->deadline, &its) != 0 ||
	    hub_token(line->hub, &its) != 0)
		log_fail(hub->azure.hub, &its);
	*json = told_health(v->edge->id, hub->azure.hub,
	    line != NULL ? hub_token_until(line->hub) : 0, &its);
	desk_give(desk, line);
	return 0;
}

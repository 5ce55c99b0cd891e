#include "lib/cloud/way.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(WAY_ITEMS <= CONTRACT_ITEMS && WAY_ITEMS <= HUB_BULK,
    "what is applied at once is one batch");

struct way {
	struct hub *hub;
	struct connector *connector;
	bool bulk;
};

int
way_open(struct way **way, const struct settings *settings,
    const struct hub_pace *pace, struct fail *why)
{
	const struct cloud_settings *cloud = &settings->cloud;
	const struct key_place place = settings_key_place(settings);
	struct way *w = mem_new(sizeof(*w));
	int rc;

	w->bulk = cloud->azure.bulk;
	if (cloud->mode == CLOUD_CONNECTOR)
		rc = connector_open(&w->connector, cloud, &place, why);
	else
		rc = hub_open(
		    &w->hub, &cloud->azure, pace, settings->state, why);
	*way = w;
	if (rc != 0) {
		way_close(w);
		*way = NULL;
	}
	return rc;
}

void
way_close(struct way *way)
{
	if (way == NULL)
		return;
	hub_close(way->hub);
	connector_close(way->connector);
	free(way);
}

struct hub *
way_hub(struct way *way)
{
	return way->hub;
}

struct connector *
way_connector(struct way *way)
{
	return way->connector;
}

/* Those that are likely new, at once. */
static int
apply_fresh(struct way *way, struct cloud_result *results,
    const struct wanted *const *wanted, const bool *fresh, size_t n,
    struct fail *why)
{
	const struct wanted *some[WAY_ITEMS];
	struct cloud_result *result = mem_new(WAY_ITEMS * sizeof(*result));
	size_t at[WAY_ITEMS], found = 0;
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		if (fresh[i]) {
			result[found].outcome = CLOUD_DEFERRED;
			at[found] = i;
			some[found++] = wanted[i];
		}
	if (found > 0)
		rc = hub_apply_many(way->hub, result, some, found, why);
	for (size_t i = 0; i < found; i++)
		results[at[i]] = result[i];
	free(result);
	return rc;
}

static int
apply_direct(struct way *way, struct cloud_result *results,
    const struct wanted *const *wanted, const bool *fresh, size_t n,
    struct fail *why)
{
	if (way->bulk && apply_fresh(way, results, wanted, fresh, n, why) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if ((!way->bulk || !fresh[i]) &&
		    hub_apply(way->hub, &results[i], wanted[i], why) != 0)
			return -1;
	return 0;
}

int
way_apply(struct way *way, struct cloud_result *results,
    const struct wanted *const *wanted, const bool *fresh, size_t n,
    struct fail *why)
{
	memset(results, 0, n * sizeof(*results));
	for (size_t i = 0; i < n; i++)
		results[i].outcome = CLOUD_DEFERRED;
	if (way->connector != NULL)
		return connector_apply(way->connector, results, wanted, n, why);
	return apply_direct(way, results, wanted, fresh, n, why);
}

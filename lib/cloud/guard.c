#include "lib/cloud/guard.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ca/counter.h"
#include "lib/ca/crls.h"
#include "lib/cloud/heads.h"
#include "lib/store/trail.h"

static int
behind(const struct checkpoint *cp, size_t i, struct store *store,
    struct fail *why)
{
	struct trail_end end = {0};
	struct fail ignored = {0};

	(void)!store_trail_end(store, cp->lane[i].lane, &end, &ignored);
	(void)fail(why, FAIL_BUSY, GUARD_BEHIND,
	    "the database is older than what this CA has signed");
	return fail_cause(why,
	    "the last head tells of record %lld, which is not in the database "
	    "(it ends at %lld): see microca audit verify",
	    (long long)cp->lane[i].seq, (long long)end.seq);
}

static int
lane_check(const struct checkpoint *cp, size_t i, struct store *store,
    struct fail *why)
{
	uint8_t hash[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1] = "", *record;

	if (store_trail_find(store, &record, hash, cp->lane[i].lane,
		cp->lane[i].seq, why) != 0)
		return -1;
	if (record != NULL)
		hex_write(hex, (struct span){hash, SHA256_LEN}, false);
	free(record);
	return strcmp(hex, cp->lane[i].hash) == 0 ? 0
	                                          : behind(cp, i, store, why);
}

static int
heads_check(
    const struct settings *settings, struct store *store, struct fail *why)
{
	struct checkpoint cp;
	bool found;
	int rc = 0;

	if (heads_last(&cp, &found, settings, why) != 0)
		return -1;
	if (!found)
		return 0;
	for (size_t i = 0; i < cp.n && rc == 0; i++)
		rc = lane_check(&cp, i, store, why);
	checkpoint_free(&cp);
	return rc;
}

static int
lists_check(
    const struct settings *settings, struct store *store, struct fail *why)
{
	struct crls_ahead ahead;

	if (crls_ahead(&ahead, settings, store, why) != 0)
		return -1;
	if (ahead.keyid[0] == '\0')
		return 0;
	(void)fail(why, FAIL_BUSY, GUARD_BEHIND,
	    "the database is older than what this CA has published");
	return fail_cause(why,
	    "list %lld of key %s is published, and the database knows none "
	    "after %lld",
	    (long long)ahead.number, ahead.keyid, (long long)ahead.known);
}

int
guard_check(
    const struct settings *settings, struct store *store, struct fail *why)
{
	if (heads_check(settings, store, why) != 0 ||
	    lists_check(settings, store, why) != 0)
		return -1;
	return counter_file_fits(settings, store, why);
}

int
guard_look(struct ca *ca, struct fail *why)
{
	return counter_look(ca, why) == 0
	           ? guard_check(ca->settings, ca->store, why)
	           : -1;
}

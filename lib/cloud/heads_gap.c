#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/cloud/headfile.h"
#include "lib/cloud/heads.h"
#include "lib/store/trail.h"

/* Is the record that a head tells of here? */
static int
head_fits(bool *fits, int64_t lane, int64_t seq, const uint8_t hash[SHA256_LEN],
    struct store *store, struct fail *why)
{
	uint8_t here[SHA256_LEN];
	char *record;

	if (store_trail_find(store, &record, here, lane, seq, why) != 0)
		return -1;
	*fits = record != NULL && memcmp(here, hash, SHA256_LEN) == 0;
	free(record);
	return 0;
}

static int
lane_fits(bool *fits, const struct checkpoint_lane *lane, struct store *store,
    struct fail *why)
{
	struct bytes hash = {0};
	int rc = 0;

	*fits = false;
	if (hex_read(&hash, lane->hash) && hash.len == SHA256_LEN)
		rc = head_fits(
		    fits, lane->lane, lane->seq, hash.data, store, why);
	bytes_free(&hash);
	return rc;
}

/* Where the lost ones of a lane begin: behind all that is here, unless a head
 * tells of something else before; then behind the last head that fits. */
static int
lost_from(int64_t *from, int64_t lane, struct heads *heads, struct store *store,
    struct fail *why)
{
	struct audit_mark mark;
	struct trail_end end;
	int64_t good = 0, bad = INT64_MAX;
	bool more = true, fits;
	int rc = heads_lane(heads, lane, why);

	while (rc == 0 && more) {
		rc = heads_next(heads, &mark, NULL, &more, why);
		if (rc != 0 || !more || mark.seq == 0 || mark.lane != lane ||
		    mark.back)
			continue;
		rc = head_fits(&fits, lane, mark.seq, mark.hash, store, why);
		if (rc == 0 && fits) {
			good = mark.seq;
			bad = INT64_MAX;
		} else if (rc == 0 && mark.seq < bad) {
			bad = mark.seq;
		}
	}
	if (rc == 0)
		rc = store_trail_end(store, lane, &end, why);
	if (rc == 0)
		*from = bad <= end.seq ? good + 1 : end.seq + 1;
	return rc;
}

static int
record_gap(struct store *store, const char *requester,
    const struct checkpoint_lane *lane, int64_t from, int64_t time,
    struct fail *why)
{
	char *text = audit_gap_text(lane->lane, from, lane->seq, time);
	struct audit entry = {.event = "gap",
	    .requester = requester,
	    .text = text,
	    .count = lane->seq - from + 1};
	int rc = store_audit(store, &entry, true, why);

	free(text);
	return rc;
}

/* Heads begin anew in a file of their own. */
static int
set_aside(const struct settings *settings, int64_t now, struct fail *why)
{
	char *folder = file_path(settings->state, "heads");
	char *path = file_path(folder, heads_edge(settings));
	char *aside = str_fmt("%s.%lld", path, (long long)now);
	int rc = 0;

	if (rename(path, aside) != 0) {
		fail(why, FAIL_BROKEN, "file", "cannot rename %s", path);
		rc = fail_errno(why, "rename");
	}
	free(aside);
	free(path);
	free(folder);
	return rc;
}

/* Looked at before anything is recorded: a record here is one of a lane. */
struct lost {
	bool is[CHECKPOINT_LANES];
	int64_t from[CHECKPOINT_LANES];
	bool any;
};

static int
lost_find(struct lost *lost, const struct checkpoint *last,
    const struct settings *settings, struct store *store, struct fail *why)
{
	struct heads *heads = NULL;
	int rc = heads_open(&heads, settings, NULL, 0, NULL, why);

	for (size_t i = 0; i < last->n && rc == 0; i++) {
		bool fits;

		rc = lane_fits(&fits, &last->lane[i], store, why);
		if (rc != 0 || fits)
			continue;
		lost->is[i] = lost->any = true;
		rc = lost_from(
		    &lost->from[i], last->lane[i].lane, heads, store, why);
	}
	heads_close(heads);
	return rc;
}

int
heads_gap(bool *gap, const struct settings *settings, struct store *store,
    const char *requester, int64_t now, struct fail *why)
{
	struct checkpoint last;
	struct lost lost = {0};
	bool found;
	int rc;

	*gap = false;
	if (heads_last(&last, &found, settings, why) != 0)
		return -1;
	if (!found)
		return 0;
	rc = lost_find(&lost, &last, settings, store, why);
	for (size_t i = 0; i < last.n && rc == 0; i++)
		if (lost.is[i])
			rc = record_gap(store, requester, &last.lane[i],
			    lost.from[i], last.time, why);
	if (rc == 0 && lost.any)
		rc = set_aside(settings, now, why);
	*gap = rc == 0 && lost.any;
	checkpoint_free(&last);
	return rc;
}

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/cloud/headfile.h"
#include "lib/cloud/heads.h"
#include "lib/store/trail.h"

/* What is lost, looked at before anything is recorded: a record here is one of a
 * lane. */
struct lost {
	struct {
		int64_t lane, from, to, time;
	} gap[2 * CHECKPOINT_LANES];
	size_t n;
	bool head, token, file; /* who told of it */
};

/* Where the lost ones of a lane begin, `seq` being one of them: behind all that
 * is here, unless that or a head tells of something else before; then behind the
 * last head that fits. */
static int
lost_from(int64_t *from, int64_t lane, int64_t seq, struct heads *heads,
    struct store *store, struct fail *why)
{
	struct audit_mark mark;
	struct trail_end end;
	int64_t good = 0, bad = INT64_MAX;
	bool more = true, fits;
	int rc = heads_lane(heads, lane, why);

	while (rc == 0 && more) {
		struct counter_lane told;

		rc = heads_next(heads, &mark, NULL, &more, why);
		if (rc != 0 || !more || mark.seq == 0 || mark.lane != lane ||
		    mark.back)
			continue;
		told = (struct counter_lane){lane, mark.seq, {0}};
		memcpy(told.hash, mark.hash, SHA256_LEN);
		rc = counter_lane_fits(&fits, &told, store, why);
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
		*from =
		    (bad < seq ? bad : seq) <= end.seq ? good + 1 : end.seq + 1;
	return rc;
}

static int
lost_add(struct lost *lost, bool *told, const struct counter_lane *lane,
    int64_t time, struct heads *heads, struct store *store, struct fail *why)
{
	int64_t from;
	size_t i = 0;
	bool fits;

	if (counter_lane_fits(&fits, lane, store, why) != 0)
		return -1;
	if (fits)
		return 0;
	if (lost_from(&from, lane->lane, lane->seq, heads, store, why) != 0)
		return -1;
	*told = true;
	while (i < lost->n && lost->gap[i].lane != lane->lane)
		i++;
	if (i == lost->n) {
		lost->gap[i].lane = lane->lane;
		lost->gap[i].from = from;
		lost->gap[i].to = 0;
		lost->n++;
	}
	if (from < lost->gap[i].from)
		lost->gap[i].from = from;
	if (lane->seq > lost->gap[i].to) {
		lost->gap[i].to = lane->seq;
		lost->gap[i].time = time;
	}
	return 0;
}

static int
counter_lost(struct lost *lost, bool *told, const struct counter *counter,
    struct heads *heads, struct store *store, struct fail *why)
{
	int rc = 0;

	for (size_t i = 0; i < counter->n && rc == 0; i++)
		rc = lost_add(lost, told, &counter->lane[i], counter->time,
		    heads, store, why);
	return rc;
}

static int
head_lost(struct lost *lost, const struct settings *settings,
    struct heads *heads, struct store *store, struct fail *why)
{
	struct checkpoint last;
	struct counter counter;
	bool found;
	int rc = heads_last(&last, &found, settings, why);

	if (rc != 0 || !found)
		return rc;
	rc = heads_counter(&counter, &last, why);
	if (rc == 0)
		rc = counter_lost(
		    lost, &lost->head, &counter, heads, store, why);
	checkpoint_free(&last);
	return rc;
}

/* What the token says; one that keeps nothing for us says nothing. */
static int
token_read(struct counter *token, bool *found, const struct settings *settings,
    struct key *key, struct fail *why)
{
	if (counter_read(token, found, settings, key, why) == 0)
		return 0;
	if (strcmp(why->reason, "data-object") != 0)
		return -1;
	log_fail("the token's counter is not looked at", why);
	*why = (struct fail){0};
	*found = false;
	return 0;
}

static int
lost_find(struct lost *lost, const struct settings *settings,
    struct store *store, struct key *key, struct fail *why)
{
	struct counter token, file;
	struct heads *heads = NULL;
	bool counts = key != NULL && counter_wanted(settings), found = false;
	int rc = heads_open(&heads, settings, NULL, 0, NULL, why);

	if (rc == 0)
		rc = head_lost(lost, settings, heads, store, why);
	if (rc == 0 && counts)
		rc = token_read(&token, &found, settings, key, why);
	if (rc == 0 && found)
		rc =
		    counter_lost(lost, &lost->token, &token, heads, store, why);
	if (rc == 0 && counts && counter_file(&file, settings))
		rc = counter_lost(lost, &lost->file, &file, heads, store, why);
	heads_close(heads);
	return rc;
}

static int
gaps_record(const struct lost *lost, struct store *store, const char *requester,
    struct fail *why)
{
	int rc = 0;

	for (size_t i = 0; i < lost->n && rc == 0; i++) {
		char *text = audit_gap_text(lost->gap[i].lane,
		    lost->gap[i].from, lost->gap[i].to, lost->gap[i].time);
		struct audit entry = {.event = "gap",
		    .requester = requester,
		    .text = text,
		    .count = lost->gap[i].to - lost->gap[i].from + 1};

		rc = store_audit(store, &entry, true, why);
		free(text);
	}
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

int
heads_gap(bool *gap, const struct settings *settings, struct store *store,
    struct key *key, const char *requester, int64_t now, struct fail *why)
{
	struct lost lost = {0};

	*gap = false;
	if (lost_find(&lost, settings, store, key, why) != 0 ||
	    gaps_record(&lost, store, requester, why) != 0 ||
	    (lost.head && set_aside(settings, now, why) != 0) ||
	    (lost.token &&
		counter_begin(settings, store, key, now, why) != 0) ||
	    (lost.file && !lost.token && counter_forget(settings, why) != 0))
		return -1;
	*gap = lost.n > 0;
	return 0;
}

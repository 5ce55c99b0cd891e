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

/* Does the head tell of a record that is here? */
static int
head_fits(bool *fits, const struct checkpoint *cp, struct store *store,
    struct fail *why)
{
	uint8_t hash[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], *record;

	*fits = false;
	if (store_trail_find(store, &record, hash, 0, cp->lane[0].seq, why) !=
	    0)
		return -1;
	if (record != NULL) {
		hex_write(hex, (struct span){hash, SHA256_LEN}, false);
		*fits = strcmp(hex, cp->lane[0].hash) == 0;
	}
	free(record);
	return 0;
}

/* Where the lost ones begin: behind all that is here, unless a head tells of
 * something else before; then behind the last head that fits. */
static int
lost_from(int64_t *from, const struct settings *settings, struct store *store,
    int64_t end, struct fail *why)
{
	struct heads *heads = NULL;
	struct checkpoint cp = {0};
	struct audit_mark mark;
	int64_t good = 0, bad = INT64_MAX;
	bool more = true, fits;
	int rc = heads_open(&heads, settings, NULL, 0, NULL, why);

	while (rc == 0 && more) {
		rc = heads_next(heads, &mark, &cp, &more, why);
		if (rc == 0 && more && cp.n > 0 && !mark.back &&
		    (rc = head_fits(&fits, &cp, store, why)) == 0) {
			if (fits) {
				good = mark.seq;
				bad = INT64_MAX;
			} else if (mark.seq < bad) {
				bad = mark.seq;
			}
		}
		checkpoint_free(&cp);
	}
	heads_close(heads);
	*from = bad <= end ? good + 1 : end + 1;
	return rc;
}

static int
record_gap(struct store *store, const char *requester,
    const struct checkpoint *last, int64_t from, struct fail *why)
{
	char *text = audit_gap_text(from, last->lane[0].seq, last->time);
	struct audit entry = {.event = "gap",
	    .requester = requester,
	    .text = text,
	    .count = last->lane[0].seq - from + 1};
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

int
heads_gap(bool *gap, const struct settings *settings, struct store *store,
    const char *requester, int64_t now, struct fail *why)
{
	struct trail_end end;
	struct checkpoint last;
	int64_t from;
	bool found, fits = true;
	int rc;

	*gap = false;
	if (heads_last(&last, &found, settings, why) != 0)
		return -1;
	if (!found)
		return 0;
	if ((rc = store_trail_end(store, 0, &end, why)) == 0 &&
	    (rc = head_fits(&fits, &last, store, why)) == 0 && !fits &&
	    (rc = lost_from(&from, settings, store, end.seq, why)) == 0) {
		rc = record_gap(store, requester, &last, from, why);
		if (rc == 0)
			rc = set_aside(settings, now, why);
		*gap = rc == 0;
	}
	checkpoint_free(&last);
	return rc;
}

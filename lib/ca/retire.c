#include "lib/ca/retire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/ca/crls.h"

struct run {
	struct ca *ca;
	const char *folder;
	const struct retire_wish *wish;
	struct retire_report *report;
	struct fail *why;
	struct retired_file *file; /* being written */
	int64_t n;                 /* in it */
	int year;                  /* of the ends in it */
	char *keyid;               /* the last one looked up, … */
	int64_t listed; /* … and what ended before is off its list */
	bool full;      /* that file is to be ended first */
	bool failed;
	/* A file being emptied into the database's shelf. */
	struct retire_item item[RETIRE_MOST];
	size_t items;
	int64_t shelf;
};

/* ---- what the record tells -------------------------------------------------------- */

char *
retire_text(const struct shelf *s)
{
	char ended[WHEN_LEN], hex[2 * SHA256_LEN + 1];

	when_write(ended, s->ended);
	hex_write(hex, (struct span){s->sha256, SHA256_LEN}, false);
	return str_fmt("%lld certificates that ended by %s: %s, SHA-256 %s",
	    (long long)s->certificates, ended, s->path, hex);
}

bool
retire_text_read(struct shelf *s, const char *text)
{
	char path[128], hex[2 * SHA256_LEN + 1];
	struct bytes hash = {0};
	long long n;
	bool ok = sscanf(text,
		      "%15lld certificates that ended by %*20c: "
		      "%127[0-9a-f/.jonsl-], SHA-256 %64[0-9a-f]",
		      &n, path, hex) == 3 &&
	          hex_read(&hash, hex) && hash.len == SHA256_LEN;

	memset(s, 0, sizeof(*s));
	if (ok) {
		s->certificates = n;
		s->path = str_dup(path);
		memcpy(s->sha256, hash.data, SHA256_LEN);
	}
	bytes_free(&hash);
	return ok;
}

/* ---- from a file into the database's memory of it ---------------------------------- */

static int
items_move(struct run *run)
{
	size_t moved;
	int rc = run->items == 0
	             ? 0
	             : store_retire(run->ca->store, &moved, run->shelf,
			   run->item, run->items, run->why);

	if (rc == 0 && run->items > 0)
		run->report->certificates += (int64_t)moved;
	run->items = 0;
	return rc;
}

static int
item_add(const struct record *r, int64_t place, void *arg)
{
	struct run *run = arg;
	struct retire_item *it = &run->item[run->items++];

	it->id = r->id;
	it->place = place;
	memcpy(it->sha256, r->sha256, SHA256_LEN);
	if (run->items == RETIRE_MOST && items_move(run) != 0)
		run->failed = true;
	return run->failed;
}

/* Read again, so what leaves the database can be read. */
static int
shelf_move(const struct shelf *shelf, void *arg)
{
	struct run *run = arg;

	if (shelf->done)
		return 0;
	run->items = 0;
	run->shelf = shelf->id;
	if (retired_file_read(run->folder, shelf->path, shelf->sha256, item_add,
		run, run->why) != 0 ||
	    run->failed || items_move(run) != 0 ||
	    store_shelf_done(run->ca->store, shelf->id, run->why) != 0) {
		run->failed = true;
		return 1;
	}
	run->report->files++;
	if (run->wish->tell != NULL)
		run->wish->tell(shelf, run->wish->arg);
	return 0;
}

/* ---- which ---------------------------------------------------------------------------- */

static const struct issuer *
issuer_of(const struct ca *ca, const char *keyid)
{
	for (size_t i = 0; ca->issuers != NULL && i < ca->issuers->n; i++)
		if (strcmp(ca->issuers->item[i]->authority->keyid, keyid) == 0)
			return ca->issuers->item[i];
	return NULL;
}

/* A list of its key is made elsewhere. */
static bool
peer_lists(const struct ca *ca, const char *keyid, int64_t now)
{
	const struct issuer *x =
	    ca->issuers == NULL || ca->issuers->peers == NULL
		? NULL
		: issuers_by_keyid(ca->issuers->peers, keyid, now);

	return x != NULL && x->authority->not_after >= now;
}

/*
 * RFC 5280, 3.3: an entry stays on the list until it was on one that was made
 * after the certificate's end.  Where the key is gone, or its certificate has
 * ended, no list is made any more.  What a peer revoked, that one retires.
 */
static int64_t
listed_until(struct run *run, const char *keyid)
{
	const struct issuer *issuer = issuer_of(run->ca, keyid);
	struct crls_state state;
	struct fail no = {0};

	if (run->keyid != NULL && strcmp(run->keyid, keyid) == 0)
		return run->listed;
	free(run->keyid);
	run->keyid = str_dup(keyid);
	run->listed = INT64_MAX;
	if (issuer == NULL && peer_lists(run->ca, keyid, run->wish->now))
		run->listed = INT64_MIN;
	if (issuer != NULL && issuer->authority->not_after >= run->wish->now)
		run->listed =
		    !crls_wanted(run->ca->settings) ? INT64_MAX
		    : crls_read(&state, run->ca->settings, keyid, &no) == 0
			? state.this_update
			: INT64_MIN;
	return run->listed;
}

static bool
may_leave(struct run *run, const struct record *r)
{
	return r->status == STORE_GOOD ||
	       r->not_after < listed_until(run, r->issuer);
}

/* One more into the file, until it has enough, or the year is over. */
static int
pick(const struct record *r, void *arg)
{
	struct run *run = arg;
	struct when_parts t;

	if (!may_leave(run, r)) {
		run->report->kept++;
		return 0;
	}
	if (run->wish->look) {
		run->report->certificates++;
		return 0;
	}
	when_split(&t, r->not_after);
	if (run->n == RETIRE_FILE || (run->n > 0 && t.year != run->year)) {
		run->full = true;
		return 1;
	}
	run->year = t.year;
	if ((run->file == NULL &&
		retired_file_begin(&run->file, run->folder, run->why) != 0) ||
	    retired_file_add(run->file, r, run->why) != 0) {
		run->failed = true;
		return 1;
	}
	run->n++;
	return 0;
}

/* ---- a file ------------------------------------------------------------------------------ */

static int
shelf_record(struct run *run, struct shelf *shelf)
{
	char *text = retire_text(shelf);
	const struct audit entry = {.event = "retire",
	    .requester = run->wish->requester,
	    .text = text,
	    .count = shelf->certificates};
	int rc = store_shelf_add(run->ca->store, shelf, &entry, run->why);

	free(text);
	return rc;
}

/* One file and what is in it; `n` 0: there is nothing left. */
static int
file_make(struct run *run)
{
	struct shelf shelf = {0};
	int rc;

	run->n = 0;
	run->full = false;
	run->report->kept = 0;
	rc = store_retire_pick(
	    run->ca->store, run->report->before, pick, run, run->why);
	if (rc == 0 && !run->failed && run->file != NULL &&
	    retired_file_end(&shelf, run->file, run->why) == 0) {
		shelf.made = run->wish->now;
		if (shelf_record(run, &shelf) != 0)
			run->failed = true;
		else
			(void)shelf_move(&shelf, run);
	} else if (run->file != NULL) {
		run->failed = true;
	}
	retired_file_free(run->file);
	run->file = NULL;
	free(shelf.path);
	return rc == 0 && !run->failed ? 0 : -1;
}

static int
outbox_tidy(struct run *run)
{
	bool more = true;

	while (more)
		if (store_retire_told(run->ca->store, &more,
			run->report->before, run->why) != 0)
			return -1;
	return 0;
}

static int
run_all(struct run *run)
{
	int rc = store_shelf_each(run->ca->store, shelf_move, run, run->why);

	if (run->failed)
		rc = -1;
	run->full = true;
	while (rc == 0 && run->full)
		rc = file_make(run);
	return rc == 0 ? outbox_tidy(run) : -1;
}

static int
folder_make(const char *folder, struct fail *why)
{
	if (mkdir(folder, 0700) == 0 || errno == EEXIST)
		return 0;
	(void)fail(why, FAIL_BROKEN, "folder", "cannot make %s", folder);
	return fail_errno(why, "mkdir");
}

/*
 * By a clock that is years ahead everything has ended.  Where nothing was
 * issued for as long as certificates are kept, that is likelier than a CA that
 * nobody asks.
 */
static int
clock_ok(struct ca *ca, const struct retire_wish *wish, struct fail *why)
{
	const struct settings *s = ca->settings;
	struct fail late = {0};

	if (store_clock(ca->store, wish->now, s->clock_slack, why) != 0)
		return -1;
	if (wish->idle ||
	    store_clock(ca->store, wish->now - s->retention.expired_after, 0,
		&late) != 0)
		return 0;
	return fail(why, FAIL_BUSY, "clock",
	    "nothing was issued for longer than retention.expired_after: if "
	    "the clock is right, say --idle");
}

int
retire_run(struct retire_report *report, struct ca *ca,
    const struct retire_wish *wish, struct fail *why)
{
	const struct settings *s = ca->settings;
	struct run *run = mem_new(sizeof(*run));
	int lock = -1, rc;

	memset(report, 0, sizeof(*report));
	report->before = wish->now - s->retention.expired_after;
	run->ca = ca;
	run->folder = s->retention.folder;
	run->wish = wish;
	run->report = report;
	run->why = why;
	if (clock_ok(ca, wish, why) != 0)
		rc = -1;
	else if (wish->look)
		rc = store_retire_pick(
		    ca->store, report->before, pick, run, why);
	else if ((rc = folder_make(run->folder, why)) == 0 &&
		 (rc = file_lock_folder(&lock, run->folder, 0, why)) == 0)
		rc = run_all(run);
	if (lock >= 0)
		(void)close(lock);
	free(run->keyid);
	free(run);
	return rc;
}

#include "lib/web/upkeep.h"

#include <stdlib.h>
#include <string.h>

#include "lib/ca/backup.h"
#include "lib/cloud/heads.h"
#include "lib/cloud/tally.h"
#include "lib/net/keep_due.h"
#include "lib/net/keep_status.h"
#include "lib/wire/cert.h"

#define DAY ((int64_t)86400)

/* ---- certificates of its own --------------------------------------------------- */

static void
pair_take(
    struct upkeep_own *u, const struct own *own, const struct keep_pair *pair)
{
	const struct keep_rule rule = {own->renew_before, own->renew_percent};
	uint8_t digest[SHA256_LEN];
	struct bytes der = {0};

	u->not_before = pair->not_before;
	u->not_after = pair->not_after;
	if (own->source == OWN_MANUAL)
		return;
	cert_der_add(&der, pair->leaf);
	sha256(digest, span_of(&der));
	bytes_free(&der);
	u->due =
	    keep_renew_at(&rule, pair->not_before, pair->not_after, digest);
	if (u->due == INT64_MAX)
		u->due = 0;
}

void
upkeep_own_read(
    struct upkeep_own *u, const struct settings *s, const struct own *own)
{
	char *folder = settings_own_folder(s, own->name);
	struct keep_pair *pair = NULL;
	struct keep_status history;
	struct fail why = {0};

	memset(u, 0, sizeof(*u));
	if (keep_pair_read(&pair, folder, &why) != 0)
		u->text = str_dup(why.text);
	else if (pair != NULL)
		pair_take(u, own, pair);
	keep_history_read(&history, folder);
	u->pending = history.state == KEEP_PENDING;
	u->refused = history.state == KEEP_REFUSED;
	u->failures = history.failures;
	if (u->text == NULL && history.failures > 0)
		u->text = str_dup(history.text);
	keep_status_free(&history);
	keep_pair_free(pair);
	free(folder);
}

void
upkeep_own_free(struct upkeep_own *u)
{
	free(u->text);
	memset(u, 0, sizeof(*u));
}

/* Half of the time between the day when it should be renewed and its end is
 * over: something keeps it from being renewed. */
static bool
is_late(const struct upkeep_own *u, int64_t now)
{
	if (u->due == 0)
		return u->not_after - now < 30 * DAY;
	return now > u->due + (u->not_after - u->due) / 2;
}

/* The intermediate that was installed by hand has no pair of its own: issuers
 * are looked at elsewhere. */
static void
own_look(struct findings *f, const struct settings *s, const struct own *own,
    int64_t now)
{
	const char *name = own_name_word(own->name);
	struct upkeep_own u;

	upkeep_own_read(&u, s, own);
	if (u.refused)
		findings_add(f, VITALS_DEGRADED, "own-refused", name,
		    "the CA's own certificate was refused: %s",
		    u.text != NULL ? u.text : "nobody says why");
	if (u.pending)
		findings_add(f, VITALS_OK, "own-pending", name,
		    "the CA's own certificate waits for an approval above");
	if (u.not_after == 0) {
		if (own->name != OWN_INTERMEDIATE && !u.pending)
			findings_add(f, VITALS_DEGRADED, "own-absent", name,
			    "the CA's own certificate is missing%s%s",
			    u.text != NULL ? ": " : "",
			    u.text != NULL ? u.text : "");
	} else if (u.not_after <= now) {
		findings_add(f, VITALS_DEGRADED, "own-ended", name,
		    "the CA's own certificate has ended");
	} else if (is_late(&u, now)) {
		findings_add(f, VITALS_DEGRADED, "own-due", name,
		    "the CA's own certificate should have been renewed%s%s",
		    u.text != NULL ? ": " : ": does `microca renew` run?",
		    u.text != NULL ? u.text : "");
	}
	upkeep_own_free(&u);
}

/* ---- signed heads --------------------------------------------------------------- */

/* Where there are none nobody has asked for any. */
static void
heads_look(struct findings *f, const struct settings *s, int64_t now)
{
	int64_t looked = heads_looked(s);

	if (s->health.head_age > 0 && looked > 0 &&
	    now - looked > s->health.head_age)
		findings_add(f, VITALS_DEGRADED, "head-late", "audit",
		    "the audit was not signed for %lld hours: does `microca "
		    "audit head` run?",
		    (long long)((now - looked) / 3600));
}

/* ---- the cloud ------------------------------------------------------------------ */

/* How the last run ended.  That there is no line is what outboxes are for. */
static void
run_look(struct findings *f, const struct tally *t, int64_t now)
{
	const char *text = t->error_text != NULL ? t->error_text : "";

	if (t->last_run == 0 || now - t->last_run > DAY)
		findings_add(f, VITALS_DEGRADED, "upload-silent", "upload",
		    "microca-upload did not run for a day");
	else if (t->result == RUN_DENIED)
		findings_add(f, VITALS_DEGRADED, "upload-denied", "upload",
		    "the cloud does not let this CA in: %s", text);
	else if (t->result == RUN_BROKEN)
		findings_add(f, VITALS_DEGRADED, "upload-broken", "upload",
		    "microca-upload fails: %s", text);
}

static void
cloud_look(struct findings *f, const struct settings *s, int64_t now)
{
	struct tally t;
	int64_t age;

	if (s->cloud.mode == CLOUD_OFF)
		return;
	tally_read(&t, s->state);
	run_look(f, &t, now);
	age = t.after.oldest > 0 ? now - t.after.oldest : 0;
	if (t.after.dead > 0)
		findings_add(f, VITALS_DEGRADED, "upload-dead", "upload",
		    "%lld devices were given up: see `microca cloud status`",
		    (long long)t.after.dead);
	if (s->health.backlog_age > 0 && age > s->health.backlog_age)
		findings_add(f, VITALS_DEGRADED, "upload-late", "upload",
		    "the cloud was not told what happened %lld days ago",
		    (long long)(age / DAY));
	else if (t.after.open > 0)
		findings_add(f, VITALS_OK, "upload-waiting", "upload",
		    "%lld changes wait to be told to the cloud",
		    (long long)t.after.open);
	tally_free(&t);
}

/* ---- backups -------------------------------------------------------------------- */

static void
backup_look(struct findings *f, const struct settings *s, int64_t now)
{
	int64_t last = backup_last(s);

	if (s->health.backup_age == 0)
		return;
	if (last == 0)
		findings_add(f, VITALS_DEGRADED, "backup-absent", "backup",
		    "no backup was ever made");
	else if (now - last > s->health.backup_age)
		findings_add(f, VITALS_DEGRADED, "backup-late", "backup",
		    "the last backup is %lld days old",
		    (long long)((now - last) / DAY));
}

void
upkeep_take(struct findings *f, const struct settings *s, int64_t now)
{
	const struct own *own = s->certificates.item;

	for (size_t i = 0; i < s->certificates.n; i++)
		own_look(f, s, &own[i], now);
	heads_look(f, s, now);
	cloud_look(f, s, now);
	backup_look(f, s, now);
}

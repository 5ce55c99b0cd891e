#include "lib/web/gauges.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <openssl/crypto.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "lib/base/log.h"
#include "lib/base/prom.h"
#include "lib/ca/backup.h"
#include "lib/ca/crls.h"
#include "lib/ca/responder.h"
#include "lib/cloud/heads.h"
#include "lib/cloud/tally.h"
#include "lib/store/outbox.h"
#include "lib/store/pending.h"
#include "lib/store/trail.h"
#include "lib/web/pulse.h"
#include "lib/web/upkeep.h"

static void
gauge(struct bytes *out, const char *name, const char *help, double value)
{
	prom_head(out, name, "gauge", help);
	prom_value(out, name, value, NULL);
}

/* ---- health -------------------------------------------------------------------- */

static bool
told_before(const struct findings *f, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(f->item[k].word, f->item[i].word) == 0 &&
		    strcmp(f->item[k].about, f->item[i].about) == 0)
			return true;
	return false;
}

static void
health_write(struct bytes *out, const struct findings *f)
{
	static const char finding[] = "microca_health_finding",
			  since[] =
			      "microca_health_finding_since_timestamp_seconds";

	gauge(out, "microca_health_state",
	    "What health says: 0 ok, 1 degraded, 2 down.", (double)f->state);
	prom_head(out, finding, "gauge",
	    "What health has to say: 0 a word, 1 degraded, 2 down.");
	for (size_t i = 0; i < f->n; i++)
		if (!told_before(f, i))
			prom_value(out, finding, (double)f->item[i].state,
			    PROM_LABELS("word", f->item[i].word, "about",
				f->item[i].about));
	prom_head(out, since, "gauge", "When it was first seen.");
	for (size_t i = 0; i < f->n; i++)
		if (!told_before(f, i))
			prom_value(out, since, (double)f->item[i].since,
			    PROM_LABELS("word", f->item[i].word, "about",
				f->item[i].about));
}

/* The programs that sign, by their signs of life. */
static void
programs_write(struct bytes *out, const struct settings *s)
{
	static const char name[] = "microca_program_sign_timestamp_seconds";
	static const char *const signers[] = {
	    "simpleenroll", "simplereenroll", "serverkeygen"};

	prom_head(out, name, "gauge",
	    "When a program that signs last told how it is; 0: it is not "
	    "running.");
	for (size_t i = 0; i < sizeof(signers) / sizeof(signers[0]); i++) {
		struct fail ignored = {0};
		struct pulse p;

		if (!settings_operation(s, signers[i]))
			continue;
		if (pulse_read(&p, s, signers[i], &ignored) != 0)
			p.when = 0;
		prom_value(out, name, (double)p.when,
		    PROM_LABELS("program", signers[i]));
		pulse_free(&p);
	}
}

/* ---- what ends ------------------------------------------------------------------- */

/* Generations may share a key. */
static bool
key_before(const struct issuers *all, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(all->item[k]->authority->keyid,
			all->item[i]->authority->keyid) == 0)
			return true;
	return false;
}

static void
issuers_write(struct bytes *out, const struct issuers *all, int64_t now)
{
	static const char name[] = "microca_issuer_not_after_timestamp_seconds";

	prom_head(out, name, "gauge", "Ends of the issuing certificates.");
	for (size_t i = 0; i < all->n; i++) {
		const struct issuer *one = all->item[i];

		prom_value(out, name, (double)one->authority->not_after,
		    PROM_LABELS("keyid", one->authority->keyid, "serial",
			one->serial, "state",
			issuer_state_word(issuers_state(all, one, now))));
	}
}

static void
lists_write(
    struct bytes *out, const struct settings *s, const struct issuers *all)
{
	static const char name[] = "microca_crl_next_update_timestamp_seconds";

	prom_head(out, name, "gauge",
	    "Ends of the published revocation lists; 0: there is none.");
	for (size_t i = 0; i < all->n; i++) {
		const char *keyid = all->item[i]->authority->keyid;
		struct crls_state state = {0};
		struct fail ignored = {0};

		if (key_before(all, i) || !crls_wanted(s))
			continue;
		if (crls_read(&state, s, keyid, &ignored) != 0)
			state.next_update = 0;
		prom_value(out, name, (double)state.next_update,
		    PROM_LABELS("keyid", keyid));
	}
}

static void
responders_write(
    struct bytes *out, const struct settings *s, const struct issuers *all)
{
	static const char name[] =
	    "microca_responder_not_after_timestamp_seconds";

	prom_head(out, name, "gauge",
	    "Ends of the OCSP responders' certificates; 0: there is none.");
	for (size_t i = 0; i < all->n; i++) {
		const struct issuer *one = all->item[i];
		struct responder r = {0};
		struct fail ignored = {0};

		if (key_before(all, i) || !responders_wanted(s))
			continue;
		if (responder_read(&r, s, one, &ignored) != 0)
			r.not_after = 0;
		prom_value(out, name, (double)r.not_after,
		    PROM_LABELS("keyid", one->authority->keyid));
		responder_free(&r);
	}
}

static void
own_write(struct bytes *out, const struct settings *s)
{
	static const char end[] =
	    "microca_own_certificate_not_after_timestamp_seconds";
	static const char failures[] = "microca_own_certificate_failures";
	const struct own *own = s->certificates.item;
	struct bytes more = {0};

	prom_head(out, end, "gauge",
	    "Ends of the CA's own certificates; 0: there is none.");
	prom_head(&more, failures, "gauge",
	    "Tries to renew them that failed, in a row.");
	for (size_t i = 0; i < s->certificates.n; i++) {
		const char *name = own_name_word(own[i].name);
		struct upkeep_own u;

		upkeep_own_read(&u, s, &own[i]);
		prom_value(out, end, (double)u.not_after,
		    PROM_LABELS("name", name, "source",
			own_source_word(own[i].source)));
		prom_value(
		    &more, failures, u.failures, PROM_LABELS("name", name));
		upkeep_own_free(&u);
	}
	bytes_add(out, more.data, more.len);
	bytes_free(&more);
}

/* ---- what is recorded -------------------------------------------------------------- */

/* When the first record was written that no head covers; 0: there is none. */
static int
first_time(const struct trail_row *row, void *arg)
{
	*(int64_t *)arg = row->time;
	return 1;
}

static void
uncovered_write(struct bytes *out, struct store *store, int64_t covered)
{
	struct fail ignored = {0};
	int64_t us = 0;

	if (store_trail(store, store_lane(store), covered, first_time, &us,
		&ignored) >= 0)
		gauge(out, "microca_audit_uncovered_timestamp_seconds",
		    "When the oldest record was written that no signed head "
		    "covers; 0: there is none.",
		    (double)us / 1e6);
}

static void
heads_write(struct bytes *out, const struct ca *ca, bool usable)
{
	struct checkpoint cp;
	struct fail why = {0};
	int64_t covered = 0;
	bool found = false;

	if (heads_last(&cp, &found, ca->settings, &why) != 0)
		log_fail("the last signed head is not told", &why);
	if (found) {
		for (size_t i = 0; i < cp.n; i++)
			if (cp.lane[i].lane == ca->settings->node)
				covered = cp.lane[i].seq;
		gauge(out, "microca_audit_head_sequence",
		    "Number of the last record that a signed head covers.",
		    (double)covered);
		gauge(out, "microca_audit_head_timestamp_seconds",
		    "When the last head was signed.", (double)cp.time);
		gauge(out, "microca_audit_head_checked_timestamp_seconds",
		    "When it was last found to cover everything, or signed.",
		    (double)heads_looked(ca->settings));
		checkpoint_free(&cp);
	}
	if (usable)
		uncovered_write(out, ca->store, covered);
}

static int
records_write(
    struct bytes *out, const struct ca *ca, int64_t now, struct fail *why)
{
	struct trail_end end;
	int64_t open;

	if (store_state(ca->store, why) != 0 &&
	    strcmp(why->reason, "disk-full") != 0)
		return -1;
	if (store_trail_end(ca->store, store_lane(ca->store), &end, why) != 0 ||
	    store_pending_count(ca->store, &open, now, why) != 0)
		return -1;
	gauge(out, "microca_audit_sequence",
	    "Number of the last record of the audit.", (double)end.seq);
	prom_head(out, "microca_certificates_issued", "gauge",
	    "Certificates in the database, ever issued.");
	prom_value(
	    out, "microca_certificates_issued", (double)end.certificates, NULL);
	gauge(out, "microca_pending_requests",
	    "Requests that wait for approval.", (double)open);
	return 0;
}

static void
upload_write(struct bytes *out, const struct ca *ca, bool usable, int64_t now)
{
	struct outbox_state outbox;
	struct fail why = {0};
	struct tally tally;

	if (ca->settings->cloud.mode == CLOUD_OFF)
		return;
	if (usable && store_outbox_state(ca->store, &outbox, &why) == 0)
		tally_outbox_text(out, &outbox, now);
	tally_read(&tally, ca->settings->state);
	tally_runs_text(out, &tally);
	tally_free(&tally);
}

/* ---- the disk ---------------------------------------------------------------------- */

static void
disk_write(struct bytes *out, const struct settings *s)
{
	struct statvfs fs;

	if (statvfs(s->state, &fs) != 0)
		return;
	gauge(out, "microca_disk_free_bytes", "Free space of the state folder.",
	    (double)fs.f_bavail * (double)fs.f_frsize);
	gauge(out, "microca_disk_size_bytes", "The size of its file system.",
	    (double)fs.f_blocks * (double)fs.f_frsize);
	gauge(out, "microca_disk_reserve_bytes",
	    "disk_reserve: below it refusals are not recorded, below half of "
	    "it nothing is issued.",
	    (double)s->disk_reserve);
}

static void
build_write(struct bytes *out)
{
	prom_head(out, "microca_build_info", "gauge", "Which microca this is.");
	prom_value(out, "microca_build_info", 1,
	    PROM_LABELS("version", PACKAGE_VERSION, "openssl",
		OpenSSL_version(OPENSSL_VERSION_STRING)));
}

void
gauges_write(struct bytes *out, const struct ca *ca,
    const struct findings *findings, int64_t now)
{
	const struct settings *s = ca->settings;
	struct fail why = {0};
	bool usable;

	build_write(out);
	health_write(out, findings);
	programs_write(out, s);
	if (ca->issuers != NULL) {
		issuers_write(out, ca->issuers, now);
		lists_write(out, s, ca->issuers);
		responders_write(out, s, ca->issuers);
	}
	own_write(out, s);
	usable = records_write(out, ca, now, &why) == 0;
	if (!usable)
		log_fail("the database tells nothing", &why);
	gauge(out, "microca_store_usable",
	    "Does the database answer? 1 yes, 0 no.", usable);
	heads_write(out, ca, usable);
	upload_write(out, ca, usable, now);
	gauge(out, "microca_backup_timestamp_seconds",
	    "When the last backup was made; 0: none is known of.",
	    (double)backup_last(s));
	disk_write(out, s);
}

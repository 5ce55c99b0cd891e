#include "lib/web/vitals.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/ca/crls.h"
#include "lib/ca/responder.h"
#include "lib/store/pending.h"
#include "lib/web/pulse.h"
#include "lib/web/upkeep.h"

#define DAY ((int64_t)86400)

/* The last end of the active one and of those to come. */
static int64_t
issuers_end(const struct issuers *issuers, int64_t now)
{
	int64_t end = issuers_active(issuers, now)->authority->not_after;

	for (size_t i = 0; i < issuers->n; i++)
		if (issuers_state(issuers, issuers->item[i], now) ==
			ISSUER_STAGED &&
		    issuers->item[i]->authority->not_after > end)
			end = issuers->item[i]->authority->not_after;
	return end;
}

static void
issuer_look(struct findings *f, const struct ca *ca, int64_t now)
{
	struct fail why = {0};

	if (ca->issuers == NULL) {
		findings_add(f, VITALS_DOWN, ca->issuers_why.reason, "", "%s",
		    ca->issuers_why.text);
		return;
	}
	if (authority_usable(ca_authority(ca, now), now, &why) != 0) {
		findings_add(f, VITALS_DOWN, why.reason, "", "%s", why.text);
		return;
	}
	if (ca->issuers->trouble.kind != FAIL_NONE)
		findings_add(f, VITALS_DEGRADED, "issuer-file", "",
		    "a file of issuing certificates is not usable: %s",
		    ca->issuers->trouble.text);
	if (ca->issuers->above.kind != FAIL_NONE)
		findings_add(f, VITALS_DEGRADED, "upstream-crl", "", "%s",
		    ca->issuers->above.text);
	if (issuers_end(ca->issuers, now) - now < 30 * DAY)
		findings_add(f, VITALS_DEGRADED, "issuer-ends", "",
		    "the issuing certificate ends within 30 days");
}

static void
chain_look(struct findings *f, const struct settings *s)
{
	char *path = settings_chain_path(s);

	if (access(path, R_OK) != 0)
		findings_add(f, VITALS_DEGRADED, "chain-absent", "cacerts",
		    "the published chain is missing");
	free(path);
}

static void
disk_look(struct findings *f, const struct settings *s)
{
	struct statvfs fs;
	uint64_t left;

	if (statvfs(s->state, &fs) != 0) {
		findings_add(f, VITALS_DOWN, "disk-absent", "",
		    "the state folder cannot be reached");
		return;
	}
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (left < (uint64_t)s->disk_reserve)
		findings_add(f, VITALS_DOWN, "disk-full", "",
		    "the disk is full but for its reserve");
	else if (left / 2 < (uint64_t)s->disk_reserve)
		findings_add(f, VITALS_DEGRADED, "disk-low", "",
		    "less than twice the disk's reserve is left");
}

/* Relying parties refuse everybody once a list has ended; what is merely late
 * needs a hand. */
static void
lists_look(struct findings *f, const struct ca *ca, int64_t now)
{
	struct fail why = {0};

	if (crls_wanted(ca->settings) &&
	    crls_health(ca->settings, ca->issuers, now, &why) != 0)
		findings_add(
		    f, VITALS_DEGRADED, why.reason, "crl", "%s", why.text);
}

/* Its certificates alone: its keys are the responder's own affair. */
static void
responders_look(struct findings *f, const struct ca *ca, int64_t now)
{
	const struct issuers *all = ca->issuers;

	if (all == NULL || !responders_wanted(ca->settings))
		return;
	for (size_t i = 0; i < all->n; i++) {
		const struct issuer *one = all->item[i];
		struct responder r = {0};
		struct fail why = {0};

		if (one->authority->not_after <= now ||
		    issuers_state(all, one, now) == ISSUER_STAGED)
			continue;
		if (responder_read(&r, ca->settings, one, &why) != 0)
			r.why = why;
		why = (struct fail){0};
		if (responder_valid(&r, now, &why) != 0 ||
		    (ca->store != NULL &&
			responder_standing(&r, ca->store, one, &why) != 0) ||
		    responder_renewed(&r, now, &why) != 0)
			findings_add(f, VITALS_DEGRADED, why.reason, "ocsp",
			    "%s", why.text);
		responder_free(&r);
	}
}

static void
organ_look(struct findings *f, const char *program, const char *organ,
    const char *word)
{
	if (strcmp(word, "ok") != 0)
		findings_add(f, VITALS_DOWN, word, program,
		    "the program cannot use its %s", organ);
}

/* The former issuer that goes on, and a staged one without its key: a hand is
 * needed, and there is time. */
static void
issuers_look(struct findings *f, const char *program, const struct pulse *p)
{
	if (strcmp(p->issuer, "issuer-former") == 0)
		findings_add(f, VITALS_DEGRADED, "issuer-former", program,
		    "the active issuer's key is not usable, the former one "
		    "goes on");
	else
		organ_look(f, program, "issuer", p->issuer);
	if (strcmp(p->staged, "ok") != 0)
		findings_add(f, VITALS_DEGRADED, "issuer-staged", program,
		    "the key of the issuer that is to come is not usable: %s",
		    p->staged);
}

/* What the programs agree on. */
struct signs {
	size_t used, living;
	int64_t waiting;
};

static void
program_look(struct findings *f, const struct settings *s, const char *program,
    int64_t now, struct signs *signs)
{
	struct pulse p;
	struct fail why = {0};

	if (pulse_read(&p, s, program, &why) != 0 || p.when == 0 ||
	    now - p.when > PULSE_OLD || p.when - now > PULSE_OLD) {
		/* Plain CGI programs live for one request only. */
		if (!s->allow_cgi)
			findings_add(f, VITALS_DEGRADED, "program-silent",
			    program, "the program is not running");
	} else {
		signs->living++;
		if (p.waiting > signs->waiting)
			signs->waiting = p.waiting;
		organ_look(f, program, "token", p.key);
		organ_look(f, program, "store", p.store);
		if (strcmp(p.clock, "ok") != 0)
			findings_add(f, VITALS_DOWN, p.clock, program,
			    "the clock is behind the newest certificate");
		issuers_look(f, program, &p);
	}
	pulse_free(&p);
}

/* Somebody has to decide, but nothing is wrong until there is no room. */
static void
waiting_look(struct findings *f, int64_t waiting)
{
	bool full = waiting >= PENDING_MOST;

	if (waiting > 0)
		findings_add(f, full ? VITALS_DEGRADED : VITALS_OK,
		    full ? "approval-full" : "approval-waiting", "",
		    "%lld %s approval%s", (long long)waiting,
		    waiting == 1 ? "request waits for" : "requests wait for",
		    full ? ", and no more are taken" : "");
}

static void
programs_look(struct findings *f, const struct settings *s, int64_t now)
{
	static const char *const signers[] = {
	    "simpleenroll", "simplereenroll", "serverkeygen"};
	struct signs signs = {0};

	for (size_t i = 0; i < sizeof(signers) / sizeof(signers[0]); i++) {
		if (!settings_operation(s, signers[i]))
			continue;
		signs.used++;
		program_look(f, s, signers[i], now, &signs);
	}
	if (signs.used > 0 && signs.living == 0 && !s->allow_cgi)
		findings_add(f, VITALS_DOWN, "programs-silent", "",
		    "no program that issues is running");
	waiting_look(f, signs.waiting);
}

void
vitals_take(struct findings *f, const struct ca *ca, int64_t now)
{
	issuer_look(f, ca, now);
	chain_look(f, ca->settings);
	disk_look(f, ca->settings);
	lists_look(f, ca, now);
	responders_look(f, ca, now);
	programs_look(f, ca->settings, now);
	upkeep_take(f, ca->settings, now);
}

#include "lib/web/vitals.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/store/pending.h"
#include "lib/web/pulse.h"

#define DAY ((int64_t)86400)

static enum vitals
worse(enum vitals a, enum vitals b)
{
	return a > b ? a : b;
}

static enum vitals
say(struct bytes *details, enum vitals v, const char *what, const char *reason)
{
	bytes_addf(details, "%s: %s: %s\n", vitals_word(v), what, reason);
	return v;
}

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

static enum vitals
issuer_vitals(struct bytes *details, const struct ca *ca, int64_t now)
{
	struct fail why = {0};
	enum vitals v = VITALS_OK;

	if (ca->issuers == NULL)
		return say(
		    details, VITALS_DOWN, "issuer", ca->issuers_why.reason);
	if (authority_usable(ca_authority(ca, now), now, &why) != 0)
		return say(details, VITALS_DOWN, "issuer", why.reason);
	if (ca->issuers->trouble.kind != FAIL_NONE)
		v = say(details, VITALS_DEGRADED, "issuers",
		    "one of their files is not usable");
	if (issuers_end(ca->issuers, now) - now < 30 * DAY)
		v = say(details, VITALS_DEGRADED, "issuer",
		    "its certificate ends within 30 days");
	return v;
}

static enum vitals
chain_vitals(struct bytes *details, const struct settings *s)
{
	char *path = settings_chain_path(s);
	bool there = access(path, R_OK) == 0;

	free(path);
	return there ? VITALS_OK
	             : say(details, VITALS_DEGRADED, "cacerts",
			   "the published chain is missing");
}

static enum vitals
disk_vitals(struct bytes *details, const struct settings *s)
{
	struct statvfs fs;
	uint64_t left;

	if (statvfs(s->state, &fs) != 0)
		return say(details, VITALS_DOWN, "disk",
		    "the state folder cannot be reached");
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (left < (uint64_t)s->disk_reserve)
		return say(details, VITALS_DOWN, "disk", "disk-full");
	if (left / 2 < (uint64_t)s->disk_reserve)
		return say(details, VITALS_DEGRADED, "disk",
		    "less than twice the reserve is left");
	return VITALS_OK;
}

/* Is the operation on anywhere? */
static bool
in_use(const struct settings *s, const char *program)
{
	const struct endpoint *e = s->endpoints.item;

	for (size_t i = 0; i < s->endpoints.n; i++)
		if (endpoint_operation(&e[i], program))
			return true;
	return false;
}

static enum vitals
organ(struct bytes *details, const char *program, const char *what,
    const char *word)
{
	char *name;
	enum vitals v;

	if (strcmp(word, "ok") == 0)
		return VITALS_OK;
	name = str_fmt("%s: %s", program, what);
	v = say(details, VITALS_DOWN, name, word);
	free(name);
	return v;
}

/* The former issuer that goes on, and a staged one without its key: a hand is
 * needed, and there is time. */
static enum vitals
issuers_organ(struct bytes *details, const char *program, const struct pulse *p)
{
	bool former = strcmp(p->issuer, "issuer-former") == 0;
	char *name = str_fmt("%s: %s", program, "issuer");
	enum vitals v = VITALS_OK;

	if (former)
		v = say(details, VITALS_DEGRADED, name,
		    "the active one's key is not usable, the former one goes "
		    "on");
	else
		v = organ(details, program, "issuer", p->issuer);
	free(name);
	if (strcmp(p->staged, "ok") == 0)
		return v;
	name = str_fmt("%s: %s", program, "staged issuer");
	v = worse(v, say(details, VITALS_DEGRADED, name, p->staged));
	free(name);
	return v;
}

/* What the programs agree on. */
struct signs {
	size_t used, living;
	int64_t waiting;
};

static enum vitals
program_vitals(struct bytes *details, const struct settings *s,
    const char *program, int64_t now, struct signs *signs)
{
	struct pulse p;
	struct fail why = {0};
	enum vitals v = VITALS_OK;

	if (pulse_read(&p, s, program, &why) != 0 || p.when == 0 ||
	    now - p.when > PULSE_OLD || p.when - now > PULSE_OLD) {
		/* Plain CGI programs live for one request only. */
		if (!s->allow_cgi)
			v = say(details, VITALS_DEGRADED, program,
			    "is not running");
	} else {
		signs->living++;
		if (p.waiting > signs->waiting)
			signs->waiting = p.waiting;
		v = worse(organ(details, program, "token", p.key),
		    worse(organ(details, program, "store", p.store),
			issuers_organ(details, program, &p)));
	}
	pulse_free(&p);
	return v;
}

/* Somebody has to decide, but nothing is wrong until there is no room. */
static enum vitals
waiting_vitals(struct bytes *details, int64_t waiting)
{
	bool full = waiting >= PENDING_MOST;
	char *text;
	enum vitals v;

	if (waiting <= 0)
		return VITALS_OK;
	text = str_fmt("%lld %s%s", (long long)waiting,
	    waiting == 1 ? "request waits" : "requests wait",
	    full ? ", and no more are taken" : "");
	v = say(details, full ? VITALS_DEGRADED : VITALS_OK, "approval", text);
	free(text);
	return v;
}

static enum vitals
programs_vitals(struct bytes *details, const struct settings *s, int64_t now)
{
	static const char *const signers[] = {
	    "simpleenroll", "simplereenroll", "serverkeygen"};
	enum vitals v = VITALS_OK;
	struct signs signs = {0};

	for (size_t i = 0; i < sizeof(signers) / sizeof(signers[0]); i++) {
		if (!in_use(s, signers[i]))
			continue;
		signs.used++;
		v = worse(
		    v, program_vitals(details, s, signers[i], now, &signs));
	}
	if (signs.used > 0 && signs.living == 0 && !s->allow_cgi)
		v = VITALS_DOWN;
	return worse(v, waiting_vitals(details, signs.waiting));
}

enum vitals
vitals_of(struct bytes *details, const struct ca *ca, int64_t now)
{
	enum vitals v = issuer_vitals(details, ca, now);

	v = worse(v, chain_vitals(details, ca->settings));
	v = worse(v, disk_vitals(details, ca->settings));
	return worse(v, programs_vitals(details, ca->settings, now));
}

const char *
vitals_word(enum vitals v)
{
	static const char *const words[] = {"ok", "degraded", "down"};

	return words[v];
}

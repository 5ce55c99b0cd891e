/* microca approve, deny - the decision about a request that waits.  No token
 * is needed: the certificate is issued when the client asks again. */
#include "bin/pending.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/when.h"

struct decision {
	enum pending_state state;
	uint8_t from[SHA256_LEN], to[SHA256_LEN];
	int64_t id; /* 0: whichever it is */
	const char *text;
	bool yes;
};

/* What the digits name: one that can be decided, or else the newest. */
struct match {
	const struct decision *d;
	const struct settings *settings;
	struct bytes choice; /* a line for each that can be decided */
	struct bytes shown;  /* the one, decoded */
	int64_t id, now;
	enum pending_state state;
	size_t open; /* how many can be decided */
};

static int
candidate(const struct pending *p, void *arg)
{
	struct match *m = arg;
	bool open = p->state != PENDING_ISSUED && p->state != PENDING_EXPIRED &&
	            p->expires > m->now;

	if (m->d->id != 0 && m->d->id != p->id)
		return 0;
	if (!open && m->open > 0)
		return 0;
	m->id = p->id;
	m->state = p->state;
	m->shown.len = 0;
	pending_text(&m->shown, p, m->settings, m->now);
	if (open) {
		m->open++;
		bytes_addf(&m->choice, "--id %lld: %s of %s at %s, %s\n",
		    (long long)p->id, p->subject, p->requester, p->endpoint,
		    p->operation);
	}
	return 0;
}

static int
match(struct match *m, const struct ca *ca, struct fail *why)
{
	const struct pending_filter filter = {
	    .from = m->d->from, .to = m->d->to, .all = true, .now = m->now};

	if (store_pending_list(ca->store, &filter, candidate, m, why) != 0)
		return -1;
	if (m->id == 0)
		return fail(why, FAIL_ABSENT, "unknown-request",
		    "there is no such request");
	if (m->open < 2)
		return 0;
	fputs((const char *)m->choice.data, stderr);
	return fail(why, FAIL_CONFIG, "usage",
	    "%zu requests begin with these digits: say which with --id",
	    m->open);
}

static int
confirm(const struct decision *d, struct fail *why)
{
	char answer[8] = "";

	if (d->yes || d->state == PENDING_DENIED)
		return 0;
	if (isatty(STDIN_FILENO) == 0)
		return fail(why, FAIL_CONFIG, "usage",
		    "nobody is there to ask: --yes approves unasked");
	fputs("Approve? (yes/no) ", stdout);
	(void)fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin) == NULL ||
	    (strcmp(answer, "yes\n") != 0 && strcmp(answer, "y\n") != 0))
		return fail(why, FAIL_DENIED, "unconfirmed",
		    "not approved: nothing "
		    "was changed");
	return 0;
}

static int
decide(struct tool *tool, const struct ca *ca, const struct decision *d,
    const struct match *m, struct fail *why)
{
	const char *word = pending_state_word(d->state);
	struct audit entry = {
	    .event = d->state == PENDING_APPROVED ? "approve" : "deny",
	    .requester = tool->who->requester,
	    .text = d->text};
	bool changed;

	if (store_pending_decide(ca->store, &changed, m->id, d->state,
		when_now(), ca->settings->approval_keep, &entry, why) != 0)
		return -1;
	printf("%s%s\n", changed ? "" : "already ", word);
	return 0;
}

static int
run(struct tool *tool, const struct decision *d, struct fail *why)
{
	struct match m = {.d = d, .now = when_now()};
	struct ca *ca = NULL;
	int rc = -1;

	if (tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	m.settings = ca->settings;
	if (match(&m, ca, why) == 0) {
		fputs((const char *)m.shown.data, stdout);
		if (m.open == 0 || m.state == d->state || confirm(d, why) == 0)
			rc = decide(tool, ca, d, &m, why);
	}
	bytes_free(&m.choice);
	bytes_free(&m.shown);
	ca_drop(ca);
	return rc;
}

int
approve_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct decision d = {.state = PENDING_APPROVED};
	const struct option_spec options[] = {
	    {"id", 0, OPTION_INT, &d.id, 1, INT64_MAX, NULL},
	    {"text", 't', OPTION_TEXT, &d.text, 0, 0, NULL},
	    {"yes", 'y', OPTION_FLAG, &d.yes, 0, 0, NULL},
	};

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0 ||
	    prefix_read(d.from, d.to, argv[0], why) != 0)
		return -1;
	return run(tool, &d, why);
}

int
deny_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct decision d = {.state = PENDING_DENIED};
	const struct option_spec options[] = {
	    {"id", 0, OPTION_INT, &d.id, 1, INT64_MAX, NULL},
	    {"reason", 'r', OPTION_TEXT, &d.text, 0, 0, NULL},
	};

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0 ||
	    prefix_read(d.from, d.to, argv[0], why) != 0)
		return -1;
	return run(tool, &d, why);
}

/* microca revoke, release - a certificate's end before its time, and the end of
 * a hold (RFC 5280, 5.3.1). */
#include "bin/microca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/when.h"
#include "lib/ca/replaced.h"
#include "lib/ca/revoke.h"

#define MOST 100 /* by a pattern, unless --max says more */

struct order {
	struct revoke_wish wish;
	struct revoke_pattern pattern;
	const char *reason, *time, *text;
	int64_t most;
	bool yes, dry, replaced;
};

static const char *
verb(const struct order *o)
{
	return o->wish.release ? "release" : "revoke";
}

/* ---- doing it ------------------------------------------------------------ */

static void
say(const struct order *o, const struct record *r, bool changed)
{
	if (o->wish.release)
		printf(
		    "%s %s\n", changed ? "released" : "not on hold", r->serial);
	else
		printf("%s %s %s\n", changed ? "revoked" : "already revoked",
		    r->serial, store_reason_word((int)o->wish.reason));
	if (changed && revoke_is_ca(r))
		printf("%s is a CA's: so is all that it issued\n", r->serial);
	/* RFC 9608, 4. */
	if (changed && !o->wish.release && revoke_is_unseen(r))
		printf("%s has noRevAvail: relying parties do not ask; only "
		       "this CA refuses it from now on\n",
		    r->serial);
}

static int
one(const struct tool *tool, struct ca *ca, const struct order *o,
    const struct record *r, struct fail *why)
{
	const struct audit entry = {.operation = verb(o),
	    .requester = tool->who->requester,
	    .text = o->text};
	bool changed;

	if (revoke_act(&changed, ca, r, &o->wish, when_now(), &entry, why) != 0)
		return -1;
	say(o, r, changed);
	return 0;
}

/* ---- those named one by one ---------------------------------------------- */

/* All are looked up before the first is touched: a slip of the pen changes
 * nothing. */
static int
named(const struct tool *tool, struct ca *ca, const struct order *o, int n,
    char **names, struct fail *why)
{
	struct record *r = mem_new((size_t)n * sizeof(*r));
	int rc = 0;

	for (int i = 0; i < n && rc == 0; i++)
		rc = revoke_find(&r[i], ca, names[i], why);
	for (int i = 0; i < n && rc == 0; i++)
		rc = one(tool, ca, o, &r[i], why);
	for (int i = 0; i < n; i++)
		record_free(&r[i]);
	free(r);
	return rc;
}

/* ---- those that a pattern names ------------------------------------------ */

static void
show(const struct revoke_list *list, int64_t now)
{
	printf("%-40s  %-7s  %-20s  %-12s  %s\n", "SERIAL", "STATUS",
	    "NOT AFTER", "PROFILE", "SUBJECT");
	for (size_t i = 0; i < list->n; i++) {
		const struct record *r = &list->item[i];
		char end[WHEN_LEN];

		when_write(end, r->not_after);
		printf("%-40s  %-7s  %-20s  %-12s  %s\n", r->serial,
		    record_status(r, now), end, r->profile, r->subject);
	}
}

static int
confirm(const struct order *o, const struct revoke_list *list, struct fail *why)
{
	char answer[24] = "", want[24];

	if (o->yes)
		return 0;
	if (isatty(STDIN_FILENO) == 0)
		return fail(why, FAIL_CONFIG, "usage",
		    "nobody is there to ask: --yes does it unasked, --dry-run "
		    "shows what it would be");
	printf("To %s these %zu, type their number: ", verb(o), list->n);
	(void)fflush(stdout);
	(void)snprintf(want, sizeof(want), "%zu\n", list->n);
	if (fgets(answer, sizeof(answer), stdin) == NULL ||
	    strcmp(answer, want) != 0)
		return fail(why, FAIL_DENIED, "unconfirmed",
		    "not confirmed: nothing was changed");
	return 0;
}

static int
judge(const struct order *o, const struct revoke_list *list, struct fail *why)
{
	if (list->all == 0)
		return fail(why, FAIL_ABSENT, "unknown-serial",
		    "no certificate of this pattern is there to %s", verb(o));
	if (list->all > o->most)
		return fail(why, FAIL_DENIED, "too-many",
		    "%lld certificates are of this pattern, and no more than "
		    "%lld are wanted: nothing was changed (--max)",
		    (long long)list->all, (long long)o->most);
	return 0;
}

static int
all(const struct tool *tool, struct ca *ca, const struct order *o,
    const struct revoke_list *list, struct fail *why)
{
	for (size_t i = 0; i < list->n; i++)
		if (one(tool, ca, o, &list->item[i], why) != 0)
			return -1;
	return 0;
}

static int
by_pattern(const struct tool *tool, struct ca *ca, const struct order *o,
    struct fail *why)
{
	struct revoke_list list = {0};
	int64_t now = when_now();
	int rc = revoke_select(
	    &list, ca, &o->pattern, &o->wish, (size_t)o->most, now, why);

	if (rc == 0)
		rc = judge(o, &list, why);
	if (rc == 0) {
		show(&list, now);
		if (!o->dry)
			rc = confirm(o, &list, why);
	}
	if (rc == 0 && !o->dry)
		rc = all(tool, ca, o, &list, why);
	revoke_list_free(&list);
	return rc;
}

/* ---- those that renewals replaced ---------------------------------------- */

int
replaced_run(
    const struct tool *tool, struct ca *ca, bool said, struct fail *why)
{
	const struct audit entry = {
	    .operation = "revoke", .requester = tool->who->requester};
	struct replaced_report report;
	int rc = replaced_revoke(&report, ca, &entry, when_now(), why);

	if (said && report.revoked > 0)
		printf("%lld replaced by renewals and revoked\n",
		    (long long)report.revoked);
	return rc;
}

/* ---- the command line ---------------------------------------------------- */

static int
words_read(struct order *o, struct fail *why)
{
	if (revoke_reason(&o->wish.reason, o->reason, why) != 0) {
		why->kind = FAIL_CONFIG;
		return -1;
	}
	if (o->time != NULL && when_read(&o->wish.invalid, o->time, why) != 0)
		return fail(why, FAIL_CONFIG, "usage",
		    "--time: \"%s\" is not a time like 2026-01-31T12:00:00Z",
		    o->time);
	return 0;
}

/* A pattern, or names: and what belongs to the one is not for the other. */
static int
shape_ok(const struct order *o, int argc, struct fail *why)
{
	const struct revoke_pattern *p = &o->pattern;
	bool pattern =
	    p->subject != NULL || p->profile != NULL || p->endpoint != NULL;

	if (o->replaced && (pattern || argc > 0))
		return fail(why, FAIL_CONFIG, "usage",
		    "--replaced is for itself alone");
	if (!pattern && (o->yes || o->dry))
		return fail(why, FAIL_CONFIG, "usage",
		    "--yes and --dry-run are for --subject, --profile and "
		    "--endpoint");
	if (pattern && argc > 0)
		return fail(why, FAIL_CONFIG, "usage",
		    "serials or a pattern, not both");
	return pattern || o->replaced ? 0 : operands_ok(argc, 1, MOST, why);
}

static int
run(struct tool *tool, const struct order *o, int argc, char **argv,
    struct fail *why)
{
	struct ca *ca = NULL;
	int rc;

	if (shape_ok(o, argc, why) != 0 ||
	    tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	if (o->replaced)
		rc = replaced_run(tool, ca, true, why);
	else if (argc > 0)
		rc = named(tool, ca, o, argc, argv, why);
	else
		rc = by_pattern(tool, ca, o, why);
	ca_drop(ca);
	return rc;
}

/* The last ones are for revoking alone. */
#define REVOKING 3

static int
order_run(
    struct tool *tool, struct order *o, int argc, char **argv, struct fail *why)
{
	const struct option_spec options[] = {
	    {"subject", 's', OPTION_TEXT, &o->pattern.subject, 0, 0, NULL},
	    {"profile", 'p', OPTION_TEXT, &o->pattern.profile, 0, 0, NULL},
	    {"endpoint", 'e', OPTION_TEXT, &o->pattern.endpoint, 0, 0, NULL},
	    {"max", 0, OPTION_INT, &o->most, 1, 100000000, NULL},
	    {"dry-run", 'n', OPTION_FLAG, &o->dry, 0, 0, NULL},
	    {"yes", 'y', OPTION_FLAG, &o->yes, 0, 0, NULL},
	    {"text", 't', OPTION_TEXT, &o->text, 0, 0, NULL},
	    {"reason", 'r', OPTION_TEXT, &o->reason, 0, 0, NULL},
	    {"time", 0, OPTION_TEXT, &o->time, 0, 0, NULL},
	    {"replaced", 0, OPTION_FLAG, &o->replaced, 0, 0, NULL},
	};
	size_t n = sizeof(options) / sizeof(options[0]);

	if (o->wish.release)
		n -= REVOKING;
	if (options_read(options, n, &argc, &argv, why) != 0 ||
	    words_read(o, why) != 0)
		return -1;
	return run(tool, o, argc, argv, why);
}

int
revoke_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct order o = {.most = MOST};

	return order_run(tool, &o, argc, argv, why);
}

int
release_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct order o = {.wish.release = true, .most = MOST};

	return order_run(tool, &o, argc, argv, why);
}

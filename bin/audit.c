/* microca audit - the record of all that was done. */
#include "bin/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/ca/counter.h"
#include "lib/ca/crls.h"
#include "lib/ca/restore.h"
#include "lib/cloud/heads.h"

/* ---- verify ---------------------------------------------------------------- */

static void
covered_say(const struct audit_report *r)
{
	char when[WHEN_LEN];

	if (r->retired > 0)
		printf("%lld of the certificates were retired\n",
		    (long long)r->retired);
	if (r->gaps > 0)
		printf("%lld gaps are recorded: see microca audit list "
		       "--event gap\n",
		    (long long)r->gaps);
	if (r->heads == 0) {
		puts("no head covers them: see microca audit head");
		return;
	}
	when_write(when, r->covered_at);
	printf("%lld heads are good; the last one, of %s, covers %lld records, "
	       "%lld came later\n",
	    (long long)r->heads, when, (long long)r->covered,
	    (long long)(r->records - r->covered));
}

static int
report_say(const struct audit_report *r)
{
	char hash[2 * SHA256_LEN + 1];

	if (r->broken && r->seq == 0)
		printf("broken: %s\n", r->text);
	else if (r->broken)
		printf("broken: lane %lld, record %lld: %s\n",
		    (long long)r->lane, (long long)r->seq, r->text);
	hex_write(hash, (struct span){r->hash, SHA256_LEN}, false);
	printf("%lld records are good, %lld of them certificates; the last "
	       "one's hash is %s\n",
	    (long long)r->records, (long long)r->issued, hash);
	covered_say(r);
	return r->broken ? EXIT_DIFFERENCE : 0;
}

static int
verify(struct tool *tool, int argc, char **argv, struct fail *why)
{
	const char *more = NULL;
	bool retired = false;
	const struct option_spec options[] = {
	    {"heads", 0, OPTION_TEXT, &more, 0, 0, NULL},
	    {"retired", 0, OPTION_FLAG, &retired, 0, 0, NULL},
	};
	struct audit_report report;
	STACK_OF(X509) *signers = NULL;
	struct heads *heads = NULL;
	struct audit_marks marks;
	struct ca *ca = NULL;
	int rc = -1;

	if (options_read(options, 2, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0)
		return -1;
	if (tool_ca(&ca, tool, CA_STORE, why) == 0 &&
	    heads_signers(&signers, ca->settings, why) == 0 &&
	    heads_open(
		&heads, ca->settings, &more, more != NULL, signers, why) == 0) {
		marks = heads_marks(heads);
		if (audit_verify_all(&report, ca->store, &marks,
			retired ? ca->settings->retention.folder : NULL,
			why) == 0)
			rc = report_say(&report);
	}
	heads_close(heads);
	sk_X509_pop_free(signers, X509_free);
	ca_drop(ca);
	return rc;
}

/* ---- heads ------------------------------------------------------------------- */

static int
head(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct checkpoint cp;
	struct ca *ca = NULL;
	bool added;
	char *text;
	int rc = -1;

	if (options_read(NULL, 0, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0)
		return -1;
	if (tool_ca(&ca, tool, CA_STORE | CA_KEY, why) == 0 &&
	    (rc = heads_make(&cp, &added, ca, when_now(), why)) == 0) {
		if ((rc = heads_count(ca, &cp, why)) == 0) {
			text = checkpoint_write(cp.head, cp.signature);
			puts(text);
			heads_log(&cp);
			free(text);
		}
		checkpoint_free(&cp);
	}
	ca_drop(ca);
	return rc;
}

/* What is published and newer: its revocations, and its number. */
static int
list_take(struct restore_report *report, struct ca *ca,
    const struct crls_ahead *ahead, const char *requester, struct fail *why)
{
	const struct restore_wish wish = {
	    .requester = requester, .now = when_now()};
	const struct crls_state list = {
	    .keyid = ahead->keyid, .number = ahead->number};
	const struct issuer *issuer =
	    issuers_by_keyid(ca->issuers, ahead->keyid, wish.now);

	if (issuer != NULL && restore_list(report, ca->store, issuer,
				  ca->settings, &wish, why) != 0)
		return -1;
	printf("the published list of key %s is newer: numbers go on from "
	       "%lld\n",
	    ahead->keyid, (long long)ahead->number);
	return crls_go_on(ca->store, &list, requester, why);
}

static int
lists_take(bool *any, struct ca *ca, const char *requester, struct fail *why)
{
	struct restore_report report = {0};
	struct crls_ahead ahead;
	int rc;

	while ((rc = crls_ahead(&ahead, ca->settings, ca->store, why)) == 0 &&
	       ahead.keyid[0] != '\0') {
		*any = true;
		if ((rc = list_take(&report, ca, &ahead, requester, why)) != 0)
			break;
	}
	if (report.revocations + report.forgotten > 0)
		printf("stay revoked: %zu, and %zu of which the database "
		       "knows nothing else\n",
		    report.revocations, report.forgotten);
	return rc;
}

static int
gap(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct ca *ca = NULL;
	unsigned need = CA_STORE; /* and the token, if that counts too */
	bool found = false, listed = false;
	int rc = -1;

	if (options_read(NULL, 0, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0)
		return -1;
	if (tool_settings(tool, why) != 0)
		return -1;
	if (counter_wanted(tool->settings))
		need |= CA_KEY;
	if (tool_ca(&ca, tool, need, why) == 0 &&
	    heads_gap(&found, ca->settings, ca->store, ca->key,
		tool->who->requester, when_now(), why) == 0)
		rc = lists_take(&listed, ca, tool->who->requester, why);
	if (rc == 0 && found)
		puts("the gap is recorded; heads begin anew");
	else if (rc == 0 && !listed)
		printf("no head%s no list%s tells of more than is here\n",
		    ca->key != NULL ? "," : " and",
		    ca->key != NULL ? " and no token" : "");
	ca_drop(ca);
	return rc;
}

/* ---- acts ---------------------------------------------------------------------- */

static const struct {
	const char *name;
	command_run *run;
} acts[] = {
    {"verify", verify},
    {"head", head},
    {"gap", gap},
    {"list", audit_list},
    {"show", audit_show},
    {"export", audit_export},
};

int
audit_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	if (argc < 2)
		return fail(why, FAIL_CONFIG, "usage",
		    "which act? See microca help audit");
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(argv[1], acts[i].name) == 0)
			return acts[i].run(tool, argc - 1, argv + 1, why);
	return fail(
	    why, FAIL_CONFIG, "usage", "audit %s: no such act", argv[1]);
}

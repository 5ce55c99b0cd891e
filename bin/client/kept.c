/* est-client enroll, reenroll, renew, status - the certificates that are kept.
 */
#include "bin/client/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/when.h"
#include "lib/net/keep_status.h"

#define EXIT_BROKEN 1
#define EXIT_PENDING 3
#define EXIT_REFUSED 4
#define EXIT_ABSENT 6
#define EXIT_LATER 7

/* Of several certificates the worst one's status counts. */
static int
worse(int a, int b)
{
	static const int rank[] = {[EXIT_PENDING] = 1,
	    [EXIT_ABSENT] = 2,
	    [EXIT_LATER] = 3,
	    [5] = 4,
	    [EXIT_REFUSED] = 5,
	    [2] = 6,
	    [EXIT_BROKEN] = 7};

	return rank[b] > rank[a] ? b : a;
}

/* A status of this struct certificate: how the command ends for it. */
typedef int each(struct client *client, const struct certificate *cert,
    struct source *source, struct fail *why);

static each status_one;

static int
one(struct client *client, const struct certificate *cert, each *run)
{
	struct source source;
	struct fail why = {0};
	int rc;

	if (cert->folder == NULL)
		rc = fail(&why, FAIL_CONFIG, "usage",
		    "--folder says where the certificate is kept");
	else if ((rc = source_open(&source, cert, &why)) == 0) {
		rc = run(client, cert, &source, &why);
		source_close(&source);
	}
	return rc < 0 ? complain(client->command, cert->name, &why) : rc;
}

static int
for_each(struct client *client, each *run, struct fail *why)
{
	const struct settings *s = &client->settings;
	struct certificate *all = s->certificates.item;
	size_t n = s->certificates.n, i;
	int rc = 0;

	if (client->options.operands > 0) {
		n = (size_t)client->options.operands;
		for (i = 0; i < n; i++)
			if (settings_find(s, client->options.operand[i]) ==
			    NULL)
				return fail(why, FAIL_CONFIG, "usage",
				    "no certificate \"%s\" is configured",
				    client->options.operand[i]);
	}
	if (n == 0)
		return fail(
		    why, FAIL_CONFIG, "config", "no certificate is configured");
	for (i = 0; i < n; i++)
		rc = worse(
		    rc, one(client,
			    client->options.operands > 0
				? settings_find(s, client->options.operand[i])
				: &all[i],
			    run));
	return rc;
}

/* ---- what is said ------------------------------------------------------- */

static void
time_say(const char *what, int64_t when)
{
	char text[WHEN_LEN];

	if (when <= 0)
		return;
	when_write(text, when > WHEN_FOREVER ? WHEN_FOREVER : when);
	printf("  %-12s %s\n", what, text);
}

static void
text_say(const char *what, const char *text)
{
	struct bytes safe = {0};

	if (text == NULL)
		return;
	text_escape(&safe, span_str(text));
	printf("  %-12s %s\n", what,
	    safe.data != NULL ? (const char *)safe.data : "");
	bytes_free(&safe);
}

static void
status_say(const char *name, const struct keep_status *s)
{
	printf("%s: %s\n", name, keep_state_word(s->state));
	text_say("subject", s->subject);
	text_say("serial", s->serial);
	text_say("fingerprint", s->fingerprint);
	time_say("not before", s->not_before);
	time_say("not after", s->not_after);
	if (s->life_left_percent >= 0)
		printf("  %-12s %d %%\n", "life left", s->life_left_percent);
	time_say("renew at", s->renew_at);
	time_say("tried", s->tried);
	time_say("succeeded", s->succeeded);
	time_say("waiting from", s->pending_since);
	time_say("next try", s->next_try);
	if (s->failures > 0)
		printf("  %-12s %d\n", "failures", s->failures);
	text_say("reason", s->reason);
	text_say("text", s->text);
}

static int
exit_of(const struct keep_status *s)
{
	switch (s->state) {
	case KEEP_GOOD:
	case KEEP_DUE:
		return 0;
	case KEEP_PENDING:
		return EXIT_PENDING;
	case KEEP_REFUSED:
		return EXIT_REFUSED;
	case KEEP_RETRY:
		return EXIT_LATER;
	case KEEP_NONE:
		return EXIT_ABSENT;
	case KEEP_EXPIRED:
		break;
	}
	return EXIT_BROKEN;
}

/* ---- the commands ------------------------------------------------------- */

static void
changed_say(const struct certificate *cert, const struct source *source)
{
	struct keep_status s;
	struct fail ignored = {0};
	char end[WHEN_LEN];

	if (keep_status_read(&s, &source->plan, &ignored) != 0)
		return;
	when_write(end, s.not_after);
	printf("%s: %s until %s, in %s/current\n", cert->name,
	    s.subject != NULL && s.subject[0] != '\0' ? s.subject
						      : "certificate",
	    end, cert->folder);
	keep_status_free(&s);
}

/* A call before its time does nothing: its status says why. */
static int
kept(const struct certificate *cert, struct source *source, bool force,
    struct fail *why)
{
	struct keep_status s;
	bool changed = false;
	int rc = keep_run(&changed, &source->plan, &source->keep, force, why);

	if (changed)
		changed_say(cert, source);
	if (rc != 0 || changed)
		return rc;
	if (keep_status_read(&s, &source->plan, why) != 0)
		return -1;
	rc = exit_of(&s);
	keep_status_free(&s);
	return rc;
}

static int
enroll_one(struct client *client, const struct certificate *cert,
    struct source *source, struct fail *why)
{
	struct keep_pair *pair;
	bool there;

	(void)client;
	if (talk_pair(&pair, source, why) != 0)
		return -1;
	there = pair != NULL;
	keep_pair_free(pair);
	if (!there || client->options.force)
		return kept(cert, source, true, why);
	printf("%s: there already (reenroll renews it)\n", cert->name);
	return 0;
}

static int
none_to_renew(const struct source *source, struct fail *why)
{
	struct keep_pair *pair = NULL;
	char end[WHEN_LEN];

	if (source->plan.folder != NULL &&
	    keep_pair_read(&pair, source->plan.folder, why) != 0)
		return -1;
	if (pair == NULL)
		return fail(why, FAIL_ABSENT, "pair",
		    "there is no certificate to renew: enroll first");
	when_write(end, pair->not_after);
	keep_pair_free(pair);
	return fail(why, FAIL_ABSENT, "pair",
	    "the certificate has ended, at %s: enroll again", end);
}

static int
reenroll_one(struct client *client, const struct certificate *cert,
    struct source *source, struct fail *why)
{
	struct keep_pair *pair;

	(void)client;
	if (talk_pair(&pair, source, why) != 0)
		return -1;
	if (pair == NULL)
		return none_to_renew(source, why);
	keep_pair_free(pair);
	return kept(cert, source, true, why);
}

static int
renew_one(struct client *client, const struct certificate *cert,
    struct source *source, struct fail *why)
{
	int rc = kept(cert, source, client->options.force, why);

	roots_refresh(source);
	return rc;
}

static int
status_one(struct client *client, const struct certificate *cert,
    struct source *source, struct fail *why)
{
	struct keep_status s;
	struct bytes text = {0};
	int rc;

	if (keep_status_read(&s, &source->plan, why) != 0)
		return -1;
	if (client->options.json) {
		keep_status_text(&text, &s, cert->name, false);
		printf("%s\n", (const char *)text.data);
		bytes_free(&text);
	} else {
		status_say(cert->name, &s);
	}
	rc = exit_of(&s);
	keep_status_free(&s);
	return rc;
}

int
enroll_run(struct client *client, struct fail *why)
{
	return for_each(client, enroll_one, why);
}

int
reenroll_run(struct client *client, struct fail *why)
{
	return for_each(client, reenroll_one, why);
}

int
renew_run(struct client *client, struct fail *why)
{
	return for_each(client, renew_one, why);
}

int
status_run(struct client *client, struct fail *why)
{
	return for_each(client, status_one, why);
}

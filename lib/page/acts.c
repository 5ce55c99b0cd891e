#include <stdlib.h>
#include <string.h>

#include "lib/ca/revoke.h"
#include "lib/page/api.h"

bool
act_is(const char *act)
{
	return strcmp(act, "revoke") == 0 || strcmp(act, "hold") == 0 ||
	       strcmp(act, "release") == 0;
}

bool
act_decides(const char *act)
{
	return strcmp(act, "approve") == 0 || strcmp(act, "deny") == 0;
}

static int
no_such_act(struct fail *why)
{
	return fail(
	    why, FAIL_ABSENT, "path", "nothing is served under this path");
}

static int
confirmed(const struct ask *ask, struct fail *why)
{
	static const char *const names[] = {
	    "token", "confirm", "reason", "note", NULL};
	const char *said = field_of(&ask->form, "confirm");

	if (fields_known(&ask->form, names, why) != 0)
		return -1;
	if (said != NULL &&
	    (strcmp(said, "yes") == 0 || strcmp(said, "true") == 0))
		return 0;
	return fail(why, FAIL_MALFORMED, "confirm",
	    "confirm: want yes, or nothing is done");
}

static int
wish_of(struct revoke_wish *wish, const struct ask *ask, const char *act,
    struct fail *why)
{
	const char *word = field_of(&ask->form, "reason");

	*wish = (struct revoke_wish){0};
	if (strcmp(act, "release") == 0) {
		wish->release = true;
		return 0;
	}
	if (strcmp(act, "hold") == 0) {
		wish->reason = REASON_HOLD;
		return 0;
	}
	if (revoke_reason(&wish->reason, word, why) != 0)
		return -1;
	/* A hold has a page and a question of its own. */
	if (wish->reason == REASON_HOLD)
		return fail(why, FAIL_MALFORMED, "reason",
		    "RFC 5280, 5.3.1: reason: a hold is asked for by \"hold\"");
	return 0;
}

/* Who, from where, by which certificate, why. */
static struct audit
entry_of(const struct ask *ask, const char *event, char sha[2 * SHA256_LEN + 1])
{
	hex_write(sha, (struct span){ask->who.sha256, SHA256_LEN}, false);
	return (struct audit){
	    .event = event,
	    .request = ask->id,
	    .operation = "inventory",
	    .peer = ask->peer,
	    .requester = ask->who.who,
	    .client_sha256 = sha,
	    .text = field_of(&ask->form, "note"),
	};
}

int
act_certificate(bool *changed, const struct ask *ask, const struct record *r,
    const char *act, struct fail *why)
{
	char client[2 * SHA256_LEN + 1];
	const struct audit entry = entry_of(ask, NULL, client);
	struct revoke_wish wish;

	*changed = false;
	if (!act_is(act))
		return no_such_act(why);
	if (confirmed(ask, why) != 0 || wish_of(&wish, ask, act, why) != 0)
		return -1;
	return revoke_act(changed, ask->ca, r, &wish, ask->now, &entry, why);
}

static int
number_read(int64_t *id, const char *text, struct fail *why)
{
	size_t len = strlen(text);

	if (len == 0 || len > 15 || strspn(text, "0123456789") != len)
		return fail(why, FAIL_MALFORMED, "query",
		    "a request's number is decimal");
	*id = strtoll(text, NULL, 10);
	return 0;
}

int
act_request(bool *changed, const struct ask *ask, const char *number,
    const char *act, struct fail *why)
{
	char client[2 * SHA256_LEN + 1];
	struct audit entry = entry_of(ask, act, client);
	int64_t id = 0;

	*changed = false;
	if (!act_decides(act))
		return no_such_act(why);
	if (confirmed(ask, why) != 0 || number_read(&id, number, why) != 0)
		return -1;
	return store_pending_decide(ask->ca->store, changed, id,
	    *act == 'a' ? PENDING_APPROVED : PENDING_DENIED, ask->now,
	    ask->ca->settings->approval_keep, &entry, why);
}

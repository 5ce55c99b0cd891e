/* microca crl - look after the revocation lists. */
#include "bin/microca.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/ca/crls.h"

static void
line_say(const struct crls_state *state, void *arg)
{
	char until[WHEN_LEN];

	(void)arg;
	if (state->why.kind != FAIL_NONE)
		printf("%s: not made: %s\n", state->keyid, state->why.text);
	if (state->number == 0)
		return;
	when_write(until, state->next_update);
	printf("%s: %s, number %lld, %zu revoked, until %s\n", state->keyid,
	    state->made ? "made" : "as it was", (long long)state->number,
	    state->entries, until);
}

static void
json_add_state(const struct crls_state *state, void *arg)
{
	struct json *one = json_new_object();

	json_str(one, "key_id", state->keyid);
	json_str(one, "path", state->path);
	json_bool(one, "made", state->made);
	if (state->number != 0) {
		json_int(one, "number", state->number);
		json_time(one, "this_update", state->this_update);
		json_time(one, "next_update", state->next_update);
		json_int(one, "revoked", (int64_t)state->entries);
	}
	if (state->why.kind != FAIL_NONE) {
		json_str(one, "reason", state->why.reason);
		json_str(one, "text", state->why.text);
	}
	json_push(arg, one);
}

static int
in_json(struct ca *ca, const struct crls_wish *wish, struct fail *why)
{
	struct json *all = json_new_array();
	int rc = crls_make(ca, wish, when_now(), json_add_state, all, why);
	char *text = json_text(all, 2);

	printf("%s\n", text);
	free(text);
	json_free(all);
	return rc;
}

/* What renewals replaced is on the lists that are made then; a failure there
 * does not keep them from being made. */
static int
look_after(const struct tool *tool, struct ca *ca, const struct crls_wish *wish,
    bool json, struct fail *why)
{
	struct fail replaced = {0};
	int rc = replaced_run(tool, ca, !json, &replaced);

	if ((json ? in_json(ca, wish, why)
		  : crls_make(ca, wish, when_now(), line_say, NULL, why)) != 0)
		return -1;
	if (rc != 0)
		*why = replaced;
	return rc;
}

int
crl_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct crls_wish wish = {0};
	bool json = false;
	const struct option_spec options[] = {
	    {"force", 0, OPTION_FLAG, &wish.force, 0, 0, NULL},
	    {"json", 0, OPTION_FLAG, &json, 0, 0, NULL},
	};
	struct ca *ca = NULL;
	int rc = -1;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0)
		return -1;
	if (tool_issuing_ca(&ca, tool, why) == 0) {
		wish.requester = tool->who->requester;
		rc = look_after(tool, ca, &wish, json, why);
	}
	ca_drop(ca);
	return rc;
}

/* microca revoke - a certificate's end before its time (RFC 5280, 5.3.1). */
#include "bin/microca.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/when.h"

#define REASON_LAST 10

static int
reason_read(enum store_reason *reason, const char *word, struct fail *why)
{
	struct bytes all = {0};
	int i = store_reason_of(word);

	if (i >= 0) {
		*reason = (enum store_reason)i;
		return 0;
	}
	for (i = 0; i <= REASON_LAST; i++)
		if (store_reason_word(i) != NULL)
			bytes_addf(&all, " %s", store_reason_word(i));
	fail(why, FAIL_CONFIG, "usage",
	    "RFC 5280, 5.3.1: \"%s\" is no reason; reasons:%s", word,
	    (const char *)all.data);
	bytes_free(&all);
	return -1;
}

static int
revoke(struct tool *tool, const char *serial, enum store_reason reason,
    const char *text, struct fail *why)
{
	const char *word = store_reason_word((int)reason);
	struct audit entry = {.event = "revoke",
	    .operation = "revoke",
	    .serial = serial,
	    .reason = word,
	    .text = text};
	struct ca *ca = NULL;
	bool changed = false;
	int rc;

	if (tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	entry.requester = tool->who->requester;
	rc = store_revoke(
	    ca->store, &changed, serial, reason, when_now(), &entry, why);
	if (rc == 0)
		printf("%s %s %s\n", changed ? "revoked" : "already revoked",
		    serial, word);
	ca_drop(ca);
	return rc;
}

int
revoke_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	const char *word = "unspecified", *text = NULL;
	const struct option_spec options[] = {
	    {"reason", 'r', OPTION_TEXT, &word, 0, 0, NULL},
	    {"text", 't', OPTION_TEXT, &text, 0, 0, NULL},
	};
	enum store_reason reason = REASON_UNSPECIFIED;
	struct bytes serial = {0};
	int rc = -1;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0)
		return -1;
	if (reason_read(&reason, word, why) == 0 &&
	    tool_serial(&serial, argv[0], why) == 0)
		rc = revoke(tool, (const char *)serial.data, reason, text, why);
	bytes_free(&serial);
	return rc;
}

/* microca retire - certificates that ended long ago leave the database. */
#include "bin/microca.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/ca/retire.h"

static void
file_say(const struct shelf *shelf, void *arg)
{
	char ended[WHEN_LEN];

	(void)arg;
	when_write(ended, shelf->ended);
	printf("%s: %lld certificates that ended by %s\n", shelf->path,
	    (long long)shelf->certificates, ended);
}

static void
report_say(const struct retire_report *r, bool look)
{
	char before[WHEN_LEN];

	when_write(before, r->before);
	printf("%lld certificates that ended before %s %s\n",
	    (long long)r->certificates, before,
	    look ? "would be retired" : "were retired");
	if (r->kept > 0)
		printf("%lld revoked ones stay: the next revocation list has "
		       "to name them (microca crl)\n",
		    (long long)r->kept);
}

static void
report_json(const struct retire_report *r)
{
	struct json *j = json_new_object();
	char *text;

	json_time(j, "before", r->before);
	json_int(j, "certificates", r->certificates);
	json_int(j, "files", r->files);
	json_int(j, "kept", r->kept);
	text = json_text(j, 2);
	(void)puts(text);
	free(text);
	json_free(j);
}

static int
run(struct tool *tool, struct retire_wish *wish, bool json, struct fail *why)
{
	struct retire_report report;
	struct ca *ca = NULL;
	int rc = tool_ca(&ca, tool, CA_STORE, why);

	if (rc == 0 && ca->settings->retention.expired_after == 0) {
		if (!json)
			puts("retention is off: certificates stay");
	} else if (rc == 0) {
		wish->requester = tool->who->requester;
		wish->tell = json ? NULL : file_say;
		rc = retire_run(&report, ca, wish, why);
		if (rc == 0 && json)
			report_json(&report);
		else if (rc == 0)
			report_say(&report, wish->look);
	}
	ca_drop(ca);
	return rc;
}

int
retire_command(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct retire_wish wish = {.now = when_now()};
	bool json = false;
	const struct option_spec options[] = {
	    {"look", 0, OPTION_FLAG, &wish.look, 0, 0, NULL},
	    {"idle", 0, OPTION_FLAG, &wish.idle, 0, 0, NULL},
	    {"json", 0, OPTION_FLAG, &json, 0, 0, NULL},
	};

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0)
		return -1;
	return run(tool, &wish, json, why);
}

/* microca audit - the record of all that was done. */
#include "bin/microca.h"

#include <stdio.h>
#include <string.h>

#include "lib/ca/audit_verify.h"

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
	return r->broken ? EXIT_DIFFERENCE : 0;
}

int
audit_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct audit_report report;
	struct ca *ca = NULL;
	int rc = -1;

	if (options_read(NULL, 0, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0)
		return -1;
	if (strcmp(argv[0], "verify") != 0)
		return fail(why, FAIL_CONFIG, "usage", "audit %s: no such act",
		    argv[0]);
	if (tool_ca(&ca, tool, CA_STORE, why) == 0 &&
	    audit_verify(&report, ca->store, NULL, why) == 0)
		rc = report_say(&report);
	ca_drop(ca);
	return rc;
}

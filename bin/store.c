/* microca store - the database itself: how it is, its schema, its place. */
#include "bin/microca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/ca/audit_verify.h"
#include "lib/store/backup.h"
#include "lib/store/transfer.h"
#include "lib/store/trail.h"

/* ---- status ------------------------------------------------------------------ */

struct status {
	struct store_counts counts;
	int64_t octets, lane[TRAIL_LANES];
	struct trail_end end[TRAIL_LANES];
	size_t lanes;
	int version;
};

static int
status_read(struct status *s, struct store *store, struct fail *why)
{
	int rc;

	if (store_state(store, why) != 0 ||
	    store_version(store, &s->version, why) != 0 ||
	    store_count(store, &s->counts, when_now(), why) != 0 ||
	    store_size(store, &s->octets, why) != 0 ||
	    store_trail_lanes(store, s->lane, &s->lanes, why) != 0)
		return -1;
	rc = 0;
	for (size_t i = 0; i < s->lanes && rc == 0; i++)
		rc = store_trail_end(store, s->lane[i], &s->end[i], why);
	return rc;
}

static void
status_say(const struct status *s, const struct settings *settings)
{
	printf("%s: schema %d, %lld octets\n", settings->store, s->version,
	    (long long)s->octets);
	printf("%lld certificates, %lld live, %lld revoked\n",
	    (long long)s->counts.certificates, (long long)s->counts.live,
	    (long long)s->counts.revoked);
	for (size_t i = 0; i < s->lanes; i++)
		printf("audit lane %lld%s: %lld records\n",
		    (long long)s->lane[i],
		    s->lane[i] == settings->node ? " (this node)" : "",
		    (long long)s->end[i].seq);
	printf("%lld to be told to the cloud\n", (long long)s->counts.outbox);
}

static void
status_json(const struct status *s, const struct settings *settings)
{
	struct json *j = json_new_object(), *lanes = json_new_array();
	char *text;

	json_str(j, "store", settings->store);
	json_int(j, "schema", s->version);
	json_int(j, "octets", s->octets);
	json_int(j, "node", settings->node);
	json_int(j, "certificates", s->counts.certificates);
	json_int(j, "live", s->counts.live);
	json_int(j, "revoked", s->counts.revoked);
	json_int(j, "audit", s->counts.audit);
	json_int(j, "outbox", s->counts.outbox);
	for (size_t i = 0; i < s->lanes; i++) {
		struct json *one = json_new_object();
		char hash[2 * SHA256_LEN + 1];

		hex_write(
		    hash, (struct span){s->end[i].hash, SHA256_LEN}, false);
		json_int(one, "lane", s->lane[i]);
		json_int(one, "seq", s->end[i].seq);
		json_str(one, "hash", hash);
		json_push(lanes, one);
	}
	json_add(j, "lanes", lanes);
	text = json_text(j, 2);
	puts(text);
	free(text);
	json_free(j);
}

static int
status(struct tool *tool, int argc, char **argv, struct fail *why)
{
	bool json = false;
	const struct option_spec options[] = {
	    {"json", 0, OPTION_FLAG, &json, 0, 0, NULL},
	};
	struct status *s;
	struct ca *ca = NULL;
	int rc = -1;

	if (options_read(options, 1, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0)
		return -1;
	s = mem_new(sizeof(*s));
	if (tool_ca(&ca, tool, CA_STORE, why) == 0 &&
	    status_read(s, ca->store, why) == 0) {
		(json ? status_json : status_say)(s, tool->settings);
		rc = 0;
	}
	ca_drop(ca);
	free(s);
	return rc;
}

/* ---- upgrade ------------------------------------------------------------------ */

static int
upgrade(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct store *store = NULL;
	int from = 0, to = 0, rc = -1;

	if (options_read(NULL, 0, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0 ||
	    tool_settings(tool, why) != 0 || tool_become_owner(tool, why) != 0)
		return -1;
	if (store_upgrade(&store, tool->settings->store, tool->settings->node,
		&from, why) == 0 &&
	    store_version(store, &to, why) == 0) {
		if (from == to)
			printf("schema %d: as it was\n", to);
		else
			printf("schema %d: it was %d\n", to, from);
		rc = 0;
	}
	store_free(store);
	return rc;
}

/* ---- copy ------------------------------------------------------------------------ */

/* The copy's own audit, whole, by its certificates too. */
static int
copy_verify(struct store *copy, struct fail *why)
{
	struct audit_report report = {0};

	if (audit_verify(&report, copy, NULL, why) != 0)
		return -1;
	if (!report.broken)
		return 0;
	(void)fail(why, FAIL_CONFLICT, "audit",
	    "the audit chain of the copy is broken at record %lld",
	    (long long)report.seq);
	return fail_cause(why, "%s", report.text);
}

static int
copy_end(const struct tool *tool, const char *from, const char *to,
    const struct transfer *did, struct fail *why)
{
	struct audit entry = {.event = "copy"};
	struct store *copy = NULL;
	char *text;
	int rc = -1;

	text = str_fmt("%lld certificates and %lld records came from %s",
	    (long long)did->certificates, (long long)did->records, from);
	entry.text = text;
	if (store_open_node(
		&copy, to, tool->settings->node, false, 3, 0, why) == 0 &&
	    copy_verify(copy, why) == 0)
		rc = tool_audit(tool, copy, &entry, why);
	store_free(copy);
	free(text);
	return rc;
}

/* The programs are stopped: what came after would be in the old one alone. */
static int
source_open(struct store **store, int *lock, const char *url, struct fail *why)
{
	*store = NULL;
	if (store_alone(lock, url, why) != 0)
		return -1;
	return store_open_alone(store, url, why);
}

static int
copy(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct store *from = NULL;
	struct transfer did;
	int lock = -1, rc = -1;

	if (options_read(NULL, 0, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 2, 2, why) != 0 ||
	    tool_settings(tool, why) != 0 || tool_become_owner(tool, why) != 0)
		return -1;
	if (source_open(&from, &lock, argv[0], why) == 0 &&
	    store_transfer(from, argv[1], &did, why) == 0 &&
	    copy_end(tool, argv[0], argv[1], &did, why) == 0) {
		printf("%s: %lld certificates, %lld records of the audit, "
		       "%lld rows in all; counted and verified\n",
		    argv[1], (long long)did.certificates,
		    (long long)did.records, (long long)did.rows);
		rc = 0;
	}
	store_free(from);
	if (lock >= 0)
		(void)close(lock);
	return rc;
}

int
store_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	static const struct {
		const char *name;
		command_run *run;
	} parts[] = {{"status", status}, {"upgrade", upgrade}, {"copy", copy}};

	for (size_t i = 0; argc > 1 && i < 3; i++)
		if (strcmp(parts[i].name, argv[1]) == 0)
			return parts[i].run(tool, argc - 1, argv + 1, why);
	return fail(why, FAIL_CONFIG, "usage",
	    "store status, store upgrade or store copy FROM TO");
}

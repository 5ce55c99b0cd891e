/* microca list - the certificates issued, as table, JSON or CSV. */
#include "bin/microca.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/store/retire.h"

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_CSV };
static const char *const format_words[] = {"table", "json", "csv", NULL};

enum status { S_GOOD, S_EXPIRED, S_REVOKED, S_HELD, S_ALL, S_UNSAID };
static const char *const status_words[] = {
    "good", "expired", "revoked", "held", "all", NULL};

struct listing {
	int format, status;
	struct store_filter filter;
	int64_t expiring; /* s from now; 0: any */
	int64_t rows;
};

static int
row_table(struct listing *l, const struct record *r)
{
	char end[WHEN_LEN];

	if (l->rows == 0)
		printf("%-40s  %-7s  %-20s  %-12s  %-12s  %s\n", "SERIAL",
		    "STATUS", "NOT AFTER", "PROFILE", "ENDPOINT", "SUBJECT");
	when_write(end, r->not_after);
	return printf("%-40s  %-7s  %-20s  %-12s  %-12s  %s\n", r->serial,
	    record_status(r, l->filter.now), end, r->profile, r->endpoint,
	    r->subject);
}

static int
row_json(struct listing *l, const struct record *r)
{
	struct json *j = record_json(r, l->filter.now);
	char *text = json_text(j, 0);
	int n = printf("%s\n%s", l->rows == 0 ? "[" : ",", text);

	free(text);
	json_free(j);
	return n;
}

static int
row_csv(struct listing *l, const struct record *r)
{
	struct bytes line = {0};
	int n;

	record_csv(&line, r, l->filter.now);
	n = fputs((const char *)line.data, stdout);
	bytes_free(&line);
	return n;
}

/* A closed pipe ends the listing, it is no failure of the store. */
static int
row(const struct record *r, void *arg)
{
	struct listing *l = arg;
	int n;

	if (l->format == FORMAT_JSON)
		n = row_json(l, r);
	else if (l->format == FORMAT_CSV)
		n = row_csv(l, r);
	else
		n = row_table(l, r);
	l->rows++;
	return n < 0 ? 1 : 0;
}

static void
filter_complete(struct listing *l)
{
	struct store_filter *f = &l->filter;

	f->now = when_now();
	f->status = -1;
	if (l->expiring > 0)
		f->expires_before = f->now + l->expiring;
	if (l->status == S_GOOD || (l->status == S_UNSAID && l->expiring > 0))
		f->live = true;
	if (l->status == S_REVOKED)
		f->status = STORE_REVOKED;
	if (l->status == S_HELD)
		f->status = STORE_HELD;
	if (l->status == S_EXPIRED) {
		f->status = STORE_GOOD;
		f->expires_before = f->now;
	}
}

static void
head(const struct listing *l)
{
	struct bytes line = {0};

	if (l->format != FORMAT_CSV)
		return;
	record_csv_header(&line);
	fputs((const char *)line.data, stdout);
	bytes_free(&line);
}

static void
foot(const struct listing *l)
{
	if (l->format == FORMAT_JSON)
		puts(l->rows == 0 ? "[]" : "\n]");
}

/* What is in files is not in the list, which is said beside it. */
static int
retired_say(const struct listing *l, struct ca *ca, struct fail *why)
{
	const char *serial = l->filter.serial;
	struct retired it;
	bool found = false;
	int64_t n;

	if (serial != NULL ? l->rows > 0 : l->filter.live)
		return 0;
	if (serial != NULL) {
		if (store_retired_find(ca->store, &it, &found, serial, why) !=
		    0)
			return -1;
		if (found)
			(void)fprintf(stderr,
			    "%s was retired to %s/%s: microca show %s\n",
			    serial, ca->settings->retention.folder, it.path,
			    serial);
		return 0;
	}
	if (store_retired_sum(ca->store, &n, why) != 0)
		return -1;
	if (n > 0)
		(void)fprintf(stderr,
		    "%lld that ended long ago were retired: microca list "
		    "--retired\n",
		    (long long)n);
	return 0;
}

static int
list(struct tool *tool, struct listing *l, struct fail *why)
{
	struct ca *ca = NULL;
	int rc;

	if (tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	filter_complete(l);
	head(l);
	rc = store_list(ca->store, &l->filter, row, l, why);
	if (rc == 0) {
		foot(l);
		rc = retired_say(l, ca, why);
	}
	ca_drop(ca);
	return rc;
}

/* Files of those that left the database, and what each has. */
static int
shelf_say(const struct shelf *shelf, void *arg)
{
	char ended[WHEN_LEN], hex[2 * SHA256_LEN + 1];

	when_write(ended, shelf->ended);
	hex_write(hex, (struct span){shelf->sha256, SHA256_LEN}, false);
	return printf("%s/%s: %lld certificates that ended by %s, SHA-256 "
		      "%s%s\n",
		   (const char *)arg, shelf->path,
		   (long long)shelf->certificates, ended, hex,
		   shelf->done ? "" : ", not all moved yet") < 0;
}

static int
list_retired(struct tool *tool, struct fail *why)
{
	struct ca *ca = NULL;
	int rc = tool_ca(&ca, tool, CA_STORE, why);

	if (rc == 0)
		rc = store_shelf_each(
		    ca->store, shelf_say, ca->settings->retention.folder, why);
	ca_drop(ca);
	return rc;
}

int
list_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct listing l = {.status = S_UNSAID};
	const char *serial = NULL;
	bool retired = false;
	const struct option_spec options[] = {
	    {"profile", 'p', OPTION_TEXT, &l.filter.profile, 0, 0, NULL},
	    {"endpoint", 'e', OPTION_TEXT, &l.filter.endpoint, 0, 0, NULL},
	    {"subject", 's', OPTION_TEXT, &l.filter.subject, 0, 0, NULL},
	    {"serial", 0, OPTION_TEXT, &serial, 0, 0, NULL},
	    {"status", 0, OPTION_WORD, &l.status, 0, 0, status_words},
	    {"expiring", 0, OPTION_DURATION, &l.expiring, 0, 0, NULL},
	    {"limit", 'n', OPTION_INT, &l.filter.limit, 1, INT64_MAX, NULL},
	    {"format", 'f', OPTION_WORD, &l.format, 0, 0, format_words},
	    {"retired", 0, OPTION_FLAG, &retired, 0, 0, NULL},
	};
	struct bytes upper = {0};
	int rc = -1;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0)
		return -1;
	if (retired)
		return list_retired(tool, why);
	if (serial == NULL || tool_serial(&upper, serial, why) == 0) {
		l.filter.serial = (const char *)upper.data;
		rc = list(tool, &l, why);
	}
	bytes_free(&upper);
	return rc;
}

/* microca audit list, show - records, for people and for scripts. */
#include "bin/audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/store/trail.h"
#include "lib/wire/utf8.h"

#define SECOND 1000000LL

struct listing {
	const char *since, *until, *event, *serial, *with; /* NULL: any */
	int64_t last, limit;                               /* 0: all */
	int64_t lane;                                      /* -1: this node's */
	bool json;
	int64_t until_us, after, rows;
};

/* ---- one row ------------------------------------------------------------------ */

/* A record is JSON text: it goes in as it is. */
static int
row_json(const struct trail_row *row)
{
	char hash[2 * SHA256_LEN + 1];

	hex_write(hash, (struct span){row->hash, SHA256_LEN}, false);
	return printf("{\"lane\":%lld,\"seq\":%lld,\"hash\":\"%s\","
		      "\"record\":%s}\n",
	    (long long)row->lane, (long long)row->seq, hash, row->record);
}

/* As it is, but for what would change how the rest is seen. */
static void
readable(struct bytes *out, const char *text)
{
	struct span in = span_str(text);

	while (in.len > 0) {
		struct span before = in;
		uint32_t c = 0;
		bool good = utf8_next(&in, &c) && !utf8_control(c) &&
		            !utf8_hidden(c) && !utf8_nonchar(c);
		size_t n = before.len - in.len;

		if (n == 0) {
			n = 1;
			in.data = before.data + 1;
			in.len = before.len - 1;
		}
		if (good)
			bytes_add(out, before.data, n);
		else
			text_escape(out, (struct span){before.data, n});
	}
}

/* The members that say most, in one line that holds no control character. */
static void
words(struct bytes *out, const struct json *j)
{
	static const char *const members[] = {
	    "operation", "requester", "subject", "serial", "reason", "text"};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const char *value = json_str_of(j, members[i]);

		if (value == NULL)
			continue;
		if (out->len > 0)
			bytes_adds(out, "  ");
		readable(out, value);
	}
}

static int
row_table(const struct trail_row *row)
{
	struct bytes line = {0}, event = {0};
	struct fail ignored = {0};
	struct json *j = NULL;
	char when[WHEN_LEN];
	int n;

	text_escape(&event, span_str(row->event));
	if (json_read(&j, row->record, &ignored) == 0)
		words(&line, j);
	else
		text_escape(&line, span_str(row->record));
	when_write(when, row->time / SECOND);
	n = printf("%8lld  %s  %-14s  %s\n", (long long)row->seq, when,
	    (const char *)event.data,
	    line.data != NULL ? (const char *)line.data : "");
	json_free(j);
	bytes_free(&event);
	bytes_free(&line);
	return n;
}

static bool
fits(const struct listing *l, const struct trail_row *row)
{
	return (l->event == NULL || strcmp(row->event, l->event) == 0) &&
	       (l->serial == NULL ||
		   (row->serial != NULL &&
		       strcmp(row->serial, l->serial) == 0)) &&
	       (l->with == NULL || strstr(row->record, l->with) != NULL) &&
	       row->time < l->until_us;
}

/* A closed pipe ends the listing, it is no failure of the store. */
static int
each(const struct trail_row *row, void *arg)
{
	struct listing *l = arg;

	if (!fits(l, row))
		return 0;
	l->rows++;
	if ((l->json ? row_json(row) : row_table(row)) < 0)
		return 1;
	return l->limit > 0 && l->rows == l->limit;
}

/* ---- from where to where --------------------------------------------------------- */

static int
begin(struct listing *l, struct store *store, struct fail *why)
{
	struct trail_end end;
	int64_t when;

	if (l->lane < 0)
		l->lane = store_lane(store);
	l->until_us = INT64_MAX;
	if (l->until != NULL) {
		if (when_read(&when, l->until, why) != 0)
			return -1;
		l->until_us = when * SECOND;
	}
	if (l->since != NULL && (when_read(&when, l->since, why) != 0 ||
				    store_trail_since(store, l->lane, &l->after,
					when * SECOND, why) != 0))
		return -1;
	if (l->last > 0) {
		if (store_trail_end(store, l->lane, &end, why) != 0)
			return -1;
		if (end.seq - l->last > l->after)
			l->after = end.seq - l->last;
	}
	return 0;
}

int
audit_list(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct listing l = {.lane = -1};
	const struct option_spec options[] = {
	    {"since", 0, OPTION_TEXT, &l.since, 0, 0, NULL},
	    {"until", 0, OPTION_TEXT, &l.until, 0, 0, NULL},
	    {"event", 0, OPTION_TEXT, &l.event, 0, 0, NULL},
	    {"serial", 0, OPTION_TEXT, &l.serial, 0, 0, NULL},
	    {"with", 0, OPTION_TEXT, &l.with, 0, 0, NULL},
	    {"last", 0, OPTION_INT, &l.last, 1, INT64_MAX, NULL},
	    {"limit", 0, OPTION_INT, &l.limit, 1, INT64_MAX, NULL},
	    {"lane", 0, OPTION_INT, &l.lane, 0, TRAIL_LANES - 1, NULL},
	    {"json", 0, OPTION_FLAG, &l.json, 0, 0, NULL},
	};
	struct bytes serial = {0};
	struct ca *ca = NULL;
	int rc = -1;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0 ||
	    (l.serial != NULL && tool_serial(&serial, l.serial, why) != 0)) {
		bytes_free(&serial);
		return -1;
	}
	if (l.serial != NULL)
		l.serial = (const char *)serial.data;
	if (tool_ca(&ca, tool, CA_STORE, why) == 0 &&
	    begin(&l, ca->store, why) == 0)
		rc = store_trail(ca->store, l.lane, l.after, each, &l, why);
	ca_drop(ca);
	bytes_free(&serial);
	return rc;
}

/* ---- one record -------------------------------------------------------------------- */

static int
show(
    struct store *store, int64_t lane, int64_t seq, bool json, struct fail *why)
{
	uint8_t hash[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], *record, *text;
	struct json *j = NULL;
	int rc;

	if (store_trail_find(store, &record, hash,
		lane < 0 ? store_lane(store) : lane, seq, why) != 0)
		return -1;
	if (record == NULL)
		return fail(why, FAIL_ABSENT, "unknown-record",
		    "there is no record %lld", (long long)seq);
	hex_write(hex, (struct span){hash, SHA256_LEN}, false);
	if (json) {
		puts(record);
		rc = 0;
	} else if ((rc = json_read(&j, record, why)) == 0) {
		text = json_text(j, 2);
		printf("record %lld, hash %s\n%s\n", (long long)seq, hex, text);
		free(text);
	}
	json_free(j);
	free(record);
	return rc;
}

static int
number_read(int64_t *seq, const char *text, struct fail *why)
{
	size_t len = strlen(text);

	if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
		return fail(why, FAIL_CONFIG, "usage",
		    "a record's number is decimal, not \"%s\"", text);
	*seq = strtoll(text, NULL, 10);
	return 0;
}

int
audit_show(struct tool *tool, int argc, char **argv, struct fail *why)
{
	bool json = false;
	int64_t seq = 0, lane = -1;
	const struct option_spec options[] = {
	    {"json", 0, OPTION_FLAG, &json, 0, 0, NULL},
	    {"lane", 0, OPTION_INT, &lane, 0, TRAIL_LANES - 1, NULL},
	};
	struct ca *ca = NULL;
	int rc = -1;

	if (options_read(options, 2, &argc, &argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0 ||
	    number_read(&seq, argv[0], why) != 0)
		return -1;
	if (tool_ca(&ca, tool, CA_STORE, why) == 0)
		rc = show(ca->store, lane, seq, json, why);
	ca_drop(ca);
	return rc;
}

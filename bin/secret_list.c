/* microca secret list - what is known of them: never the secret. */
#include "bin/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/store/secret.h"

struct listing {
	bool json, csv;
	const char *device;
	int64_t now, rows;
};

static int
row_table(struct listing *l, const struct secret *s)
{
	char end[WHEN_LEN];

	if (l->rows == 0)
		printf("%-8s  %-7s  %-20s  %-12s  %s\n", "ID", "STATUS",
		    "EXPIRES", "ENDPOINT", "DEVICE");
	when_write(end, s->expires);
	return printf("%-8lld  %-7s  %-20s  %-12s  %s\n", (long long)s->id,
	    secret_status(s, l->now), end, s->endpoint, s->device);
}

static struct json *
secret_json(const struct secret *s, int64_t now)
{
	struct json *j = json_new_object();
	char hex[2 * SHA256_LEN + 1];

	json_int(j, "id", s->id);
	json_str(j, "status", secret_status(s, now));
	json_str(j, "endpoint", s->endpoint);
	json_str(j, "device", s->device);
	json_time(j, "created", s->created);
	json_time(j, "expires", s->expires);
	if (s->used != 0) {
		hex_write(
		    hex, (struct span){s->certificate, SHA256_LEN}, false);
		json_time(j, "used", s->used);
		json_str(j, "certificate_sha256", hex);
	}
	if (s->revoked != 0)
		json_time(j, "revoked", s->revoked);
	json_str(j, "made_by", s->made_by);
	return j;
}

static int
row_json(struct listing *l, const struct secret *s)
{
	struct json *j = secret_json(s, l->now);
	char *text = json_text(j, 0);
	int n = printf("%s\n%s", l->rows == 0 ? "[" : ",", text);

	free(text);
	json_free(j);
	return n;
}

static void
csv_time(struct bytes *out, int64_t when)
{
	char text[WHEN_LEN] = "";

	if (when != 0)
		when_write(text, when);
	bytes_addc(out, ',');
	csv_cell(out, text);
}

static int
row_csv(struct listing *l, const struct secret *s)
{
	const char *texts[] = {
	    secret_status(s, l->now), s->endpoint, s->device, s->made_by};
	const int64_t times[] = {s->created, s->expires, s->used, s->revoked};
	struct bytes line = {0};
	int n;

	if (l->rows == 0)
		bytes_adds(&line, "id,status,endpoint,device,made_by,created,"
				  "expires,used,revoked\r\n");
	bytes_addf(&line, "%lld", (long long)s->id);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		bytes_addc(&line, ',');
		csv_cell(&line, texts[i]);
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		csv_time(&line, times[i]);
	bytes_adds(&line, "\r\n");
	n = fputs((const char *)line.data, stdout);
	bytes_free(&line);
	return n;
}

static int
row(const struct secret *s, void *arg)
{
	struct listing *l = arg;
	int n;

	if (l->device != NULL && strcmp(l->device, s->device) != 0)
		return 0;
	if (l->json)
		n = row_json(l, s);
	else if (l->csv)
		n = row_csv(l, s);
	else
		n = row_table(l, s);
	l->rows++;
	return n < 0 ? 1 : 0;
}

int
secret_list(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct listing l = {.now = when_now()};
	const struct option_spec options[] = {
	    {"json", 0, OPTION_FLAG, &l.json, 0, 0, NULL},
	    {"csv", 0, OPTION_FLAG, &l.csv, 0, 0, NULL},
	    {"device", 0, OPTION_TEXT, &l.device, 0, 0, NULL},
	};
	struct ca *ca = NULL;
	int rc;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0 ||
	    tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	rc = store_secret_list(ca->store, row, &l, why);
	if (rc == 0 && l.json)
		puts(l.rows == 0 ? "[]" : "\n]");
	ca_drop(ca);
	return rc;
}

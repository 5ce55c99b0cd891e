/* microca pending - requests that wait for approval, as a table, JSON, CSV, or
 * decoded one by one. */
#include "bin/pending.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/when.h"

#define HEX_LEN (2 * SHA256_LEN + 1)

struct listing {
	bool json, csv, decode;
	const struct settings *settings;
	struct pending_filter filter;
	int64_t rows;
};

int
prefix_read(uint8_t from[SHA256_LEN], uint8_t to[SHA256_LEN], const char *text,
    struct fail *why)
{
	char low[HEX_LEN], high[HEX_LEN];
	struct bytes octets = {0};
	size_t len = strlen(text);
	bool ok = len >= PREFIX_LEAST && len < HEX_LEN;

	for (size_t i = 0; ok && i < len; i++)
		ok = isxdigit((unsigned char)text[i]) != 0;
	if (!ok)
		return fail(why, FAIL_CONFIG, "usage",
		    "\"%.80s\" is not the SHA-256 of a request: %d to %d hex "
		    "digits of it",
		    text, PREFIX_LEAST, HEX_LEN - 1);
	memset(low, '0', HEX_LEN - 1);
	memset(high, 'f', HEX_LEN - 1);
	low[HEX_LEN - 1] = high[HEX_LEN - 1] = '\0';
	memcpy(low, text, len);
	memcpy(high, text, len);
	ok = hex_read(&octets, low) && hex_read(&octets, high);
	if (ok && octets.len == 2 * SHA256_LEN) {
		memcpy(from, octets.data, SHA256_LEN);
		memcpy(to, octets.data + SHA256_LEN, SHA256_LEN);
	}
	bytes_free(&octets);
	return 0;
}

static int
row_table(struct listing *l, const struct pending *p)
{
	char hex[HEX_LEN], age[24], key[32];

	if (l->rows == 0)
		printf("%-16s  %-5s  %-8s  %-5s  %-12s  %-10s  %s\n",
		    "CSR SHA-256", "ID", "STATE", "AGE", "ENDPOINT", "KEY",
		    "SUBJECT, SAN, REQUESTER");
	hex_write(hex, (struct span){p->csr_sha256, SHA256_LEN}, false);
	age_write(age, l->filter.now - p->created);
	return printf("%.16s  %-5lld  %-8s  %-5s  %-12s  %-10s  %s; %s; %s\n",
	    hex, (long long)p->id, pending_state_word(p->state), age,
	    p->endpoint, pending_key(key, p), p->subject,
	    p->san != NULL ? p->san : "-", p->requester);
}

static void
json_hash(struct json *j, const char *key, const uint8_t hash[SHA256_LEN])
{
	char hex[HEX_LEN];

	hex_write(hex, (struct span){hash, SHA256_LEN}, false);
	json_str(j, key, hex);
}

static struct json *
pending_json(const struct pending *p)
{
	struct json *j = json_new_object();
	char key[32];

	json_int(j, "id", p->id);
	json_str(j, "state", pending_state_word(p->state));
	json_hash(j, "csr_sha256", p->csr_sha256);
	json_str(j, "endpoint", p->endpoint);
	json_str(j, "operation", p->operation);
	json_str(j, "profile", p->profile);
	json_str(j, "requester", p->requester);
	if (p->has_client)
		json_hash(j, "client_sha256", p->client_sha256);
	json_str(j, "peer", p->peer);
	json_str(j, "request", p->request);
	json_str(j, "subject", p->subject);
	json_str(j, "san", p->san);
	json_str(j, "key", pending_key(key, p));
	json_time(j, "created", p->created);
	json_time(j, "changed", p->changed);
	json_time(j, "expires", p->expires);
	json_str(j, "decided_by", p->decider);
	json_str(j, "note", p->note);
	if (p->state == PENDING_ISSUED)
		json_hash(j, "certificate_sha256", p->certificate);
	return j;
}

static int
row_json(struct listing *l, const struct pending *p)
{
	struct json *j = pending_json(p);
	char *text = json_text(j, 0);
	int n = printf("%s\n%s", l->rows == 0 ? "[" : ",", text);

	free(text);
	json_free(j);
	return n;
}

static void
head_csv(void)
{
	fputs(
	    "csr_sha256,id,state,endpoint,operation,profile,requester,"
	    "subject,san,key,peer,decided_by,note,created,changed,expires\r\n",
	    stdout);
}

static int
row_csv(const struct pending *p)
{
	char hex[HEX_LEN], id[24], key[32], time[WHEN_LEN];
	const int64_t times[] = {p->created, p->changed, p->expires};
	const char *texts[] = {id, pending_state_word(p->state), p->endpoint,
	    p->operation, p->profile, p->requester, p->subject, p->san,
	    pending_key(key, p), p->peer, p->decider, p->note};
	struct bytes line = {0};
	int n;

	hex_write(hex, (struct span){p->csr_sha256, SHA256_LEN}, false);
	(void)snprintf(id, sizeof(id), "%lld", (long long)p->id);
	csv_cell(&line, hex);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		bytes_addc(&line, ',');
		csv_cell(&line, texts[i]);
	}
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		when_write(time, times[i]);
		bytes_addc(&line, ',');
		csv_cell(&line, time);
	}
	bytes_adds(&line, "\r\n");
	n = fputs((const char *)line.data, stdout);
	bytes_free(&line);
	return n;
}

static int
row_decoded(struct listing *l, const struct pending *p)
{
	struct bytes text = {0};
	int n;

	if (l->rows > 0)
		bytes_addc(&text, '\n');
	pending_text(&text, p, l->settings, l->filter.now);
	n = fputs((const char *)text.data, stdout);
	bytes_free(&text);
	return n;
}

static int
row(const struct pending *p, void *arg)
{
	struct listing *l = arg;
	int n;

	if (l->json)
		n = row_json(l, p);
	else if (l->csv)
		n = row_csv(p);
	else if (l->decode)
		n = row_decoded(l, p);
	else
		n = row_table(l, p);
	l->rows++;
	return n < 0 ? 1 : 0;
}

static int
list(struct tool *tool, struct listing *l, struct fail *why)
{
	struct ca *ca = NULL;
	int rc;

	if (tool_ca(&ca, tool, CA_STORE, why) != 0)
		return -1;
	l->settings = ca->settings;
	l->filter.now = when_now();
	if (l->csv)
		head_csv();
	rc = store_pending_list(ca->store, &l->filter, row, l, why);
	if (rc == 0 && l->json)
		puts(l->rows == 0 ? "[]" : "\n]");
	if (rc == 0 && l->decode && l->rows == 0)
		rc = fail(why, FAIL_ABSENT, "unknown-request",
		    "there is no such request");
	ca_drop(ca);
	return rc;
}

int
pending_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct listing l = {0};
	const struct option_spec options[] = {
	    {"endpoint", 'e', OPTION_TEXT, &l.filter.endpoint, 0, 0, NULL},
	    {"all", 'a', OPTION_FLAG, &l.filter.all, 0, 0, NULL},
	    {"json", 0, OPTION_FLAG, &l.json, 0, 0, NULL},
	    {"csv", 0, OPTION_FLAG, &l.csv, 0, 0, NULL},
	};
	uint8_t from[SHA256_LEN], to[SHA256_LEN];

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 0, 1, why) != 0)
		return -1;
	if (l.json && l.csv)
		return fail(
		    why, FAIL_CONFIG, "usage", "one of --json and --csv");
	if (argc == 1) {
		if (prefix_read(from, to, argv[0], why) != 0)
			return -1;
		l.filter.from = from;
		l.filter.to = to;
		l.filter.all = true;
		l.decode = !l.json && !l.csv;
	}
	return list(tool, &l, why);
}

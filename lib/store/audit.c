#include "lib/store/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "lib/base/json.h"
#include "lib/base/when.h"

/* RFC 3339 with microseconds: "2026-01-02T03:04:05.000006Z". */
static void
time_write(char out[WHEN_LEN + 7], int64_t when_us)
{
	int64_t s = when_us / 1000000, us = when_us % 1000000;

	if (us < 0) {
		us += 1000000;
		s--;
	}
	when_write(out, s);
	(void)snprintf(out + WHEN_LEN - 2, 9, ".%06dZ", (int)us);
}

char *
audit_text(const struct audit *e, int64_t when_us)
{
	char when[WHEN_LEN + 7];
	struct json *j = json_new_object();
	char *text;

	time_write(when, when_us);
	json_str(j, "time", when);
	json_str(j, "event", e->event);
	json_str(j, "request", e->request);
	json_str(j, "operation", e->operation);
	json_str(j, "endpoint", e->endpoint);
	json_str(j, "profile", e->profile);
	json_str(j, "peer", e->peer);
	json_str(j, "requester", e->requester);
	json_str(j, "client_sha256", e->client_sha256);
	json_str(j, "csr_sha256", e->csr_sha256);
	json_str(j, "spki_sha256", e->spki_sha256);
	json_str(j, "subject", e->subject);
	json_str(j, "serial", e->serial);
	json_str(j, "cert_sha256", e->cert_sha256);
	json_str(j, "reason", e->reason);
	json_str(j, "text", e->text);
	json_str(j, "cause", e->cause);
	if (e->status != 0)
		json_int(j, "status", e->status);
	if (e->count != 0)
		json_int(j, "count", e->count);
	text = json_text(j, 0);
	json_free(j);
	return text;
}

void
audit_hash(uint8_t hash[SHA256_LEN], const uint8_t previous[SHA256_LEN],
    const char *record)
{
	struct bytes both = {0};

	bytes_add(&both, previous, SHA256_LEN);
	bytes_adds(&both, record);
	sha256(hash, span_of(&both));
	bytes_free(&both);
}

static int
audit_last(
    int64_t *seq, uint8_t hash[SHA256_LEN], struct conn *c, struct fail *why)
{
	struct span s;
	bool row;

	*seq = 0;
	memset(hash, 0, SHA256_LEN);
	if (db_query(
		c, SQL_AUDIT_LAST, &row, VALUES(value_number(LANE)), why) != 0)
		return -1;
	if (!row)
		return 0;
	*seq = db_number(c, SQL_AUDIT_LAST, 0);
	s = db_octets(c, SQL_AUDIT_LAST, 1);
	if (s.len == SHA256_LEN)
		memcpy(hash, s.data, SHA256_LEN);
	return 0;
}

int
audit_add(struct conn *c, const struct audit *entry, const char *text,
    int64_t when_us, struct fail *why)
{
	uint8_t previous[SHA256_LEN], hash[SHA256_LEN];
	int64_t seq;
	bool row;

	if (audit_last(&seq, previous, c, why) != 0)
		return -1;
	audit_hash(hash, previous, text);
	return db_query(c, SQL_AUDIT_INSERT, &row,
	    VALUES(value_number(LANE), value_number(seq + 1),
		value_number(when_us), value_text(entry->event),
		value_text(entry->reason), value_text(entry->serial),
		value_octets(hash, SHA256_LEN), value_text(text)),
	    why);
}

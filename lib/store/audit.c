#include "lib/store/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "lib/base/json.h"
#include "lib/base/when.h"

void
audit_time(char out[AUDIT_TIME_LEN], int64_t when_us)
{
	int64_t s = when_us / 1000000, us = when_us % 1000000;

	if (us < 0) {
		us += 1000000;
		s--;
	}
	when_write(out, s);
	(void)snprintf(out + WHEN_LEN - 2, 9, ".%06dZ", (int)us);
}

/* Whatever needs more than quotes is jansson's to escape. */
static void
hard_string(struct bytes *out, const char *value)
{
	struct json *j = json_new_array();
	char *text;

	json_push_str(j, value);
	text = json_text(j, 0);
	bytes_add(out, text + 1, strlen(text) - 2);
	free(text);
	json_free(j);
}

static bool
is_plain(const char *s)
{
	while (*s >= ' ' && *s < 0x7f && *s != '"' && *s != '\\')
		s++;
	return *s == '\0';
}

/* Every issuance waits for this text: members are put together here, as a
 * tree of values would cost more than the database. */
static void
member(struct bytes *out, const char *key, const char *value)
{
	if (value == NULL)
		return;
	bytes_adds(out, out->len > 0 ? ",\"" : "{\"");
	bytes_adds(out, key);
	bytes_adds(out, "\":");
	if (is_plain(value)) {
		bytes_addc(out, '"');
		bytes_adds(out, value);
		bytes_addc(out, '"');
	} else {
		hard_string(out, value);
	}
}

static void
member_number(struct bytes *out, const char *key, int64_t value)
{
	if (value != 0)
		bytes_addf(out, ",\"%s\":%lld", key, (long long)value);
}

char *
audit_text(const struct audit *e, int64_t when_us)
{
	char when[AUDIT_TIME_LEN];
	struct bytes out = {0};

	audit_time(when, when_us);
	member(&out, "time", when);
	member(&out, "event", e->event);
	member(&out, "request", e->request);
	member(&out, "operation", e->operation);
	member(&out, "endpoint", e->endpoint);
	member(&out, "profile", e->profile);
	member(&out, "peer", e->peer);
	member(&out, "requester", e->requester);
	member(&out, "client_sha256", e->client_sha256);
	member(&out, "csr_sha256", e->csr_sha256);
	member(&out, "spki_sha256", e->spki_sha256);
	member(&out, "subject", e->subject);
	member(&out, "serial", e->serial);
	member(&out, "cert_sha256", e->cert_sha256);
	member(&out, "conf_sha256", e->conf_sha256);
	member(&out, "reason", e->reason);
	member(&out, "text", e->text);
	member(&out, "cause", e->cause);
	member_number(&out, "status", e->status);
	member_number(&out, "count", e->count);
	bytes_addc(&out, '}');
	return (char *)out.data;
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

int
audit_add(struct conn *c, const struct audit *entry, const char *text,
    int64_t when_us, struct fail *why)
{
	uint8_t previous[SHA256_LEN], hash[SHA256_LEN];
	int64_t seq;
	bool row;

	if (audit_end(&seq, previous, &row, c, c->lane, why) != 0)
		return -1;
	audit_hash(hash, previous, text);
	return db_query(c, SQL_AUDIT_INSERT, &row,
	    VALUES(value_number(lane_key(c->lane, seq + 1)),
		value_number(when_us), value_text(entry->event),
		value_text(entry->reason), value_text(entry->serial),
		value_octets(hash, SHA256_LEN), value_text(text)),
	    why);
}

int
audit_say(struct conn *c, const struct audit *entry, struct fail *why)
{
	int64_t now_us = when_now_us();
	char *text = audit_text(entry, now_us);
	int rc = audit_add(c, entry, text, now_us, why);

	free(text);
	return rc;
}

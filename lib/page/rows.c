#include "lib/page/rows.h"

#include <string.h>

#include "lib/base/when.h"

static void
hex_of(char out[2 * SHA256_LEN + 1], const uint8_t sha[SHA256_LEN])
{
	hex_write(out, (struct span){sha, SHA256_LEN}, false);
}

struct json *
row_json(const struct record *r, int64_t now)
{
	char sha[2 * SHA256_LEN + 1];
	struct json *j = json_new_object();

	hex_of(sha, r->sha256);
	json_str(j, "fingerprint", sha);
	json_str(j, "serial", r->serial);
	json_str(j, "issuer", r->issuer);
	json_str(j, "subject", r->subject);
	json_str(j, "san", r->san);
	json_str(j, "profile", r->profile);
	json_str(j, "endpoint", r->endpoint);
	json_str(j, "device", r->device);
	json_str(j, "requester", r->requester);
	json_str(j, "state", browse_state_word(browse_state_at(r, now)));
	json_time(j, "issued", r->issued);
	json_time(j, "not_before", r->not_before);
	json_time(j, "not_after", r->not_after);
	if (r->revoked != 0) {
		json_time(j, "revoked", r->revoked);
		json_str(j, "reason", store_reason_word(r->reason));
	}
	return j;
}

struct json *
row_pending(const struct pending *p)
{
	char sha[2 * SHA256_LEN + 1];
	struct json *j = json_new_object();

	hex_of(sha, p->csr_sha256);
	json_int(j, "id", p->id);
	json_str(j, "state", pending_state_word(p->state));
	json_time(j, "created", p->created);
	json_time(j, "expires", p->expires);
	json_str(j, "csr_sha256", sha);
	json_str(j, "endpoint", p->endpoint);
	json_str(j, "operation", p->operation);
	json_str(j, "profile", p->profile);
	json_str(j, "requester", p->requester);
	json_str(j, "subject", p->subject);
	json_str(j, "san", p->san);
	json_str(j, "peer", p->peer);
	json_str(j, "decider", p->decider);
	json_str(j, "note", p->note);
	return j;
}

static struct json *
numbers(const char *from, int64_t begin, int64_t step, const int64_t *n,
    size_t many)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < many; i++) {
		struct json *item = json_new_object();

		json_time(item, from, begin + (int64_t)i * step);
		json_int(item, "certificates", n[i]);
		json_push(list, item);
	}
	return list;
}

struct json *
row_census(const struct census *t)
{
	struct json *j = json_new_object();

	json_time(j, "counted", t->when);
	json_int(j, "certificates", t->certificates);
	json_int(j, "good", t->good);
	json_int(j, "expired", t->expired);
	json_int(j, "revoked", t->revoked);
	json_int(j, "held", t->held);
	json_int(j, "retired", t->retired);
	json_int(j, "audit", t->audit);
	json_int(j, "pending", t->pending);
	json_int(j, "outbox", t->outbox);
	json_int(j, "dead_letters", t->dead);
	json_add(j, "issued_by_day",
	    numbers("day", t->day_begin, 86400, t->day, CENSUS_DAYS));
	json_add(j, "ending_by_week",
	    numbers("from", t->when, 7 * 86400, t->week, CENSUS_WEEKS));
	json_int(j, "ending_later", t->later);
	return j;
}

/* ---- CSV ----------------------------------------------------------------- */

/* A spreadsheet runs what begins so. */
static bool
formula(const char *text)
{
	return *text != '\0' && strchr("=+-@\t\r", *text) != NULL;
}

static void
cell(struct bytes *out, const char *text, char end)
{
	bool quote;

	if (text == NULL)
		text = "";
	quote = strpbrk(text, ",\"\r\n") != NULL;
	if (quote)
		bytes_addc(out, '"');
	if (formula(text))
		bytes_addc(out, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '"')
			bytes_addc(out, '"');
		bytes_addc(out, *text);
	}
	if (quote)
		bytes_addc(out, '"');
	bytes_addc(out, end);
}

static void
cell_time(struct bytes *out, int64_t when, char end)
{
	char text[WHEN_LEN] = "";

	if (when != 0)
		when_write(text, when);
	cell(out, text, end);
}

void
row_csv_head(struct bytes *out)
{
	bytes_adds(out,
	    "fingerprint,serial,issuer,subject,san,profile,endpoint,device,"
	    "requester,state,issued,not_before,not_after,revoked,reason\r\n");
}

/* RFC 4180, 2: lines end with CRLF. */
void
row_csv(struct bytes *out, const struct record *r, int64_t now)
{
	char sha[2 * SHA256_LEN + 1];

	hex_of(sha, r->sha256);
	cell(out, sha, ',');
	cell(out, r->serial, ',');
	cell(out, r->issuer, ',');
	cell(out, r->subject, ',');
	cell(out, r->san, ',');
	cell(out, r->profile, ',');
	cell(out, r->endpoint, ',');
	cell(out, r->device, ',');
	cell(out, r->requester, ',');
	cell(out, browse_state_word(browse_state_at(r, now)), ',');
	cell_time(out, r->issued, ',');
	cell_time(out, r->not_before, ',');
	cell_time(out, r->not_after, ',');
	cell_time(out, r->revoked, ',');
	cell(out, r->revoked != 0 ? store_reason_word(r->reason) : "", '\r');
	bytes_addc(out, '\n');
}

/* record - a certificate's row as JSON and CSV (design section 11). */
#include "bin/microca.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/when.h"

const char *
record_status(const struct record *r, int64_t now)
{
	if (r->status == STORE_REVOKED)
		return "revoked";
	if (r->status == STORE_HELD)
		return "held";
	return r->not_after < now ? "expired" : "good";
}

static void
json_hash(struct json *j, const char *key, const uint8_t hash[SHA256_LEN])
{
	char text[2 * SHA256_LEN + 1];

	hex_write(text, (struct span){hash, SHA256_LEN}, false);
	json_str(j, key, text);
}

struct json *
record_json(const struct record *r, int64_t now)
{
	struct json *j = json_new_object();

	json_str(j, "serial", r->serial);
	json_str(j, "status", record_status(r, now));
	if (r->status != STORE_GOOD) {
		json_str(j, "reason", store_reason_word(r->reason));
		json_time(j, "revoked", r->revoked);
		if (r->invalid != 0)
			json_time(j, "invalid_since", r->invalid);
	}
	json_str(j, "subject", r->subject);
	json_str(j, "san", r->san);
	json_str(j, "issuer_key_id", r->issuer);
	json_time(j, "not_before", r->not_before);
	json_time(j, "not_after", r->not_after);
	json_time(j, "issued", r->issued);
	json_str(j, "profile", r->profile);
	json_str(j, "endpoint", r->endpoint);
	json_str(j, "operation", r->operation);
	json_str(j, "requester", r->requester);
	json_str(j, "owner", r->owner);
	json_str(j, "device", r->device);
	json_hash(j, "sha256", r->sha256);
	json_hash(j, "spki_sha256", r->spki_sha256);
	json_hash(j, "csr_sha256", r->csr_sha256);
	return j;
}

/* RFC 4180, 2; a leading ' where a spreadsheet would see a formula. */
void
csv_cell(struct bytes *out, const char *text)
{
	if (text == NULL)
		text = "";
	bytes_addc(out, '"');
	if (text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL)
		bytes_addc(out, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '"')
			bytes_addc(out, '"');
		bytes_addc(out, *text);
	}
	bytes_addc(out, '"');
}

static void
cell_time(struct bytes *out, int64_t when)
{
	char text[WHEN_LEN] = "";

	if (when != 0)
		when_write(text, when);
	csv_cell(out, text);
}

void
record_csv_header(struct bytes *out)
{
	bytes_adds(out,
	    "serial,status,reason,revoked,not_before,not_after,issued,subject,"
	    "san,profile,endpoint,operation,requester,device,sha256\r\n");
}

void
record_csv(struct bytes *out, const struct record *r, int64_t now)
{
	bool ended = r->status != STORE_GOOD;
	char hash[2 * SHA256_LEN + 1];
	const char *texts[] = {r->subject, r->san, r->profile, r->endpoint,
	    r->operation, r->requester, r->device, hash};
	const int64_t times[] = {
	    ended ? r->revoked : 0, r->not_before, r->not_after, r->issued};
	size_t i;

	hex_write(hash, (struct span){r->sha256, SHA256_LEN}, false);
	csv_cell(out, r->serial);
	bytes_addc(out, ',');
	csv_cell(out, record_status(r, now));
	bytes_addc(out, ',');
	csv_cell(out, ended ? store_reason_word(r->reason) : NULL);
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		bytes_addc(out, ',');
		cell_time(out, times[i]);
	}
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		bytes_addc(out, ',');
		csv_cell(out, texts[i]);
	}
	bytes_adds(out, "\r\n");
}

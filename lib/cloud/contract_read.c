#include "lib/cloud/contract.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/conf.h"
#include "lib/base/json.h"
#include "lib/base/when.h"
#include "lib/store/store.h"
#include "lib/wire/utf8.h"

#define DEVICE_MAX 128
#define SERIAL_MAX 64
#define SITE_MAX 128
#define ISSUER_MAX 1024 /* octets: an issuer's */

/* ---- values -------------------------------------------------------------- */

bool
contract_device_ok(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= DEVICE_MAX &&
	       strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "abcdefghijklmnopqrstuvwxyz"
			    "0123456789-:.+%_#*?!(),=@;$'") == len;
}

static bool
serial_ok(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= SERIAL_MAX && len % 2 == 0 &&
	       strspn(text, "0123456789ABCDEF") == len;
}

/* For people to read: no controls, nothing that hides. */
static bool
plain_ok(const char *text, size_t max)
{
	struct span in = span_str(text);
	uint32_t c;

	if (in.len == 0 || in.len > max)
		return false;
	while (in.len > 0)
		if (!utf8_next(&in, &c) || utf8_control(c) || utf8_hidden(c))
			return false;
	return true;
}

static bool
issuer_ok(const char *text)
{
	return plain_ok(text, ISSUER_MAX);
}

static bool
site_ok(const char *text)
{
	return plain_ok(text, SITE_MAX);
}

/* Either case, kept in the one that Azure is told. */
static bool
thumbprint_read(char out[THUMBPRINT_LEN + 1], const char *text)
{
	if (strlen(text) != THUMBPRINT_LEN)
		return false;
	for (size_t i = 0; i < THUMBPRINT_LEN; i++) {
		if (!isxdigit((unsigned char)text[i]))
			return false;
		out[i] = (char)toupper((unsigned char)text[i]);
	}
	out[THUMBPRINT_LEN] = '\0';
	return true;
}

static bool
time_ok(int64_t *when, const char *text)
{
	struct fail ignored = {0};

	/* RFC 3339, 5.6, in the one form there is here. */
	return strlen(text) == WHEN_LEN - 1 && text[10] == 'T' &&
	       when_read(when, text, &ignored) == 0;
}

/* ---- members ------------------------------------------------------------- */

static bool
is_null(const struct json *j, const char *key)
{
	const struct json *v = json_of(j, key);

	return v == NULL || json_type_of(v) == JSON_IS_NULL;
}

static int
bad(struct fail *why, const char *what)
{
	return fail(why, FAIL_MALFORMED, "bad-item",
	    CONTRACT_SCHEMA ": %s is missing or not as it should be", what);
}

static int
text_take(char **out, const struct json *j, const char *key,
    bool (*ok)(const char *text), struct fail *why)
{
	const char *text = json_str_of(j, key);

	if (text == NULL || !ok(text))
		return bad(why, key);
	*out = str_dup(text);
	return 0;
}

static int
thumbprint_take(char out[THUMBPRINT_LEN + 1], const struct json *j,
    const char *key, struct fail *why)
{
	const char *text = json_str_of(j, key);

	return text != NULL && thumbprint_read(out, text) ? 0 : bad(why, key);
}

static int
time_take(
    int64_t *when, const struct json *j, const char *key, struct fail *why)
{
	const char *text = json_str_of(j, key);

	return text != NULL && time_ok(when, text) ? 0 : bad(why, key);
}

static int
cert_take(struct cloud_cert *cert, const struct json *j, struct fail *why)
{
	if (text_take(&cert->serial, j, "serial", serial_ok, why) != 0 ||
	    text_take(&cert->issuer, j, "issuer", issuer_ok, why) != 0 ||
	    text_take(&cert->profile, j, "profile", conf_is_name, why) != 0 ||
	    time_take(&cert->not_before, j, "notBefore", why) != 0 ||
	    time_take(&cert->not_after, j, "notAfter", why) != 0)
		return -1;
	return cert->not_before <= cert->not_after ? 0 : bad(why, "notAfter");
}

static int
event_take(struct wanted *w, const struct json *j, struct fail *why)
{
	static const struct {
		const char *word;
		enum cloud_event event;
		enum cloud_state state;
	} known[] = {
	    {"issued", CLOUD_ISSUED, CLOUD_ACTIVE},
	    {"renewed", CLOUD_RENEWED, CLOUD_ACTIVE},
	    {"revoked", CLOUD_REVOCATION, CLOUD_REVOKED},
	};
	const char *word = json_str_of(j, "event");

	for (size_t i = 0; word != NULL && i < 3; i++)
		if (strcmp(known[i].word, word) == 0) {
			w->event = known[i].event;
			w->state = known[i].state;
			return 0;
		}
	return bad(why, "event");
}

static int
previous_take(struct wanted *w, const struct json *j, struct fail *why)
{
	const struct json *more = json_of(j, "previous");

	if (is_null(j, "replaces"))
		return is_null(j, "previous") ? 0 : bad(why, "previous");
	if (thumbprint_take(w->previous.sha256, j, "replaces", why) != 0)
		return -1;
	/* Of a device without a good certificate none is before another. */
	if (w->state == CLOUD_REVOKED ||
	    strcmp(w->previous.sha256, w->current.sha256) == 0)
		return bad(why, "replaces");
	if (is_null(j, "previous"))
		return 0;
	return json_type_of(more) == JSON_IS_OBJECT
	           ? cert_take(&w->previous, more, why)
	           : bad(why, "previous");
}

static int
revocation_take(struct wanted *w, const struct json *j, struct fail *why)
{
	const struct json *more = json_of(j, "revocation");
	const char *reason;

	if (is_null(j, "revocation") != (w->state != CLOUD_REVOKED))
		return bad(why, "revocation");
	if (w->state != CLOUD_REVOKED)
		return 0;
	if (json_type_of(more) != JSON_IS_OBJECT ||
	    time_take(&w->revoked, more, "time", why) != 0)
		return bad(why, "revocation");
	/* RFC 5280, 5.3.1. */
	reason = json_str_of(more, "reason");
	w->reason = reason != NULL ? store_reason_of(reason) : -1;
	return w->reason >= 0 ? 0 : bad(why, "reason");
}

/* What names the item in its result comes first. */
static int
item_take(struct wanted *w, const struct json *j, struct fail *why)
{
	int64_t seq = json_int_of(j, "seq", 0);

	if (json_type_of(j) != JSON_IS_OBJECT)
		return bad(why, "the item");
	if (seq >= 1 && seq <= CONTRACT_SEQ_MAX)
		w->seq = seq;
	if (thumbprint_take(w->current.sha256, j, "certSha256", why) != 0)
		return -1;
	if (w->seq == 0)
		return bad(why, "seq");
	if (text_take(&w->device, j, "deviceId", contract_device_ok, why) !=
		0 ||
	    event_take(w, j, why) != 0 || cert_take(&w->current, j, why) != 0 ||
	    previous_take(w, j, why) != 0 || revocation_take(w, j, why) != 0)
		return -1;
	return is_null(j, "site")
	           ? 0
	           : text_take(&w->site, j, "site", site_ok, why);
}

/* ---- the whole ----------------------------------------------------------- */

static int
not_ours(struct fail *why, const char *what)
{
	return fail(why, FAIL_MALFORMED, "schema",
	    CONTRACT_SCHEMA ": %s is missing or not as it should be", what);
}

static int
item_each(const char *key, const struct json *value, void *arg)
{
	struct contract_batch *b = arg;
	struct wanted *w;

	(void)key;
	if (b->n >= CONTRACT_ITEMS)
		return 1;
	w = &b->items[b->n];
	w->edge = str_dup(b->edge);
	if (item_take(w, value, &b->bad[b->n]) == 0)
		b->bad[b->n] = (struct fail){0};
	b->n++;
	return 0;
}

static int
envelope_take(struct contract_batch *b, const struct json *j, struct fail *why)
{
	const char *schema = json_str_of(j, "schema"),
		   *edge = json_str_of(j, "edgeId"),
		   *batch = json_str_of(j, "batchId"),
		   *sent = json_str_of(j, "sentAt");

	if (schema == NULL || strcmp(schema, CONTRACT_SCHEMA) != 0)
		return not_ours(why, "schema");
	if (edge == NULL || !conf_is_name(edge))
		return not_ours(why, "edgeId");
	if (batch == NULL || !conf_is_name(batch))
		return not_ours(why, "batchId");
	if (sent == NULL || !time_ok(&b->sent, sent))
		return not_ours(why, "sentAt");
	b->edge = str_dup(edge);
	b->batch = str_dup(batch);
	return 0;
}

int
contract_batch_read(
    struct contract_batch *batch, const char *text, struct fail *why)
{
	const struct json *items;
	struct json *j;
	int rc;

	memset(batch, 0, sizeof(*batch));
	if (json_read(&j, text, why) != 0)
		return -1;
	rc = envelope_take(batch, j, why);
	items = json_of(j, "items");
	if (rc == 0 && (items == NULL || json_type_of(items) != JSON_IS_ARRAY))
		rc = not_ours(why, "items");
	if (rc == 0 && json_each(items, item_each, batch) != 0)
		rc = fail(why, FAIL_SIZE, "too-many",
		    CONTRACT_SCHEMA ": more than %d items", CONTRACT_ITEMS);
	if (rc == 0 && batch->n == 0)
		rc = not_ours(why, "items");
	json_free(j);
	if (rc != 0)
		contract_batch_free(batch);
	return rc;
}

#include "lib/net/keep_status.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/net/keep_due.h"
#include "lib/wire/cert.h"
#include "lib/wire/name.h"

#define FILE_NAME "status.json"
#define FILE_MAX (16 * 1024)

static const char *const words[] = {
    [KEEP_NONE] = "none",
    [KEEP_GOOD] = "good",
    [KEEP_DUE] = "due",
    [KEEP_PENDING] = "pending",
    [KEEP_RETRY] = "retry",
    [KEEP_REFUSED] = "refused",
    [KEEP_EXPIRED] = "expired",
};

const char *
keep_state_word(enum keep_state state)
{
	return words[state];
}

void
keep_status_free(struct keep_status *status)
{
	free(status->subject);
	free(status->serial);
	free(status->fingerprint);
	free(status->reason);
	free(status->text);
	*status = (struct keep_status){.life_left_percent = -1};
}

/* ---- written ------------------------------------------------------------ */

struct writer {
	struct bytes *out;
	bool lines, first;
};

static void
member(struct writer *w, const char *key)
{
	bytes_adds(w->out, w->first ? "" : ",");
	bytes_adds(w->out, w->lines ? "\n  " : "");
	bytes_addf(w->out, "\"%s\":%s", key, w->lines ? " " : "");
	w->first = false;
}

/* RFC 8259, 7; what is not ASCII stands as \xNN, as text_escape() has it. */
static void
put_text(struct writer *w, const char *key, const char *text)
{
	struct bytes safe = {0};
	size_t i;

	if (text == NULL)
		return;
	text_escape(&safe, span_str(text));
	member(w, key);
	bytes_addc(w->out, '"');
	for (i = 0; i < safe.len; i++) {
		if (safe.data[i] == '"' || safe.data[i] == '\\')
			bytes_addc(w->out, '\\');
		bytes_addc(w->out, (char)safe.data[i]);
	}
	bytes_addc(w->out, '"');
	bytes_free(&safe);
}

static void
put_number(struct writer *w, const char *key, int64_t n)
{
	member(w, key);
	bytes_addf(w->out, "%lld", (long long)n);
}

static void
put_time(struct writer *w, const char *key, int64_t when)
{
	char text[WHEN_LEN];

	if (when <= 0)
		return;
	when_write(text, when > WHEN_FOREVER ? WHEN_FOREVER : when);
	put_text(w, key, text);
}

void
keep_status_text(struct bytes *out, const struct keep_status *status,
    const char *name, bool lines)
{
	struct writer w = {out, lines, true};

	bytes_addc(out, '{');
	put_text(&w, "name", name);
	put_text(&w, "state", keep_state_word(status->state));
	put_text(&w, "subject", status->subject);
	put_text(&w, "serial", status->serial);
	put_text(&w, "fingerprint", status->fingerprint);
	put_time(&w, "not_before", status->not_before);
	put_time(&w, "not_after", status->not_after);
	put_time(&w, "renew_at", status->renew_at);
	if (status->life_left_percent >= 0)
		put_number(&w, "life_left_percent", status->life_left_percent);
	put_time(&w, "tried", status->tried);
	put_time(&w, "succeeded", status->succeeded);
	put_time(&w, "next_try", status->next_try);
	put_time(&w, "pending_since", status->pending_since);
	put_number(&w, "failures", status->failures);
	put_text(&w, "reason", status->reason);
	put_text(&w, "text", status->text);
	bytes_adds(out, lines ? "\n}\n" : "}");
}

int
keep_status_write(const struct keep_status *status,
    const struct keep_plan *plan, struct fail *why)
{
	struct bytes text = {0};
	char *path = file_path(plan->folder, FILE_NAME);
	int rc;

	keep_status_text(&text, status, plan->name, true);
	rc = file_write(path, span_of(&text), 0644, why);
	bytes_free(&text);
	free(path);
	return rc;
}

/* ---- read --------------------------------------------------------------- */

/* The member's text, of either type; NULL: it is not there.  The caller
 * frees. */
static char *
member_find(const char *text, const char *key)
{
	char *want = str_fmt("\n  \"%s\": ", key);
	const char *p = strstr(text, want);
	struct bytes value = {0};

	if (p != NULL) {
		bool quoted = p[strlen(want)] == '"';

		bytes_adds(&value, "");
		for (p += strlen(want) + quoted;
		     *p != '\0' && *p != '\n' && *p != (quoted ? '"' : ',');
		     p++) {
			if (quoted && *p == '\\' && p[1] != '\0')
				p++;
			bytes_addc(&value, *p);
		}
	}
	free(want);
	return (char *)value.data;
}

static int64_t
time_find(const char *text, const char *key)
{
	char *value = member_find(text, key);
	struct fail ignored = {0};
	int64_t when = 0;

	if (value != NULL && when_read(&when, value, &ignored) != 0)
		when = 0;
	free(value);
	return when;
}

static enum keep_state
state_find(const char *text)
{
	char *value = member_find(text, "state");
	enum keep_state state = KEEP_NONE;
	size_t i;

	for (i = 0; value != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], value) == 0)
			state = (enum keep_state)i;
	free(value);
	return state;
}

void
keep_history_read(struct keep_status *status, const char *folder)
{
	char *path = file_path(folder, FILE_NAME), *failures;
	struct bytes file = {0};
	struct fail ignored = {0};
	const char *text;

	*status = (struct keep_status){.life_left_percent = -1};
	if (file_read(&file, path, FILE_MAX, &ignored) == 0 && file.len > 0) {
		text = (const char *)file.data;
		status->state = state_find(text);
		status->tried = time_find(text, "tried");
		status->succeeded = time_find(text, "succeeded");
		status->next_try = time_find(text, "next_try");
		status->pending_since = time_find(text, "pending_since");
		status->reason = member_find(text, "reason");
		status->text = member_find(text, "text");
		failures = member_find(text, "failures");
		if (failures != NULL)
			status->failures = (int)strtol(failures, NULL, 10);
		if (status->failures < 0 || status->failures > 1000000)
			status->failures = 0;
		free(failures);
	}
	bytes_free(&file);
	free(path);
}

/* ---- judged ------------------------------------------------------------- */

static void
pair_tell(struct keep_status *status, const struct keep_plan *plan,
    const struct keep_pair *pair, int64_t now)
{
	const struct keep_rule rule = {plan->renew_before, plan->renew_percent};
	const ASN1_INTEGER *serial = X509_get0_serialNumber(pair->leaf);
	uint8_t digest[SHA256_LEN];
	struct bytes der = {0};
	char hex[2 * SHA256_LEN + 1];

	cert_der_add(&der, pair->leaf);
	sha256(digest, span_of(&der));
	bytes_free(&der);
	hex_write(hex, (struct span){digest, sizeof(digest)}, false);
	status->fingerprint = str_dup(hex);
	status->subject = name_text(X509_get_subject_name(pair->leaf));
	status->serial = cert_serial_text((struct span){
	    ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)});
	status->not_before = pair->not_before;
	status->not_after = pair->not_after;
	status->renew_at =
	    keep_renew_at(&rule, pair->not_before, pair->not_after, digest);
	status->life_left_percent =
	    keep_life_left(pair->not_before, pair->not_after, now);
}

void
keep_status_judge(struct keep_status *status, const struct keep_plan *plan,
    const struct keep_pair *pair, int64_t now)
{
	bool open = status->state == KEEP_PENDING ||
	            status->state == KEEP_RETRY ||
	            status->state == KEEP_REFUSED;

	free(status->subject);
	free(status->serial);
	free(status->fingerprint);
	status->subject = status->serial = status->fingerprint = NULL;
	status->not_before = status->not_after = status->renew_at = 0;
	status->life_left_percent = -1;
	if (pair != NULL)
		pair_tell(status, plan, pair, now);
	if (pair != NULL && now >= pair->not_after)
		status->state = KEEP_EXPIRED;
	else if (!open && pair != NULL)
		status->state = now >= status->renew_at ? KEEP_DUE : KEEP_GOOD;
	else if (!open)
		status->state = KEEP_NONE;
}

int
keep_status_read(
    struct keep_status *status, const struct keep_plan *plan, struct fail *why)
{
	struct keep_pair *pair;

	keep_history_read(status, plan->folder);
	if (keep_pair_read(&pair, plan->folder, why) != 0) {
		keep_status_free(status);
		return -1;
	}
	keep_status_judge(status, plan, pair, when_now());
	keep_pair_free(pair);
	return 0;
}

#include "lib/cloud/credential_source.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/cloud/assertion.h"
#include "lib/cloud/escape.h"
#include "lib/wire/cert.h"

#define KEY_WAIT 15.0 /* s until a PKCS#11 token is there */
#define TRIES 3

/* ---- what the application is known by ------------------------------------ */

/* The key is open only for this: once an hour. */
static int
signed_by_key(struct bytes *out, const struct source *source, const char *url,
    int64_t now, struct fail *why)
{
	const struct azure_settings *azure = source->azure;
	struct key_place place = {
	    azure->key, azure->module, azure->pin_file, source->state};
	struct assertion assertion = {.audience = url,
	    .client_id = azure->client_id,
	    .algorithm = azure->algorithm,
	    .now = now};
	STACK_OF(X509) *certs = NULL;
	int rc = -1;

	if (cert_file_read(&certs, azure->certificate, why) == 0 &&
	    key_open(&assertion.key, &place, why) == 0 &&
	    key_ready(assertion.key, KEY_WAIT, why) == 0) {
		assertion.cert = sk_X509_value(certs, 0);
		rc = assertion_write(out, &assertion, why);
	}
	key_free(assertion.key);
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

/* Workload identity: the platform writes the file anew now and then. */
static int
from_file(struct bytes *out, const char *path, struct fail *why)
{
	if (file_read(out, path, TOKEN_MAX, why) != 0)
		return fail(why, FAIL_CONFIG, "cloud-credential",
		    "%s: cannot be read", path);
	while (out->len > 0 && out->data[out->len - 1] <= ' ')
		out->data[--out->len] = '\0';
	if (out->len > 0 && strlen((char *)out->data) == out->len)
		return 0;
	return fail(why, FAIL_CONFIG, "cloud-credential",
	    "%s: there is no token in it", path);
}

/* ---- RFC 7521, 4.2; RFC 6749, 4.4.2: asking ------------------------------ */

static void
form_add(struct bytes *form, const char *name, const char *value)
{
	if (form->len > 0)
		bytes_addc(form, '&');
	bytes_addf(form, "%s=", name);
	uri_component(form, value);
}

static void
form_write(struct bytes *form, const char *client_id, const char *assertion)
{
	bytes_room(form, 3 * strlen(assertion) + 1024);
	form_add(form, "client_id", client_id);
	form_add(form, "scope", RESOURCE "/.default");
	form_add(form, "grant_type", "client_credentials");
	form_add(form, "client_assertion_type",
	    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
	form_add(form, "client_assertion", assertion);
}

static int
ask(struct token *token, struct line *line, const char *path, struct span form,
    int64_t now, struct fail *why)
{
	struct http_request request = {.url = path,
	    .body = form,
	    .type = "application/x-www-form-urlencoded",
	    .body_max = TOKEN_MAX,
	    .whole = true};
	struct http_answer answer = {0};
	struct json *json = NULL;
	int rc = line_ask(&answer, line, &request, why);

	if (rc == 0 && answer.status != 200)
		rc = token_refused(&answer, line, why);
	else if (rc == 0 && line_json(&json, &answer, why) == 0)
		rc = token_read(token, json, now, why);
	else
		rc = -1;
	http_answer_free(&answer);
	json_free(json);
	return rc;
}

static int
ask_patiently(struct token *token, const struct source *source,
    struct line *line, const char *path, struct span form, int64_t now,
    struct fail *why)
{
	for (unsigned n = 1;; n++) {
		double wait = pace_transient(n, pace_dice());

		if (ask(token, line, path, form, now, why) == 0)
			return 0;
		if (why->kind != FAIL_BUSY || n == TRIES)
			return -1;
		if (strcmp(why->reason, "cloud-throttled") == 0)
			wait = pace_throttled(n, -1, pace_dice());
		if (!pace_sleep(source->pace, wait))
			return -1;
	}
}

int
source_entra(struct token *token, const struct source *source, int64_t now,
    struct fail *why)
{
	const struct azure_settings *azure = source->azure;
	struct line_place place = {.url = azure->login,
	    .anchors = azure->anchors,
	    .timeout = azure->timeout};
	struct bytes assertion = {0}, form = {0};
	struct line *line = NULL;
	char *path = str_fmt("/%s/oauth2/v2.0/token", azure->tenant);
	char *url = str_fmt("%s%s", azure->login, path);
	int rc;

	rc = azure->auth == AZURE_WORKLOAD
	         ? from_file(&assertion, azure->token_file, why)
	         : signed_by_key(&assertion, source, url, now, why);
	if (rc == 0)
		rc = line_open(&line, &place, why);
	if (rc == 0) {
		form_write(&form, azure->client_id, (char *)assertion.data);
		rc = ask_patiently(
		    token, source, line, path, span_of(&form), now, why);
	}
	line_close(line);
	bytes_wipe(&form);
	bytes_wipe(&assertion);
	free(path);
	free(url);
	return rc;
}

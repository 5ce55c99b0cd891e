#include "lib/cloud/credential_source.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/when.h"

#define LIFETIME_MAX (7 * 86400) /* s; what is longer is a mistake */

/* A number, whether it is written as one or as a text; -1. */
static int64_t
number_of(const struct json *json, const char *key)
{
	const struct json *member = json_of(json, key);
	char *text = member == NULL ? NULL : json_scalar(member), *end;
	int64_t n = -1;

	if (text != NULL && *text >= '0' && *text <= '9') {
		n = strtoll(text, &end, 10);
		if (*end != '\0')
			n = -1;
	}
	free(text);
	return n;
}

/* "2026-11-24T03:00:00.123+00:00" up to its seconds: UTC is all they say. */
static int64_t
date_of(const struct json *json, const char *key)
{
	const char *text = json_str_of(json, key);
	struct fail not_date = {0};
	char utc[WHEN_LEN];
	int64_t when;

	if (text == NULL || strlen(text) < WHEN_LEN - 2)
		return -1;
	memcpy(utc, text, WHEN_LEN - 2);
	memcpy(utc + WHEN_LEN - 2, "Z", 2);
	return when_read(&when, utc, &not_date) == 0 ? when : -1;
}

/* RFC 6750, 2.1: what a bearer token is made of. */
static bool
is_token(const char *text)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789-._~+/";
	size_t n = strspn(text, set);

	return n > 0 && text[n + strspn(text + n, "=")] == '\0';
}

int
token_read(
    struct token *token, const struct json *json, int64_t now, struct fail *why)
{
	const char *text = json_str_of(json, "access_token");
	const char *type = json_str_of(json, "token_type");
	int64_t left = number_of(json, "expires_in");

	token->until = number_of(json, "expires_on");
	if (token->until < 0)
		token->until = date_of(json, "expires_on");
	/* What is left does not depend on our clock. */
	if (left >= 0 && left <= LIFETIME_MAX)
		token->until = now + left;
	else if (left >= 0)
		token->until = -1;
	if (text == NULL || !is_token(text) ||
	    (type != NULL && strcasecmp(type, "Bearer") != 0) ||
	    token->until <= now || token->until > now + LIFETIME_MAX)
		return fail(why, FAIL_BUSY, "cloud-answer",
		    "RFC 6749, 5.1: the answer of the token endpoint has no "
		    "bearer token that is good now");
	bytes_room(&token->text, strlen(text) + sizeof("Bearer "));
	bytes_adds(&token->text, "Bearer ");
	bytes_adds(&token->text, text);
	return 0;
}

/* "invalid_client: AADSTS700027", as far as the answer says. */
static char *
told(const struct json *json)
{
	const char *error = json_str_of(json, "error");
	const char *more = json_str_of(json, "error_description");
	size_t aad = more == NULL || strncmp(more, "AADSTS", 6) != 0
	                 ? 0
	                 : 6 + strspn(more + 6, "0123456789");

	if (error == NULL || strlen(error) > 60 ||
	    error[strspn(error, "abcdefghijklmnopqrstuvwxyz_")] != '\0')
		error = "no reason given";
	return aad == 0 || aad > 20
	           ? str_dup(error)
	           : str_fmt("%s, %.*s", error, (int)aad, more);
}

static bool
is_transient(int status, const char *text)
{
	return status == 404 || status == 408 || status == 410 ||
	       status >= 500 || strstr(text, "temporarily_unavailable") != NULL;
}

/* AADSTS700024: the assertion's times are not now. */
int
token_refused(
    const struct http_answer *answer, const struct line *line, struct fail *why)
{
	struct json *json = NULL;
	struct fail not_json = {0};
	char *text;
	int rc;

	if (line_json(&json, answer, &not_json) == 0)
		text = told(json);
	else
		text = str_dup("no reason given");
	if (answer->status == 429)
		rc = fail(why, FAIL_BUSY, "cloud-throttled",
		    "the token endpoint is asked too often");
	else if (is_transient(answer->status, text))
		rc = fail(why, FAIL_BUSY, "cloud-server",
		    "the token endpoint answers %d: %s", answer->status, text);
	else if (strstr(text, "AADSTS700024") != NULL &&
		 line_clock(line, why) == 0)
		rc = fail(why, FAIL_DENIED, "cloud-clock",
		    "the assertion is not within its time: %s", text);
	else if (line_clock(line, why) == 0)
		rc = fail(why, FAIL_DENIED, "cloud-token",
		    "the token endpoint answers %d: %s", answer->status, text);
	else
		rc = -1;
	if (rc != 0 && json != NULL)
		(void)fail_cause(why, "%.300s",
		    json_str_of(json, "error_description") == NULL
			? text
			: json_str_of(json, "error_description"));
	free(text);
	json_free(json);
	return rc;
}

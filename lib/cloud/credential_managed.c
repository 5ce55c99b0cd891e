#include "lib/cloud/credential_source.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/cloud/escape.h"

#define ARC_ENDPOINT "http://127.0.0.1:40342/metadata/identity/oauth2/token"
#define ARC_AGENT "/opt/azcmagent/bin/himds"
#define ARC_KEY_MAX 4096 /* octets, as the agent's documentation has it */
#define TIMEOUT 20       /* s: the endpoint is on this machine */
#define TRIES 5
#define UPDATING 10.0 /* s between tries while it answers 410 … */
#define UPDATING_TRIES 7

/* One endpoint and what it wants to see. */
struct endpoint {
	char *url;    /* up to its query */
	char *query;  /* "?…" */
	char *header; /* "Name: value" */
	bool arc;
};

static void
endpoint_free(struct endpoint *e)
{
	free(e->url);
	free(e->query);
	if (e->header != NULL)
		explicit_bzero(e->header, strlen(e->header));
	free(e->header);
	*e = (struct endpoint){0};
}

static char *
query_of(const char *version, const char *client_id)
{
	struct bytes q = {0};

	bytes_addf(&q, "?api-version=%s&resource=", version);
	uri_component(&q, RESOURCE);
	if (client_id != NULL) {
		bytes_adds(&q, "&client_id=");
		uri_component(&q, client_id);
	}
	return (char *)q.data;
}

/* ---- which one it is ----------------------------------------------------- */

static int
kind_of(int managed)
{
	if (managed != MANAGED_AUTO)
		return managed;
	if (secure_getenv("IDENTITY_ENDPOINT") != NULL &&
	    secure_getenv("IDENTITY_HEADER") != NULL)
		return MANAGED_APP;
	if ((secure_getenv("IDENTITY_ENDPOINT") != NULL &&
		secure_getenv("IMDS_ENDPOINT") != NULL) ||
	    access(ARC_AGENT, X_OK) == 0)
		return MANAGED_ARC;
	return MANAGED_IMDS;
}

static int
app_find(struct endpoint *e, const char *client_id, struct fail *why)
{
	const char *url = secure_getenv("IDENTITY_ENDPOINT");
	const char *header = secure_getenv("IDENTITY_HEADER");

	if (url == NULL || header == NULL)
		return fail(why, FAIL_CONFIG, "cloud-credential",
		    "App Service's IDENTITY_ENDPOINT and IDENTITY_HEADER are "
		    "not in the environment");
	e->url = str_dup(url);
	e->query = query_of("2019-08-01", client_id);
	e->header = str_fmt("X-IDENTITY-HEADER: %s", header);
	return 0;
}

static int
endpoint_find(
    struct endpoint *e, const struct azure_settings *azure, struct fail *why)
{
	const char *url;

	*e = (struct endpoint){0};
	switch (kind_of(azure->managed)) {
	case MANAGED_APP:
		return app_find(e, azure->client_id, why);
	case MANAGED_ARC:
		url = secure_getenv("IDENTITY_ENDPOINT");
		e->url = str_dup(url != NULL ? url : ARC_ENDPOINT);
		/* A server of Arc has one identity. */
		e->query = query_of("2020-06-01", NULL);
		e->arc = true;
		break;
	default:
		e->url =
		    str_fmt("%s/metadata/identity/oauth2/token", azure->imds);
		e->query = query_of("2018-02-01", azure->client_id);
		break;
	}
	e->header = str_dup("Metadata: true");
	return 0;
}

/* ---- Azure Arc: who can read the agent's file may have a token ----------- */

char *
arc_key_path(const char *challenge)
{
	static const char scheme[] = "Basic realm=", suffix[] = ".key";
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789-_.";
	size_t folder = strlen(ARC_FOLDER), len;
	const char *path, *name;

	if (challenge == NULL ||
	    strncasecmp(challenge, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	path = challenge + sizeof(scheme) - 1;
	if (strncmp(path, ARC_FOLDER "/", folder + 1) != 0)
		return NULL;
	name = path + folder + 1;
	len = strlen(name);
	if (len <= sizeof(suffix) - 1 || len > 255 || *name == '.' ||
	    name[strspn(name, set)] != '\0' ||
	    strcmp(name + len - (sizeof(suffix) - 1), suffix) != 0)
		return NULL;
	return str_dup(path);
}

static int
arc_key_read(struct bytes *key, const char *challenge, struct fail *why)
{
	char *path = arc_key_path(challenge);
	int rc = -1;

	if (path == NULL)
		(void)fail(why, FAIL_DENIED, "cloud-token",
		    "Azure Arc's challenge names no key file in %s",
		    ARC_FOLDER);
	else if ((rc = file_read(key, path, ARC_KEY_MAX, why)) != 0)
		(void)fail(why, FAIL_DENIED, "cloud-token",
		    "Azure Arc's key file cannot be read: is this program's "
		    "user in the group himds?");
	while (rc == 0 && key->len > 0 && key->data[key->len - 1] <= ' ')
		key->data[--key->len] = '\0';
	for (size_t i = 0; rc == 0 && i < key->len; i++)
		if (key->data[i] < ' ' || key->data[i] > '~')
			rc = fail(why, FAIL_DENIED, "cloud-token",
			    "Azure Arc's key file holds more than a key");
	free(path);
	return rc;
}

/* ---- asking -------------------------------------------------------------- */

static int
send(struct http_answer *answer, struct line *line, const struct endpoint *e,
    const char *authorization, struct fail *why)
{
	const char *const headers[] = {e->header, NULL};
	struct http_request request = {.url = e->query,
	    .authorization = authorization,
	    .headers = headers,
	    .body_max = TOKEN_MAX,
	    .whole = true};

	return line_ask(answer, line, &request, why);
}

static int
arc_answer(struct http_answer *answer, struct line *line,
    const struct endpoint *e, struct fail *why)
{
	struct bytes key = {0};
	char *authorization = NULL;
	int rc = arc_key_read(&key, answer->challenges, why);

	if (rc == 0) {
		authorization = str_fmt(
		    "Basic %s", key.data == NULL ? "" : (const char *)key.data);
		http_answer_free(answer);
		rc = send(answer, line, e, authorization, why);
		explicit_bzero(authorization, strlen(authorization));
	}
	free(authorization);
	bytes_wipe(&key);
	return rc;
}

/* `status`: of a refusal; 0: nothing came. */
static int
ask(struct token *token, struct line *line, const struct endpoint *e,
    int64_t now, int *status, struct fail *why)
{
	struct http_answer answer = {0};
	struct json *json = NULL;
	int rc = send(&answer, line, e, NULL, why);

	if (rc == 0 && e->arc && answer.status == 401)
		rc = arc_answer(&answer, line, e, why);
	*status = answer.status;
	if (rc == 0 && answer.status != 200)
		rc = token_refused(&answer, line, why);
	else if (rc == 0)
		rc = line_json(&json, &answer, why);
	if (rc == 0)
		rc = token_read(token, json, now, why);
	http_answer_free(&answer);
	json_free(json);
	return rc;
}

/* S11: 404, 429 and 5xx pass, a second later at the earliest; 410 within 70 s;
 * nothing else does. */
static int
ask_patiently(struct token *token, const struct source *source,
    struct line *line, const struct endpoint *e, int64_t now, struct fail *why)
{
	unsigned tries = 0, updating = 0;
	int status;

	for (;;) {
		double wait;

		if (ask(token, line, e, now, &status, why) == 0)
			return 0;
		if (why->kind != FAIL_BUSY)
			return -1;
		if (status == 410) {
			wait = UPDATING;
			if (++updating > UPDATING_TRIES)
				return -1;
		} else {
			if (++tries == TRIES)
				return -1;
			wait = 1 + pace_transient(tries, pace_dice());
		}
		if (!pace_sleep(source->pace, wait))
			return -1;
	}
}

int
source_managed(struct token *token, const struct source *source, int64_t now,
    struct fail *why)
{
	struct endpoint e;
	struct line *line = NULL;
	int rc = endpoint_find(&e, source->azure, why);

	if (rc == 0) {
		struct line_place place = {.url = e.url,
		    .anchors = source->azure->anchors,
		    .plain = true,
		    .timeout = TIMEOUT};

		rc = line_open(&line, &place, why);
	}
	if (rc == 0)
		rc = ask_patiently(token, source, line, &e, now, why);
	line_close(line);
	endpoint_free(&e);
	return rc;
}

#include "lib/cloud/connector.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/when.h"
#include "lib/cloud/escape.h"
#include "lib/cloud/guid.h"
#include "lib/cloud/line.h"
#include "lib/net/keep.h"
#include "lib/wire/cert.h"

#define KEY_WAIT 10 /* s, for a token */
#define EVENTS "/v1/certificate-events"
#define HEADS "/v1/audit-heads"

struct connector {
	const struct cloud_settings *cloud; /* borrowed */
	struct line *line;
	struct key *key;
	EVP_PKEY *lent;
	STACK_OF(X509) * certs;
};

/* ---- who we are ---------------------------------------------------------- */

static int
key_take(struct connector *c, const struct key_place *place, const char *uri,
    struct fail *why)
{
	struct key_place whole = *place;

	whole.uri = uri;
	if (key_open(&c->key, &whole, why) != 0 ||
	    key_ready(c->key, KEY_WAIT, why) != 0 ||
	    key_lend(&c->lent, c->key, why) != 0)
		return fail_cause(why, "the key of the client certificate");
	return 0;
}

static int
own_take(struct connector *c, const struct key_place *place, struct fail *why)
{
	char *folder = str_fmt("%s/own/client", place->state);
	struct keep_pair *pair = NULL;
	int rc = keep_pair_read(&pair, folder, why);

	if (rc == 0 && pair == NULL)
		rc = fail(why, FAIL_ABSENT, "pair",
		    "there is no certificate to show to the connector yet: "
		    "microca enroll");
	if (rc == 0) {
		c->certs = X509_chain_up_ref(pair->chain);
		if (c->certs == NULL)
			abort(); /* out of memory */
		rc = key_take(c, place, pair->key_place, why);
	}
	keep_pair_free(pair);
	free(folder);
	return rc;
}

static int
client_take(
    struct connector *c, const struct key_place *place, struct fail *why)
{
	const struct cloud_settings *s = c->cloud;

	if (s->connector.certificate == NULL)
		return own_take(c, place, why);
	if (cert_file_read(&c->certs, s->connector.certificate, why) != 0)
		return -1;
	return key_take(c, place, s->connector.key, why);
}

int
connector_open(struct connector **connector, const struct cloud_settings *cloud,
    const struct key_place *place, struct fail *why)
{
	struct connector *c = mem_new(sizeof(*c));
	size_t len = strlen(cloud->connector.url);
	char *url;
	int rc;

	*connector = NULL;
	c->cloud = cloud;
	while (len > 0 && cloud->connector.url[len - 1] == '/')
		len--;
	url = mem_dup(cloud->connector.url, len);
	if ((rc = client_take(c, place, why)) == 0) {
		struct line_place at = {.url = url,
		    .anchors = cloud->connector.anchors,
		    .timeout = cloud->connector.timeout,
		    .certs = c->certs,
		    .key = c->lent};

		rc = line_open(&c->line, &at, why);
	}
	free(url);
	if (rc != 0)
		connector_close(c);
	else
		*connector = c;
	return rc;
}

void
connector_close(struct connector *connector)
{
	if (connector == NULL)
		return;
	line_close(connector->line);
	EVP_PKEY_free(connector->lent);
	key_free(connector->key);
	sk_X509_pop_free(connector->certs, X509_free);
	free(connector);
}

/* ---- exchanges ----------------------------------------------------------- */

static int
ask(struct http_answer *answer, struct connector *c, const char *path,
    const char *body, struct fail *why)
{
	struct http_request rq = {.url = path,
	    .body = {(const uint8_t *)body, body != NULL ? strlen(body) : 0},
	    .type = CONTRACT_TYPE,
	    .body_max = CONTRACT_BODY,
	    .whole = true};
	struct fail lent = {0};

	if (line_ask(answer, c->line, &rq, why) == 0)
		return 0;
	if (key_lent_state(c->lent, &lent) != 0)
		*why = lent; /* a token that does not sign ends handshakes */
	return -1;
}

/* What the connector itself says; "" when something before it spoke. */
static bool
told(char *detail, size_t size, const struct http_answer *answer)
{
	const char *text = (const char *)answer->body.data;

	detail[0] = '\0';
	if (text != NULL && strlen(text) == answer->body.len)
		contract_error_read(detail, size, text);
	return detail[0] != '\0';
}

static int
refused(const struct connector *c, const struct http_answer *answer,
    struct fail *why)
{
	char detail[200];
	bool ours = told(detail, sizeof(detail), answer);
	const char *text = ours ? detail : "no reason that we know";

	switch (answer->status) {
	case 401:
	case 403:
		if (line_clock(c->line, why) != 0)
			return -1;
		return fail(why, FAIL_DENIED, "cloud-auth",
		    "the connector refuses us: %s", text);
	case 429:
	case 503:
		fail(why, FAIL_BUSY, "cloud-throttled",
		    "the connector says later: %s", text);
		return fail_retry(
		    why, answer->retry_after > 0 && answer->retry_after < 86400
			     ? (int)answer->retry_after
			     : 60);
	case 400:
	case 413:
	case 415:
		/* A web server before it says the same by itself: then it is
		 * not what we sent that is wrong. */
		if (ours)
			return fail(why, FAIL_MALFORMED, "cloud-refused",
			    "the connector does not take what was sent: %s",
			    text);
		break;
	default:
		break;
	}
	return fail(why, FAIL_BUSY, "cloud-answer",
	    "the connector answers with status %d: %s", answer->status, text);
}

/* ---- certificate states -------------------------------------------------- */

static int
batch_tell(struct connector *c, struct cloud_result *results,
    const struct contract_batch *batch, struct fail *why)
{
	struct http_answer answer = {0};
	char *text = contract_batch_write(batch);
	int rc = ask(&answer, c, EVENTS, text, why);

	if (rc == 0 && answer.status != 200)
		rc = refused(c, &answer, why);
	else if (rc == 0 && (answer.body.data == NULL ||
				contract_results_read(results, batch,
				    (const char *)answer.body.data, why) != 0))
		rc = fail(why, FAIL_BUSY, "cloud-answer",
		    "the connector's answer is not one of " CONTRACT_SCHEMA);
	free(text);
	http_answer_free(&answer);
	return rc;
}

static int
batch_send(struct connector *c, struct cloud_result *results,
    const struct wanted *const *wanted, size_t n, struct fail *why)
{
	struct contract_batch *batch = mem_new(sizeof(*batch));
	char id[GUID_LEN];
	int rc;

	guid_write(id);
	batch->edge = c->cloud->edge;
	batch->batch = id;
	batch->sent = when_now();
	batch->n = n;
	for (size_t i = 0; i < n; i++)
		batch->items[i] = *wanted[i]; /* borrowed */
	rc = batch_tell(c, results, batch, why);
	free(batch);
	return rc;
}

/* What it does not take as a whole is halved until it is one item. */
int
connector_apply(struct connector *connector, struct cloud_result *results,
    const struct wanted *const *wanted, size_t n, struct fail *why)
{
	size_t half = n / 2;

	if (batch_send(connector, results, wanted, n, why) == 0)
		return 0;
	if (why->kind != FAIL_MALFORMED ||
	    strcmp(why->reason, "cloud-refused") != 0)
		return -1;
	if (n == 1) {
		results[0] = (struct cloud_result){CLOUD_REJECTED, *why, ""};
		*why = (struct fail){0};
		return 0;
	}
	if (connector_apply(connector, results, wanted, half, why) != 0)
		return -1;
	return connector_apply(
	    connector, results + half, wanted + half, n - half, why);
}

/* ---- heads, and what there is -------------------------------------------- */

int
connector_head(struct connector *connector, const char *head, struct fail *why)
{
	struct http_answer answer = {0};
	char detail[200];
	int rc = ask(&answer, connector, HEADS, head, why);

	if (rc == 0 && answer.status == 409 &&
	    told(detail, sizeof(detail), &answer))
		rc = fail(
		    why, FAIL_DENIED, "head-back", "the connector: %s", detail);
	else if (rc == 0 && answer.status != 200)
		rc = refused(connector, &answer, why);
	http_answer_free(&answer);
	return rc;
}

/* 404 with the contract's own error is an answer; `json` stays NULL. */
static int
look(struct connector *c, char **json, const char *path, struct fail *why)
{
	struct http_answer answer = {0};
	struct json *j = NULL;
	char detail[200];
	int rc = ask(&answer, c, path, NULL, why);

	*json = NULL;
	if (rc == 0 && answer.status == 404 &&
	    told(detail, sizeof(detail), &answer) &&
	    strncmp(detail, "no_device:", 10) == 0) {
		http_answer_free(&answer);
		return 0;
	}
	if (rc == 0 && answer.status != 200)
		rc = refused(c, &answer, why);
	if (rc == 0)
		rc = line_json(&j, &answer, why);
	if (rc == 0)
		*json = json_text(j, 0);
	json_free(j);
	http_answer_free(&answer);
	return rc;
}

int
connector_find(
    struct connector *connector, char **json, const char *id, struct fail *why)
{
	struct bytes path = {0};
	int rc;

	bytes_adds(&path, "/v1/devices/");
	uri_component(&path, id);
	rc = look(connector, json, (const char *)path.data, why);
	bytes_free(&path);
	return rc;
}

int
connector_health(struct connector *connector, char **json, struct fail *why)
{
	return look(connector, json, "/v1/health", why);
}

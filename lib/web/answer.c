#include "lib/web/answer.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/meter.h"
#include "lib/web/parts.h"

#define HEX_LEN (2 * SHA256_LEN + 1)

static bool
is_head(const struct request *rq)
{
	return rq->method != NULL && strcmp(rq->method, "HEAD") == 0;
}

/*
 * Known clients read one line only, or lines only: an answer is wrapped as
 * its request was.  A GET shows no form, but who sends a User-Agent takes
 * lines, and who sends none takes one line.
 */
static unsigned
line_of(const struct request *rq)
{
	bool lines = rq->body.len > 0 ? rq->body_wrapped : rq->has_user_agent;

	return lines ? 64 : 0;
}

void
answer_reply(
    struct bytes *out, const struct request *rq, const struct reply *rp)
{
	struct bytes text = {0};
	struct parts p = {
	    .status = rp->status != 0 ? rp->status : 200,
	    .retry = rp->retry,
	    .type = rp->type,
	    .base64 = rp->base64,
	    .cache = rp->cache.len > 0 ? (const char *)rp->cache.data : NULL,
	    .head = is_head(rq),
	};

	if (rp->base64)
		base64_write(&text, span_of(&rp->body), line_of(rq));
	p.body = span_of(rp->base64 ? &text : &rp->body);
	parts_write(out, &p);
	bytes_free(&text);
}

/* Known clients fail on a body with these (design section 10). */
static bool
is_bare(const struct operation *op, int status)
{
	return status == 401 || status == 202 ||
	       (status == 404 && op->bare_absent);
}

/* An endpoint's name needs no quoting. */
static const char *
realm_of(const struct request *rq)
{
	return rq->endpoint != NULL ? rq->endpoint->name : "microca";
}

/* What is wrong with files and configuration is told to the operator alone. */
static const char *
text_of(const struct fail *why)
{
	return why->kind == FAIL_CONFIG || strcmp(why->reason, "file") == 0
	           ? "the service is not configured rightly"
	           : why->text;
}

void
answer_fail(struct bytes *out, const struct operation *op,
    const struct request *rq, const struct fail *why)
{
	struct bytes text = {0};
	struct parts p = {
	    .status = fail_http(why->kind),
	    .retry = why->retry,
	    .allow = why->kind == FAIL_METHOD ? op->allow : NULL,
	    .realm = why->kind == FAIL_ANONYMOUS ? realm_of(rq) : NULL,
	    .head = is_head(rq),
	};

	if (!is_bare(op, p.status)) {
		p.type = "text/plain; charset=utf-8";
		bytes_addf(&text, "%s: ", why->reason);
		text_escape(&text, span_str(text_of(why)));
		if (rq->id[0] != '\0')
			bytes_addf(&text, " (request %s)", rq->id);
		bytes_addc(&text, '\n');
		p.body = span_of(&text);
	}
	parts_write(out, &p);
	bytes_free(&text);
}

static enum log_level
level_of(const struct fail *why)
{
	if (why->kind == FAIL_BROKEN || why->kind == FAIL_CONFIG ||
	    strcmp(why->reason, "auth-config") == 0)
		return LOG_LEVEL_ERROR;
	return why->kind == FAIL_BUSY ? LOG_LEVEL_WARN : LOG_LEVEL_INFO;
}

static const char *
endpoint_name(const struct request *rq)
{
	return rq->endpoint != NULL ? rq->endpoint->name : NULL;
}

static void
log_refusal(
    const struct request *rq, const struct trace *trace, const struct fail *why)
{
	const char *endpoint = endpoint_name(rq), *method = rq->method;

	log_write(level_of(why),
	    "%d %s: %s%s%s%s; %.16s %.200s from %s at %s by %s (request %s)",
	    fail_http(why->kind), why->reason, why->text,
	    why->cause[0] != '\0' ? " (" : "", why->cause,
	    why->cause[0] != '\0' ? ")" : "", method != NULL ? method : "-",
	    rq->path != NULL ? rq->path : "-",
	    rq->peer != NULL && rq->peer[0] != '\0' ? rq->peer : "-",
	    endpoint != NULL ? endpoint : "-",
	    trace->requester != NULL ? trace->requester : "-", rq->id);
}

static const char *
hex_of(char out[HEX_LEN], const uint8_t sha[SHA256_LEN], bool have)
{
	if (!have)
		return NULL;
	hex_write(out, (struct span){sha, SHA256_LEN}, false);
	return out;
}

static void
audit_refusal(const struct operation *op, struct store *store,
    const struct request *rq, const struct trace *trace, const struct fail *why)
{
	char client[HEX_LEN], csr[HEX_LEN], spki[HEX_LEN];
	uint8_t sha[SHA256_LEN];
	struct fail lost = {0};
	struct audit entry = {
	    .event = "refuse",
	    .request = rq->id,
	    .operation = op->name,
	    .endpoint = endpoint_name(rq),
	    .profile = rq->endpoint != NULL ? rq->endpoint->profile_name : NULL,
	    .peer = rq->peer,
	    .requester = trace->requester,
	    .subject = trace->subject,
	    .reason = why->reason,
	    .text = why->text,
	    .cause = why->cause[0] != '\0' ? why->cause : NULL,
	    .status = fail_http(why->kind),
	    .unknown = trace->requester == NULL,
	};

	sha256(sha, span_of(&rq->client_cert));
	entry.client_sha256 = hex_of(client, sha, rq->client_cert.len > 0);
	entry.csr_sha256 = hex_of(csr, trace->csr_sha256, trace->has_csr);
	entry.spki_sha256 = hex_of(spki, trace->spki_sha256, trace->has_key);
	if (store_audit(store, &entry, false, &lost) != 0)
		log_fail("a refusal is not in the audit", &lost);
}

void
answer_record(const struct operation *op, struct ca *ca,
    const struct request *rq, const struct trace *trace, const struct fail *why)
{
	meter_status(fail_http(why->kind));
	if (why->kind != FAIL_PENDING)
		meter_count(METER_REFUSED, why->reason, NULL);
	log_refusal(rq, trace, why);
	/* To wait is no refusal: the audit has it once, from when it began. */
	if (why->kind != FAIL_PENDING && ca != NULL && ca->store != NULL)
		audit_refusal(op, ca->store, rq, trace, why);
}

void
trace_free(struct trace *trace)
{
	free(trace->requester);
	free(trace->subject);
	free(trace->serial);
	memset(trace, 0, sizeof(*trace));
}

#include "lib/web/enroll.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/ca/approval.h"
#include "lib/ca/issue.h"
#include "lib/ca/keygen.h"
#include "lib/wire/certsonly.h"
#include "lib/wire/multipart.h"

static void
trace_csr(struct trace *t, const struct csr *csr)
{
	if (csr->key.evp != NULL) {
		memcpy(t->spki_sha256, csr->key.sha256, SHA256_LEN);
		t->has_key = true;
	}
	t->subject = name_text(csr->subject);
}

/* RFC 7030, 3.4: the body is a PKCS#10 request, possession proven; 4.4.1: with
 * `made` its key and signature are ignored. */
static int
csr_take(struct csr **csr, const struct request *rq, bool made, struct trace *t,
    struct fail *why)
{
	struct bytes der = {0};
	int rc = -1;

	if (csr_body_read(
		&der, span_of(&rq->body), rq->endpoint->lenient, why) == 0) {
		sha256(t->csr_sha256, span_of(&der));
		t->has_csr = true;
		rc = made ? csr_read_unproven(csr, span_of(&der), why)
		          : csr_read(csr, span_of(&der), why);
	}
	if (rc == 0)
		trace_csr(t, *csr);
	bytes_free(&der);
	return rc;
}

static int
grant_of(struct grant **grant, const struct identity *who,
    const struct request *rq, const char *operation, const struct csr *csr,
    bool renewal, struct fail *why)
{
	if (policy_grant(grant, who, rq, operation, csr, why) != 0)
		return -1;
	if (!renewal && !policy_is_renewal(*grant, who, csr))
		return 0;
	return policy_renewal(*grant, who, csr, when_now(), why);
}

/* RFC 7030, 4.2.3: a certs-only message with the new certificate alone. */
static int
reply_cert(struct reply *rp, struct span der)
{
	certsonly_write(&rp->body, &der, 1);
	rp->type = "application/pkcs7-mime; smime-type=certs-only";
	rp->base64 = true;
	return 0;
}

/* RFC 7030, 4.4.2: the key, then what simpleenroll answers with. */
static int
reply_key(struct reply *rp, const struct keygen *keygen, struct span der)
{
	struct bytes certs = {0};
	char boundary[MULTIPART_BOUNDARY_LEN];
	struct multipart_part parts[] = {
	    {keygen->part_type, span_of(&keygen->part)},
	    {"application/pkcs7-mime; smime-type=certs-only", {0}},
	};

	certsonly_write(&certs, &der, 1);
	parts[1].content = span_of(&certs);
	multipart_write(&rp->body, boundary, parts, 2);
	(void)snprintf(rp->type_made, sizeof(rp->type_made),
	    "multipart/mixed; boundary=%s", boundary);
	rp->type = rp->type_made;
	bytes_free(&certs);
	return 0;
}

/* What is lost if this answer is. */
static int
trace_made(
    struct trace *t, const struct csr *csr, struct span der, struct fail *why)
{
	struct cert *cert = NULL;

	if (cert_read(&cert, der, why) != 0)
		return -1;
	memcpy(t->spki_sha256, csr->key.sha256, SHA256_LEN);
	t->has_key = true;
	t->serial = cert_serial_text(cert->serial);
	cert_free(cert);
	return 0;
}

/* RFC 7030, 4.4: no request's key, but one of ours. */
static int
issue_made(struct ca *ca, const struct request *rq, struct reply *rp,
    const struct identity *who, const struct grant *grant, struct csr *csr,
    struct fail *why)
{
	struct keygen keygen = {0};
	struct bytes der = {0};
	int rc = -1;

	if (ca_approval(&der, ca, grant, why) == 0 &&
	    keygen_make(&keygen, ca, rq, who, grant, csr, why) == 0 &&
	    ca_issue(&der, ca, grant, why) == 0 &&
	    trace_made(&rp->trace, csr, span_of(&der), why) == 0)
		rc = reply_key(rp, &keygen, span_of(&der));
	bytes_free(&der);
	keygen_free(&keygen);
	return rc;
}

static int
issue(struct ca *ca, struct reply *rp, const struct grant *grant,
    struct fail *why)
{
	struct bytes der = {0};
	int rc = ca_issue(&der, ca, grant, why);

	if (rc == 0)
		rc = reply_cert(rp, span_of(&der));
	bytes_free(&der);
	return rc;
}

static int
line(struct ca *ca, const struct request *rq, struct reply *rp,
    const char *operation, bool renewal, bool made, struct fail *why)
{
	struct identity *who = NULL; /* 3.3.2: who is asking */
	struct csr *csr = NULL;      /* 3.4: what it asks for */
	struct grant *grant = NULL;  /* 3.7: what our policy lets it have */
	int rc = -1;

	if (identity_of(&who, ca, rq, why) != 0)
		goto out;
	rp->trace.requester = str_dup(who->requester);
	rp->trace.secret = who->secret;
	if (csr_take(&csr, rq, made, &rp->trace, why) == 0 &&
	    ca_names_free(ca, csr, why) == 0 &&
	    grant_of(&grant, who, rq, operation, csr, renewal, why) == 0)
		rc = made ? issue_made(ca, rq, rp, who, grant, csr, why)
		          : issue(ca, rp, grant, why);
out:
	grant_free(grant);
	csr_free(csr);
	identity_free(who);
	return rc;
}

int
enroll(struct ca *ca, const struct request *rq, struct reply *rp,
    const char *operation, bool renewal, struct fail *why)
{
	return line(ca, rq, rp, operation, renewal, false, why);
}

int
enroll_made(struct ca *ca, const struct request *rq, struct reply *rp,
    const char *operation, struct fail *why)
{
	return line(ca, rq, rp, operation, false, true, why);
}

void
enroll_lost(struct ca *ca, const struct request *rq, const struct trace *trace)
{
	struct audit entry = {
	    .event = "revoke",
	    .request = rq->id,
	    .operation = "serverkeygen",
	    .endpoint = rq->endpoint != NULL ? rq->endpoint->name : NULL,
	    .peer = rq->peer,
	    .requester = trace->requester,
	    .subject = trace->subject,
	    .serial = trace->serial,
	    .reason = store_reason_word(REASON_CESSATION),
	    .text = "the answer with its key was not delivered",
	};
	struct fail why = {0};
	bool changed;

	if (trace->serial == NULL)
		return;
	if (store_lost(ca->store, &changed, trace->serial, trace->secret,
		when_now(), &entry, &why) != 0)
		log_fail(
		    "a certificate whose key nobody has is not revoked", &why);
	else if (changed)
		log_write(LOG_LEVEL_INFO,
		    "certificate %s is revoked: nobody has its key",
		    trace->serial);
}

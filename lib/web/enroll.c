#include "lib/web/enroll.h"

#include <string.h>

#include "lib/base/when.h"
#include "lib/ca/issue.h"
#include "lib/wire/certsonly.h"

static void
trace_csr(struct trace *t, const struct csr *csr)
{
	memcpy(t->spki_sha256, csr->key.sha256, SHA256_LEN);
	t->has_key = true;
	t->subject = name_text(csr->subject);
}

/* RFC 7030, 3.4: the body is a PKCS#10 request, possession proven. */
static int
csr_take(struct csr **csr, const struct request *rq, struct trace *t,
    struct fail *why)
{
	struct bytes der = {0};
	int rc = -1;

	if (csr_body_read(
		&der, span_of(&rq->body), rq->endpoint->lenient, why) == 0) {
		sha256(t->csr_sha256, span_of(&der));
		t->has_csr = true;
		rc = csr_read(csr, span_of(&der), why);
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

int
enroll(struct ca *ca, const struct request *rq, struct reply *rp,
    const char *operation, bool renewal, struct fail *why)
{
	struct identity *who = NULL; /* 3.3.2: who is asking */
	struct csr *csr = NULL;      /* 3.4: what it asks for */
	struct grant *grant = NULL;  /* 3.7: what our policy lets it have */
	struct bytes der = {0};      /* issued: stored and audited by now */
	int rc = -1;

	if (identity_of(&who, ca, rq, why) != 0)
		goto out;
	rp->trace.requester = str_dup(who->requester);
	if (csr_take(&csr, rq, &rp->trace, why) == 0 &&
	    ca_names_free(ca, csr, why) == 0 &&
	    grant_of(&grant, who, rq, operation, csr, renewal, why) == 0 &&
	    ca_issue(&der, ca, grant, why) == 0)
		rc = reply_cert(rp, span_of(&der));
out:
	bytes_free(&der);
	grant_free(grant);
	csr_free(csr);
	identity_free(who);
	return rc;
}

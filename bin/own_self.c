#include "bin/own.h"

#include <stdlib.h>

#include "lib/base/when.h"
#include "lib/ca/issuers.h"

static void
push(STACK_OF(X509) * all, X509 *cert)
{
	if (X509_up_ref(cert) != 1 || sk_X509_push(all, cert) <= 0)
		abort(); /* out of memory */
}

/* The roots of all generations: the one that issues may change meanwhile. */
static int
anchors_fill(struct own_run *run, struct fail *why)
{
	struct issuers *issuers = NULL;
	size_t i;

	if (issuers_read(&issuers, run->settings, why) != 0)
		return -1;
	for (i = 0; i < issuers->n; i++) {
		const STACK_OF(X509) *chain =
		    issuers->item[i]->authority->chain;

		push(
		    run->anchors, sk_X509_value(chain, sk_X509_num(chain) - 1));
	}
	issuers_free(issuers);
	return 0;
}

static int
profile_find(
    const struct profile **profile, struct own_run *run, struct fail *why)
{
	*profile = profiles_find(run->settings->profiles, run->own->profile);
	if (*profile != NULL)
		return 0;
	return fail(why, FAIL_ABSENT, "profile", "no profile \"%s\"",
	    run->own->profile);
}

static int
certify(void *arg, X509 **leaf, STACK_OF(X509) * *others, struct span csr,
    const struct keep_pair *renews, struct fail *why)
{
	struct own_run *run = arg;
	const struct profile *profile;
	struct bytes der = {0};
	struct ca *ca = NULL;
	int rc = -1;

	(void)renews;
	*leaf = NULL;
	*others = NULL;
	if (anchors_fill(run, why) == 0 &&
	    tool_issuing_ca(&ca, run->tool, why) == 0 &&
	    profile_find(&profile, run, why) == 0 &&
	    profile_issue(&der, run->tool, ca, profile, csr, why) == 0)
		rc = cert_x509(leaf, span_of(&der), why);
	if (rc != 0 && why->kind == FAIL_MALFORMED)
		why->kind = FAIL_DENIED; /* our answer: not to be asked again */
	if (rc == 0)
		*others = issuers_published(ca->issuers, when_now());
	ca_drop(ca);
	bytes_free(&der);
	return rc;
}

void
own_self(struct own_run *run)
{
	run->source.certify = certify;
	run->anchors = sk_X509_new_null();
	run->plan.anchors = run->anchors;
}

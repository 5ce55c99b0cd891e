#include "lib/cloud/wanted.h"

#include <stdlib.h>
#include <string.h>

static void
cloud_cert_free(struct cloud_cert *cert)
{
	free(cert->serial);
	free(cert->issuer);
	free(cert->profile);
}

void
wanted_free(struct wanted *w)
{
	free(w->device);
	free(w->edge);
	free(w->site);
	cloud_cert_free(&w->current);
	cloud_cert_free(&w->previous);
	memset(w, 0, sizeof(*w));
}

const char *
cloud_outcome_word(enum cloud_outcome outcome)
{
	static const char *const words[] = {
	    [CLOUD_APPLIED] = "applied",
	    [CLOUD_UNCHANGED] = "unchanged",
	    [CLOUD_SUPERSEDED] = "superseded",
	    [CLOUD_DEFERRED] = "deferred",
	    [CLOUD_REJECTED] = "rejected",
	    [CLOUD_UNKNOWN] = "unknown",
	};

	return words[outcome];
}

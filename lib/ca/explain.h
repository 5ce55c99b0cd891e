/*
 * explain - what this CA would say to a request, rule by rule.
 *
 * The same line as an enrolment (lib/web/enroll.c) and the same rules, but each
 * is looked at though one before said no, and nothing is signed, written or
 * counted.  Only where a rule looks at something that another one was to make
 * it is left open.  Neither token nor PIN is needed.
 *
 * Where nobody is identified the rest is judged as for the administrator, who
 * may have any name that the profile allows.
 */
#ifndef MICROCA_EXPLAIN_H
#define MICROCA_EXPLAIN_H

#include "lib/base/verdicts.h"
#include "lib/ca/ca.h"
#include "lib/wire/request.h"

struct explain_wish {
	const struct endpoint *endpoint;
	const char *operation; /* "simpleenroll", … */
	struct span csr;       /* PEM, base64 or DER */
	struct span client;    /* DER of the certificate shown; empty: none */
	const char *device;    /* … or whose one-time secret; NULL: none */
};

/* All zero before; explained_free(). */
struct explained {
	struct verdicts rules;
	char *requester; /* as the audit would name it; NULL: nobody */
	bool renewal;
	bool repeat; /* answered already: the recorded certificate again */
	X509 *draft; /* what would be signed; NULL: refused before */
};
void explained_free(struct explained *e);

/* Needs CA_STORE and ca->identities.  Fails: FAIL_BUSY with what the store
 * says; what is wrong with the request is in the verdicts. */
MUST_CHECK int explain(struct explained *e, struct ca *ca,
    const struct explain_wish *wish, int64_t now, struct fail *why);

#endif

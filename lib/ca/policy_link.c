#include "lib/ca/policy_names.h"

#include <string.h>

static bool
is(const char *binding, const char *challenge)
{
	return binding != NULL && strcmp(binding, challenge) == 0;
}

/* RFC 7030, 3.5: what is there MUST be verified, and here it cannot be. */
static int
incomparable(const struct request *rq, struct fail *why)
{
	const struct endpoint *e = rq->endpoint;

	if (rq->channel.tls13 && endpoint_binding(e, BINDING_UNIQUE))
		return fail(why, FAIL_MALFORMED, "pop-link",
		    "RFC 9266, 1: TLS 1.3 has no tls-unique that the "
		    "challengePassword could be compared with");
	fail(why, FAIL_MALFORMED, "pop-link",
	    "RFC 7030, 3.5: the challengePassword cannot be compared with this "
	    "TLS session");
	return fail_cause(why, "endpoint %s: %s", e->name,
	    e->channel_binding.n == 0
		? "channel_binding names none"
		: "the web server hands over none of its channel_binding");
}

int
policy_link(const struct request *rq, const struct csr *csr, struct fail *why)
{
	const struct channel *c = &rq->channel;

	if (rq->endpoint->pop_link == POP_OFF)
		return 0;
	if (csr->challenge == NULL && rq->endpoint->pop_link == POP_REQUIRED)
		return fail(why, FAIL_MALFORMED, "pop-link",
		    "RFC 7030, 3.5: linking identity and proof of possession "
		    "is required: challengePassword is missing");
	if (csr->challenge == NULL || is(c->unique, csr->challenge) ||
	    is(c->exporter, csr->challenge))
		return 0;
	if (c->unique == NULL && c->exporter == NULL)
		return incomparable(rq, why);
	return fail(why, FAIL_DENIED, "pop-link",
	    "RFC 7030, 3.5: the challengePassword is not that of this TLS "
	    "session");
}

#include "bin/check.h"

#include "lib/ca/settings.h"

/* RFC 7030, 3.5: nobody gets in by what never arrives. */
int
check_link(const struct endpoint *e, struct fail *why)
{
	int frontend = e->frontend;

	if (e->pop_link == POP_OFF || !endpoint_operation(e, "simpleenroll"))
		return 0;
	if (e->channel_binding.n == 0)
		return e->pop_link != POP_REQUIRED
		           ? 0
		           : fail(why, FAIL_CONFIG, "config",
				 "RFC 7030, 3.5: pop_link is \"required\", but "
				 "channel_binding names nothing: every request "
				 "is refused");
	if (frontend == FRONTEND_LIGHTTPD || frontend == FRONTEND_CADDY)
		return fail(why, FAIL_CONFIG, "config",
		    "RFC 7030, 3.5: %s hands over no channel binding: it takes "
		    "apache or nginx with a module of extras/, or haproxy",
		    frontend_word(frontend));
	if (frontend == FRONTEND_HAPROXY &&
	    endpoint_binding(e, BINDING_EXPORTER))
		return fail(why, FAIL_CONFIG, "config",
		    "RFC 9266, 2: haproxy hands over tls-unique alone, no "
		    "tls-exporter");
	return 0;
}

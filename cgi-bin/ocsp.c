/* ocsp - RFC 6960: is this certificate good? */
#include "lib/cloud/guard.h"
#include "lib/web/status.h"

static const struct operation operation = {
    .name = "ocsp",
    .allow = "GET, HEAD, POST",
    .request_type = "application/ocsp-request",
    .guard = guard_look,
    .need = CA_STORE | CA_RESPONDER,
    .run = status_run,
};

int
main(int argc, char **argv)
{
	return serve(&operation, argc, argv);
}

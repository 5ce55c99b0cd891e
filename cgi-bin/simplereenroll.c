/* simplereenroll - RFC 7030, 4.2.2: renewal of a client's certificate. */
#include "lib/cloud/guard.h"
#include "lib/web/enroll.h"

static int
simplereenroll(
    struct ca *ca, const struct request *rq, struct reply *rp, struct fail *why)
{
	return enroll(ca, rq, rp, "simplereenroll", true, why);
}

static const struct operation operation = {
    .name = "simplereenroll",
    .allow = "POST",
    .request_type = "application/pkcs10",
    .guard = guard_look,
    .need = CA_STORE | CA_KEY,
    .est = true,
    .certificate = true,
    .run = simplereenroll,
};

int
main(int argc, char **argv)
{
	return serve(&operation, argc, argv);
}

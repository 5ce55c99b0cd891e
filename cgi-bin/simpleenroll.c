/* simpleenroll - RFC 7030, 4.2.1: simple enrollment of clients. */
#include "lib/cloud/guard.h"
#include "lib/web/enroll.h"

static int
simpleenroll(
    struct ca *ca, const struct request *rq, struct reply *rp, struct fail *why)
{
	return enroll(ca, rq, rp, "simpleenroll", false, why);
}

static const struct operation operation = {
    .name = "simpleenroll",
    .allow = "POST",
    .request_type = "application/pkcs10",
    .guard = guard_look,
    .need = CA_STORE | CA_KEY,
    .est = true,
    .certificate = true,
    .run = simpleenroll,
};

int
main(int argc, char **argv)
{
	return serve(&operation, argc, argv);
}

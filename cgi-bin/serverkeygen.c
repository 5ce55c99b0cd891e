/* serverkeygen - RFC 7030, 4.4: the key is made here. */
#include "lib/cloud/guard.h"
#include "lib/web/enroll.h"

static int
serverkeygen(
    struct ca *ca, const struct request *rq, struct reply *rp, struct fail *why)
{
	return enroll_made(ca, rq, rp, "serverkeygen", why);
}

static const struct operation operation = {
    .name = "serverkeygen",
    .allow = "POST",
    .request_type = "application/pkcs10",
    .guard = guard_look,
    .need = CA_STORE | CA_KEY,
    .est = true,
    .certificate = true,
    .run = serverkeygen,
    .lost = enroll_lost,
};

int
main(int argc, char **argv)
{
	return serve(&operation, argc, argv);
}

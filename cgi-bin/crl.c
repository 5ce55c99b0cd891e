/* crl - RFC 5280: revocation lists and issuing certificates, for everybody. */
#include "lib/web/listed.h"

static const struct operation operation = {
    .name = "crl",
    .answer = listed_answer,
};

int
main(int argc, char **argv)
{
	return serve(&operation, argc, argv);
}

/* health - is this CA well?  One word for monitors and load balancers. */
#include <string.h>

#include "lib/base/when.h"
#include "lib/web/serve.h"
#include "lib/web/vitals.h"

/* Details are for whoever is on the box. */
static bool
is_local(const char *peer)
{
	return strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0;
}

static int
health(
    struct ca *ca, const struct request *rq, struct reply *rp, struct fail *why)
{
	struct bytes details = {0};
	enum vitals v = vitals_of(&details, ca, when_now());

	(void)why;
	bytes_addf(&rp->body, "%s\n", vitals_word(v));
	if (is_local(rq->peer))
		bytes_add(&rp->body, details.data, details.len);
	bytes_free(&details);
	rp->type = "text/plain; charset=utf-8";
	if (v == VITALS_DOWN)
		rp->status = 503;
	return 0;
}

static const struct operation operation = {
    .name = "health",
    .allow = "GET, HEAD",
    .run = health,
};

int
main(int argc, char **argv)
{
	return serve(&operation, argc, argv);
}

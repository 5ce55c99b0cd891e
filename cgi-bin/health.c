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
	struct findings f = {0};
	int64_t now = when_now();

	(void)why;
	vitals_take(&f, ca, now);
	findings_since(&f, ca->settings->run, now);
	bytes_addf(&rp->body, "%s\n", vitals_word(f.state));
	if (is_local(rq->peer))
		findings_text(&rp->body, &f);
	rp->type = "text/plain; charset=utf-8";
	if (f.state == VITALS_DOWN)
		rp->status = 503;
	findings_free(&f);
	return 0;
}

static const struct operation operation = {
    .name = "health",
    .allow = "GET, HEAD",
    .writes = true, /* run/findings */
    .run = health,
};

int
main(int argc, char **argv)
{
	return serve(&operation, argc, argv);
}

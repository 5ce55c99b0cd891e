/* health - is this CA well?  One word for monitors and load balancers. */
#include "lib/base/when.h"
#include "lib/web/serve.h"
#include "lib/web/vitals.h"

/* Details are for whoever is on the box. */
static void
tell(struct reply *rp, const struct findings *f, const struct request *rq,
    int64_t now)
{
	if (rq->wants_json) {
		findings_json(&rp->body, f, rq->local, now);
		rp->type = "application/json";
		return;
	}
	bytes_addf(&rp->body, "%s\n", vitals_word(f->state));
	if (rq->local)
		findings_text(&rp->body, f);
	rp->type = "text/plain; charset=utf-8";
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
	tell(rp, &f, rq, now);
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

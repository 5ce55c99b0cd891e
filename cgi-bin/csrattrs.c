/* csrattrs - RFC 7030, 4.5; RFC 9908: what a request should hold. */
#include "lib/web/serve.h"

static int
csrattrs(
    struct ca *ca, const struct request *rq, struct reply *rp, struct fail *why)
{
	const struct bytes *der = &rq->endpoint->csrattrs;

	(void)ca;
	(void)why;
	/* RFC 8951, 4: 204 when there is nothing to say. */
	if (der->len == 0) {
		rp->status = 204;
		return 0;
	}
	bytes_add(&rp->body, der->data, der->len);
	rp->type = "application/csrattrs";
	rp->base64 = true;
	return 0;
}

static const struct operation operation = {
    .name = "csrattrs",
    .allow = "GET, HEAD",
    .est = true,
    .bare_absent = true,
    .run = csrattrs,
};

int
main(int argc, char **argv)
{
	return serve(&operation, argc, argv);
}

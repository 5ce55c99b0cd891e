#include "lib/web/parts.h"

#define HEAD_MAX 1024

/* RFC 9110, 15. */
static const char *
phrase(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} known[] = {
	    {200, "OK"},
	    {202, "Accepted"},
	    {204, "No Content"},
	    {304, "Not Modified"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {408, "Request Timeout"},
	    {409, "Conflict"},
	    {413, "Content Too Large"},
	    {415, "Unsupported Media Type"},
	    {429, "Too Many Requests"},
	    {500, "Internal Server Error"},
	    {503, "Service Unavailable"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return known[i].phrase;
	return "Status";
}

/* RFC 7030, 4.2.3 and RFC 9110, 10.2.3: 202, 429 and 503 say when. */
static int
retry_of(const struct parts *p)
{
	if (p->status != 202 && p->status != 429 && p->status != 503)
		return 0;
	return p->retry >= 1 ? p->retry : 10;
}

void
parts_write(struct bytes *out, const struct parts *p)
{
	int retry = retry_of(p);

	/* A key may be in it: no copy of it stays behind. */
	bytes_room(out, HEAD_MAX + p->body.len);
	bytes_addf(out, "Status: %d %s\r\n", p->status, phrase(p->status));
	if (p->type != NULL)
		bytes_addf(out, "Content-Type: %s\r\n", p->type);
	if (p->base64)
		bytes_adds(out, "Content-Transfer-Encoding: base64\r\n");
	if (p->allow != NULL)
		bytes_addf(out, "Allow: %s\r\n", p->allow);
	/* RFC 9110, 15.5.2; RFC 7617, 2.1. */
	if (p->realm != NULL)
		bytes_addf(out,
		    "WWW-Authenticate: Basic realm=\"%s\", "
		    "charset=\"UTF-8\"\r\n",
		    p->realm);
	if (retry > 0)
		bytes_addf(out, "Retry-After: %d\r\n", retry);
	/* RFC 9110, 8.6: 204 and 304 have no Content-Length. */
	if (p->status != 204 && p->status != 304)
		bytes_addf(out, "Content-Length: %zu\r\n", p->body.len);
	bytes_adds(
	    out, p->cache != NULL ? p->cache : "Cache-Control: no-store\r\n");
	bytes_adds(out, "\r\n");
	if (!p->head)
		bytes_add(out, p->body.data, p->body.len);
}

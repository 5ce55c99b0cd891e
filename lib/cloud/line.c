#include "lib/cloud/line.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/net/origin.h"
#include "lib/wire/cert.h"

#define SKEW_MAX 120 /* s: what tokens of all kinds bear */

struct line {
	struct http *http;
	struct http_tls tls;
	STACK_OF(X509) * anchors;
	struct origin origin;
	char *url, *connect_to;
	bool plain, warned;
	int64_t skew;
};

static int
place_read(struct line *line, const struct line_place *place, struct fail *why)
{
	line->url = str_dup(place->url);
	line->connect_to = str_dup(place->connect_to);
	line->plain = place->plain && strncmp(place->url, "http://", 7) == 0;
	if (!line->plain &&
	    origin_read(&line->origin, NULL, place->url, why) != 0)
		return -1;
	if (place->anchors != NULL &&
	    cert_file_read(&line->anchors, place->anchors, why) != 0)
		return -1;
	line->tls = (struct http_tls){.anchors = line->anchors,
	    .system = place->anchors == NULL,
	    .judge = origin_judge,
	    .arg = &line->origin,
	    .certs = place->certs,
	    .key = place->key};
	return http_open(&line->http, &line->tls, (double)place->timeout, why);
}

int
line_open(struct line **line, const struct line_place *place, struct fail *why)
{
	struct line *l = mem_new(sizeof(*l));

	*line = NULL;
	if (place_read(l, place, why) != 0) {
		line_close(l);
		return -1;
	}
	*line = l;
	return 0;
}

void
line_close(struct line *line)
{
	if (line == NULL)
		return;
	http_close(line->http);
	sk_X509_pop_free(line->anchors, X509_free);
	free(line->url);
	free(line->connect_to);
	free(line);
}

/* The words of lib/net are for an EST server. */
static int
translate(struct fail *why)
{
	struct fail net = *why;

	if (net.kind == FAIL_DENIED)
		return fail(why, FAIL_DENIED, "cloud-tls", "%s", net.text);
	if (net.kind == FAIL_MALFORMED)
		return fail(why, FAIL_BUSY, "cloud-answer", "%s", net.text);
	return fail(why, FAIL_BUSY, "cloud-net", "%s", net.text);
}

/* RFC 9110, 6.6.1: what the server's clock says. */
static void
clock_look(struct line *line, const struct http_answer *answer)
{
	char *text = http_header(answer, "Date");
	int64_t date = text == NULL ? -1 : http_date(text);

	free(text);
	line->skew = date < 0 ? 0 : when_now() - date;
	if (line->warned || llabs(line->skew) <= SKEW_MAX)
		return;
	line->warned = true;
	log_write(LOG_LEVEL_WARN,
	    "cloud-clock: this machine's clock is %" PRId64 " s %s that of %s",
	    (int64_t)llabs(line->skew), line->skew > 0 ? "ahead of" : "behind",
	    line->url);
}

int
line_ask(struct http_answer *answer, struct line *line,
    const struct http_request *request, struct fail *why)
{
	struct http_request whole = *request;
	char *url = str_fmt("%s%s", line->url, request->url);
	int rc;

	whole.url = url;
	whole.connect_to = line->connect_to;
	whole.plain = line->plain;
	rc = http_ask(answer, line->http, &whole, why);
	if (rc == 0)
		clock_look(line, answer);
	else
		rc = translate(why);
	free(url);
	return rc;
}

int
line_clock(const struct line *line, struct fail *why)
{
	if (llabs(line->skew) <= SKEW_MAX)
		return 0;
	return fail(why, FAIL_DENIED, "cloud-clock",
	    "this machine's clock is %lld s %s the server's, which refuses "
	    "what it is shown",
	    llabs(line->skew), line->skew > 0 ? "ahead of" : "behind");
}

int
line_json(
    struct json **json, const struct http_answer *answer, struct fail *why)
{
	struct fail not_json = {0};
	const char *text = (const char *)answer->body.data;

	*json = NULL;
	if (text != NULL && strlen(text) == answer->body.len &&
	    json_read(json, text, &not_json) == 0)
		return 0;
	fail(why, FAIL_BUSY, "cloud-answer",
	    "the server's answer (status %d) is not JSON", answer->status);
	return fail_cause(why, "%s", not_json.text);
}

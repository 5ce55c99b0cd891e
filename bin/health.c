/* microca health - ask a CA that runs how it is, through its web server. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "bin/microca.h"
#include "lib/net/http.h"
#include "lib/net/origin.h"
#include "lib/wire/cert.h"

#define TIMEOUT 10.0
#define ANSWER_MAX 65536
#define WAIT_MAX 3600 /* s */
#define PAUSE_MS 500  /* between two questions */

struct question {
	const char *url, *anchors, *connect_to;
	struct origin origin;
	struct http_tls tls;
	struct http_request request;
	char *whole; /* the URL with a path */
};

static bool
is_plain(const char *url)
{
	return strncmp(url, "http://", 7) == 0;
}

/* RFC 7030, 3.3 is of EST alone: health may be asked without TLS.  Else the same
 * is wanted of both kinds of URL.  `path` is in the URL. */
static int
url_read(struct question *q, const char **path, struct fail *why)
{
	char *secure;
	const char *rest;
	int rc;

	if (!is_plain(q->url) && strncasecmp(q->url, "https://", 8) != 0)
		return fail(why, FAIL_CONFIG, "url",
		    "%.120s: the URL must begin with https:// or http://",
		    q->url);
	if (!is_plain(q->url))
		return origin_read(&q->origin, path, q->url, why);
	secure = str_fmt("https://%s", q->url + 7);
	rc = origin_read(&q->origin, &rest, secure, why);
	if (rc == 0)
		*path = q->url + 7 + (rest - (secure + 8));
	else
		rc = fail(why, FAIL_CONFIG, "url",
		    "%.120s: no HOST, HOST:PORT or HOST/PATH after http://",
		    q->url);
	free(secure);
	return rc;
}

/* Who must answer, and where it is asked. */
static int
question_make(struct question *q, STACK_OF(X509) * *anchors,
    const struct tool *tool, struct fail *why)
{
	const char *path = NULL;
	char *chain = settings_chain_path(tool->settings);
	const char *anchors_path = q->anchors != NULL ? q->anchors : chain;
	int rc = url_read(q, &path, why);

	if (rc == 0 && !is_plain(q->url))
		rc = cert_file_read(anchors, anchors_path, why);
	free(chain);
	if (rc != 0)
		return -1;
	q->whole = str_fmt("%s%s", q->url, path[0] == '\0' ? "/health" : "");
	q->tls = (struct http_tls){
	    .anchors = *anchors, .judge = origin_judge, .arg = &q->origin};
	q->request = (struct http_request){.url = q->whole,
	    .connect_to = q->connect_to,
	    .body_max = ANSWER_MAX,
	    .whole = true,
	    .plain = is_plain(q->url)};
	return 0;
}

/* What it says about itself, whatever the status; FAIL_BUSY "health" when it is
 * no health program that answers. */
static int
ask(struct bytes *said, const struct question *q, struct fail *why)
{
	static const char *const words[] = {"ok\n", "degraded\n", "down\n"};
	struct http_answer answer = {0};
	struct http *http = NULL;
	int rc = -1;

	said->len = 0;
	if (http_open(&http, &q->tls, TIMEOUT, why) != 0 ||
	    http_ask(&answer, http, &q->request, why) != 0)
		goto out;
	bytes_add(said, answer.body.data, answer.body.len);
	bytes_addc(said, '\0');
	for (size_t i = 0; rc != 0 && i < sizeof(words) / sizeof(words[0]); i++)
		if (strncmp((const char *)said->data, words[i],
			strlen(words[i])) == 0)
			rc = 0;
	if (rc != 0)
		fail(why, FAIL_BUSY, "health",
		    "%s: status %d, and not what a health program says",
		    q->whole, answer.status);
out:
	http_answer_free(&answer);
	http_close(http);
	return rc;
}

static bool
is_ok(const struct bytes *said)
{
	return strncmp((const char *)said->data, "ok\n", 3) == 0;
}

/* Until it is well, or the time is over: the last answer counts. */
static int
ask_until(struct bytes *said, const struct question *q, int64_t wait,
    struct fail *why)
{
	const struct timespec pause = {0, PAUSE_MS * 1000000L};
	struct timespec now;
	int64_t end;
	int rc;

	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec + wait;
	for (;;) {
		*why = (struct fail){0};
		rc = ask(said, q, why);
		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((rc == 0 && is_ok(said)) || now.tv_sec >= end)
			return rc;
		nanosleep(&pause, NULL);
	}
}

int
health_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct question q = {0};
	STACK_OF(X509) *anchors = NULL;
	struct bytes said = {0};
	int64_t wait = 0;
	const struct option_spec options[] = {
	    {"anchors", 0, OPTION_TEXT, &q.anchors, 0, 0, NULL},
	    {"connect-to", 0, OPTION_TEXT, &q.connect_to, 0, 0, NULL},
	    {"wait", 0, OPTION_INT, &wait, 0, WAIT_MAX, NULL},
	};
	int rc = -1;

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 1, 1, why) != 0 || tool_settings(tool, why) != 0)
		return -1;
	q.url = argv[0];
	if (question_make(&q, &anchors, tool, why) == 0 &&
	    ask_until(&said, &q, wait, why) == 0) {
		fputs((const char *)said.data, stdout);
		rc = is_ok(&said) ? 0 : EXIT_DIFFERENCE;
	}
	bytes_free(&said);
	free(q.whole);
	sk_X509_pop_free(anchors, X509_free);
	return rc;
}

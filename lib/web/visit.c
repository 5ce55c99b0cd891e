#include "lib/web/visit.h"

#include <string.h>
#include <strings.h>

#include "lib/base/when.h"
#include "lib/cloud/contract.h"
#include "lib/web/shown.h"
#include "lib/wire/request.h"

/* ---- where --------------------------------------------------------------- */

static int
hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986, 2.1: decoded once; one segment, no NUL. */
static bool
segment_read(struct bytes *out, const char *text)
{
	for (; *text != '\0'; text++) {
		int c = (unsigned char)*text;

		if (c == '/')
			return false;
		if (c == '%') {
			int high = hex_of(text[1]);
			int low = high < 0 ? -1 : hex_of(text[2]);

			if (low < 0)
				return false;
			c = high * 16 + low;
			text += 2;
		}
		if (c == '\0')
			return false;
		bytes_addc(out, (char)c);
	}
	return out->len > 0;
}

static const struct route *
route_find(const struct route *routes, struct bytes *rest, const char *path)
{
	for (; routes->path != NULL; routes++) {
		size_t len = strlen(routes->path);

		if (routes->path[len - 1] != '/') {
			if (strcmp(routes->path, path) == 0)
				return routes;
		} else if (strncmp(routes->path, path, len) == 0) {
			return segment_read(rest, path + len) ? routes : NULL;
		}
	}
	return NULL;
}

static int
where_take(struct visit *v, const struct route **route,
    const struct route *routes, struct edge *e, struct fail *why)
{
	e->path.len = 0;
	if (!request_path(&e->path, e->env))
		return edge_not_set(why, "neither REQUEST_URI nor SCRIPT_NAME");
	if (e->path.len > 0)
		v->path = (const char *)e->path.data;
	if ((*route = route_find(routes, &v->rest, v->path)) == NULL)
		return fail(why, FAIL_ABSENT, "path",
		    CONTRACT_SCHEMA ": nothing is served under this path");
	/* RFC 9110, 15.5.6: 405 names the methods in Allow. */
	if (strcmp(v->method, (*route)->allow) != 0 &&
	    (strcmp((*route)->allow, "GET, HEAD") != 0 ||
		(strcmp(v->method, "GET") != 0 &&
		    strcmp(v->method, "HEAD") != 0)))
		return fail(why, FAIL_METHOD, "method",
		    "RFC 9110, 15.5.6: this takes %s", (*route)->allow);
	return 0;
}

/* ---- who ----------------------------------------------------------------- */

static int
who_take(struct visit *v, const struct edges *edges, char *const *env,
    struct fail *why)
{
	struct bytes der = {0};
	int rc = shown_read(&der, edges->frontend, false, env, why);

	if (rc == 0)
		rc = edges_find(&v->edge, edges, span_of(&der), why);
	bytes_free(&der);
	return rc;
}

/* ---- what ---------------------------------------------------------------- */

static int
type_take(char *const *env, struct fail *why)
{
	const char *type = env_find(env, "CONTENT_TYPE", NULL),
		   *encoding = env_find(env, "HTTP_CONTENT_ENCODING", NULL);

	if (type == NULL || !media_type_is(type, CONTRACT_TYPE))
		return fail(why, FAIL_TYPE, "type",
		    "RFC 9110, 15.5.16: want Content-Type: " CONTRACT_TYPE);
	/* RFC 9110, 8.4: nothing is unpacked here. */
	if (encoding != NULL && strcasecmp(encoding, "identity") != 0)
		return fail(why, FAIL_TYPE, "encoding",
		    "RFC 9110, 8.4: no Content-Encoding is accepted");
	return 0;
}

static int
body_take(struct visit *v, const struct route *route, const struct edges *edges,
    struct edge *e, struct fail *why)
{
	int64_t length;

	if (route->body_max == 0)
		return 0;
	if (type_take(e->env, why) != 0 ||
	    request_length(&length, e->env, why) != 0 ||
	    shown_body(&v->body, e, length, route->body_max, edges->body_wait,
		why) != 0)
		return -1;
	/* RFC 8259, 7: JSON has no NUL. */
	if (v->body.len == 0 || memchr(v->body.data, 0, v->body.len) != NULL)
		return fail(why, FAIL_MALFORMED, "json",
		    "RFC 8259, 2: the body is not JSON");
	return 0;
}

int
visit_take(struct visit *v, const struct route **route,
    const struct route *routes, const struct edges *edges, struct edge *e,
    struct fail *why)
{
	const char *peer = env_find(e->env, "REMOTE_ADDR", NULL);

	edge_id(v->id);
	v->deadline = when_now() + edges->answer_within;
	v->peer = peer != NULL ? peer : "";
	v->path = "";
	v->method = env_find(e->env, "REQUEST_METHOD", NULL);
	if (v->method == NULL)
		return edge_not_set(why, "REQUEST_METHOD");
	if (where_take(v, route, routes, e, why) != 0 ||
	    who_take(v, edges, e->env, why) != 0)
		return -1;
	return body_take(v, *route, edges, e, why);
}

void
visit_free(struct visit *v)
{
	bytes_free(&v->rest);
	bytes_free(&v->body);
}

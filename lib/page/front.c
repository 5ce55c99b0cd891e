#include "lib/page/front.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/meter.h"
#include "lib/base/when.h"
#include "lib/web/local.h"
#include "lib/web/shown.h"

#define FORM "application/x-www-form-urlencoded"

/* ---- one reading --------------------------------------------------------- */

int
front_open(void **own, struct ca *ca, struct fail *why)
{
	struct front *f = mem_new(sizeof(*f));

	*own = NULL;
	if (operators_open(&f->operators, ca, why) != 0 ||
	    guard_open(&f->guard, ca->settings, why) != 0) {
		front_close(f);
		return -1;
	}
	*own = f;
	return 0;
}

void
front_close(void *own)
{
	struct front *f = own;

	if (f == NULL)
		return;
	operators_free(f->operators);
	OPENSSL_cleanse(&f->guard, sizeof(f->guard));
	free(f);
}

/* ---- where --------------------------------------------------------------- */

/* `{}` is one segment of letters, digits and - . _ */
static bool
pattern_fits(struct ask *ask, const char *pattern)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789-._";
	const char *path = ask->path;
	size_t n = 0;

	while (*pattern != '\0') {
		if (*pattern == '{') {
			size_t len = strspn(path, plain);

			if (len == 0 || len > 64 || n == FRONT_SEGMENTS)
				return false;
			memcpy(ask->segment[n], path, len);
			ask->segment[n++][len] = '\0';
			path += len;
			pattern += 2;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return *path == '\0';
}

/* `there`: the path is one of them, with another method perhaps. */
static const struct front_route *
route_in(const struct front_route *r, bool *there, struct ask *ask)
{
	const char *method = ask->head ? "GET" : ask->method;

	for (; r != NULL && r->method != NULL; r++) {
		if (!pattern_fits(ask, r->pattern))
			continue;
		*there = true;
		if (strcmp(r->method, method) == 0)
			return r;
	}
	return NULL;
}

static int
route_find(const struct front_route **route, struct ask *ask,
    const struct front_site *site, struct fail *why)
{
	bool there = false;

	if ((*route = route_in(site->routes, &there, ask)) != NULL ||
	    (*route = route_in(site->pages, &there, ask)) != NULL)
		return 0;
	if (!there)
		return fail(why, FAIL_ABSENT, "path",
		    "nothing is served under this path");
	/* RFC 9110, 15.5.6: 405 names the methods in Allow. */
	return fail(why, FAIL_METHOD, "method",
	    "RFC 9110, 15.5.6: this takes %s",
	    ask->head || strcmp(ask->method, "GET") == 0 ? "POST"
							 : "GET, HEAD");
}

static int
where_take(struct ask *ask, struct fail *why)
{
	struct edge *e = ask->edge;

	e->path.len = 0;
	ask->method = env_find(e->env, "REQUEST_METHOD", NULL);
	if (ask->method == NULL)
		return edge_not_set(why, "REQUEST_METHOD");
	if (!request_path(&e->path, e->env))
		return edge_not_set(why, "neither REQUEST_URI nor SCRIPT_NAME");
	ask->path = e->path.len > 0 ? (const char *)e->path.data : "";
	ask->head = strcmp(ask->method, "HEAD") == 0;
	ask->api = strncmp(ask->path, "/api/", 5) == 0;
	return 0;
}

/* ---- who ----------------------------------------------------------------- */

static int
who_take(struct ask *ask, const struct front *f, struct fail *why)
{
	struct bytes der = {0};
	int rc = shown_read(&der, ask->ca->settings->inventory.frontend, false,
	    ask->edge->env, why);

	if (rc == 0)
		rc =
		    operators_find(&ask->who, f->operators, span_of(&der), why);
	bytes_free(&der);
	if (rc == 0)
		guard_token(ask->token, &f->guard, &ask->who, ask->now);
	return rc;
}

/* ---- what ---------------------------------------------------------------- */

/* From where the path is from: not every web server's configuration sets
 * QUERY_STRING as well. */
static int
query_take(struct ask *ask, struct fail *why)
{
	char *const *env = ask->edge->env;
	const char *uri = env_find(env, "REQUEST_URI", NULL);
	const char *mark = uri != NULL ? strchr(uri, '?') : NULL;
	const char *text =
	    mark != NULL ? mark + 1 : env_find(env, "QUERY_STRING", NULL);

	if (text != NULL && strlen(text) > FRONT_QUERY)
		return fail(why, FAIL_MALFORMED, "query",
		    "the query: over %d octets", FRONT_QUERY);
	return fields_read(&ask->query, text, why);
}

static int
form_read(struct ask *ask, const char *type, const struct bytes *body,
    struct fail *why)
{
	const char *text = body->len > 0 ? (const char *)body->data : "";

	if (memchr(text, 0, body->len) != NULL)
		return fail(
		    why, FAIL_MALFORMED, "query", "the form: a NUL in it");
	return media_type_is(type, FORM)
	           ? fields_read(&ask->form, text, why)
	           : fields_read_json(&ask->form, text, why);
}

static int
form_take(struct ask *ask, struct fail *why)
{
	char *const *env = ask->edge->env;
	const char *type = env_find(env, "CONTENT_TYPE", NULL);
	struct bytes body = {0};
	int64_t length;
	int rc = -1;

	if (type == NULL || (!media_type_is(type, FORM) &&
				!media_type_is(type, "application/json")))
		return fail(why, FAIL_TYPE, "type",
		    "RFC 9110, 15.5.16: want Content-Type: " FORM
		    " or application/json");
	if (request_length(&length, env, why) == 0 &&
	    shown_body(&body, ask->edge, length, FRONT_BODY,
		ask->ca->settings->body_wait, why) == 0)
		rc = form_read(ask, type, &body, why);
	bytes_free(&body);
	return rc;
}

static int
act_take(struct ask *ask, const struct front *f, struct fail *why)
{
	const char *token;

	if (strcmp(ask->method, "POST") != 0)
		return 0;
	if (form_take(ask, why) != 0)
		return -1;
	token = field_of(&ask->form, "token");
	if (token == NULL)
		token = env_find(ask->edge->env, "HTTP_X_MICROCA_TOKEN", NULL);
	return guard_check(
	    &f->guard, &ask->who, token, ask->edge->env, ask->now, why);
}

static int
admit(struct ask *ask, const struct front_site *site, const struct front *f,
    const struct fail *trouble, struct fail *why)
{
	if (site->local && local_is(ask->edge->env))
		return 0;
	if (f != NULL)
		return who_take(ask, f, why);
	if (trouble->kind == FAIL_NONE)
		return fail(why, FAIL_DENIED, "auth-none",
		    "this is for operators, and there are none");
	*why = *trouble;
	return -1;
}

static int
run(struct ask *ask, struct sheet *sheet, const struct front_site *site,
    const struct front *f, const struct fail *trouble, struct fail *why)
{
	const struct front_route *route = NULL;
	bool there;

	if (where_take(ask, why) != 0)
		return -1;
	/* What pages look like is no secret, and a refusal is a page. */
	if (f != NULL && (route = route_in(site->files, &there, ask)) != NULL)
		return route->run(ask, sheet, why);
	if (admit(ask, site, f, trouble, why) != 0 ||
	    route_find(&route, ask, site, why) != 0 ||
	    query_take(ask, why) != 0 || act_take(ask, f, why) != 0)
		return -1;
	return route->run(ask, sheet, why);
}

/* ---- answers ------------------------------------------------------------- */

/* Nothing of another origin, nothing in a frame, nothing guessed. */
static void
headers_write(
    struct bytes *out, const struct ask *ask, const struct sheet *sheet)
{
	bool html =
	    sheet->type != NULL && strncmp(sheet->type, "text/html", 9) == 0;

	bytes_addf(
	    out, "Status: %d \r\n", sheet->status != 0 ? sheet->status : 200);
	if (sheet->type != NULL)
		bytes_addf(out, "Content-Type: %s\r\n", sheet->type);
	if (sheet->location != NULL)
		bytes_addf(out, "Location: %s\r\n", sheet->location);
	if (sheet->filename[0] != '\0')
		bytes_addf(out,
		    "Content-Disposition: attachment; filename=\"%s\"\r\n",
		    sheet->filename);
	if (sheet->etag[0] != '\0')
		bytes_addf(out, "ETag: %s\r\n", sheet->etag);
	bytes_addf(out,
	    "Cache-Control: %s\r\n"
	    "Content-Security-Policy: default-src 'none'; %s"
	    "base-uri 'none'; frame-ancestors 'none'\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "X-Frame-Options: DENY\r\n"
	    "Referrer-Policy: same-origin\r\n"
	    "Cross-Origin-Opener-Policy: same-origin\r\n"
	    "Cross-Origin-Resource-Policy: same-origin\r\n",
	    sheet->etag[0] != '\0' ? "private, no-cache" : "no-store",
	    html ? "style-src 'self'; script-src 'self'; img-src 'self'; "
		   "form-action 'self'; "
		 : "form-action 'none'; ");
	(void)ask;
}

void
front_head(struct bytes *out, const struct ask *ask, const struct sheet *sheet)
{
	headers_write(out, ask, sheet);
	bytes_adds(out, "\r\n");
}

/* RFC 9110, 13.1.2: what the client has already is not sent again. */
static void
sheet_revalidate(const struct ask *ask, struct sheet *sheet)
{
	const char *has = env_find(ask->edge->env, "HTTP_IF_NONE_MATCH", NULL);

	if (sheet->etag[0] == '\0' || has == NULL ||
	    strstr(has, sheet->etag) == NULL)
		return;
	sheet->status = 304;
	sheet->type = NULL;
	sheet->body.len = 0;
}

static void
sheet_write(struct bytes *out, const struct ask *ask, const struct sheet *sheet,
    const struct fail *why)
{
	headers_write(out, ask, sheet);
	if (why->kind == FAIL_METHOD)
		bytes_addf(out, "Allow: %s\r\n",
		    strstr(why->text, "takes ") + strlen("takes "));
	if (why->retry > 0 || sheet->status == 503)
		bytes_addf(out, "Retry-After: %d\r\n",
		    why->retry > 0 ? why->retry : 10);
	if (sheet->status != 304)
		bytes_addf(out, "Content-Length: %zu\r\n", sheet->body.len);
	bytes_adds(out, "\r\n");
	if (!ask->head)
		bytes_add(out, sheet->body.data, sheet->body.len);
}

/* ---- refusals ------------------------------------------------------------ */

static void
refusal_record(const struct ask *ask, const struct fail *why)
{
	char sha[2 * SHA256_LEN + 1];
	struct fail lost = {0};
	struct audit entry = {
	    .event = "refuse",
	    .request = ask->id,
	    .operation = ask->program,
	    .peer = ask->peer,
	    .requester = ask->who.who,
	    .reason = why->reason,
	    .text = why->text,
	    .cause = why->cause[0] != '\0' ? why->cause : NULL,
	    .status = fail_http(why->kind),
	    .unknown = ask->who.who == NULL,
	};

	log_write(why->kind == FAIL_CONFIG || why->kind == FAIL_BROKEN
		      ? LOG_LEVEL_ERROR
		      : LOG_LEVEL_INFO,
	    "%d %s: %s%s%s%s; %.16s %.200s from %s by %s (request %s)",
	    entry.status, why->reason, why->text,
	    entry.cause != NULL ? " (" : "", why->cause,
	    entry.cause != NULL ? ")" : "",
	    ask->method != NULL ? ask->method : "-",
	    ask->path != NULL ? ask->path : "-", ask->peer,
	    ask->who.who != NULL ? ask->who.who : "-", ask->id);
	/* Who asks for what is not there does no harm. */
	if (why->kind != FAIL_DENIED || ask->ca->store == NULL)
		return;
	if (ask->who.shown) {
		hex_write(
		    sha, (struct span){ask->who.sha256, SHA256_LEN}, false);
		entry.client_sha256 = sha;
	}
	if (store_audit(ask->ca->store, &entry, false, &lost) != 0)
		log_fail("a refusal is not in the audit", &lost);
}

static char *
refusal_json(const struct ask *ask, const struct fail *why)
{
	struct json *j = json_new_object(), *error = json_new_object();
	char *text;

	json_str(error, "code", why->reason);
	json_str(error, "message", why->text);
	json_str(error, "request", ask->id);
	json_add(j, "error", error);
	text = json_text(j, 0);
	json_free(j);
	return text;
}

static void
refuse(struct sheet *sheet, const struct front_site *site,
    const struct ask *ask, const struct fail *given)
{
	struct fail why = *given;
	char *text;

	meter_count(METER_REFUSED, why.reason, NULL);
	refusal_record(ask, &why);
	/* What is wrong with files is told to the operator at the box. */
	if (why.kind == FAIL_CONFIG || why.kind == FAIL_BROKEN)
		(void)fail(&why, why.kind, why.reason,
		    "the service is not configured rightly");
	sheet->status = fail_http(why.kind);
	sheet->body.len = 0;
	sheet->etag[0] = sheet->filename[0] = '\0';
	if (!ask->api && site->refuse != NULL) {
		sheet->type = "text/html; charset=utf-8";
		site->refuse(&sheet->body, ask, &why);
		return;
	}
	sheet->type = "application/json";
	text = refusal_json(ask, &why);
	bytes_addf(&sheet->body, "%s\n", text);
	free(text);
}

void
front_answer(const struct front_site *site, void *own, struct ca *ca,
    const struct fail *trouble, struct edge *e)
{
	const char *peer = env_find(e->env, "REMOTE_ADDR", NULL);
	struct ask ask = {
	    .program = site->name, .ca = ca, .edge = e, .now = when_now()};
	struct sheet sheet = {0};
	struct bytes out = {0};
	struct fail why = {0};

	edge_id(ask.id);
	ask.peer = peer != NULL ? peer : "";
	if (run(&ask, &sheet, site, own, trouble, &why) != 0)
		refuse(&sheet, site, &ask, &why);
	else
		sheet_revalidate(&ask, &sheet);
	meter_status(sheet.status != 0 ? sheet.status : 200);
	if (!sheet.sent) {
		sheet_write(&out, &ask, &sheet, &why);
		if (!e->broken && e->write(e, span_of(&out)) != 0)
			log_write(LOG_LEVEL_INFO,
			    "the answer was not delivered (request %s)",
			    ask.id);
	}
	bytes_wipe(&out);
	bytes_free(&sheet.body);
	free(sheet.location);
	fields_free(&ask.query);
	fields_free(&ask.form);
	operator_free(&ask.who);
}

#include "lib/web/intake.h"

#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "lib/web/channel.h"
#include "lib/web/local.h"
#include "lib/web/shown.h"

static int
no_such_path(struct fail *why)
{
	/* One text for all: it does not tell labels from operations. */
	return fail(why, FAIL_ABSENT, "path",
	    "RFC 7030, 3.2.2: nothing is served under this path");
}

static bool
words_have(const struct conf_strings *words, const char *word)
{
	for (size_t i = 0; i < words->n; i++)
		if (strcmp(words->text[i], word) == 0)
			return true;
	return false;
}

/* MICROCA_ENDPOINT says which port the request came in by; a label may name
 * that endpoint itself or one that it lists. */
static int
endpoint_of(struct request *rq, const struct operation *op,
    const struct settings *settings, const char *label, char *const *env,
    struct fail *why)
{
	const struct endpoint *port;
	const char *name;
	bool twice = false;

	name = env_find(env, "MICROCA_ENDPOINT", &twice);
	if (twice)
		return fail(why, FAIL_DENIED, "auth-config",
		    "the web server names the endpoint twice");
	if (name == NULL)
		return edge_not_set(why, "MICROCA_ENDPOINT");
	if ((port = settings_endpoint(settings, name)) == NULL) {
		edge_not_set(why, "an endpoint that microca.conf knows");
		return fail_cause(why, "MICROCA_ENDPOINT is %s", name);
	}
	rq->frontend = port->frontend;
	/* RFC 7030, 3.2.2: an optional label selects the CA. */
	if (label[0] == '\0' || strcmp(label, port->name) == 0)
		rq->endpoint = port;
	else if (words_have(&port->labels, label))
		rq->endpoint = settings_endpoint(settings, label);
	if (rq->endpoint == NULL || !endpoint_operation(rq->endpoint, op->name))
		return no_such_path(why);
	return 0;
}

static int
path_take(struct request *rq, const struct operation *op,
    const struct settings *settings, struct edge *e, struct fail *why)
{
	char label[65];

	e->path.len = 0;
	if (!request_path(&e->path, e->env))
		return edge_not_set(why, "neither REQUEST_URI nor SCRIPT_NAME");
	rq->path = e->path.len > 0 ? (const char *)e->path.data : "";
	if (!op->est)
		return 0;
	if (!request_route(label, rq->path, op->name))
		return no_such_path(why);
	return endpoint_of(rq, op, settings, label, e->env, why);
}

/* nginx and Caddy take the first of two headers for CONTENT_TYPE, and hand all
 * of them over as HTTP_CONTENT_TYPE. */
static bool
typed_twice(const char *type, char *const *env)
{
	bool twice = false;
	const char *all = env_find(env, "HTTP_CONTENT_TYPE", &twice);

	return twice || (all != NULL && !media_type_is(all, type));
}

/* Is `method` one of "GET, HEAD"? */
static bool
method_ok(const char *allow, const char *method)
{
	size_t len = strlen(method);

	for (const char *p = allow; *p != '\0'; p += strspn(p, ", ")) {
		size_t n = strcspn(p, ",");

		if (n == len && memcmp(p, method, n) == 0)
			return true;
		p += n;
	}
	return false;
}

static int
method_take(struct request *rq, const struct operation *op, struct fail *why)
{
	/* RFC 9110, 15.5.6: 405 names the methods in Allow. */
	if (!method_ok(op->allow, rq->method))
		return fail(why, FAIL_METHOD, "method",
		    "RFC 9110, 15.5.6: %s takes %s", op->name, op->allow);
	return 0;
}

/* RFC 7030, 3.2.3: 401 only where HTTP authentication is asked for. */
static int
nothing_shown(const struct request *rq, struct fail *why)
{
	if (rq->endpoint->auth == AUTH_EITHER)
		return fail(why, FAIL_ANONYMOUS, "auth-none",
		    "RFC 7030, 3.2.3: a client certificate, or a device name "
		    "and its secret, are needed");
	return fail(why, FAIL_DENIED, "auth-none",
	    "RFC 7030, 3.3.2: a client certificate is needed");
}

/* Whether it is worth anything is identity_of()'s to say. */
static int
certificate_take(struct request *rq, char *const *env, struct fail *why)
{
	/* One that the web server hides is like none beside a secret. */
	bool beside = rq->basic.state != BASIC_NONE;

	if (shown_read(&rq->client_cert, rq->frontend, beside, env, why) != 0)
		return -1;
	return rq->client_cert.len > 0 || beside ? 0 : nothing_shown(rq, why);
}

/*
 * HTTP Basic comes from the Authorization header alone: what web servers put
 * into REMOTE_USER may be a name that nobody checked.  A header that is there
 * twice says nothing.  The text does not stay in the environment.
 */
static void
basic_take(struct request *rq, char *const *env)
{
	static const char name[] = "HTTP_AUTHORIZATION=";
	bool twice = false;
	const char *text = env_find(env, "HTTP_AUTHORIZATION", &twice);

	basic_read(&rq->basic, twice ? "" : text);
	for (; *env != NULL; env++)
		if (strncmp(*env, name, sizeof(name) - 1) == 0)
			OPENSSL_cleanse(*env + sizeof(name) - 1,
			    strlen(*env + sizeof(name) - 1));
}

static int
credentials_take(struct request *rq, char *const *env, struct fail *why)
{
	int auth = rq->endpoint->auth;

	if (auth == AUTH_SECRET || auth == AUTH_EITHER)
		basic_take(rq, env);
	if (auth != AUTH_SECRET)
		return certificate_take(rq, env, why);
	/* RFC 9110, 15.5.2: what is missing is asked for. */
	if (rq->basic.state == BASIC_NONE)
		return fail(why, FAIL_ANONYMOUS, "auth-none",
		    "RFC 7030, 3.2.3: a device name and its secret are needed");
	return 0;
}

static int
type_take(struct request *rq, const struct operation *op, char *const *env,
    struct fail *why)
{
	/* RFC 7030, 3.2.4: the type names the EST message. */
	if (rq->content_type == NULL ||
	    !media_type_is(rq->content_type, op->request_type) ||
	    typed_twice(op->request_type, env))
		return fail(why, FAIL_TYPE, "type",
		    "RFC 7030, 3.2.4: want Content-Type: %s", op->request_type);
	/* RFC 9110, 8.4: nothing is unpacked here. */
	if (rq->content_encoding != NULL &&
	    strcasecmp(rq->content_encoding, "identity") != 0)
		return fail(why, FAIL_TYPE, "encoding",
		    "RFC 9110, 8.4: no Content-Encoding is accepted");
	return 0;
}

/* Did the base64 come in lines?  The answer goes back in the same form. */
static bool
in_lines(struct span body)
{
	size_t i = 0, end = body.len;

	while (end > 0 && memchr(" \t\r\n", body.data[end - 1], 4) != NULL)
		end--;
	while (i < end && memchr(" \t\r\n", body.data[i], 4) != NULL)
		i++;
	for (; i < end; i++)
		if (body.data[i] == '\n' || body.data[i] == '\r')
			return true;
	return false;
}

static int
body_take(struct request *rq, const struct operation *op,
    const struct settings *settings, struct edge *e, struct fail *why)
{
	if (op->request_type == NULL || strcmp(rq->method, "POST") != 0)
		return 0;
	if (type_take(rq, op, e->env, why) != 0 ||
	    request_length(&rq->content_length, e->env, why) != 0 ||
	    shown_body(&rq->body, e, rq->content_length, BODY_MAX,
		settings->body_wait, why) != 0)
		return -1;
	rq->body_wrapped = in_lines(span_of(&rq->body));
	return 0;
}

int
intake(struct request *rq, const struct operation *op,
    const struct settings *settings, struct edge *e, struct fail *why)
{
	const char *peer = env_find(e->env, "REMOTE_ADDR", NULL), *accept;

	edge_id(rq->id);
	rq->peer = peer != NULL ? peer : "";
	rq->path = "";
	rq->content_length = -1;
	rq->method = env_find(e->env, "REQUEST_METHOD", NULL);
	rq->content_type = env_find(e->env, "CONTENT_TYPE", NULL);
	rq->content_encoding = env_find(e->env, "HTTP_CONTENT_ENCODING", NULL);
	rq->if_none_match = env_find(e->env, "HTTP_IF_NONE_MATCH", NULL);
	rq->has_user_agent = env_find(e->env, "HTTP_USER_AGENT", NULL) != NULL;
	rq->local = local_is(e->env);
	accept = env_find(e->env, "HTTP_ACCEPT", NULL);
	rq->wants_json =
	    accept != NULL && strstr(accept, "application/json") != NULL;
	if (rq->method == NULL)
		return edge_not_set(why, "REQUEST_METHOD");
	if (path_take(rq, op, settings, e, why) != 0 ||
	    method_take(rq, op, why) != 0)
		return -1;
	if (op->certificate &&
	    (credentials_take(rq, e->env, why) != 0 ||
		channel_take(&rq->channel, rq->endpoint, e->env, why) != 0))
		return -1;
	return body_take(rq, op, settings, e, why);
}

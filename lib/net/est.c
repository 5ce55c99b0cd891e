#include "lib/net/est_handle.h"

#include <stdlib.h>
#include <string.h>

#include "lib/net/est_answer.h"
#include "lib/wire/csrattrs.h"
#include "lib/wire/der.h"

#define KEY_WAIT 15.0 /* s until our key is open */
#define HOPS_MAX 3    /* redirects followed */

/* ---- one exchange -------------------------------------------------------- */

static int
judge(void *arg, STACK_OF(X509) * chain, struct fail *why)
{
	const struct est *est = arg;

	return origin_authorize(&est->origin, chain, est->server.anchors, why);
}

static int
ask_once(struct http_answer *answer, struct est *est, const char *url,
    struct span body, struct fail *why)
{
	/* RFC 8951, 3 ignores it; servers of RFC 7030 want it. */
	static const char *const base64[] = {
	    "Content-Transfer-Encoding: base64", NULL};
	struct http_request request = {.url = url,
	    .body = body,
	    .type = "application/pkcs10",
	    .headers = body.data != NULL ? base64 : NULL,
	    .body_max = EST_BODY_MAX};
	struct bytes authorization = {0};
	struct origin origin;
	const char *path;
	int rc = 0;

	if (est->challenge.scheme != CHALLENGE_NONE) {
		rc = origin_read(&origin, &path, url, why);
		if (rc == 0)
			rc = challenge_answer(&authorization, &est->challenge,
			    est->auth.user, est->auth.password,
			    body.data != NULL ? "POST" : "GET", path, why);
		request.authorization = (char *)authorization.data;
	}
	if (rc == 0)
		rc = http_ask(answer, est->http, &request, why);
	bytes_wipe(&authorization);
	if (rc != 0 && est->lent != NULL) {
		struct fail token = {0};

		if (key_lent_state(est->lent, &token) != 0)
			*why = token;
	}
	return rc;
}

static int
password_wrong(struct est *est, struct fail *why)
{
	est->password_refused = true;
	return fail(why, FAIL_DENIED, "up-auth",
	    "the server refuses the user name and password; they are not tried "
	    "again");
}

/*
 * RFC 7030, 3.2.3: a 401 is answered once; this server is authorized, or no
 * answer of it would be here.  Another one is answered only when just the
 * nonce was old (RFC 7616, 3.3).
 */
static int
authenticate(struct http_answer *answer, struct est *est, const char *url,
    struct span body, struct fail *why)
{
	bool again = est->challenge.scheme != CHALLENGE_NONE;

	if (est->auth.user == NULL || est->auth.password == NULL)
		return answer_status(answer, false, why);
	if (est->password_refused)
		return password_wrong(est, why);
	if (challenge_read(&est->challenge, answer->challenges, why) != 0)
		return -1;
	if (again && !est->challenge.stale)
		return password_wrong(est, why);
	http_answer_free(answer);
	if (ask_once(answer, est, url, body, why) != 0)
		return -1;
	return answer->status != 401 ? 0 : password_wrong(est, why);
}

static bool
is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 ||
	       status == 307 || status == 308;
}

/* RFC 7030, 3.2.1: GETs, to the same origin. */
static int
follow(char **url, const struct http_answer *answer, const struct est *est,
    struct fail *why)
{
	char *next =
	    answer->location == NULL ? NULL : http_join(*url, answer->location);
	struct origin origin;
	struct fail not_url = {0};
	int rc = 0;

	if (next == NULL || origin_read(&origin, NULL, next, &not_url) != 0 ||
	    !origin_equal(&origin, &est->origin))
		rc = fail(why, FAIL_DENIED, "up-redirect",
		    "RFC 7030, 3.2.1: the server redirects to %.120s, which is "
		    "not followed",
		    next != NULL ? next : "no URL");
	if (rc == 0) {
		free(*url);
		*url = next;
		next = NULL;
	}
	free(next);
	return rc;
}

static int
ask(struct http_answer *answer, struct est *est, const char *url,
    struct span body, struct fail *why)
{
	if (ask_once(answer, est, url, body, why) != 0)
		return -1;
	return answer->status == 401 ? authenticate(answer, est, url, body, why)
	                             : 0;
}

static int
redirected(struct http_answer *answer, char **url, const struct est *est,
    bool post, struct fail *why)
{
	/* RFC 7030, 3.2.1: a POST goes elsewhere only with the user's word. */
	if (post)
		return fail(why, FAIL_DENIED, "up-redirect",
		    "RFC 7030, 3.2.1: the server redirects a request, which is "
		    "not followed");
	if (follow(url, answer, est, why) != 0)
		return -1;
	http_answer_free(answer);
	return 0;
}

int
est_exchange(struct http_answer *answer, struct est *est, const char *operation,
    struct span body, struct fail *why)
{
	char *url = str_fmt("%s%s", est->base, operation);
	int rc = ask(answer, est, url, body, why);

	for (int hops = 0; rc == 0 && is_redirect(answer->status); hops++) {
		if (hops == HOPS_MAX)
			rc = fail(why, FAIL_DENIED, "up-redirect",
			    "RFC 7030, 3.2.1: more than %d redirects",
			    HOPS_MAX);
		else if (redirected(
			     answer, &url, est, body.data != NULL, why) != 0)
			rc = -1;
		else
			rc = ask(answer, est, url, body, why);
	}
	free(url);
	return rc;
}

/* ---- opening ------------------------------------------------------------- */

static bool
label_ok(const char *label)
{
	size_t len =
	    strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			  "0123456789._-");

	return len > 0 && label[len] == '\0' && strcmp(label, ".") != 0 &&
	       strcmp(label, "..") != 0;
}

static int
base_make(struct est *est, struct fail *why)
{
	const struct est_server *s = &est->server;
	const char *path;
	size_t len;

	if (origin_read(&est->origin, &path, s->url, why) != 0)
		return -1;
	if (s->label != NULL && !label_ok(s->label))
		return fail(why, FAIL_CONFIG, "url",
		    "RFC 7030, 3.2.2: \"%.80s\" is no label", s->label);
	len = strlen(s->url);
	while (len > 0 && s->url[len - 1] == '/')
		len--;
	est->base = str_fmt("%.*s/.well-known/est/%s%s", (int)len, s->url,
	    s->label != NULL ? s->label : "", s->label != NULL ? "/" : "");
	return 0;
}

static int
connect_prepare(struct est *est, bool anyone, struct fail *why)
{
	struct http_tls tls = {.anchors = est->server.anchors,
	    .system = est->server.implicit,
	    .above = est->server.above,
	    .anyone = anyone,
	    .judge = judge,
	    .arg = est};

	/* RFC 7030, 4.1.1: nothing but cacerts without trust anchors. */
	if (!anyone && !est->server.implicit &&
	    (est->server.anchors == NULL ||
		sk_X509_num(est->server.anchors) == 0))
		return fail(why, FAIL_CONFIG, "up-tls",
		    "RFC 7030, 4.1.1: no trust anchors to authenticate the "
		    "server with");
	if (est->auth.certs != NULL) {
		if (key_ready(est->auth.key, KEY_WAIT, why) != 0 ||
		    key_lend(&est->lent, est->auth.key, why) != 0)
			return -1;
		tls.certs = est->auth.certs;
		tls.key = est->lent;
	}
	return http_open(&est->http, &tls, est->server.timeout, why);
}

static int
open_with(struct est **est, const struct est_server *server,
    const struct est_auth *auth, bool anyone, struct fail *why)
{
	struct est *e = mem_new(sizeof(*e));

	*est = NULL;
	e->server = *server;
	e->auth = *auth;
	if (base_make(e, why) != 0 || connect_prepare(e, anyone, why) != 0) {
		est_close(e);
		return -1;
	}
	*est = e;
	return 0;
}

int
est_open(struct est **est, const struct est_server *server,
    const struct est_auth *auth, struct fail *why)
{
	return open_with(est, server, auth, false, why);
}

void
est_close(struct est *est)
{
	if (est == NULL)
		return;
	http_close(est->http);
	EVP_PKEY_free(est->lent);
	challenge_free(&est->challenge);
	free(est->base);
	free(est);
}

/* ---- cacerts, csrattrs --------------------------------------------------- */

static const struct span no_body = {0};

int
est_cacerts(STACK_OF(X509) * *certs, struct est *est, struct fail *why)
{
	struct http_answer answer = {0};
	struct bytes der = {0};
	int rc = -1;

	*certs = NULL;
	/* RFC 7030, 4.1.3: any other code is an error. */
	if (est_exchange(&answer, est, "cacerts", no_body, why) == 0 &&
	    answer_status(&answer, false, why) == 0 &&
	    answer_der(&der, &answer, EST_PKCS7, est->server.lenient, why) ==
		0 &&
	    answer_certs_only(answer.type, why) == 0)
		rc = answer_certs(certs, span_of(&der), why);
	bytes_free(&der);
	http_answer_free(&answer);
	return rc;
}

int
est_cacerts_bootstrap(
    STACK_OF(X509) * *certs, const struct est_server *server, struct fail *why)
{
	struct est_auth nobody = {0};
	struct est *est;
	int rc;

	*certs = NULL;
	if (open_with(&est, server, &nobody, true, why) != 0)
		return -1;
	rc = est_cacerts(certs, est, why);
	est_close(est);
	return rc;
}

/* RFC 7030, 4.5.2: 204 and 404 say "none"; and so do some by no octets. */
static bool
has_no_wishes(const struct http_answer *answer)
{
	return answer->status == 204 || answer->status == 404 ||
	       (answer->status == 200 && answer->body.len == 0);
}

static bool
is_empty_list(struct span der)
{
	return der.len == 2 && der.data[0] == DER_SEQUENCE && der.data[1] == 0;
}

/* Whether it lists challengePassword; what is wrong with it is for who reads
 * it to say. */
static void
wishes_note(struct est *est, const struct bytes *der)
{
	struct csrattrs_wishes wishes;
	struct fail ignored = {0};

	est->knows_wishes = true;
	est->wants_link = csrattrs_read(&wishes, span_of(der), &ignored) == 0 &&
	                  wishes.challenge_password;
}

int
est_csrattrs(struct bytes *der, struct est *est, struct fail *why)
{
	struct http_answer answer = {0};
	int rc = est_exchange(&answer, est, "csrattrs", no_body, why);

	if (rc == 0 && !has_no_wishes(&answer)) {
		rc = answer_status(&answer, false, why);
		if (rc == 0)
			rc = answer_der(der, &answer, "application/csrattrs",
			    est->server.lenient, why);
	}
	if (rc == 0) {
		if (is_empty_list(span_of(der)))
			bytes_free(der);
		wishes_note(est, der);
	}
	http_answer_free(&answer);
	return rc;
}

#include "lib/net/est.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "lib/net/challenge.h"
#include "lib/net/est_answer.h"
#include "lib/net/est_key.h"
#include "lib/net/origin.h"
#include "lib/wire/csrattrs.h"
#include "lib/wire/der.h"

#define KEY_WAIT 15.0  /* s until our key is open */
#define HOPS_MAX 3     /* redirects followed */
#define BINDINGS_MAX 3 /* tries to send a request on the connection it names */

#define PKCS7 "application/pkcs7-mime"

struct est {
	struct est_server server;
	struct est_auth auth;
	struct origin origin;
	char *base; /* URL up to the operation, with its slash */
	struct http *http;
	EVP_PKEY *lent;             /* auth.key as TLS sees it */
	struct challenge challenge; /* answered from now on */
	bool password_refused;
	bool knows_wishes, wants_link; /* csrattrs was read; it lists
					  challengePassword */
};

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
	struct http_request request = {
	    url, body, "application/pkcs10", NULL, EST_BODY_MAX};
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

/* Ask for an operation; `answer` is the caller's to free in any case. */
static int
exchange(struct http_answer *answer, struct est *est, const char *operation,
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
	if (exchange(&answer, est, "cacerts", no_body, why) == 0 &&
	    answer_status(&answer, false, why) == 0 &&
	    answer_der(&der, &answer, PKCS7, est->server.lenient, why) == 0 &&
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
	int rc = exchange(&answer, est, "csrattrs", no_body, why);

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

/* ---- enrolments ---------------------------------------------------------- */

/* What is to be sent, and the public key in it. */
struct order {
	const char *operation;
	est_make_csr *make;
	void *arg;
	struct bytes csr;
	EVP_PKEY *key;
};

static void
order_free(struct order *order)
{
	bytes_free(&order->csr);
	EVP_PKEY_free(order->key);
}

static int
order_make(struct order *order, const char *binding, struct fail *why)
{
	const unsigned char *in;
	X509_REQ *req;

	order_free(order);
	order->key = NULL;
	if (order->make(order->arg, &order->csr, binding, why) != 0)
		return -1;
	in = order->csr.data;
	req = d2i_X509_REQ(NULL, &in, (long)order->csr.len);
	order->key = req != NULL ? X509_REQ_get_pubkey(req) : NULL;
	X509_REQ_free(req);
	if (order->key != NULL)
		return 0;
	fail(why, FAIL_BROKEN, "csr", "our own request cannot be read");
	return fail_openssl(why, "CSR");
}

static int
order_send(struct http_answer *answer, struct est *est,
    const struct order *order, struct fail *why)
{
	struct bytes body = {0};
	int rc;

	/* RFC 8951, 3; in lines, which some servers need. */
	base64_write(&body, span_of(&order->csr), 64);
	rc = exchange(answer, est, order->operation, span_of(&body), why);
	bytes_free(&body);
	return rc;
}

/* The binding of the connection that csrattrs just came on, or NULL. */
static int
binding_take(char **binding, struct est *est, struct fail *why)
{
	struct bytes ignored = {0}, text = {0};
	struct span unique;
	int rc = est_csrattrs(&ignored, est, why);

	*binding = NULL;
	bytes_free(&ignored);
	if (rc != 0 && why->kind == FAIL_MALFORMED)
		rc = 0; /* an answer all the same */
	unique = http_unique(est->http);
	if (rc == 0 && unique.len > 0) {
		base64_write(&text, unique, 0);
		text.data[--text.len] = '\0';
		*binding = (char *)text.data;
	}
	return rc;
}

/*
 * RFC 7030, 3.5: the request names the connection that it is sent on.  When it
 * went out on another one after all, what the server says of it means nothing.
 */
static int
send_bound(struct http_answer *answer, struct est *est, struct order *order,
    struct fail *why)
{
	for (int i = 0; i < BINDINGS_MAX; i++) {
		char *binding;
		int rc = binding_take(&binding, est, why);

		if (rc == 0 && binding == NULL)
			rc = fail(why, FAIL_DENIED, "up-tls",
			    "RFC 7030, 3.5: no tls-unique to link the request "
			    "to");
		if (rc == 0)
			rc = order_make(order, binding, why);
		free(binding);
		if (rc == 0)
			rc = order_send(answer, est, order, why);
		if (rc != 0 || !answer->fresh || answer->status == 200 ||
		    answer->status == 202)
			return rc;
		http_answer_free(answer);
	}
	return fail(why, FAIL_MALFORMED, "up-proto",
	    "RFC 7030, 3.5: the server ends the connection that the request "
	    "is to be linked to");
}

/* RFC 7030, 3.5: always, never, or if the server lists challengePassword. */
static int
link_wanted(bool *wanted, struct est *est, struct fail *why)
{
	struct bytes ignored = {0};
	int rc = 0;

	*wanted = est->server.pop_link == POP_ALWAYS;
	if (est->server.pop_link != POP_IF_ASKED)
		return 0;
	if (!est->knows_wishes) {
		rc = est_csrattrs(&ignored, est, why);
		bytes_free(&ignored);
		if (rc != 0 && why->kind == FAIL_MALFORMED)
			rc = 0;
	}
	*wanted = est->wants_link;
	return rc;
}

/* TLS 1.3 has no tls-unique. */
static int
send_linked(struct http_answer *answer, struct est *est, struct order *order,
    struct fail *why)
{
	int rc;

	http_only_tls12(est->http, true);
	rc = send_bound(answer, est, order, why);
	http_only_tls12(est->http, false);
	/* Who only asks for it, and speaks TLS 1.3 alone, goes without. */
	if (rc != 0 && est->server.pop_link == POP_IF_ASKED &&
	    why->kind == FAIL_DENIED && strcmp(why->reason, "up-tls") == 0) {
		*why = (struct fail){0};
		rc = order_make(order, NULL, why);
		if (rc == 0)
			rc = order_send(answer, est, order, why);
	}
	return rc;
}

/* Send it, and have an answer with status 200. */
static int
order_place(struct http_answer *answer, struct est *est, struct order *order,
    struct fail *why)
{
	bool linked;

	if (link_wanted(&linked, est, why) != 0)
		return -1;
	if (linked) {
		if (send_linked(answer, est, order, why) != 0)
			return -1;
	} else if (order_make(order, NULL, why) != 0 ||
		   order_send(answer, est, order, why) != 0) {
		return -1;
	}
	return answer_status(answer, true, why);
}

static int
enrolled(X509 **leaf, STACK_OF(X509) * *others,
    const struct http_answer *answer, const struct est *est, EVP_PKEY *key,
    struct fail *why)
{
	struct bytes der = {0};
	int rc = -1;

	if (answer_der(&der, answer, PKCS7, est->server.lenient, why) == 0 &&
	    answer_certs_only(answer->type, why) == 0 &&
	    answer_certs(others, span_of(&der), why) == 0)
		rc = answer_leaf(leaf, *others, key, why);
	if (rc != 0) {
		sk_X509_pop_free(*others, X509_free);
		*others = NULL;
	}
	bytes_free(&der);
	return rc;
}

int
est_enroll(X509 **leaf, STACK_OF(X509) * *others, struct est *est, bool renew,
    est_make_csr *make, void *arg, struct fail *why)
{
	struct order order = {
	    .operation = renew ? "simplereenroll" : "simpleenroll",
	    .make = make,
	    .arg = arg};
	struct http_answer answer = {0};
	int rc = -1;

	*leaf = NULL;
	*others = NULL;
	if (order_place(&answer, est, &order, why) == 0)
		rc = enrolled(leaf, others, &answer, est, order.key, why);
	http_answer_free(&answer);
	order_free(&order);
	return rc;
}

/* ---- serverkeygen -------------------------------------------------------- */

/* The one certificate of its part; RFC 7030, 4.4.2: as simpleenroll's. */
static int
made_leaf(X509 **leaf, const struct multipart_body *part, struct fail *why)
{
	STACK_OF(X509) *certs = NULL;

	if (!media_type_is(part->type, PKCS7))
		return fail(why, FAIL_MALFORMED, "up-type",
		    "RFC 7030, 4.4.2: the second part is %.80s, not " PKCS7,
		    part->type);
	if (answer_certs_only(part->type, why) != 0 ||
	    answer_certs(&certs, span_of(&part->content), why) != 0)
		return -1;
	if (sk_X509_num(certs) == 1)
		*leaf = sk_X509_pop(certs);
	sk_X509_pop_free(certs, X509_free);
	return *leaf != NULL
	           ? 0
	           : fail(why, FAIL_MALFORMED, "up-cert",
			 "RFC 7030, 4.4.2: more than one certificate came "
			 "with the key");
}

/* Either part may come first. */
static int
made_read(X509 **leaf, struct bytes *key,
    const struct multipart_body parts[MULTIPART_PARTS], EVP_PKEY *decrypt,
    struct fail *why)
{
	int first = est_key_is(&parts[0]) ? 0 : 1;

	if (!est_key_is(&parts[first]))
		return fail(why, FAIL_MALFORMED, "up-type",
		    "RFC 7030, 4.4.2: neither part is a private key");
	if (made_leaf(leaf, &parts[1 - first], why) == 0 &&
	    est_key_read(key, &parts[first], decrypt, *leaf, why) == 0)
		return 0;
	X509_free(*leaf);
	*leaf = NULL;
	return -1;
}

static int
made(X509 **leaf, struct bytes *key, const struct http_answer *answer,
    EVP_PKEY *decrypt, struct fail *why)
{
	struct multipart_body parts[MULTIPART_PARTS];
	struct fail first = {0};
	int rc;

	if (answer->type == NULL ||
	    !media_type_is(answer->type, "multipart/mixed"))
		return fail(why, FAIL_MALFORMED, "up-type",
		    "RFC 7030, 4.4.2: the answer is %.80s, not multipart/mixed",
		    answer->type == NULL ? "of no type" : answer->type);
	if (multipart_read(
		parts, answer->type, span_of(&answer->body), &first) != 0)
		rc = fail(why, FAIL_MALFORMED, "up-body",
		    "the server's answer cannot be read: %.240s", first.text);
	else
		rc = made_read(leaf, key, parts, decrypt, why);
	multipart_free(parts);
	return rc;
}

int
est_serverkeygen(X509 **leaf, struct bytes *key, struct est *est,
    struct span csr, EVP_PKEY *decrypt, struct fail *why)
{
	struct http_answer answer = {0};
	struct bytes body = {0};
	int rc = -1;

	*leaf = NULL;
	base64_write(&body, csr, 64);
	if (exchange(&answer, est, "serverkeygen", span_of(&body), why) == 0 &&
	    answer_status(&answer, true, why) == 0)
		rc = made(leaf, key, &answer, decrypt, why);
	bytes_free(&body);
	http_answer_free(&answer);
	return rc;
}

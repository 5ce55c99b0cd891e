/*
 * check_url - the report on a front end.  Requests go through the web server
 * with a ticket (probe.h), and the programs tell what reached them.
 */
#include "bin/check_url.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/json.h"
#include "lib/base/probe.h"
#include "lib/net/floor.h"
#include "lib/wire/cert.h"

#define EST "/.well-known/est/"
#define BODY_SMALL 1000
/* More than any of our configurations lets through. */
#define BODY_LONG 200000

enum state { STATE_OK, STATE_NOTE, STATE_FAIL };

/* ---- what is said ----------------------------------------------------------- */

static void
say(struct look *l, enum state state, const char *name, const char *text,
    const char *change)
{
	static const char *const words[] = {"ok", "note", "FAIL"};
	struct json *j;

	l->differs = l->differs || state == STATE_FAIL;
	if (!l->wish->json) {
		printf("%s: %s: %s\n", words[state], name, text);
		if (change != NULL)
			printf("      change: %s\n", change);
		return;
	}
	j = json_new_object();
	json_str(j, "test", name);
	json_str(j, "state", state == STATE_FAIL ? "fail" : words[state]);
	json_str(j, "text", text);
	json_str(j, "change", change);
	json_push(l->tests, j);
}

static void
judge(struct look *l, bool good, const char *name, const char *yes,
    const char *no, enum url_fault fault)
{
	if (good)
		say(l, STATE_OK, name, yes, NULL);
	else
		say(l, STATE_FAIL, name, no, check_change(l->frontend, fault));
}

/* ---- the tests --------------------------------------------------------------- */

static bool
same_text(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool
is_hash(const struct seen *seen, const char *member, struct span of)
{
	uint8_t hash[SHA256_LEN];
	char text[2 * SHA256_LEN + 1];

	sha256(hash, of);
	hex_write(text, (struct span){hash, sizeof(hash)}, false);
	return same_text(json_str_of(seen->facts, member), text);
}

static bool
is_cert(const struct seen *seen, const X509 *cert)
{
	struct bytes der = {0};
	bool same;

	cert_der_add(&der, cert);
	same = is_hash(seen, "certificate", span_of(&der));
	bytes_free(&der);
	return same;
}

/* Whose port is it?  False: nothing more can be said. */
static bool
port_test(struct look *l)
{
	static const struct shown_pair nobody;
	struct seen seen;
	const char *name, *frontend;
	bool known = false;
	char *text;

	ask(&seen, l, "/health", &nobody, -1);
	if (seen.facts == NULL && seen.status != 0) {
		seen_free(&seen); /* one may be demanded */
		ask(&seen, l, "/health",
		    l->given.cert != NULL ? &l->given : &l->stranger, -1);
	}
	if (seen.facts == NULL) {
		text = seen.trouble != NULL
		           ? str_fmt("/health: %s", seen.trouble)
		           : str_fmt("/health: status %d, and no program of "
				     "this configuration answers",
				 seen.status);
		say(l, STATE_FAIL, "reach", text, NULL);
		free(text);
		seen_free(&seen);
		return false;
	}
	name = json_str_of(seen.facts, "endpoint");
	frontend = json_str_of(seen.facts, "frontend");
	l->frontend = frontend != NULL ? frontend_find(frontend) : -1;
	if (l->frontend < 0)
		l->frontend = FRONTEND_LIGHTTPD;
	l->endpoint =
	    name != NULL ? settings_endpoint(l->settings, name) : NULL;
	known = l->endpoint != NULL;
	text = known
	           ? str_fmt("%s, behind %s", name, frontend_word(l->frontend))
	           : str_fmt("MICROCA_ENDPOINT is %s, which is no endpoint",
			 name != NULL ? name : "not set");
	say(l, known ? STATE_OK : STATE_FAIL, "endpoint", text,
	    known ? NULL : check_change(l->frontend, FAULT_ENDPOINT));
	free(text);
	seen_free(&seen);
	return known;
}

static void
everybody_test(struct look *l)
{
	static const struct shown_pair nobody;
	struct seen seen;

	if (!endpoint_operation(l->endpoint, "cacerts"))
		return;
	ask(&seen, l, EST "cacerts", &nobody, -1);
	judge(l, seen.facts != NULL, "without certificate",
	    "whoever shows none is let through to the programs",
	    "whoever shows none is sent away, but cacerts is for everybody "
	    "(RFC 7030, 4.1.1)",
	    FAULT_DEMANDED);
	seen_free(&seen);
}

static bool
named(const STACK_OF(X509_NAME) * names, const X509_NAME *name)
{
	for (int i = 0; i < sk_X509_NAME_num(names); i++)
		if (X509_NAME_cmp(sk_X509_NAME_value(names, i), name) == 0)
			return true;
	return false;
}

/* Does it ask for certificates of this endpoint's CAs, and of no others? */
static bool
is_bundle(const struct look *l, const STACK_OF(X509_NAME) * asked)
{
	char *path = settings_bundle_path(l->settings, l->endpoint);
	STACK_OF(X509) *certs = NULL;
	STACK_OF(X509_NAME) *ours = sk_X509_NAME_new_null();
	struct fail ignored = {0};
	bool same = cert_file_read(&certs, path, &ignored) == 0;

	for (int i = 0; i < sk_X509_num(certs); i++) {
		X509_NAME *name =
		    X509_get_subject_name(sk_X509_value(certs, i));

		(void)sk_X509_NAME_push(ours, name);
		same = same && named(asked, name);
	}
	for (int i = 0; i < sk_X509_NAME_num(asked); i++)
		same = same && named(ours, sk_X509_NAME_value(asked, i));
	sk_X509_NAME_free(ours);
	sk_X509_pop_free(certs, X509_free);
	free(path);
	return same;
}

static void
verified_test(struct look *l, const struct seen *seen, bool failed)
{
	if (l->frontend == FRONTEND_CADDY)
		say(l, STATE_NOTE, "verified",
		    "by the programs alone: Caddy gives no verdict", NULL);
	else if (!is_bundle(l, seen->asked))
		judge(l, false, "verified", "",
		    "other CAs are asked for than are this endpoint's",
		    FAULT_BUNDLE);
	else if (failed)
		say(l, STATE_OK, "verified",
		    "against this endpoint's CAs, and by the programs again",
		    NULL);
	else
		say(l, STATE_NOTE, "verified",
		    "by the programs alone: SSL_CLIENT_VERIFY does not say "
		    "that a stranger's is none of ours",
		    NULL);
}

/* lighttpd hides what it does not accept, and says so. */
static void
stranger_test(struct look *l, const struct seen *seen)
{
	const char *verify = json_str_of(seen->facts, "verify");
	bool failed = verify != NULL && (strncmp(verify, "FAILED", 6) == 0 ||
					    strcmp(verify, "GENEROUS") == 0);
	bool hidden = l->frontend == FRONTEND_LIGHTTPD;
	bool good = hidden ? failed : is_cert(seen, l->stranger.cert);

	judge(l, good, "client certificates",
	    hidden ? "are asked for and verified; a stranger's is hidden"
		   : "arrive, a stranger's too",
	    seen->asked == NULL ? "are not asked for"
				: "are asked for, and do not arrive",
	    FAULT_CERTIFICATE);
	if (good)
		verified_test(l, seen, failed);
}

static void
authorization_test(struct look *l, const struct seen *seen)
{
	char *sent = authorization_make(l);
	bool arrives = is_hash(seen, "authorization", span_str(sent));
	bool wanted = l->endpoint->auth == AUTH_SECRET ||
	              l->endpoint->auth == AUTH_EITHER;

	free(sent);
	if (arrives || wanted)
		judge(l, arrives, "Authorization", "arrives as it was sent",
		    "does not arrive: nobody's one-time secret opens anything",
		    FAULT_AUTHORIZATION);
	else
		say(l, STATE_NOTE, "Authorization",
		    "does not arrive; this endpoint takes no secrets",
		    check_change(l->frontend, FAULT_AUTHORIZATION));
}

static void
binding_test(struct look *l, const struct seen *seen)
{
	const char *exporter = json_str_of(seen->facts, "tls_exporter");
	const char *unique = json_str_of(seen->facts, "tls_unique");
	bool good = same_text(exporter, (const char *)seen->exporter.data) ||
	            same_text(unique, (const char *)seen->unique.data);

	if (good)
		say(l, STATE_OK, "PoP linking",
		    "can be enforced: this connection's channel binding "
		    "arrives",
		    NULL);
	else if (l->endpoint->pop_link == POP_REQUIRED || exporter != NULL ||
		 unique != NULL)
		judge(l, false, "PoP linking", "",
		    exporter == NULL && unique == NULL
			? "is required, and no channel binding arrives"
			: "the channel binding that arrives is not this "
			  "connection's",
		    FAULT_BINDING);
	else
		say(l, STATE_NOTE, "PoP linking",
		    "cannot be enforced: no channel binding arrives",
		    check_change(l->frontend, FAULT_BINDING));
}

static int
name_add(const char *key, const struct json *value, void *arg)
{
	struct bytes *names = arg;
	char *name = json_scalar(value);

	(void)key;
	bytes_addf(names, "%s%s", names->len > 0 ? ", " : "",
	    name != NULL ? name : "?");
	free(name);
	return 0;
}

static void
spoof_test(struct look *l, const struct seen *seen)
{
	struct bytes names = {0};
	char *text;

	(void)json_each(json_of(seen->facts, "spoofed"), name_add, &names);
	text = str_fmt("a header of the client's sets %.*s", (int)names.len,
	    (const char *)names.data);
	judge(l, names.len == 0, "spoofed variables",
	    "are inert: headers stay HTTP_...", text, FAULT_SPOOFED);
	free(text);
	bytes_free(&names);
}

static void
long_test(struct look *l, const char *path)
{
	static const struct shown_pair nobody;
	struct seen seen;

	ask(&seen, l, path, &nobody, BODY_LONG);
	if (seen.facts == NULL)
		say(l, STATE_OK, "body limit",
		    "200 kB are refused before a program has them", NULL);
	else if (json_int_of(seen.facts, "body", 0) < BODY_LONG)
		say(l, STATE_OK, "body limit",
		    "200 kB are cut, and the programs refuse what is left",
		    NULL);
	else if (json_bool_of(seen.facts, "proxied", false))
		say(l, STATE_NOTE, "body limit",
		    "the programs' own alone: mod_proxy_fcgi has none", NULL);
	else
		judge(l, false, "body limit", "",
		    "200 kB reach the programs, which refuse them themselves",
		    FAULT_BODY);
	seen_free(&seen);
}

/* Everything that is asked of one operation. */
static void
operation_test(struct look *l, const char *name)
{
	char *path = str_fmt(EST "%s", name);
	struct seen seen;

	if (!l->wish->json)
		printf("-- %s\n", name);
	ask(&seen, l, path, &l->stranger, BODY_SMALL);
	if (seen.facts == NULL) {
		judge(l, false, "client certificates", "",
		    "a stranger's ends the connection: who shows it is told "
		    "no reason",
		    FAULT_STRANGER);
	} else {
		stranger_test(l, &seen);
		authorization_test(l, &seen);
		spoof_test(l, &seen);
		binding_test(l, &seen);
		if (json_int_of(seen.facts, "body", -1) != BODY_SMALL)
			say(l, STATE_FAIL, "body", "does not arrive whole",
			    NULL);
	}
	seen_free(&seen);
	long_test(l, path);
	free(path);
}

/* One that the endpoint's CAs have issued. */
static void
given_test(struct look *l, const char *name)
{
	char *path = str_fmt(EST "%s", name);
	struct seen seen;

	ask(&seen, l, path, &l->given, BODY_SMALL);
	judge(l, seen.facts != NULL && is_cert(&seen, l->given.cert),
	    "the certificate given", "arrives", "does not arrive",
	    FAULT_CERTIFICATE);
	seen_free(&seen);
	free(path);
}

static void
tests_run(struct look *l)
{
	static const char *const all[] = {
	    "simpleenroll", "simplereenroll", "serverkeygen"};
	const char *first = NULL;

	if (!port_test(l))
		return;
	everybody_test(l);
	judge(l, !floor_below(&l->origin), "TLS floor",
	    "TLS 1.1 and older are refused", "TLS 1.1 or older is spoken",
	    FAULT_TLS);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!endpoint_operation(l->endpoint, all[i]))
			continue;
		first = first != NULL ? first : all[i];
		operation_test(l, all[i]);
	}
	if (first != NULL && l->given.cert != NULL)
		given_test(l, first);
	else if (l->frontend == FRONTEND_LIGHTTPD)
		say(l, STATE_NOTE, "the certificate given",
		    "none: lighttpd shows only what it accepts, so that one "
		    "arrives was not seen (--cert, --key)",
		    NULL);
}

/* ---- the command ------------------------------------------------------------- */

static int
look_open(struct look *l, struct fail *why)
{
	const char *path;
	uint8_t mark[16];
	char *chain = settings_chain_path(l->settings);
	int rc = cert_file_read(&l->anchors,
	    l->wish->anchors != NULL ? l->wish->anchors : chain, why);

	free(chain);
	if (rc != 0 || origin_read(&l->origin, &path, l->wish->url, why) != 0)
		return -1;
	if (path[0] != '\0')
		return fail(why, FAIL_CONFIG, "usage",
		    "--url: https://HOST:PORT, without a path");
	if (getrandom(mark, sizeof(mark), 0) != (ssize_t)sizeof(mark))
		return fail(why, FAIL_BROKEN, "random", "no random numbers");
	hex_write(l->mark, (struct span){mark, sizeof(mark)}, false);
	return stranger_make(l, why);
}

static void
json_print(struct look *l)
{
	struct json *j = json_new_object();
	char *text;

	json_str(j, "url", l->wish->url);
	json_str(j, "endpoint", l->endpoint != NULL ? l->endpoint->name : NULL);
	json_str(j, "state", l->differs ? "differs" : "ok");
	json_add(j, "tests", l->tests);
	text = json_text(j, 2);
	puts(text);
	free(text);
	json_free(j);
}

int
check_url(struct tool *tool, const struct url_wish *wish, struct fail *why)
{
	struct look l = {
	    .settings = tool->settings,
	    .wish = wish,
	    .frontend = FRONTEND_LIGHTTPD,
	};
	int rc = -1;

	if (given_read(&l.given, wish, why) == 0 && look_open(&l, why) == 0 &&
	    tool_become_owner(tool, why) == 0 &&
	    probe_begin(l.ticket, l.settings->run, why) == 0) {
		l.tests = json_new_array();
		tests_run(&l);
		probe_end(l.settings->run, l.ticket);
		if (wish->json)
			json_print(&l);
		else
			json_free(l.tests);
		rc = l.differs ? EXIT_DIFFERENCE : 0;
	}
	pair_free(&l.stranger);
	pair_free(&l.given);
	sk_X509_pop_free(l.anchors, X509_free);
	return rc;
}

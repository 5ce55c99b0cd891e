/* microca check - is everything as it should be?  One line a test. */
#include "bin/microca.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bin/check.h"
#include "bin/check_url.h"
#include "lib/base/when.h"
#include "lib/ca/counter.h"
#include "lib/ca/crls.h"
#include "lib/ca/effective.h"
#include "lib/ca/keygen.h"
#include "lib/ca/operators.h"
#include "lib/ca/responder.h"
#include "lib/cloud/guard.h"
#include "lib/cloud/heads.h"
#include "lib/key/pkcs11uri.h"
#include "lib/store/pending.h"

static void
report(struct check *c, const char *what, int rc, struct fail *why)
{
	struct bytes line = {0};

	if (rc != 0) {
		bytes_addf(&line, "%s: %s%s%s%s", what, why->text,
		    why->cause[0] != '\0' ? " (" : "", why->cause,
		    why->cause[0] != '\0' ? ")" : "");
		c->failed = true;
	} else {
		bytes_adds(&line, what);
	}
	printf("%s: %s\n", rc == 0 ? "ok" : "FAIL", (const char *)line.data);
	(void)fflush(stdout);
	bytes_free(&line);
	*why = (struct fail){0};
}

static int
differs(struct fail *why, const char *path, const char *what)
{
	return fail(why, FAIL_CONFIG, "file-mode", "%s %s", path, what);
}

/* `lax`: permission bits that nobody may have. */
static int
mode_ok(const char *path, bool folder, mode_t lax, struct fail *why)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		fail(why, FAIL_ABSENT, "file", "%s is not there", path);
		return fail_errno(why, "stat");
	}
	if (folder ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
		return differs(
		    why, path, folder ? "is no folder" : "is no regular file");
	if ((st.st_mode & lax) != 0)
		return fail(why, FAIL_CONFIG, "file-mode",
		    "%s has mode %04o: %04o is too much", path,
		    (unsigned)st.st_mode & 07777, (unsigned)(st.st_mode & lax));
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return differs(
		    why, path, "belongs neither to microca's user nor to root");
	return 0;
}

static int
files_test(struct check *c, struct fail *why)
{
	const struct settings *s = c->settings;

	if (mode_ok(s->path, false, 022, why) != 0 ||
	    mode_ok(s->profiles_path, false, 022, why) != 0 ||
	    mode_ok(s->state, true, 077, why) != 0 ||
	    mode_ok(s->public_folder, true, 022, why) != 0 ||
	    mode_ok(s->run, true, 027, why) != 0)
		return -1;
	/* The PIN is for a token only, the key a file only without one. */
	if (!pkcs11uri_is(s->ca.key))
		return mode_ok(s->ca.key, false, 077, why);
	return s->ca.pin_file == NULL
	           ? 0
	           : mode_ok(s->ca.pin_file, false, 077, why);
}

static int
store_test(struct check *c, struct fail *why)
{
	struct audit entry = {.event = "check"};

	if (store_open_node(&c->store, c->settings->store, c->settings->node,
		false, 1, c->settings->disk_reserve, why) != 0 ||
	    store_state(c->store, why) != 0)
		return -1;
	return tool_audit(c->tool, c->store, &entry, why);
}

static int
guard_test(struct check *c, struct fail *why)
{
	return c->store == NULL ? 0 : guard_check(c->settings, c->store, why);
}

/* A throw-away request signed by the token; key_sign_req() verifies it. */
static int
token_test(struct check *c, struct fail *why)
{
	struct key_place place = settings_key_place(c->settings);
	X509_REQ *req = NULL;
	int rc = -1;

	if (key_open(&c->key, &place, why) != 0 ||
	    key_ready(c->key, TOOL_TOKEN_WAIT, why) != 0 ||
	    key_public(&c->public, c->key, why) != 0)
		return -1;
	req = X509_REQ_new();
	if (req != NULL && X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
	    X509_REQ_set_pubkey(req, c->public) == 1)
		rc = key_sign_req(c->key, req, NULL, why);
	else
		fail(why, FAIL_BROKEN, "build", "cannot make a request");
	X509_REQ_free(req);
	return rc;
}

/* Is what is wrong with the issuers a peer's, and has its own line? */
static bool
peers_trouble(const struct check *c)
{
	const struct fail *all = &c->issuers->trouble;
	const struct issuers *peers = c->issuers->peers;

	return peers != NULL && peers->trouble.kind != FAIL_NONE &&
	       strcmp(all->text, peers->trouble.text) == 0 &&
	       strcmp(all->cause, peers->trouble.cause) == 0;
}

static int
chain_test(struct check *c, struct fail *why)
{
	if (issuers_read(&c->issuers, c->settings, why) != 0)
		return -1;
	c->active = issuers_active(c->issuers, when_now());
	c->authority = c->active->authority;
	if (peers_trouble(c))
		return 0;
	*why = c->issuers->trouble;
	return why->kind == FAIL_NONE ? 0 : -1;
}

static int
peers_test(struct check *c, struct fail *why)
{
	if (c->issuers->peers != NULL)
		*why = c->issuers->peers->trouble;
	return why->kind == FAIL_NONE ? 0 : -1;
}

static int
time_test(struct check *c, struct fail *why)
{
	return authority_usable(c->authority, when_now(), why);
}

static int
above_test(struct check *c, struct fail *why)
{
	*why = c->issuers->above;
	return why->kind == FAIL_NONE ? 0 : -1;
}

/* A generation's certificate and its key, ca.key or one of its own. */
static int
pair_ok(struct check *c, const struct issuer *issuer, struct fail *why)
{
	struct key_place place = issuer_key_place(issuer, c->settings);
	EVP_PKEY *public = NULL;
	struct key *key = NULL;
	int rc = 0;

	if (issuer->key == NULL) {
		(void)EVP_PKEY_up_ref(c->public);
		public = c->public;
	} else if (key_open(&key, &place, why) != 0 ||
		   key_ready(key, TOOL_TOKEN_WAIT, why) != 0 ||
		   key_public(&public, key, why) != 0) {
		rc = -1;
	}
	if (rc == 0 && EVP_PKEY_eq(public, issuer->authority->key) != 1)
		rc = fail(why, FAIL_CONFIG, "issuer-key",
		    "the certificate is not for the key in use");
	EVP_PKEY_free(public);
	key_free(key);
	return rc;
}

static int
pair_test(struct check *c, struct fail *why)
{
	return pair_ok(c, c->active, why);
}

static int
published_test(struct check *c, struct fail *why)
{
	return check_published(c->settings, c->issuers, why);
}

static int
server_test(struct check *c, struct fail *why)
{
	return check_server(c->settings, when_now(), why);
}

static int
users_test(struct check *c, struct fail *why)
{
	const struct conf_strings *names = &c->settings->web_server_users;
	size_t i;

	for (i = 0; i < names->n; i++) {
		const char *name = names->text[i];

		if (name[strspn(name, "0123456789")] != '\0' &&
		    getpwnam(name) == NULL)
			return fail(why, FAIL_CONFIG, "config",
			    "web_server_users: there is no user %s", name);
	}
	return 0;
}

/* Who signs what serverkeygen encrypts, where somebody does. */
static int
keygen_test(struct check *c, struct fail *why)
{
	struct keygen_signer signer;

	if (c->settings->keygen.key == NULL)
		return 0;
	if (keygen_signer_read(&signer, c->settings, when_now(), why) != 0)
		return -1;
	keygen_signer_free(&signer);
	return 0;
}

/* Nobody has to have a page. */
static int
operators_test(struct check *c, struct fail *why)
{
	return c->settings->inventory.anchors == NULL
	           ? 0
	           : operators_check(c->settings, c->issuers, why);
}

enum want { WANT_KEY = 1, WANT_CHAIN = 2, WANT_PEERS = 4 };

static const struct {
	const char *what;
	int (*run)(struct check *c, struct fail *why);
	unsigned wants; /* else the reason is in an earlier line */
} tests[] = {
    {"files and folders have safe modes", files_test, 0},
    {"the store is writable", store_test, 0},
    {"the store is not behind what was signed", guard_test, 0},
    {"the token signs, the signature verifies", token_test, 0},
    {"the chain is complete", chain_test, 0},
    {"issuers of other nodes (ca.peers) can be read", peers_test,
	WANT_CHAIN | WANT_PEERS},
    {"the issuing certificate is valid now", time_test, WANT_CHAIN},
    {"lists of the CAs above are there", above_test, WANT_CHAIN},
    {"certificate and key belong together", pair_test, WANT_KEY | WANT_CHAIN},
    {"what is published is in step", published_test, WANT_CHAIN},
    {"the web server's certificate and key fit", server_test, 0},
    {"the web server's users are known", users_test, 0},
    {"keys that are encrypted can be signed", keygen_test, 0},
    {"operators have a CA of their own", operators_test, 0},
};

/* Those to come: one that could not issue is told while there is time. */
static void
staged_report(struct check *c)
{
	int64_t now = when_now();

	for (size_t i = 0; i < c->issuers->n; i++) {
		const struct issuer *x = c->issuers->item[i];
		struct fail why = {0};
		char at[WHEN_LEN], *what;

		if (issuers_state(c->issuers, x, now) != ISSUER_STAGED)
			continue;
		when_write(at, x->activate);
		what = str_fmt("the issuer staged for %s has its key", at);
		report(c, what, pair_ok(c, x, &why), &why);
		free(what);
	}
}

/* Somebody has to look at them, or their clients wait in vain. */
static void
waiting_report(const struct check *c)
{
	struct fail ignored = {0};
	int64_t open;

	if (c->store != NULL &&
	    store_pending_count(c->store, &open, when_now(), &ignored) == 0 &&
	    open > 0)
		printf("note: %lld %s for approval: microca pending\n",
		    (long long)open,
		    open == 1 ? "request waits" : "requests wait");
}

/* What only the web server knows. */
static void
link_report(struct check *c, const struct endpoint *e)
{
	struct fail why = {0};
	char *what = str_fmt("endpoint %s: requests and TLS sessions can be "
			     "linked",
	    e->name);

	if (check_link(e, &why) != 0)
		report(c, what, -1, &why);
	else if (e->pop_link != POP_OFF && e->channel_binding.n > 0 &&
		 e->frontend == FRONTEND_ANY)
		printf("note: %s, if the web server is Apache or nginx with a "
		       "module of extras/, or HAProxy\n",
		    what);
	else if (e->pop_link != POP_OFF && e->channel_binding.n > 0)
		report(c, what, 0, &why);
	free(what);
}

static void
endpoint_report(struct check *c, const struct endpoint *e)
{
	struct fail why = {0};
	char *what = str_fmt("endpoint %s: its rules' files", e->name);

	report(c, what, check_endpoint(e, &why), &why);
	free(what);
	link_report(c, e);
	if (c->authority == NULL)
		return;
	what = str_fmt("endpoint %s: profile %s fits the issuer", e->name,
	    e->profile->name);
	report(c, what, authority_profile_ok(c->authority, e->profile, &why),
	    &why);
	free(what);
}

/* Whose certificates are in the store that several nodes share, and would not be
 * taken here.  It may be meant so. */
static void
peers_report(const struct check *c)
{
	struct fail ignored = {0};
	struct store_issuers all;
	int64_t now = when_now();

	if (c->store == NULL ||
	    strncmp(c->settings->store, "sqlite:", 7) == 0 ||
	    store_issuers(c->store, &all, now, &ignored) != 0)
		return;
	for (size_t i = 0; i < all.n; i++)
		if (issuers_any_by_keyid(c->issuers, all.keyid[i], now) == NULL)
			printf(
			    "note: key %s signed certificates in the store, "
			    "and is unknown to this node: its clients are "
			    "refused here; copy issuer.pem and issuers/*.pem "
			    "of the node that has it to ca.peers, then "
			    "microca install published\n",
			    all.keyid[i]);
}

/* What the token counts; it begins here, if a head says how far. */
static int
counter_begun(bool *begun, struct check *c, struct fail *why)
{
	struct checkpoint last;
	struct counter counter;
	int rc;

	*begun = false;
	if (counter_read(&counter, begun, c->settings, c->key, why) != 0)
		return -1;
	if (*begun)
		return counter_fits(&counter, c->store, why);
	if (heads_last(&last, begun, c->settings, why) != 0)
		return -1;
	if (!*begun)
		return 0;
	rc = heads_counter(&counter, &last, why);
	checkpoint_free(&last);
	return rc == 0 && counter_fits(&counter, c->store, why) == 0
	           ? counter_advance(
			 c->settings, c->store, c->key, &counter, why)
	           : -1;
}

static void
counter_report(struct check *c)
{
	static const char what[] =
	    "the store is not behind what the token counts";
	struct fail why = {0};
	bool begun;
	int rc;

	if (!counter_wanted(c->settings) || c->store == NULL)
		return;
	rc = counter_begun(&begun, c, &why);
	if (rc == 0 && begun)
		report(c, what, 0, &why);
	else if (rc == 0)
		puts("note: the token counts nothing yet: microca audit head "
		     "begins it");
	else if (strcmp(why.reason, "data-object") == 0)
		printf("note: the token cannot count, heads and lists alone "
		       "show an older database: %s (%s)\n",
		    why.text, why.cause);
	else
		report(c, what, -1, &why);
}

static bool
offered(const struct settings *s, const struct profile *profile)
{
	const struct endpoint *e = s->endpoints.item;
	size_t i;

	for (i = 0; i < s->endpoints.n; i++)
		if (e[i].profile == profile)
			return true;
	return false;
}

/* What no endpoint offers may wait for another issuer. */
static void
spare_profiles(const struct check *c)
{
	const struct profile *p = c->settings->profiles->list.item;
	size_t i;

	for (i = 0; i < c->settings->profiles->list.n; i++) {
		struct fail why = {0};

		if (offered(c->settings, &p[i]))
			continue;
		if (authority_profile_ok(c->authority, &p[i], &why) == 0)
			printf("ok: profile %s fits the issuer\n", p[i].name);
		else
			printf("note: profile %s cannot be issued: %s\n",
			    p[i].name, why.text);
	}
}

/* Certificate status, where it is asked for. */
static void
status_report(struct check *c)
{
	const struct issuers *all = c->issuers;
	int64_t now = when_now();
	struct fail why = {0};

	if (crls_wanted(c->settings))
		report(c, "the revocation lists are there and in time",
		    crls_health(c->settings, all, now, &why), &why);
	for (size_t i = 0; responders_wanted(c->settings) && i < all->n; i++) {
		const struct issuer *one = all->item[i];
		char *what = str_fmt(
		    "the OCSP responder of key %s", one->authority->keyid);

		why = (struct fail){0};
		if (one->authority->not_after > now &&
		    issuers_state(all, one, now) != ISSUER_STAGED)
			report(c, what,
			    responder_check(
				c->settings, one, TOOL_TOKEN_WAIT, now, &why),
			    &why);
		free(what);
	}
}

static void
tests_run(struct check *c)
{
	const struct endpoint *e = c->settings->endpoints.item;
	size_t i;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		struct fail why = {0};

		if (((tests[i].wants & WANT_KEY) != 0 && c->public == NULL) ||
		    ((tests[i].wants & WANT_CHAIN) != 0 &&
			c->authority == NULL) ||
		    ((tests[i].wants & WANT_PEERS) != 0 &&
			c->settings->ca.peers == NULL))
			continue;
		report(c, tests[i].what, tests[i].run(c, &why), &why);
	}
	if (c->public != NULL)
		counter_report(c);
	for (i = 0; i < c->settings->endpoints.n; i++)
		endpoint_report(c, &e[i]);
	if (c->authority != NULL) {
		if (c->public != NULL)
			staged_report(c);
		peers_report(c);
		spare_profiles(c);
		status_report(c);
	}
	waiting_report(c);
	if (c->key != NULL && key_is_file(c->key))
		puts("note: the CA's key is a file: a token is where it "
		     "belongs");
}

static void
settings_print(const struct settings *settings)
{
	struct bytes text = {0};

	effective_write(&text, settings);
	fputs((const char *)text.data, stdout);
	bytes_free(&text);
}

int
check_run(struct tool *tool, int argc, char **argv, struct fail *why)
{
	struct check c = {.tool = tool};
	bool config = false;
	struct url_wish wish = {0};
	const struct option_spec options[] = {
	    {"config", 0, OPTION_FLAG, &config, 0, 0, NULL},
	    {"url", 0, OPTION_TEXT, &wish.url, 0, 0, NULL},
	    {"anchors", 0, OPTION_TEXT, &wish.anchors, 0, 0, NULL},
	    {"cert", 0, OPTION_TEXT, &wish.cert, 0, 0, NULL},
	    {"key", 0, OPTION_TEXT, &wish.key, 0, 0, NULL},
	    {"json", 0, OPTION_FLAG, &wish.json, 0, 0, NULL},
	};

	if (options_read(options, sizeof(options) / sizeof(options[0]), &argc,
		&argv, why) != 0 ||
	    operands_ok(argc, 0, 0, why) != 0)
		return -1;
	if ((wish.cert == NULL) != (wish.key == NULL) ||
	    (wish.url == NULL && (wish.json || wish.anchors != NULL)))
		return fail(why, FAIL_CONFIG, "usage",
		    "--cert and --key go together, --json and --anchors with "
		    "--url");
	if (wish.url == NULL && wish.cert != NULL)
		return check_pair(&wish, why);
	if (tool_settings(tool, why) != 0)
		return -1;
	if (wish.url != NULL)
		return check_url(tool, &wish, why);
	c.settings = tool->settings;
	if (config) {
		settings_print(c.settings);
		return 0;
	}
	if (tool_become_owner(tool, why) != 0)
		return -1;
	key_harden_process();
	tests_run(&c);
	issuers_free(c.issuers);
	EVP_PKEY_free(c.public);
	key_free(c.key);
	store_free(c.store);
	return c.failed ? EXIT_DIFFERENCE : 0;
}

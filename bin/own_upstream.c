#include "bin/own.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/ca/upstream_crls.h"
#include "lib/key/pkcs11uri.h"
#include "lib/net/anchors.h"
#include "lib/net/est.h"

#define PASSWORD_MAX 1024

struct own_link {
	struct est_server server;
	struct est_auth auth;
	struct est *est;
	struct key *key;
	STACK_OF(X509) * certs;
	char *password;
	bool itself; /* what is shown is the certificate that is renewed */
};

void
own_link_close(struct own_link *link)
{
	if (link == NULL)
		return;
	est_close(link->est);
	key_free(link->key);
	sk_X509_pop_free(link->certs, X509_free);
	if (link->password != NULL)
		OPENSSL_cleanse(link->password, strlen(link->password));
	free(link->password);
	free(link);
}

/* ---- who we are --------------------------------------------------------- */

static int
key_take(struct own_link *link, const struct own_run *run, const char *where,
    struct fail *why)
{
	struct key_place place = settings_key_place(run->settings);

	place.uri = where;
	if (key_open(&link->key, &place, why) != 0 ||
	    key_ready(link->key, TOOL_TOKEN_WAIT, why) != 0)
		return fail_cause(why, "the key of the client certificate");
	link->auth.key = link->key;
	link->auth.certs = link->certs;
	return 0;
}

/* `shown` says whether there was one that is still good. */
static int
pair_take(bool *shown, struct own_link *link, const struct own_run *run,
    int name, struct fail *why)
{
	char *folder = settings_own_folder(run->settings, name);
	struct keep_pair *pair = NULL;
	int rc = keep_pair_read(&pair, folder, why);

	*shown = rc == 0 && pair != NULL && pair->not_after > when_now();
	if (*shown) {
		link->certs = X509_chain_up_ref(pair->chain);
		if (link->certs == NULL)
			abort(); /* out of memory */
		rc = key_take(link, run, pair->key_place, why);
	}
	keep_pair_free(pair);
	free(folder);
	return rc;
}

static int
initial_take(struct own_link *link, const struct own_run *run, struct fail *why)
{
	const struct own *client = settings_own(run->settings, OWN_CLIENT);

	if (client == NULL || client->initial_certificate == NULL)
		return 0;
	if (cert_file_read(&link->certs, client->initial_certificate, why) != 0)
		return -1;
	return key_take(link, run, client->initial_key, why);
}

/* A token that is there without the key will not have it tomorrow: then what
 * was for the first time is shown again, if there is any. */
static int
client_take(bool *shown, struct own_link *link, const struct own_run *run,
    struct fail *why)
{
	const struct own *client = settings_own(run->settings, OWN_CLIENT);

	if (pair_take(shown, link, run, OWN_CLIENT, why) == 0)
		return 0;
	if (strcmp(why->reason, "token-key") != 0 || client == NULL ||
	    (client->initial_certificate == NULL &&
		run->settings->upstream.user == NULL))
		return -1;
	log_write(LOG_LEVEL_WARN,
	    "%s: the client certificate's key is gone: the initial certificate "
	    "or password is shown",
	    run->name);
	key_free(link->key);
	sk_X509_pop_free(link->certs, X509_free);
	link->key = NULL;
	link->certs = NULL;
	*why = (struct fail){0};
	*shown = false;
	return 0;
}

static int
certificate_take(
    struct own_link *link, const struct own_run *run, struct fail *why)
{
	int name = run->own->name;
	bool shown = false;

	if (client_take(&shown, link, run, why) != 0)
		return -1;
	if (!shown && name != OWN_INTERMEDIATE && name != OWN_CLIENT &&
	    settings_own(run->settings, OWN_CLIENT) == NULL) {
		if (pair_take(&shown, link, run, name, why) != 0)
			return -1;
		link->itself = shown;
	}
	if (shown && name == OWN_CLIENT)
		link->itself = true;
	return shown ? 0 : initial_take(link, run, why);
}

static int
password_take(
    struct own_link *link, const struct upstream *up, struct fail *why)
{
	struct bytes text = {0};

	if (up->user == NULL)
		return 0;
	if (file_read_secret(&text, up->password_file, PASSWORD_MAX, why) != 0)
		return -1;
	link->password = mem_dup(text.data != NULL ? (char *)text.data : "",
	    text.data != NULL ? strcspn((char *)text.data, "\r\n") : 0);
	bytes_wipe(&text);
	link->auth.user = up->user;
	link->auth.password = link->password;
	return 0;
}

/* ---- the server --------------------------------------------------------- */

static void
push(STACK_OF(X509) * all, X509 *cert)
{
	if (X509_up_ref(cert) != 1 || sk_X509_push(all, cert) <= 0)
		abort(); /* out of memory */
}

/* RFC 7030, 4.1.1: the first contact, compared with the pin. */
static int
pin_contact(struct own_run *run, struct own_link *link, struct fail *why)
{
	STACK_OF(X509) *shown = NULL, *found = NULL;
	uint8_t pin[SHA256_LEN];
	int i, rc = -1;

	if (anchors_pin_read(pin, run->settings->upstream.pin, why) == 0 &&
	    est_cacerts_bootstrap(&shown, &link->server, why) == 0 &&
	    anchors_pinned(&found, shown, pin, why) == 0)
		rc = own_anchors_write(run->settings, found, why);
	for (i = 0; rc == 0 && i < sk_X509_num(found); i++)
		push(run->anchors, sk_X509_value(found, i));
	sk_X509_pop_free(shown, X509_free);
	sk_X509_pop_free(found, X509_free);
	return rc;
}

static int
server_set(struct own_run *run, struct own_link *link, struct fail *why)
{
	const struct upstream *up = &run->settings->upstream;
	const struct own *own = run->own;

	link->server = (struct est_server){
	    .url = own->url != NULL ? own->url : up->url,
	    .label = own->label != NULL ? own->label : up->label,
	    .implicit = up->implicit,
	    .above = run->above,
	    .timeout = (double)up->timeout,
	    .pop_link = up->pop_link,
	};
	if (run->anchors != NULL && sk_X509_num(run->anchors) == 0 &&
	    pin_contact(run, link, why) != 0)
		return -1;
	link->server.anchors = run->anchors;
	return 0;
}

/* RFC 7030, 3.3: without any of them there is nothing to be let in for. */
static int
auth_ok(const struct own_link *link, struct fail *why)
{
	if (link->auth.certs != NULL || link->auth.user != NULL)
		return 0;
	return fail(why, FAIL_CONFIG, "up-auth",
	    "RFC 7030, 3.3: neither a client certificate nor user and "
	    "password are there to be shown");
}

static int
link_open(struct own_run *run, struct fail *why)
{
	struct own_link *link;

	if (run->link != NULL)
		return 0;
	link = mem_new(sizeof(*link));
	if (certificate_take(link, run, why) == 0 &&
	    password_take(link, &run->settings->upstream, why) == 0 &&
	    auth_ok(link, why) == 0 && server_set(run, link, why) == 0 &&
	    est_open(&link->est, &link->server, &link->auth, why) == 0) {
		run->link = link;
		return 0;
	}
	own_link_close(link);
	return -1;
}

/* RFC 7030, 4.1.3: what the server shows; a root that an old one vouches for
 * is trusted from now on. */
static int
cacerts(struct own_run *run, struct fail *why)
{
	STACK_OF(X509) *followed = NULL;
	bool changed = false;
	int i, strangers = 0, rc = 0;

	sk_X509_pop_free(run->published, X509_free);
	run->published = NULL;
	if (est_cacerts(&run->published, run->link->est, why) != 0)
		return -1;
	if (run->anchors == NULL)
		return 0;
	if (anchors_follow(&followed, &changed, &strangers, run->anchors,
		run->published, when_now(), why) != 0)
		return -1;
	if (strangers > 0)
		log_write(LOG_LEVEL_WARN,
		    "%s: RFC 7030, 4.1.3: the server shows %d root(s) that no "
		    "trusted one vouches for: not trusted",
		    run->name, strangers);
	if (changed) {
		log_write(LOG_LEVEL_WARN,
		    "%s: a new root is trusted: an old "
		    "one vouches for it",
		    run->name);
		rc = own_anchors_write(run->settings, followed, why);
		for (i = 0; i < sk_X509_num(followed); i++)
			push(run->anchors, sk_X509_value(followed, i));
	}
	sk_X509_pop_free(followed, X509_free);
	return rc;
}

/* ---- keep's source ------------------------------------------------------ */

struct making {
	const struct own_run *run;
	struct span csr;
};

static int
make(void *arg, struct bytes *der, const char *binding, struct fail *why)
{
	const struct making *making = arg;

	if (binding != NULL)
		return keep_csr_bound(
		    der, &making->run->plan, making->csr, binding, why);
	bytes_add(der, making->csr.data, making->csr.len);
	return 0;
}

static int
certify(void *arg, X509 **leaf, STACK_OF(X509) * *others, struct span csr,
    const struct keep_pair *renews, struct fail *why)
{
	struct own_run *run = arg;
	struct making making = {run, csr};
	int i;

	*leaf = NULL;
	*others = NULL;
	if (run->own->name == OWN_INTERMEDIATE &&
	    own_intermediate_free(run, why) != 0)
		return -1;
	if (link_open(run, why) != 0 || cacerts(run, why) != 0 ||
	    est_enroll(leaf, others, run->link->est,
		renews != NULL && run->link->itself, make, &making, why) != 0)
		return -1;
	if (*others == NULL)
		*others = sk_X509_new_null();
	for (i = 0; i < sk_X509_num(run->published); i++)
		push(*others, sk_X509_value(run->published, i));
	return 0;
}

static int
attributes(void *arg, struct bytes *der, struct fail *why)
{
	struct own_run *run = arg;

	if (link_open(run, why) != 0)
		return -1;
	return est_csrattrs(der, run->link->est, why);
}

/* The new client pair has to be let in before it is relied on. */
static int
probe(void *arg, const struct keep_pair *next, struct fail *why)
{
	struct own_run *run = arg;
	struct own_link *link = mem_new(sizeof(*link));
	STACK_OF(X509) *shown = NULL;
	int rc = -1;

	link->certs = X509_chain_up_ref(next->chain);
	if (link->certs == NULL)
		abort(); /* out of memory */
	if (key_take(link, run, next->key_place, why) == 0 &&
	    server_set(run, link, why) == 0 &&
	    est_open(&link->est, &link->server, &link->auth, why) == 0)
		rc = est_cacerts(&shown, link->est, why);
	sk_X509_pop_free(shown, X509_free);
	own_link_close(link);
	return rc;
}

int
own_upstream(struct own_run *run, struct fail *why)
{
	const struct upstream *up = &run->settings->upstream;
	struct fail ignored;

	run->source.certify = certify;
	run->source.attributes = attributes;
	if (run->own->name == OWN_CLIENT)
		run->source.probe = probe;
	/* What is missing is said by the programs that issue. */
	run->above = upstream_crls_read(run->settings, when_now(), &ignored);
	if (up->anchors == NULL && up->pin == NULL)
		return 0;
	if (own_anchors_read(&run->anchors, run->settings, why) != 0)
		return -1;
	run->plan.anchors = run->anchors;
	return 0;
}

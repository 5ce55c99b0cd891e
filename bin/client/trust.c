#include "bin/client/client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/net/anchors.h"
#include "lib/wire/cert.h"
#include "lib/wire/name.h"

void
pem_add(struct bytes *out, const X509 *cert)
{
	struct bytes der = {0};

	cert_der_add(&der, cert);
	cert_pem_write(out, span_of(&der));
	bytes_free(&der);
}

void
fingerprint(char out[72], const X509 *cert)
{
	struct bytes der = {0};
	uint8_t digest[SHA256_LEN];

	cert_der_add(&der, cert);
	sha256(digest, span_of(&der));
	memcpy(out, "sha256:", 7);
	hex_write(out + 7, (struct span){digest, sizeof(digest)}, false);
	bytes_free(&der);
}

static void
push(STACK_OF(X509) * to, X509 *cert)
{
	int i;

	for (i = 0; i < sk_X509_num(to); i++)
		if (X509_cmp(sk_X509_value(to, i), cert) == 0)
			return;
	if (X509_up_ref(cert) != 1 || sk_X509_push(to, cert) <= 0)
		abort();
}

static void
push_all(STACK_OF(X509) * to, const STACK_OF(X509) * from)
{
	int i;

	for (i = 0; i < sk_X509_num(from); i++)
		push(to, sk_X509_value(from, i));
}

static int
file_add(STACK_OF(X509) * anchors, const char *path, struct fail *why)
{
	STACK_OF(X509) *certs = NULL;

	if (cert_file_read(&certs, path, why) != 0)
		return -1;
	push_all(anchors, certs);
	sk_X509_pop_free(certs, X509_free);
	return 0;
}

/* ---- what is learnt ------------------------------------------------------- */

#define HEAD "# Learnt from: "
#define HEAD_LEN (sizeof(HEAD) - 1 + 2 * SHA256_LEN)
#define LEARNT_MAX (1024 * 1024)

/* What the configuration says of whom to trust, as the first line of the file
 * of what was learnt.  Empty: it says nothing. */
static int
head_of(char head[HEAD_LEN + 1], const struct server *server, struct fail *why)
{
	STACK_OF(X509) *certs = NULL;
	struct bytes text = {0};
	uint8_t hash[SHA256_LEN];
	int i;

	head[0] = '\0';
	if (server->anchors == NULL && server->pin == NULL)
		return 0;
	if (server->anchors != NULL &&
	    cert_file_read(&certs, server->anchors, why) != 0)
		return -1;
	for (i = 0; i < sk_X509_num(certs); i++)
		cert_der_add(&text, sk_X509_value(certs, i));
	sk_X509_pop_free(certs, X509_free);
	bytes_adds(&text, server->pin != NULL ? server->pin : "");
	sha256(hash, span_of(&text));
	bytes_free(&text);
	memcpy(head, HEAD, sizeof(HEAD));
	hex_write(
	    head + sizeof(HEAD) - 1, (struct span){hash, sizeof(hash)}, false);
	return 0;
}

/* The first line that the file has; empty: none, or another. */
static void
head_there(char head[HEAD_LEN + 1], const char *path)
{
	struct bytes text = {0};
	struct fail ignored = {0};

	head[0] = '\0';
	if (file_read(&text, path, LEARNT_MAX, &ignored) == 0 &&
	    text.len > HEAD_LEN &&
	    memcmp(text.data, HEAD, sizeof(HEAD) - 1) == 0) {
		memcpy(head, text.data, HEAD_LEN);
		head[HEAD_LEN] = '\0';
	}
	bytes_free(&text);
}

/* Learnt by another pin or other anchors, or unseen, it counts no more once the
 * configuration says better. */
static int
learnt_counts(bool *counts, const struct server *server, struct fail *why)
{
	char now[HEAD_LEN + 1], then[HEAD_LEN + 1];

	*counts = false;
	if (server->learnt == NULL || access(server->learnt, F_OK) != 0)
		return 0;
	if (file_closed(server->learnt, why) != 0 ||
	    head_of(now, server, why) != 0)
		return -1;
	head_there(then, server->learnt);
	*counts = now[0] == '\0' || strcmp(now, then) == 0;
	if (!*counts)
		warn_user("%s was learnt of something else than what is "
			  "configured: not used",
		    server->learnt);
	return 0;
}

static int
learnt_write(const STACK_OF(X509) * anchors, const struct server *server,
    struct fail *why)
{
	struct bytes pem = {0};
	char text[72], head[HEAD_LEN + 1];
	int i, rc;

	if (server->learnt == NULL)
		return 0;
	if (head_of(head, server, why) != 0)
		return -1;
	if (head[0] == '\0') /* as it was: it is of that pin still */
		head_there(head, server->learnt);
	if (head[0] != '\0')
		bytes_addf(&pem, "%s\n", head);
	for (i = 0; i < sk_X509_num(anchors); i++) {
		X509 *root = sk_X509_value(anchors, i);
		char *name = name_text(X509_get_subject_name(root));

		fingerprint(text, root);
		bytes_addf(&pem, "# %s\n# %s\n", name, text);
		pem_add(&pem, root);
		free(name);
	}
	rc = file_write(server->learnt, span_of(&pem), 0644, why);
	bytes_free(&pem);
	return rc;
}

/* ---- when that was ------------------------------------------------------- */

#define DAY 86400

static char *
stamp_path(const struct server *server)
{
	return str_fmt("%s.seen", server->learnt);
}

bool
trust_is_old(const struct server *server)
{
	struct stat st;
	char *path;
	bool old;

	if (server->learnt == NULL)
		return false;
	path = stamp_path(server);
	old = stat(path, &st) != 0 || (int64_t)st.st_mtime > when_now() ||
	      (int64_t)st.st_mtime + DAY < when_now();
	free(path);
	return old;
}

static void
stamp(const struct server *server)
{
	static const struct span nothing = {0};
	struct fail ignored = {0};
	char *path;

	if (server->learnt == NULL)
		return;
	path = stamp_path(server);
	(void)!file_write(path, nothing, 0644, &ignored);
	free(path);
}

/* ---- first contact ------------------------------------------------------- */

static void
tell_first(X509 *root, const struct server *server)
{
	char *name = name_text(X509_get_subject_name(root)), text[72];

	fingerprint(text, root);
	warn_user("%s is trusted on first use: its root is %s, %s: compare it",
	    server->url, name, text);
	free(name);
}

/* RFC 7030, 4.1.1: an answer of somebody, compared with what we know. */
static int
first_contact(
    STACK_OF(X509) * *roots, const struct server *server, struct fail *why)
{
	const struct est_server at = {.url = server->url,
	    .label = server->label,
	    .lenient = server->lenient,
	    .timeout = (double)server->timeout};
	STACK_OF(X509) *cacerts = NULL;
	uint8_t pin[SHA256_LEN];
	int rc;

	*roots = NULL;
	if (server->pin != NULL && anchors_pin_read(pin, server->pin, why) != 0)
		return -1;
	if (est_cacerts_bootstrap(&cacerts, &at, why) != 0)
		return -1;
	rc = server->pin != NULL ? anchors_pinned(roots, cacerts, pin, why)
	                         : anchors_first(roots, cacerts, why);
	if (rc == 0 && server->pin == NULL)
		tell_first(sk_X509_value(*roots, 0), server);
	sk_X509_pop_free(cacerts, X509_free);
	return rc;
}

static int
known(STACK_OF(X509) * anchors, const struct server *server, struct fail *why)
{
	bool counts;

	if (learnt_counts(&counts, server, why) != 0 ||
	    (server->anchors != NULL &&
		file_add(anchors, server->anchors, why) != 0))
		return -1;
	return counts ? file_add(anchors, server->learnt, why) : 0;
}

static int
learn(STACK_OF(X509) * anchors, const struct server *server, struct fail *why)
{
	STACK_OF(X509) * roots;

	if (server->pin == NULL && !server->trust_first_use) {
		if (server->implicit)
			return 0;
		/* RFC 7030, 4.1.1: nothing but cacerts without anchors, and
		 * that only to compare it. */
		return fail(why, FAIL_CONFIG, "trust",
		    "nothing says which server is trusted: give anchors, pin, "
		    "implicit, or trust-first-use");
	}
	if (first_contact(&roots, server, why) != 0)
		return -1;
	push_all(anchors, roots);
	sk_X509_pop_free(roots, X509_free);
	return learnt_write(anchors, server, why);
}

int
trust_begin(
    STACK_OF(X509) * anchors, const struct server *server, struct fail *why)
{
	if (server->implicit && server->user != NULL)
		warn_user("a password is sent to whoever the system's CAs "
			  "certify (RFC 7030, 6)");
	if (known(anchors, server, why) != 0)
		return -1;
	return sk_X509_num(anchors) > 0 ? 0 : learn(anchors, server, why);
}

static bool
is_root(X509 *cert)
{
	return X509_check_issued(cert, cert) == X509_V_OK &&
	       X509_verify(cert, X509_get0_pubkey(cert)) == 1 &&
	       X509_check_ca(cert) != 0;
}

/* RFC 7030, 4.1.3: the EST CA's root becomes an explicit trust anchor. */
static int
adopt(STACK_OF(X509) * anchors, const struct server *server,
    const STACK_OF(X509) * cacerts, struct fail *why)
{
	int i;

	for (i = 0; i < sk_X509_num(cacerts); i++)
		if (is_root(sk_X509_value(cacerts, i)))
			push(anchors, sk_X509_value(cacerts, i));
	return sk_X509_num(anchors) > 0 ? learnt_write(anchors, server, why)
	                                : 0;
}

int
trust_follow(STACK_OF(X509) * anchors, const struct server *server,
    const STACK_OF(X509) * cacerts, struct fail *why)
{
	STACK_OF(X509) *followed = NULL;
	bool changed = false;
	int strangers = 0, rc = 0;

	stamp(server);
	if (sk_X509_num(anchors) == 0)
		return adopt(anchors, server, cacerts, why);
	if (anchors_follow(&followed, &changed, &strangers, anchors, cacerts,
		when_now(), why) != 0)
		return -1;
	if (strangers > 0)
		warn_user("%s sends %d root%s that no trusted one vouches for: "
			  "not trusted (RFC 4210, 4.4)",
		    server->url, strangers, strangers == 1 ? "" : "s");
	if (changed) {
		push_all(anchors, followed);
		rc = learnt_write(anchors, server, why);
	}
	sk_X509_pop_free(followed, X509_free);
	return rc;
}

STACK_OF(X509) *
    trust_select(const STACK_OF(X509) * cacerts, const STACK_OF(X509) * anchors)
{
	STACK_OF(X509) *selected = sk_X509_new_null();
	int i;

	for (i = 0; i < sk_X509_num(cacerts); i++) {
		X509 *cert = sk_X509_value(cacerts, i);
		STACK_OF(X509) *chain = NULL;
		struct fail ignored = {0};

		if (anchors_chain(&chain, cert, cacerts, anchors, &ignored) ==
		    0)
			push(selected, cert);
		sk_X509_pop_free(chain, X509_free);
	}
	return selected;
}

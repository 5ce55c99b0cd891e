/*
 * est-client - the device's tool: one file per group of commands.
 *
 * No store, no CA, no web: the server is asked with lib/net/est.h, what is kept
 * is kept by lib/net/keep.h.  Whatever a server says is shown escaped, on one
 * line.
 */
#ifndef EST_CLIENT_CLIENT_H
#define EST_CLIENT_CLIENT_H

#include <openssl/x509v3.h>

#include "bin/client/settings.h"
#include "lib/net/est.h"
#include "lib/net/keep.h"

/* What stands on the command line besides the keys of the configuration. */
struct options {
	const char *conf;        /* -c FILE */
	const char *out;         /* -o FILE: standard output without */
	const char *key_out;     /* serverkeygen */
	const char *decrypt_key; /* serverkeygen */
	const char *decrypt_cert;
	bool json, force;
	struct flags flags;
	char **operand; /* names of certificates */
	int operands;
};

struct client {
	const char *command;
	struct options options;
	struct settings settings;
};

/* 0: done; -1: `why` says what not; above: the exit status, said already. */
typedef int command_run(struct client *client, struct fail *why);

command_run cacerts_run, csrattrs_run, enroll_run, reenroll_run, renew_run,
    serverkeygen_run, status_run;

/* One line: "est-client COMMAND: NAME: text (cause)".  The exit status. */
int complain(const char *command, const char *name, const struct fail *why);
/* "est-client: warning: …" */
void warn_user(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* ---- options.c ---- */
/* FAIL_CONFIG "usage". */
MUST_CHECK int options_read(
    struct options *options, int argc, char **argv, struct fail *why);

/* ---- trust.c ---- */
/*
 * RFC 7030, 3.6 and 4.1.1: what is trusted of this server before it is asked:
 * the configured anchors and those learnt; without either, the first contact by
 * pin or, if that was asked for in so many words, on trust.  Learnt ones are
 * written.  `anchors` is empty when the system's CAs alone are trusted.
 * FAIL_CONFIG "trust" when there is nothing to go by.
 */
MUST_CHECK int trust_begin(
    STACK_OF(X509) * anchors, const struct server *server, struct fail *why);
/*
 * After an authenticated cacerts answer: roots that an old one vouches for join
 * `anchors` and are written; strangers are told, and not trusted (RFC 4210,
 * 4.4).  Through the system's CAs alone the answer's roots become explicit
 * anchors (RFC 7030, 4.1.3).
 */
MUST_CHECK int trust_follow(STACK_OF(X509) * anchors,
    const struct server *server, const STACK_OF(X509) * cacerts,
    struct fail *why);
/* RFC 7030, 4.1.2: is it a day or longer since trust_follow()? */
bool trust_is_old(const struct server *server);
/* The part of a cacerts answer that ends in an anchor. */
STACK_OF(X509) * trust_select(const STACK_OF(X509) * cacerts,
		     const STACK_OF(X509) * anchors);

/* ---- source.c ---- */
/* A server, what is trusted of it, and who we are to it. */
struct source {
	const struct certificate *cert;
	struct keep_plan plan;
	struct keep_source keep; /* for keep_run(): arg is this struct */
	STACK_OF(X509) * anchors;
	bool trusted; /* trust_begin() filled them */
	X509_NAME *subject;
	GENERAL_NAMES *san;
	const char **hook;
};
/* Nothing is asked yet.  FAIL_CONFIG "config". */
MUST_CHECK int source_open(
    struct source *source, const struct certificate *cert, struct fail *why);
void source_close(struct source *source);

/* A conversation, after trust_begin(); `as` NULL: with what is configured for
 * the first time. */
struct talk {
	struct est *est;
	struct est_server server;
	struct est_auth auth;
	STACK_OF(X509) * certs;
	struct key *key;
	struct bytes password;
};
/* RFC 7030, 4.1.2: the CA's certificates once a day, so that a new root is
 * known before it is needed.  A failure is a warning. */
void roots_refresh(struct source *source);
MUST_CHECK int talk_open(struct talk *talk, struct source *source,
    const struct keep_pair *as, struct fail *why);
void talk_close(struct talk *talk);
/* The pair in use that has not ended, or NULL.  FAIL_BROKEN "pair". */
MUST_CHECK int talk_pair(
    struct keep_pair **pair, const struct source *source, struct fail *why);

/* ---- ask.c ---- */
/* Source and conversation of the certificate named, or the only one. */
MUST_CHECK int talk_find(struct talk *talk, struct source *source,
    struct client *client, struct fail *why);

/* ---- output ---- */
/* To a file (replaced whole) or standard output. */
MUST_CHECK int put_out(
    const char *path, struct span text, mode_t mode, struct fail *why);
void pem_add(struct bytes *out, const X509 *cert);
/* "sha256:hex" of the DER; `out` holds 72. */
void fingerprint(char out[72], const X509 *cert);

#endif

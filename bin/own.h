/*
 * own - the certificates of our own: intermediate, device, server, client
 * (design section 8).
 *
 * keep.h does the work, in state/own/NAME; here is what each of the four asks
 * of it, where its certificates come from, what takes them into use, and what
 * is recorded of it all.  docs/upstream.md tells operators.
 *
 * What a certificate is asked for with: `client` shows itself, before it is
 * there its initial certificate; the others show `client`.  Where there is
 * none, a device or server shows itself.  A CA's certificate is none that a TLS
 * client could show (RFC 7030, 4.2.2 wants the one that is renewed), so an
 * intermediate is renewed by simpleenroll, under its old name.
 */
#ifndef MICROCA_OWN_H
#define MICROCA_OWN_H

#include "bin/microca.h"
#include "lib/net/keep.h"

struct own_link; /* own_upstream.c: a connection to the server above */

/* One certificate that is looked after. */
struct own_run {
	struct tool *tool;
	const struct settings *settings;
	const struct own *own;
	const char *name;    /* "server" */
	struct store *store; /* where it is recorded: own_tend(), own_take() */
	struct keep_plan plan;
	struct keep_source source;  /* certify NULL: by hand */
	STACK_OF(X509) * anchors;   /* where its chain may end: plan.anchors */
	STACK_OF(X509) * published; /* what the server's cacerts showed */
	struct above *above;        /* lists of the CAs above; NULL: none */
	struct own_link *link;
	int64_t activate; /* an intermediate was staged: issues from then */
	bool replace;     /* an intermediate that is worse is taken too */
};

/* All of it that needs no network; tool_become_owner() was.  own_close() in
 * any case. */
MUST_CHECK int own_open(struct own_run *run, struct tool *tool,
    const struct own *own, struct fail *why);
void own_close(struct own_run *run);

/*
 * Do what is due; `force`: although nothing is.  What came of it is recorded in
 * the audit chain and said on standard output in one line.  Fails as
 * keep_run(), and with what its status says while it waits for the next try.
 */
MUST_CHECK int own_tend(
    struct own_run *run, struct store *store, bool force, struct fail *why);
/* The same for certificates that came by hand. */
MUST_CHECK int own_take(struct own_run *run, struct store *store,
    const STACK_OF(X509) * certs, struct fail *why);
/* state/NAME, made where it is not there. */
MUST_CHECK int own_folder(
    const struct settings *settings, const char *name, struct fail *why);
/* "server: good, CN=x, until …" */
void own_print(const struct own_run *run, const struct keep_status *status);

/* ---- own_upstream.c: the EST server above ---- */
/* plan.anchors and source.  FAIL_CONFIG: a file of the configuration. */
MUST_CHECK int own_upstream(struct own_run *run, struct fail *why);
void own_link_close(struct own_link *link);

/* ---- own_anchors.c: by what it is trusted ---- */
/* Those of the configuration, and what was learnt since they were named. */
MUST_CHECK int own_anchors_read(STACK_OF(X509) * *anchors,
    const struct settings *settings, struct fail *why);
/* Learnt: keep them. */
MUST_CHECK int own_anchors_write(const struct settings *settings,
    const STACK_OF(X509) * anchors, struct fail *why);

/* ---- own_crls.c: whom the CAs above have revoked ---- */
/* Fetch the lists of upstream.crls that have a URL, once an hour at most.  One
 * that cannot be had, or that is not good, is a warning.  FAIL_BROKEN "folder". */
MUST_CHECK int own_crls(const struct settings *settings, struct fail *why);

/* ---- own_self.c: this CA ---- */
void own_self(struct own_run *run);

/* ---- own_intermediate.c ---- */
/* accept() and activate(): the rules and the staging of lib/ca/issuers.h. */
void own_intermediate(struct own_run *run);
/* One is staged at a time: FAIL_BUSY "issuer-staged" while one is. */
MUST_CHECK int own_intermediate_free(
    const struct own_run *run, struct fail *why);
/* Before a run: the issuer in use becomes the pair in use, and the CA's key
 * that no certificate is for the first one's. */
MUST_CHECK int own_intermediate_adopt(struct own_run *run, struct fail *why);

/* ---- own_server.c ---- */
/* activate(): public/server.pem and server.key. */
void own_server(struct own_run *run);
/* Is the pair in use what the web server finds?  If not, publish it. */
MUST_CHECK int own_server_publish(struct own_run *run, struct fail *why);

/* ---- own_record.c: audit and alarms ---- */
void own_record(struct own_run *run, struct store *store,
    const struct keep_status *before, const struct keep_status *after,
    bool changed, struct fail *why);
/* Thresholds of life left, 50, 25, 10 and 5 %, while its renewal does not
 * succeed: the one that was crossed, or 0. */
int own_alarm(const struct keep_status *status);

#endif

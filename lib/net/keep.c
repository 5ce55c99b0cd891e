#include "lib/net/keep.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "lib/base/file.h"
#include "lib/base/when.h"
#include "lib/net/keep_check.h"
#include "lib/net/keep_due.h"
#include "lib/net/keep_folder.h"
#include "lib/net/keep_hook.h"
#include "lib/net/keep_request.h"
#include "lib/net/keep_status.h"
#include "lib/wire/cert.h"

#define PENDING_MOST (30 * 86400) /* s that a request waits at most */
#define CLOCK_SKEW 86400          /* s before notBefore: the clock is wrong */

/* One run, under the folder's lock. */
struct run {
	const struct keep_plan *plan;
	const struct keep_source *source; /* NULL: by hand */
	struct keep_pair *pair;           /* in use, or NULL */
	unsigned current, waiting;        /* generations; 0: none */
	struct keep_status status;
	int64_t now;
	int lock;
	bool changed;
};

static int
run_begin(struct run *run, const struct keep_plan *plan,
    const struct keep_source *source, struct fail *why)
{
	unsigned previous;

	*run = (struct run){.plan = plan, .source = source, .lock = -1};
	run->status.life_left_percent = -1;
	run->now = when_now();
	if (keep_folder_open(&run->lock, plan->folder, why) != 0 ||
	    keep_link_read(&run->current, plan->folder, "current", why) != 0 ||
	    keep_link_read(&previous, plan->folder, "previous", why) != 0 ||
	    keep_waiting(&run->waiting, plan->folder, run->current, why) != 0)
		return -1;
	if (run->current != 0 &&
	    keep_pair_at(&run->pair, plan->folder, run->current, why) != 0)
		return -1;
	keep_history_read(&run->status, plan->folder);
	if (run->status.tried == 0 && run->waiting != 0) /* a lost status */
		run->status.pending_since =
		    keep_request_since(plan, run->waiting);
	return 0;
}

static void
run_end(struct run *run)
{
	keep_pair_free(run->pair);
	keep_status_free(&run->status);
	if (run->lock >= 0)
		(void)close(run->lock);
}

/* ---- into use ----------------------------------------------------------- */

/* What the plan does with a new pair besides the link; done again by the next
 * run until it succeeds. */
static int
use(struct run *run, struct fail *why)
{
	const struct keep_plan *plan = run->plan;

	if (run->current == 0 ||
	    !keep_has(plan->folder, run->current, KEEP_UNUSED))
		return 0;
	if (plan->activate != NULL &&
	    plan->activate(plan->arg, run->pair, why) != 0)
		return -1;
	if (plan->hook != NULL && keep_hook_run(plan->hook, plan->name,
				      plan->folder, KEEP_HOOK_WAIT, why) != 0)
		return -1;
	keep_remove(plan->folder, run->current, KEEP_UNUSED);
	return 0;
}

/*
 * The pair before stays by its link from before the switch on, so that at no
 * moment there is none.
 */
static int
links_turn(struct run *run, struct fail *why)
{
	const char *folder = run->plan->folder;

	if (run->current != 0 &&
	    keep_link_set(folder, "previous", run->current, why) != 0)
		return -1;
	return keep_link_set(folder, "current", run->waiting, why);
}

static int
turn(struct run *run, struct keep_pair *next, struct fail *why)
{
	static const struct span nothing = {0};
	const char *folder = run->plan->folder;
	unsigned before = run->current;

	if (keep_put(folder, run->waiting, KEEP_UNUSED, nothing, 0644, why) !=
		0 ||
	    links_turn(run, why) != 0) {
		keep_pair_free(next);
		return -1;
	}
	keep_pair_free(run->pair);
	run->pair = next;
	run->current = run->waiting;
	run->waiting = 0;
	run->changed = true;
	keep_remove(folder, run->current, KEEP_CSR);
	keep_remove(folder, run->current, KEEP_SINCE);
	keep_sweep(folder, run->current, before, 0);
	return 0;
}

static void
pem_add(struct bytes *out, const X509 *cert)
{
	struct bytes der = {0};

	cert_der_add(&der, cert);
	cert_pem_write(out, span_of(&der));
	bytes_free(&der);
}

/* The certificate last: with it the generation is answered. */
static int
chain_put(const struct run *run, const STACK_OF(X509) * chain, struct fail *why)
{
	struct bytes all = {0}, leaf = {0};
	int i, rc;

	for (i = 0; i < sk_X509_num(chain); i++)
		pem_add(&all, sk_X509_value(chain, i));
	pem_add(&leaf, sk_X509_value(chain, 0));
	rc = keep_put(run->plan->folder, run->waiting, KEEP_CHAIN,
	    span_of(&all), 0644, why);
	if (rc == 0)
		rc = keep_put(run->plan->folder, run->waiting, KEEP_CERT,
		    span_of(&leaf), 0644, why);
	bytes_free(&all);
	bytes_free(&leaf);
	return rc;
}

/* Answers that say nothing about the request: it may still be waiting there,
 * or its answer got lost. */
static bool
is_answer(const struct fail *why)
{
	static const char *const none[] = {
	    "up-tls", "up-authz", "pin", "up-redirect", "up-auth"};
	size_t i;

	if (strcmp(why->reason, "up-cert") == 0)
		return true;
	if (why->kind != FAIL_DENIED)
		return false;
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (strcmp(why->reason, none[i]) == 0)
			return false;
	return true;
}

/* What is stored of the generation that waits: used once, then for good. */
static int
settle(struct run *run, struct fail *why)
{
	struct keep_pair *next;

	if (keep_pair_at(&next, run->plan->folder, run->waiting, why) != 0)
		return -1;
	if (next->not_after <= run->now) {
		keep_request_answered(run->plan, run->waiting);
		keep_pair_free(next);
		return fail(why, FAIL_DENIED, "up-cert",
		    "the certificate expired before it was used");
	}
	if (run->source == NULL || run->source->probe == NULL ||
	    run->source->probe(run->source->arg, next, why) == 0)
		return turn(run, next, why);
	if (is_answer(why)) {
		keep_reject(run->plan->folder, next->leaf, NULL, why);
		keep_request_answered(run->plan, run->waiting);
	}
	keep_pair_free(next);
	return -1;
}

/* A certificate came: checked, stored, used. */
static int
take(struct run *run, struct span csr, X509 *leaf,
    const STACK_OF(X509) * others, struct fail *why)
{
	STACK_OF(X509) *chain = NULL;
	int rc = -1;

	if (keep_check(&chain, run->plan, leaf, others, csr,
		run->pair != NULL ? run->pair->leaf : NULL, run->now,
		why) != 0) {
		keep_reject(run->plan->folder, leaf, others, why);
		/* By hand: the right one may lie beside it. */
		if (run->source != NULL)
			keep_request_answered(run->plan, run->waiting);
	} else if (chain_put(run, chain, why) == 0) {
		rc = settle(run, why);
	}
	sk_X509_pop_free(chain, X509_free);
	return rc;
}

/* ---- asking ------------------------------------------------------------- */

static bool
expired(const struct run *run)
{
	return run->pair != NULL && run->now >= run->pair->not_after;
}

static int
certify(struct run *run, const struct bytes *csr, struct fail *why)
{
	const struct keep_source *source = run->source;
	STACK_OF(X509) *others = NULL;
	X509 *leaf = NULL;
	int rc = source->certify(source->arg, &leaf, &others, span_of(csr),
	    expired(run) ? NULL : run->pair, why);

	if (rc == 0) {
		rc = take(run, span_of(csr), leaf, others, why);
	} else if (is_answer(why)) {
		if (leaf != NULL)
			keep_reject(run->plan->folder, leaf, others, why);
		keep_request_answered(run->plan, run->waiting);
	}
	X509_free(leaf);
	sk_X509_pop_free(others, X509_free);
	return rc;
}

static int
ask(struct run *run, struct fail *why)
{
	const char *folder = run->plan->folder;
	struct bytes csr = {0};
	bool answered = run->waiting != 0 &&
	                keep_has(folder, run->waiting, KEEP_CERT) &&
	                keep_has(folder, run->waiting, KEEP_CHAIN);
	int rc;

	if (answered) /* and the run that got it was cut */
		return settle(run, why);
	rc = keep_request_make(&csr, &run->waiting, run->plan, run->pair,
	    run->pair != NULL && !expired(run), run->source, why);
	if (rc == 0)
		rc = certify(run, &csr, why);
	bytes_free(&csr);
	return rc;
}

/* ---- what is told ------------------------------------------------------- */

static uint32_t
dice(void)
{
	uint32_t n = 0;

	(void)RAND_bytes((unsigned char *)&n, sizeof(n));
	return n;
}

static void
texts_clear(struct keep_status *status)
{
	free(status->reason);
	free(status->text);
	status->reason = status->text = NULL;
}

static void
tell_success(struct run *run)
{
	struct keep_status *status = &run->status;

	texts_clear(status);
	status->state = KEEP_GOOD;
	status->failures = 0;
	status->next_try = status->pending_since = 0;
	if (run->changed)
		status->succeeded = run->now;
}

/* What the disk or a token does not do is not the request's fault. */
static enum keep_state
state_of(const struct fail *why)
{
	switch (why->kind) {
	case FAIL_PENDING:
		return KEEP_PENDING;
	case FAIL_DENIED:
	case FAIL_MALFORMED:
	case FAIL_ANONYMOUS:
		return KEEP_REFUSED;
	default:
		return KEEP_RETRY;
	}
}

static void
tell_failure(struct run *run, const struct fail *why)
{
	struct keep_status *status = &run->status;
	int64_t left = run->pair != NULL ? run->pair->not_after - run->now : 0;
	int64_t most = run->plan->ask_again > 0 ? run->plan->ask_again : 86400;

	texts_clear(status);
	status->state = state_of(why);
	status->reason = str_dup(why->reason);
	status->text = str_dup(why->text);
	if (is_answer(why))
		status->pending_since = 0;
	if (status->state == KEEP_PENDING) {
		status->failures = 0;
		status->next_try = run->now + keep_patience(why->retry, dice());
		if (status->pending_since == 0)
			status->pending_since = run->now;
		return;
	}
	if (status->failures < 1000000)
		status->failures++;
	status->next_try = run->now + keep_backoff(status->failures, most,
					  why->retry, left, dice());
}

/* By hand nothing came into use: the request waits as it did. */
static void
tell_refused_by_hand(struct run *run, const struct fail *why)
{
	struct keep_status *status = &run->status;

	texts_clear(status);
	status->reason = str_dup(why->reason);
	status->text = str_dup(why->text);
	if (status->failures < 1000000)
		status->failures++;
}

/* The status is written whatever happened; that it cannot be is worth telling
 * only when all else went well. */
static int
tell(struct run *run, int rc, struct fail *why)
{
	struct fail unwritten = {0};

	run->status.tried = run->now;
	if (rc == 0)
		tell_success(run);
	else if (run->source == NULL && !run->changed)
		tell_refused_by_hand(run, why);
	else
		tell_failure(run, why);
	if (run->waiting == 0)
		run->status.pending_since = 0;
	keep_status_judge(&run->status, run->plan, run->pair, run->now);
	if (keep_status_write(&run->status, run->plan, &unwritten) != 0 &&
	    rc == 0) {
		*why = unwritten;
		return -1;
	}
	return rc;
}

/* ---- the run ------------------------------------------------------------ */

/* RFC 7030, 4.2.3: not before the time that the server named; our own back-off
 * is ours to shorten.  A time beyond all back-offs is a clock that jumped. */
static bool
must_wait(const struct run *run, bool force, struct fail *why)
{
	const struct keep_status *status = &run->status;
	int64_t left = status->next_try - run->now;
	int64_t most = run->plan->ask_again > 0 ? run->plan->ask_again : 86400;

	if (left <= 0 || left > 2 * (most > 86400 ? most : 86400) ||
	    run->now < status->tried)
		return false;
	if (status->state != KEEP_PENDING)
		return !force;
	fail(why, FAIL_PENDING, "up-pending",
	    "RFC 7030, 4.2.3: the request waits for its approval: the next "
	    "try is in %lld s",
	    (long long)left);
	fail_retry(why, (int)left);
	return true;
}

static int
clock_check(const struct run *run, struct fail *why)
{
	if (run->pair == NULL || run->now + CLOCK_SKEW >= run->pair->not_before)
		return 0;
	return fail(why, FAIL_BUSY, "clock",
	    "the clock is wrong: it says a time before the certificate in "
	    "use began");
}

static void
pending_limit(struct run *run)
{
	if (run->waiting == 0 || run->status.pending_since == 0 ||
	    run->now - run->status.pending_since < PENDING_MOST)
		return;
	keep_request_answered(run->plan, run->waiting);
	run->status.pending_since = 0;
}

static bool
is_due(const struct run *run)
{
	struct keep_status now = {.state = KEEP_GOOD};
	bool due;

	if (run->pair == NULL ||
	    (run->waiting != 0 &&
		(keep_has(run->plan->folder, run->waiting, KEEP_CSR))))
		return true;
	keep_status_judge(&now, run->plan, run->pair, run->now);
	due = now.state != KEEP_GOOD;
	keep_status_free(&now);
	return due;
}

static int
work(struct run *run, bool due, struct fail *why)
{
	struct fail ignored = {0};

	if (clock_check(run, why) != 0)
		return -1;
	if (due) {
		pending_limit(run);
		if (ask(run, why) != 0) {
			(void)!use(run, &ignored);
			return -1;
		}
	}
	return use(run, why);
}

static bool
is_unused(const struct run *run)
{
	return run->current != 0 &&
	       keep_has(run->plan->folder, run->current, KEEP_UNUSED);
}

static int
run_do(struct run *run, bool force, struct fail *why)
{
	bool due = force || is_due(run);

	if (must_wait(run, force, why))
		/* Without force it is only told, in the status. */
		return force ? -1 : 0;
	if (!due && !is_unused(run)) {
		if (run->status.state == KEEP_NONE || run->status.failures > 0)
			return tell(run, 0, why);
		return 0;
	}
	return tell(run, work(run, due, why), why);
}

int
keep_run(bool *changed, const struct keep_plan *plan,
    const struct keep_source *source, bool force, struct fail *why)
{
	struct run run;
	int rc = run_begin(&run, plan, source, why);

	if (rc == 0)
		rc = run_do(&run, force, why);
	*changed = run.changed;
	run_end(&run);
	return rc;
}

/* ---- by hand ------------------------------------------------------------ */

int
keep_csr(struct bytes *der, const struct keep_plan *plan, struct fail *why)
{
	struct run run;
	int rc = run_begin(&run, plan, NULL, why);

	if (rc == 0)
		rc = keep_request_make(der, &run.waiting, plan, run.pair,
		    run.pair != NULL && !expired(&run), NULL, why);
	if (rc == 0) {
		texts_clear(&run.status);
		run.status.state = KEEP_PENDING;
		if (run.status.pending_since == 0)
			run.status.pending_since = run.now;
		run.status.next_try = 0;
		keep_status_judge(&run.status, plan, run.pair, run.now);
		rc = keep_status_write(&run.status, plan, why);
	}
	run_end(&run);
	return rc;
}

/* The one that the request's key is in, the others. */
static int
sort_out(X509 **leaf, STACK_OF(X509) * *others, const STACK_OF(X509) * certs,
    const struct bytes *csr, struct fail *why)
{
	const unsigned char *p = csr->data;
	X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)csr->len);
	EVP_PKEY *key = req != NULL ? X509_REQ_get0_pubkey(req) : NULL;
	int i;

	*leaf = NULL;
	*others = sk_X509_new_null();
	for (i = 0; i < sk_X509_num(certs); i++) {
		X509 *cert = sk_X509_value(certs, i);

		if (*leaf == NULL && key != NULL &&
		    EVP_PKEY_eq(X509_get0_pubkey(cert), key) == 1)
			*leaf = cert;
		else if (sk_X509_push(*others, cert) <= 0)
			abort();
	}
	X509_REQ_free(req);
	if (*leaf != NULL)
		return 0;
	return fail(why, FAIL_DENIED, "up-cert",
	    "none of the certificates is for the key of the request");
}

static int
install(struct run *run, const STACK_OF(X509) * certs, struct fail *why)
{
	STACK_OF(X509) *others = NULL;
	struct bytes csr = {0};
	X509 *leaf;
	int rc = -1;

	if (keep_request_make(&csr, &run->waiting, run->plan, run->pair, false,
		NULL, why) == 0 &&
	    sort_out(&leaf, &others, certs, &csr, why) == 0 &&
	    take(run, span_of(&csr), leaf, others, why) == 0)
		rc = use(run, why);
	sk_X509_free(others);
	bytes_free(&csr);
	return rc;
}

static int
waits(const struct run *run, struct fail *why)
{
	if (run->waiting != 0 &&
	    keep_has(run->plan->folder, run->waiting, KEEP_CSR))
		return 0;
	return fail(why, FAIL_ABSENT, "pair",
	    "%s: no request waits for a certificate", run->plan->name);
}

int
keep_install(bool *changed, const struct keep_plan *plan,
    const STACK_OF(X509) * certs, struct fail *why)
{
	struct run run;
	int rc = run_begin(&run, plan, NULL, why);

	if (rc == 0)
		rc = waits(&run, why);
	if (rc == 0) {
		rc = install(&run, certs, why);
		rc = tell(&run, rc, why);
	}
	*changed = run.changed;
	run_end(&run);
	return rc;
}

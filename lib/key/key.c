#include "lib/key/job.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>

#include "lib/base/log.h"
#include "lib/base/meter.h"
#include "lib/base/when.h"
#include "lib/key/note.h"
#include "lib/key/p11.h"
#include "lib/key/opened.h"
#include "lib/key/watch.h"

#define DELAY_FIRST 0.5 /* s between openings, doubled to … */
#define DELAY_MOST 30.0
#define DELAY_PIN 5.0 /* looking whether the PIN file changed is cheap */
#define SIGN_WAIT 2.0 /* s that a request waits for an opening */
#define SLOW_OPEN 5.0 /* s after which an opening looks like a hang */

enum state {
	STATE_OPENING, /* an opening runs, or is due at once */
	STATE_READY,
	STATE_WAITING /* the next opening is at `due` */
};

struct key {
	pthread_t opener;
	pthread_mutex_t lock; /* for all below */
	pthread_cond_t changed;
	enum state state;
	bool stop;
	unsigned opening; /* counts: what failed under an older one is past */
	double since, due, delay;
	struct fail why;      /* what is wrong, unless READY */
	struct place *place;  /* the opener's */
	struct place *next;   /* to move to */
	struct opened opened; /* set while READY */
};

/* What one signature needs, held by key_enter(). */
struct use {
	EVP_PKEY *private; /* borrowed, until tokens_leave() */
	EVP_PKEY *public;  /* a reference */
	unsigned opening;
	struct token *token; /* borrowed likewise; NULL: a file */
};

/* ---- the state, under the lock ------------------------------------------ */

static void
wait_until(struct key *key, double until)
{
	struct timespec t = {(time_t)until, 0};

	t.tv_nsec = (long)((until - (double)t.tv_sec) * 1e9);
	(void)pthread_cond_timedwait(&key->changed, &key->lock, &t);
}

/* Why it is not usable; -1. */
static int
tell(const struct key *key, struct fail *why)
{
	double now = when_clock(), left = key->due - now;

	if (key->state == STATE_OPENING && now - key->since > SLOW_OPEN)
		fail(why, FAIL_BUSY, "token-module",
		    "the token's module has not answered for %d s",
		    (int)(now - key->since));
	else
		*why = key->why;
	return fail_retry(why, left < 4 ? 5 : left > 29 ? 30 : (int)left + 1);
}

static void
set_why(struct key *key, const struct fail *why)
{
	bool news = key->why.reason == NULL ||
	            strcmp(key->why.reason, why->reason) != 0;

	key->why = *why;
	if (news)
		log_fail("key", why);
}

/* The opening that `opening` counts is of no more use. */
static void
key_lost(
    struct key *key, unsigned opening, const struct fail *why, double delay)
{
	pthread_mutex_lock(&key->lock);
	if (key->state == STATE_READY && key->opening == opening) {
		set_why(key, why);
		key->since = when_clock();
		key->due = key->since + delay;
		key->state = delay > 0 ? STATE_WAITING : STATE_OPENING;
		pthread_cond_broadcast(&key->changed);
	}
	pthread_mutex_unlock(&key->lock);
}

/* ---- opening, in the opener's thread ------------------------------------ */

static void
close_now(struct key *key)
{
	struct opened old;

	pthread_mutex_lock(&key->lock);
	old = key->opened;
	key->opened = (struct opened){0};
	pthread_mutex_unlock(&key->lock);
	opened_close(&old);
}

/* How the opening went, under the lock. */
static void
settle(struct key *key, int rc, const struct opened *opened,
    const struct fail *why)
{
	double most = DELAY_MOST;

	if (rc == 0) {
		key->state = STATE_READY;
		key->opened = *opened;
		key->opening++;
		key->delay = DELAY_FIRST;
		if (key->why.reason != NULL)
			log_write(LOG_LEVEL_INFO, "key: usable");
		key->why = (struct fail){0};
	} else {
		meter_count(METER_TOKEN_ERROR, why->reason, NULL);
		set_why(key, why);
		if (strcmp(why->reason, "token-pin") == 0)
			most = DELAY_PIN;
		key->state = STATE_WAITING;
		key->due = when_clock() + key->delay;
		key->delay = key->delay * 2 > most ? most : key->delay * 2;
	}
	pthread_cond_broadcast(&key->changed);
}

static void
opening(struct key *key)
{
	struct opened opened;
	struct fail why = {0};
	int rc;

	key->state = STATE_OPENING;
	key->since = when_clock();
	if (key->next != NULL) {
		place_free(key->place);
		key->place = key->next;
		key->next = NULL;
	}
	pthread_mutex_unlock(&key->lock);
	close_now(key);
	rc = opened_make(&opened, key->place, &why);
	pthread_mutex_lock(&key->lock);
	if (key->next == NULL) {
		settle(key, rc, &opened, &why);
		return;
	}
	pthread_mutex_unlock(&key->lock);
	opened_close(&opened);
	pthread_mutex_lock(&key->lock);
}

static void *
opener_run(void *arg)
{
	struct key *key = arg;

	pthread_mutex_lock(&key->lock);
	while (!key->stop) {
		if (key->next != NULL || key->state == STATE_OPENING ||
		    (key->state == STATE_WAITING && when_clock() >= key->due))
			opening(key);
		else if (key->state == STATE_WAITING)
			wait_until(key, key->due);
		else
			pthread_cond_wait(&key->changed, &key->lock);
	}
	pthread_mutex_unlock(&key->lock);
	return NULL;
}

/* ---- the handle --------------------------------------------------------- */

static void
key_make(struct key *key, struct place *place)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&key->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&key->changed, &attr);
	pthread_condattr_destroy(&attr);
	key->place = place;
	key->delay = DELAY_FIRST;
	key->since = when_clock();
	/* Not through set_why(): the first opening is no news. */
	fail(&key->why, FAIL_BUSY, "token-session", "the key is being opened");
}

int
key_open(struct key **key, const struct key_place *place, struct fail *why)
{
	struct place *p;
	struct key *k;

	*key = NULL;
	if (place_read(&p, place, why) != 0)
		return -1;
	k = mem_new(sizeof(*k));
	key_make(k, p);
	if (pthread_create(&k->opener, NULL, opener_run, k) != 0)
		abort();
	*key = k;
	return 0;
}

void
key_free(struct key *key)
{
	if (key == NULL)
		return;
	pthread_mutex_lock(&key->lock);
	key->stop = true;
	pthread_cond_broadcast(&key->changed);
	pthread_mutex_unlock(&key->lock);
	pthread_join(key->opener, NULL);
	close_now(key);
	place_free(key->place);
	place_free(key->next);
	pthread_cond_destroy(&key->changed);
	pthread_mutex_destroy(&key->lock);
	free(key);
}

int
key_move(struct key *key, const struct key_place *place, struct fail *why)
{
	struct place *p;

	if (place_read(&p, place, why) != 0)
		return -1;
	pthread_mutex_lock(&key->lock);
	if (key->state == STATE_READY && key->next == NULL &&
	    place_equal(p, key->place)) {
		place_free(p);
	} else {
		place_free(key->next);
		key->next = p;
		key->state = STATE_OPENING;
		key->since = when_clock();
		key->delay = DELAY_FIRST;
		fail(&key->why, FAIL_BUSY, "token-session",
		    "the key is being opened");
		pthread_cond_broadcast(&key->changed);
	}
	pthread_mutex_unlock(&key->lock);
	return 0;
}

bool
key_is_file(const struct key *key)
{
	struct key *k = (struct key *)key;
	bool file;

	pthread_mutex_lock(&k->lock);
	file = (k->next != NULL ? k->next : k->place)->uri == NULL;
	pthread_mutex_unlock(&k->lock);
	return file;
}

/* Would waiting longer be of any use? */
static bool
may_mend(const struct key *key)
{
	return key->state == STATE_OPENING ||
	       strcmp(key->why.reason, "token-absent") == 0 ||
	       strcmp(key->why.reason, "token-session") == 0;
}

int
key_ready(struct key *key, double wait, struct fail *why)
{
	double until = when_clock() + wait;
	int rc = 0;

	pthread_mutex_lock(&key->lock);
	while (
	    key->state != STATE_READY && may_mend(key) && when_clock() < until)
		wait_until(key, until);
	if (key->state != STATE_READY)
		rc = tell(key, why);
	pthread_mutex_unlock(&key->lock);
	return rc;
}

void
key_settle(struct key *key, double wait)
{
	double until = when_clock() + wait;

	pthread_mutex_lock(&key->lock);
	while (key->state == STATE_OPENING && when_clock() < until)
		wait_until(key, until);
	pthread_mutex_unlock(&key->lock);
}

int
key_state(struct key *key, struct fail *why)
{
	*why = (struct fail){0};
	return key_ready(key, 0, why);
}

int
key_public(EVP_PKEY **key_out, struct key *key, struct fail *why)
{
	int rc = 0;

	*key_out = NULL;
	pthread_mutex_lock(&key->lock);
	if (key->state != STATE_READY)
		rc = tell(key, why);
	else if (EVP_PKEY_up_ref(key->opened.public) == 1)
		*key_out = key->opened.public;
	pthread_mutex_unlock(&key->lock);
	return rc;
}

/* ---- signing ------------------------------------------------------------ */

/* An opening that runs is waited for; a back-off is not. */
static int
opening_wait(struct key *key, double until, struct fail *why)
{
	int rc = 0;

	pthread_mutex_lock(&key->lock);
	while (key->state == STATE_OPENING && when_clock() < until)
		wait_until(key, until);
	if (key->state != STATE_READY)
		rc = tell(key, why);
	pthread_mutex_unlock(&key->lock);
	return rc;
}

static bool
use_begin(struct use *use, struct key *key)
{
	bool ready, alive = false;

	pthread_mutex_lock(&key->lock);
	ready = key->state == STATE_READY;
	if (ready) {
		alive = opened_alive(&key->opened);
		use->opening = key->opening;
		use->token = key->opened.token;
	}
	if (alive) {
		use->private = opened_private(&key->opened);
		use->public = key->opened.public;
		(void)EVP_PKEY_up_ref(use->public);
	}
	pthread_mutex_unlock(&key->lock);
	if (ready && !alive) {
		struct fail gone = {0};

		fail(&gone, FAIL_BUSY, "token-session",
		    "the module was closed for another key");
		key_lost(key, use->opening, &gone, 0);
	}
	return alive;
}

/* Enter, with a key that stays valid until tokens_leave(). */
static int
key_enter(struct use *use, struct key *key, double until, struct fail *why)
{
	for (;;) {
		if (!tokens_enter(until)) {
			fail(why, FAIL_BUSY, "token-session",
			    "the key is being opened");
			return fail_retry(why, 5);
		}
		if (use_begin(use, key))
			return 0;
		tokens_leave();
		if (opening_wait(key, until, why) != 0)
			return -1;
	}
}

/* One signature, with what a failure means for the key. */
static int
sign_once(struct key *key, const struct use *use, const struct job *job,
    struct fail *why)
{
	struct watch watch;
	double begun = when_clock();
	int ok;

	ERR_clear_error();
	watch_begin(&watch, "signing");
	ok = job->sign(job->what, use->private,
	    job->hash != NULL ? job->hash : opened_hash(use->public));
	watch_end(&watch);
	meter_time(METER_SIGN, when_clock() - begun);
	if (ok > 0)
		return 0;
	why->cause[0] = '\0';
	if (use->token == NULL || p11_error_is_ours()) {
		fail(why, FAIL_BROKEN, "sign", "the key does not sign this");
		return fail_openssl(why, "sign");
	}
	fail(why, FAIL_BUSY, p11_error_word(), "the token does not sign");
	fail_openssl(why, "sign");
	key_lost(key, use->opening, why, 0);
	return fail_retry(why, 5);
}

static int
check(struct key *key, const struct use *use, const struct job *job,
    struct fail *why)
{
	ERR_clear_error();
	if (job->verify(job->what, use->public) == 1)
		return 0;
	fail(why, FAIL_BROKEN, "sign-check",
	    "the signature that the key made is not valid");
	fail_openssl(why, "verify");
	key_lost(key, use->opening, why, DELAY_FIRST);
	return -1;
}

/* `again`: another opening may do better. */
static int
sign_and_check(
    struct key *key, const struct job *job, bool *again, struct fail *why)
{
	struct use use;
	int rc;

	*again = false;
	if (key_enter(&use, key, when_clock() + SIGN_WAIT, why) != 0)
		return -1;
	rc = sign_once(key, &use, job, why);
	tokens_leave();
	if (rc != 0)
		*again = why->kind == FAIL_BUSY;
	else
		rc = check(key, &use, job, why);
	EVP_PKEY_free(use.public);
	return rc;
}

int
key_do(struct key *key, const struct job *job, struct fail *why)
{
	bool again;

	if (sign_and_check(key, job, &again, why) == 0)
		return 0;
	meter_count(METER_TOKEN_ERROR, why->reason, NULL);
	if (!again)
		return -1;
	if (sign_and_check(key, job, &again, why) == 0)
		return 0;
	meter_count(METER_TOKEN_ERROR, why->reason, NULL);
	return -1;
}

/* ---- beside the keys ----------------------------------------------------- */

unsigned
key_opening(struct key *key)
{
	unsigned opening = 0;

	pthread_mutex_lock(&key->lock);
	if (key->state == STATE_READY && key->opened.token != NULL)
		opening = key->opening;
	pthread_mutex_unlock(&key->lock);
	return opening;
}

int
key_in_token(struct key *key,
    int (*step)(
	void *what, void *functions, unsigned long slot, struct fail *why),
    void *what, struct fail *why)
{
	unsigned long slot;
	struct use use;
	void *functions;
	int rc;

	if (key_enter(&use, key, when_clock() + SIGN_WAIT, why) != 0)
		return -1;
	if (use.token == NULL) {
		rc = fail(why, FAIL_CONFIG, "data-object",
		    "the key is in a file, which keeps nothing else");
	} else {
		functions = token_functions(use.token, &slot);
		rc = step(what, functions, slot, why);
	}
	tokens_leave();
	EVP_PKEY_free(use.public);
	return rc;
}

/* ---- what is signed ------------------------------------------------------ */

static int
cert_sign(void *cert, EVP_PKEY *key, const EVP_MD *hash)
{
	return X509_sign(cert, key, hash);
}

static int
cert_verify(void *cert, EVP_PKEY *key)
{
	return X509_verify(cert, key);
}

static int
req_sign(void *req, EVP_PKEY *key, const EVP_MD *hash)
{
	return X509_REQ_sign(req, key, hash);
}

static int
req_verify(void *req, EVP_PKEY *key)
{
	return X509_REQ_verify(req, key);
}

int
key_sign_cert(struct key *key, X509 *cert, const EVP_MD *hash, struct fail *why)
{
	struct job job = {cert_sign, cert_verify, cert, hash};

	return key_do(key, &job, why);
}

int
key_sign_req(
    struct key *key, X509_REQ *req, const EVP_MD *hash, struct fail *why)
{
	struct job job = {req_sign, req_verify, req, hash};

	return key_do(key, &job, why);
}

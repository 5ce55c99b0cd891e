#include "lib/key/token.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/key/p11.h"
#include "lib/key/pin.h"
#include "lib/key/watch.h"

#define TRIES 5
#define LOCK_WAIT 10.0 /* s */

struct token {
	struct p11 *p11; /* NULL: closed by a neighbour */
	int lock;        /* -1: not held */
	struct token *next;
};

static pthread_rwlock_t users;
static pthread_once_t users_once = PTHREAD_ONCE_INIT;
static struct token *open_tokens; /* under `users` for writing */

/* Signers never pause on a busy CA: an opener must not wait for that. */
static void
users_make(void)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(
	    &attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&users, &attr);
	pthread_rwlockattr_destroy(&attr);
}

bool
tokens_enter(double until)
{
	struct timespec t = {(time_t)until, 0};

	t.tv_nsec = (long)((until - (double)t.tv_sec) * 1e9);
	pthread_once(&users_once, users_make);
	return pthread_rwlock_clockrdlock(&users, CLOCK_MONOTONIC, &t) == 0;
}

void
tokens_leave(void)
{
	pthread_rwlock_unlock(&users);
}

static void
enter_alone(void)
{
	pthread_once(&users_once, users_make);
	pthread_rwlock_wrlock(&users);
}

/* C_Finalize ends what others here have in the module: close those too. */
static void
close_with_neighbours(struct p11 *p11)
{
	const void *module = p11_functions(p11, NULL);
	struct token *t;

	if (!p11_close(p11))
		return;
	for (t = open_tokens; t != NULL; t = t->next)
		if (t->p11 != NULL && p11_functions(t->p11, NULL) == module) {
			(void)p11_close(t->p11);
			t->p11 = NULL;
		}
}

static int
open_once(struct token *t, const struct p11_wish *wish, enum p11_pin *said,
    struct fail *why)
{
	struct watch watch;
	int rc;

	enter_alone();
	watch_begin(&watch, "opening the token");
	rc = p11_open(&t->p11, wish, said, why);
	if (rc != 0) {
		close_with_neighbours(t->p11);
		t->p11 = NULL;
	} else {
		t->next = open_tokens;
		open_tokens = t;
	}
	watch_end(&watch);
	tokens_leave();
	return rc;
}

static void
pause_random(void)
{
	unsigned char r = 128;

	(void)RAND_bytes(&r, 1);
	(void)usleep(20000 + r * 120u);
}

/* A PIN that was refused or is locked and a module that is none get no second
 * try, a missing key no third: each failure closes the neighbours' tokens. */
static int
open_tries(struct token *t, const struct p11_wish *wish, const struct pin *pin,
    const char *state, struct fail *why)
{
	enum p11_pin said;
	int tries;

	for (tries = 1;; tries++) {
		*why = (struct fail){0};
		if (open_once(t, wish, &said, why) == 0)
			return 0;
		if (said != P11_PIN_FINE || tries == TRIES ||
		    strcmp(why->reason, "token-module") == 0 ||
		    (tries > 1 && strcmp(why->reason, "token-key") == 0))
			break;
		pause_random();
	}
	if (said == P11_PIN_REFUSED) {
		struct fail other = {0};

		if (pin_refuse(pin, state, &other) != 0)
			log_fail("pin-refused", &other);
	}
	return -1;
}

static int
lock_take(struct token *t, const char *state, struct fail *why)
{
	char *path = file_path(state, "token.lock");
	int rc = file_lock(&t->lock, path, LOCK_WAIT, why);

	if (rc != 0) {
		why->kind = FAIL_BUSY;
		why->reason = "token-session";
	}
	free(path);
	return rc;
}

static void
lock_drop(struct token *t)
{
	if (t->lock >= 0)
		(void)close(t->lock);
	t->lock = -1;
}

int
token_open(struct token **token, const struct token_place *place, bool pick,
    struct fail *why)
{
	struct token *t = mem_new(sizeof(*t));
	struct p11_wish wish = {place->uri, place->module, NULL, pick};
	struct pin pin = {0};
	int rc = -1;

	*token = NULL;
	t->lock = -1;
	if (lock_take(t, place->state, why) == 0 &&
	    (place->pin_file == NULL ||
		pin_read(&pin, place->pin_file, place->uri, place->module,
		    place->state, why) == 0)) {
		wish.pin = pin.len > 0 ? pin.text : NULL;
		rc = open_tries(t, &wish, &pin, place->state, why);
	}
	pin_wipe(&pin);
	if (rc != 0 || pick)
		lock_drop(t);
	if (rc != 0)
		free(t);
	else
		*token = t;
	return rc;
}

void
token_close(struct token *token)
{
	struct token **link;
	struct watch watch;

	if (token == NULL)
		return;
	enter_alone();
	watch_begin(&watch, "closing the token");
	for (link = &open_tokens; *link != token; link = &(*link)->next)
		;
	*link = token->next;
	if (token->p11 != NULL)
		close_with_neighbours(token->p11);
	watch_end(&watch);
	tokens_leave();
	lock_drop(token);
	free(token);
}

bool
token_alive(const struct token *token)
{
	return token->p11 != NULL;
}

EVP_PKEY *
token_private(const struct token *token)
{
	return p11_private(token->p11);
}

EVP_PKEY *
token_public(const struct token *token)
{
	return p11_public(token->p11);
}

void *
token_functions(const struct token *token, unsigned long *slot)
{
	return p11_functions(token->p11, slot);
}

#include "lib/web/status.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/ca/responder.h"
#include "lib/web/saved.h"
#include "lib/web/share.h"
#include "lib/wire/cached.h"
#include "lib/wire/ocsp.h"

#define PATH "/ocsp"

/* Of the whole process; under the lock. */
static struct {
	pthread_mutex_t lock;
	struct saved *saved;
	struct share all, nonce;
} desk = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* One signature at a time: what is paid is then the key's own time. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* One request, on its way. */
struct work {
	struct ca *ca;
	struct ocsp *ocsp;
	struct responder *responder;
	const struct issuer *issuer;
	struct ocsp_status status[OCSP_ASKED_MOST];
	int64_t now, from, until;
	struct bytes answer; /* DER */
	bool saves;          /* without nonce: good for everybody */
};

/* ---- the request -------------------------------------------------------------- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 6960, A.1: URL-encoded base64.  Some do not encode its '/' and '+'. */
static int
path_read(struct bytes *der, const char *path, struct fail *why)
{
	struct bytes text = {0};
	int rc = 0;

	while (*path == '/')
		path++;
	for (; *path != '\0' && rc == 0; path++) {
		int high, low;

		if (*path != '%') {
			bytes_addc(&text, *path);
		} else if ((high = hex_digit(path[1])) >= 0 &&
			   (low = hex_digit(path[2])) >= 0) {
			bytes_addc(&text, (char)(high << 4 | low));
			path += 2;
		} else {
			rc = -1;
		}
	}
	if (rc != 0 || base64_read(der, span_of(&text), why) != 0)
		rc = fail(why, FAIL_MALFORMED, "ocsp",
		    "RFC 6960, A.1: the path holds a request in base64");
	bytes_free(&text);
	return rc;
}

/* Under /ocsp, wherever that is. */
static int
request_read(struct ocsp **ocsp, const struct request *rq, struct fail *why)
{
	const char *rest = strstr(rq->path, PATH);
	struct bytes der = {0};
	int rc;

	if (strcmp(rq->method, "POST") == 0)
		return ocsp_read(ocsp, span_of(&rq->body), why);
	if (rest == NULL || rest[sizeof(PATH) - 1] != '/')
		return fail(why, FAIL_MALFORMED, "ocsp",
		    "RFC 6960, A.1: the request follows " PATH "/");
	rc = path_read(&der, rest + sizeof(PATH) - 1, why);
	if (rc == 0)
		rc = ocsp_read(ocsp, span_of(&der), why);
	bytes_free(&der);
	return rc;
}

/* ---- what is said --------------------------------------------------------------- */

/* The generation that all of them are of: one responder answers for one key.
 * With one name and key in several the one last active. */
static int
issuer_find(struct work *w, struct fail *why)
{
	const struct issuers *all = w->ca->issuers;

	for (size_t i = 0; all != NULL && i < all->n; i++) {
		const struct authority *a = all->item[i]->authority;
		const struct issuer *issuer;

		if (!ocsp_is_of(w->ocsp->asked[0], a->issuer))
			continue;
		issuer = issuers_by_keyid(all, a->keyid, w->now);
		for (size_t j = 0; j < all->n; j++)
			if (all->item[j] == issuer) {
				w->responder = w->ca->responders[j];
				w->issuer = issuer;
			}
		break;
	}
	if (w->responder == NULL)
		return fail(why, FAIL_DENIED, "ocsp-issuer",
		    "RFC 5019, 2.2.3: not a certificate of this CA");
	for (size_t i = 1; i < w->ocsp->n; i++)
		if (!ocsp_is_of(
			w->ocsp->asked[i], w->issuer->authority->issuer))
			return fail(why, FAIL_DENIED, "ocsp-issuer",
			    "RFC 6960, 4.2.2.2: certificates of one issuer in "
			    "a request");
	return 0;
}

/* RFC 6960, 4.4.4: nothing is forgotten, so the status of what has ended is
 * known from the issuer's beginning on. */
static void
status_set(struct ocsp_status *s, const struct store_standing *found,
    const struct work *w)
{
	s->status = V_OCSP_CERTSTATUS_GOOD;
	if (found->status != STORE_GOOD) {
		s->status = V_OCSP_CERTSTATUS_REVOKED;
		s->revoked = found->revoked;
		s->reason = found->reason;
	}
	if (found->not_after < w->now)
		s->archive = w->issuer->authority->not_before;
}

static int
status_find(struct ocsp_status *s, struct work *w, struct fail *why)
{
	char *serial = ocsp_serial(s->asked);
	struct store_standing found;
	bool is = false;
	int rc = 0;

	s->status = V_OCSP_CERTSTATUS_UNKNOWN;
	if (serial != NULL)
		rc = store_standing(w->ca->store, &found, &is,
		    w->issuer->authority->keyid, serial, why);
	if (rc == 0 && is)
		status_set(s, &found, w);
	free(serial);
	return rc;
}

static int
statuses_find(struct work *w, struct fail *why)
{
	for (size_t i = 0; i < w->ocsp->n; i++) {
		w->status[i].asked = w->ocsp->asked[i];
		if (status_find(&w->status[i], w, why) != 0)
			return -1;
	}
	return 0;
}

/* ---- saved, or signed ------------------------------------------------------------ */

/* Who answers, and all that is said. */
static void
answer_key(uint8_t key[SHA256_LEN], const struct work *w)
{
	struct bytes all = {0};

	cert_der_add(&all, w->responder->cert);
	for (size_t i = 0; i < w->ocsp->n; i++) {
		const struct ocsp_status *s = &w->status[i];
		unsigned char *der = NULL;
		int len = i2d_OCSP_CERTID(s->asked, &der);

		if (len > 0)
			bytes_add(&all, der, (size_t)len);
		OPENSSL_free(der);
		bytes_addf(&all, "%d %lld %d %lld", s->status,
		    (long long)s->revoked, s->reason, (long long)s->archive);
	}
	sha256(key, span_of(&all));
	bytes_free(&all);
}

static bool
answer_find(struct work *w, const uint8_t key[SHA256_LEN])
{
	struct saved_one one;
	bool found = false;

	(void)pthread_mutex_lock(&desk.lock);
	if (desk.saved != NULL &&
	    (found = saved_find(desk.saved, &one, key, w->now))) {
		bytes_add(&w->answer, one.octets.data, one.octets.len);
		w->from = one.from;
		w->until = one.until;
	}
	(void)pthread_mutex_unlock(&desk.lock);
	return found;
}

static void
answer_save(const struct work *w, const uint8_t key[SHA256_LEN])
{
	struct saved_one one = {span_of(&w->answer), w->from, w->until};

	(void)pthread_mutex_lock(&desk.lock);
	if (desk.saved == NULL)
		desk.saved = saved_new();
	saved_add(desk.saved, key, &one, (size_t)w->ca->settings->ocsp.cache);
	(void)pthread_mutex_unlock(&desk.lock);
}

static bool
may_sign(const struct settings *s, bool nonce)
{
	double clock = when_clock();
	bool may;

	(void)pthread_mutex_lock(&desk.lock);
	may = share_left(&desk.all, s->ocsp.share, clock) &&
	      (!nonce || share_left(&desk.nonce, s->ocsp.nonce_share, clock));
	(void)pthread_mutex_unlock(&desk.lock);
	return may;
}

static void
pay(double seconds, bool nonce)
{
	(void)pthread_mutex_lock(&desk.lock);
	share_pay(&desk.all, seconds);
	if (nonce)
		share_pay(&desk.nonce, seconds);
	(void)pthread_mutex_unlock(&desk.lock);
}

/* A key in a file costs the processor's time, a token's its own. */
static double
cost_clock(const struct responder *r)
{
	struct timespec t;

	if (!key_is_file(r->key))
		return when_clock();
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
sign(struct work *w, bool nonce, struct fail *why)
{
	struct ocsp_answer answer = {.status = w->status,
	    .n = w->ocsp->n,
	    .this_update = w->now,
	    .next_update = w->now + w->ca->settings->ocsp.period,
	    .nonce = nonce ? w->ocsp : NULL,
	    .responder = w->responder->cert};
	struct fail token = {0};
	double began;
	int rc = -1;

	if (responder_ready(&answer.key, w->ca, w->responder, w->now, why) != 0)
		return -1;
	if (answer.next_update > w->responder->not_after)
		answer.next_update = w->responder->not_after;
	w->from = answer.this_update;
	w->until = answer.next_update;
	(void)pthread_mutex_lock(&turn);
	if (may_sign(w->ca->settings, nonce)) {
		began = cost_clock(w->responder);
		rc = ocsp_write(&w->answer, &answer, why);
		/* A token that went away is no fault of ours. */
		if (rc != 0 && key_lent_state(answer.key, &token) != 0)
			*why = token;
		pay(cost_clock(w->responder) - began, nonce);
	} else {
		fail(why, FAIL_LIMIT, "ocsp-share",
		    "signing has had its share of the time");
	}
	(void)pthread_mutex_unlock(&turn);
	return rc;
}

static int
answer_make(struct work *w, struct fail *why)
{
	uint8_t key[SHA256_LEN];

	if (w->responder->cert != NULL &&
	    responder_standing(w->responder, w->ca->store, w->issuer, why) != 0)
		return -1;
	if (w->ocsp->nonce) {
		if (sign(w, true, why) == 0)
			return 0;
		if (why->kind != FAIL_LIMIT)
			return -1;
		*why = (struct fail){0};
	}
	w->saves = !w->ocsp->nonce;
	if (w->responder->cert == NULL)
		return sign(w, false, why);
	answer_key(key, w);
	if (answer_find(w, key))
		return 0;
	if (sign(w, false, why) != 0)
		return -1;
	answer_save(w, key);
	return 0;
}

/* ---- over HTTP --------------------------------------------------------------------- */

/* RFC 5019, 6.2: what is good for everybody may be kept until nextUpdate. */
static void
cache_say(struct reply *rp, const struct work *w, const struct request *rq)
{
	char tag[2 * SHA256_LEN + 1], etag[40], from[CACHED_DATE],
	    until[CACHED_DATE];
	uint8_t hash[SHA256_LEN];

	sha256(hash, span_of(&w->answer));
	hex_write(tag, (struct span){hash, 16}, false);
	(void)snprintf(etag, sizeof(etag), "\"%.32s\"", tag);
	cached_date(from, w->from);
	cached_date(until, w->until);
	bytes_addf(&rp->cache,
	    "Cache-Control: max-age=%lld, public, no-transform, "
	    "must-revalidate\r\nETag: %s\r\nLast-Modified: %s\r\n"
	    "Expires: %s\r\n",
	    (long long)(w->until - w->now), etag, from, until);
	/* Not by date: two answers of one second may say different things. */
	if (cached_still(
		&(struct cached_ask){rq->if_none_match, NULL}, etag, 0)) {
		rp->status = 304;
		rp->type = NULL;
		rp->body.len = 0;
	}
}

static void
log_error(const struct request *rq, const struct fail *why)
{
	log_write(why->kind == FAIL_BROKEN ? LOG_LEVEL_ERROR
		  : why->kind == FAIL_BUSY ? LOG_LEVEL_WARN
					   : LOG_LEVEL_INFO,
	    "%s: %s (%s) from %s (request %s)", why->reason, why->text,
	    why->cause, rq->peer, rq->id);
}

int
status_run(
    struct ca *ca, const struct request *rq, struct reply *rp, struct fail *why)
{
	struct work w = {.ca = ca, .now = when_now()};
	bool done = request_read(&w.ocsp, rq, why) == 0 &&
	            issuer_find(&w, why) == 0 && statuses_find(&w, why) == 0 &&
	            answer_make(&w, why) == 0;

	rp->type = "application/ocsp-response";
	if (done) {
		bytes_add(&rp->body, w.answer.data, w.answer.len);
		if (w.saves && strcmp(rq->method, "POST") != 0)
			cache_say(rp, &w, rq);
	} else {
		/* RFC 6960, 4.2.1: said by an answer of its own, not signed. */
		log_error(rq, why);
		ocsp_write_error(&rp->body, why);
	}
	bytes_free(&w.answer);
	ocsp_free(w.ocsp);
	return 0;
}

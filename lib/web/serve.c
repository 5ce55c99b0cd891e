#include "lib/web/serve.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/base/meter.h"
#include "lib/base/when.h"
#include "lib/ca/sightings.h"
#include "lib/web/answer.h"
#include "lib/web/cgi.h"
#include "lib/web/confine.h"
#include "lib/web/crew.h"
#include "lib/web/diary.h"
#include "lib/web/fcgi.h"
#include "lib/web/intake.h"
#include "lib/web/live.h"
#include "lib/web/probed.h"
#include "lib/web/pulse.h"
#include "lib/web/shown.h"

struct server {
	const struct operation *op;
	const char *conf; /* -c, or NULL */
	pthread_mutex_t lock;
	struct live *live; /* under lock; each request holds its own */
	struct crew *crew;
	struct diary diary;
	struct pulse pulse; /* as last written */
	double looked;      /* when_clock() of the last look */
};

static struct live *
live_now(struct server *sv)
{
	struct live *live;

	(void)pthread_mutex_lock(&sv->lock);
	live = live_hold(sv->live);
	(void)pthread_mutex_unlock(&sv->lock);
	return live;
}

/* Whoever shows a certificate uses it, also where nobody has to show one. */
static void
sighted(const struct operation *op, const struct settings *settings,
    const struct request *rq, char *const *env)
{
	struct bytes other = {0};
	struct fail why = {0};
	struct span der = span_of(&rq->client_cert);

	if (rq->endpoint == NULL || !sightings_wanted(settings))
		return;
	if (!op->certificate &&
	    shown_read(&other, rq->frontend, true, env, &why) == 0)
		der = span_of(&other);
	if (der.len > 0 && sightings_note(settings, der, &why) != 0)
		log_fail("a client certificate's use is not noted", &why);
	bytes_free(&other);
}

static int
run(const struct operation *op, struct live *live, struct request *rq,
    struct reply *rp, struct edge *e, struct fail *why)
{
	if (intake(rq, op, live->ca->settings, e, why) != 0)
		return -1;
	if (live->loaded_why.kind != FAIL_NONE) {
		*why = live->loaded_why;
		return -1;
	}
	if (live_guarded(live, why) != 0)
		return -1;
	sighted(op, live->ca->settings, rq, e->env);
	rp->loaded = &live->loaded;
	return op->run(live->ca, rq, rp, why);
}

/* One request, whatever becomes of it. */
static void
handle_run(const struct operation *op, struct live *live, struct edge *e)
{
	struct request rq = {0};
	struct reply rp = {0};
	struct fail why = {0};
	struct bytes out = {0};
	bool done = run(op, live, &rq, &rp, e, &why) == 0, sent = !e->broken;

	if (done) {
		answer_reply(&out, &rq, &rp);
		meter_status(rp.status != 0 ? rp.status : 200);
	} else {
		answer_record(op, live->ca, &rq, &rp.trace, &why);
		answer_fail(&out, op, &rq, &why);
	}
	fault_point("answer");
	if (sent && e->write(e, span_of(&out)) != 0) {
		sent = false;
		log_write(LOG_LEVEL_INFO,
		    "the answer was not delivered (request %s)", rq.id);
	}
	if (done && !sent && op->lost != NULL)
		op->lost(live->ca, &rq, &rp.trace);
	bytes_wipe(&out);
	bytes_wipe(&rp.body);
	bytes_free(&rp.cache);
	trace_free(&rp.trace);
	request_free(&rq);
}

static void
handle(const struct operation *op, struct live *live, struct edge *e)
{
	if (probed(op->name, live->ca->settings, e))
		return;
	if (op->answer != NULL)
		op->answer(live->own, live->ca, &live->loaded_why, e);
	else
		handle_run(op, live, e);
}

static void
handle_next(void *arg, struct edge *e)
{
	struct server *sv = arg;
	struct live *live;
	uid_t peer;

	if (!fcgi_connect(e, &peer))
		return;
	live = live_now(sv);
	if (!live_admits(live, peer)) {
		log_write(LOG_LEVEL_ERROR,
		    "a connection of user %ld is dropped: web_server_users "
		    "does not name it",
		    (long)peer);
		fcgi_finish(e, true);
	} else if (fcgi_begin(e)) {
		double begun = when_clock();

		handle(sv->op, live, e);
		fcgi_finish(e, crew_stopping(sv->crew));
		fault_point("answered");
		meter_time(METER_REQUEST, when_clock() - begun);
	}
	live_drop(live);
}

/* Where is written, and where is counted, from now on. */
static void
tell_settings(const struct operation *op, const struct settings *s)
{
	struct fail why = {0};

	log_open(
	    op->name, (enum log_sink)s->log_sink, (enum log_level)s->log_level);
	if (meter_open(s->run, op->name, &why) != 0)
		log_fail("nobody is told what is counted", &why);
}

static void
reload(struct server *sv)
{
	struct live *live, *old = sv->live;
	struct fail why = {0};

	if (live_open(&live, sv->op, sv->conf, true, old, &why) != 0) {
		log_fail(
		    "the new configuration is not used, the old goes on", &why);
		diary_refused(&sv->diary, old->ca, &why);
		return;
	}
	(void)pthread_mutex_lock(&sv->lock);
	sv->live = live;
	(void)pthread_mutex_unlock(&sv->lock);
	live_drop(old);
	sv->looked = 0;
	tell_settings(sv->op, live->ca->settings);
	log_write(LOG_LEVEL_INFO, "configuration and certificates read anew");
	diary_config(&sv->diary, live->ca);
}

static void
pulse(struct server *sv)
{
	struct pulse now;
	struct fail why = {0};

	if (sv->looked > 0 && when_clock() - sv->looked < PULSE_LOOK)
		return;
	sv->looked = when_clock();
	live_guard(sv->live, sv->op);
	if ((sv->op->need & CA_KEY) == 0)
		return;
	pulse_take(&now, sv->live->ca, when_now());
	if (live_guarded(sv->live, &why) != 0) {
		free(now.store);
		now.store = str_dup(why.reason);
		why = (struct fail){0};
	}
	if (pulse_same(&now, &sv->pulse) && now.when >= sv->pulse.when &&
	    now.when - sv->pulse.when < PULSE_EVERY) {
		pulse_free(&now);
		return;
	}
	if (!pulse_same(&now, &sv->pulse))
		log_write(LOG_LEVEL_INFO,
		    "token %s, store %s, issuer %s, staged %s", now.key,
		    now.store, now.issuer, now.staged);
	if (pulse_write(sv->live->ca->settings, sv->op->name, &now, &why) != 0)
		log_fail("health is not told", &why);
	pulse_free(&sv->pulse);
	sv->pulse = now;
}

/* A PKCS#11 module does whatever its maker thought of. */
static bool
needs_token(const struct operation *op, const struct settings *s)
{
	return (op->need & CA_KEY) != 0 ||
	       ((op->need & CA_RESPONDER) != 0 && s->ocsp.key != NULL &&
		   strncmp(s->ocsp.key, "pkcs11:", 7) == 0);
}

/* All is open that this program needs: it asks for nothing else. */
static int
confine_by(
    const struct operation *op, const struct settings *s, struct fail *why)
{
	unsigned may = 0;

	if (s->confine == CONFINE_OFF || needs_token(op, s))
		return 0;
	sightings_hold(s);
	if ((op->need & CA_STORE) != 0 || op->writes)
		may |= CONFINE_FILES;
	if ((op->need & CA_STORE) != 0 && strncmp(s->store, "sqlite:", 7) != 0)
		may |= CONFINE_NETWORK;
	return confine_as(s->confine, may, why);
}

static void
watch(struct server *sv, const sigset_t *set)
{
	const struct timespec second = {.tv_sec = 1};
	int sig;

	do {
		pulse(sv);
		confine_tell();
		sig = sigtimedwait(set, NULL, &second);
		if (sig == SIGHUP || (sig < 0 && live_stale(sv->live)))
			reload(sv);
	} while (sig != SIGTERM && sig != SIGINT);
}

/* A token that is there is waited for a little: requests queue meanwhile. */
static void
key_wait(const struct ca *ca, double seconds)
{
	struct fail why = {0};

	if (ca->key != NULL && key_ready(ca->key, seconds, &why) != 0)
		log_fail("the token is not usable yet", &why);
}

static int
serve_fcgi(const struct operation *op, const char *conf, struct fail *why)
{
	struct server sv = {.op = op, .conf = conf};
	struct crew_work work = {.next = handle_next, .arg = &sv};
	sigset_t set;
	int rc = -1;

	(void)pthread_mutex_init(&sv.lock, NULL);
	crew_signals(&set); /* before the key's own thread starts */
	if (fcgi_start(why) != 0 ||
	    live_open(&sv.live, op, conf, true, NULL, why) != 0)
		return -1;
	tell_settings(op, sv.live->ca->settings);
	if (sv.live->loaded_why.kind != FAIL_NONE)
		log_fail("nothing to serve yet", &sv.live->loaded_why);
	key_wait(sv.live->ca, 5);
	work.threads = sv.live->ca->settings->threads;
	work.wait = (double)sv.live->ca->settings->body_wait;
	diary_start(&sv.diary, op, sv.live->ca);
	if ((rc = confine_by(op, sv.live->ca->settings, why)) == 0 &&
	    (rc = crew_start(&sv.crew, &work, why)) == 0) {
		watch(&sv, &set);
		crew_stop(sv.crew);
		log_write(LOG_LEVEL_INFO, "stopped");
	}
	diary_stop(&sv.diary, sv.live->ca);
	if ((op->need & CA_KEY) != 0)
		pulse_remove(sv.live->ca->settings, op->name);
	pulse_free(&sv.pulse);
	live_drop(sv.live);
	return rc;
}

/* The answer when there is not even a configuration to answer by. */
static void
cgi_refuse(const struct operation *op, struct edge *e, const struct fail *why)
{
	struct request rq = {0};
	struct bytes out = {0};

	answer_fail(&out, op, &rq, why);
	if (e->write(e, span_of(&out)) != 0)
		log_write(LOG_LEVEL_ERROR, "the answer was not delivered");
	bytes_free(&out);
}

static int
serve_cgi(const struct operation *op, const char *conf, struct fail *why)
{
	struct live *live = NULL;
	struct edge e;
	int rc = -1;

	cgi_edge(&e);
	if (live_open(&live, op, conf, false, NULL, why) != 0) {
		cgi_refuse(op, &e, why);
	} else if (!live->ca->settings->allow_cgi) {
		fail(why, FAIL_CONFIG, "config",
		    "descriptor 0 is no FastCGI socket, and allow_cgi is off");
		cgi_refuse(op, &e, why);
	} else {
		double begun = when_clock();

		tell_settings(op, live->ca->settings);
		key_wait(live->ca, 2);
		if ((rc = confine_by(op, live->ca->settings, why)) == 0)
			handle(op, live, &e);
		else
			cgi_refuse(op, &e, why);
		confine_tell();
		meter_time(METER_REQUEST, when_clock() - begun);
	}
	live_drop(live);
	cgi_end(&e);
	return rc;
}

static int
usage(const char *name)
{
	(void)fprintf(stderr, "usage: %s [-c microca.conf]\n", name);
	return fail_exit(FAIL_CONFIG);
}

int
serve(const struct operation *op, int argc, char **argv)
{
	struct fail why = {0};
	const char *conf = NULL;
	int opt;

	log_open(op->name, LOG_SINK_STDERR, LOG_LEVEL_INFO);
	while ((opt = getopt(argc, argv, "c:")) != -1) {
		if (opt != 'c')
			return usage(op->name);
		conf = optarg;
	}
	if (optind < argc)
		return usage(op->name);
	crew_process();
	if ((op->need & (CA_KEY | CA_RESPONDER)) != 0)
		key_harden_process();
	if (crew_privilege(&why) != 0 ||
	    (fcgi_listening() ? serve_fcgi(op, conf, &why)
			      : serve_cgi(op, conf, &why)) != 0) {
		log_fail("not started", &why);
		return fail_exit(why.kind);
	}
	return 0;
}

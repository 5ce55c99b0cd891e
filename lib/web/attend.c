#include "lib/web/attend.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/when.h"
#include "lib/cloud/contract.h"
#include "lib/key/pkcs11uri.h"
#include "lib/net/http.h"
#include "lib/web/cgi.h"
#include "lib/web/confine.h"
#include "lib/web/crew.h"
#include "lib/web/parts.h"
#include "lib/web/seen.h"
#include "lib/web/users.h"
#include "lib/web/visit.h"

/* One reading of the files. */
struct office {
	struct desk *desk;
	struct users users;
	struct seen *files;
	unsigned refs;
};

struct attendant {
	const char *name, *conf; /* conf: -c, or NULL */
	const struct route *routes;
	pthread_mutex_t lock;
	struct office *office; /* under lock; each request holds its own */
	struct crew *crew;
};

/* ---- one reading --------------------------------------------------------- */

static struct seen *
files_of(const struct edges *edges)
{
	const struct edge_rule *rule = edges->edges.item;
	struct seen *files = seen_new();

	seen_add(files, str_dup(edges->path));
	for (size_t i = 0; i < edges->edges.n; i++) {
		seen_add(files, str_dup(rule[i].issuer));
		seen_add(files, str_dup(rule[i].intermediates));
		seen_add(files, str_dup(rule[i].head_signers));
	}
	return files;
}

static void
office_drop(struct office *o)
{
	if (o == NULL || __atomic_sub_fetch(&o->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	desk_drop(o->desk);
	users_free(&o->users);
	seen_free(o->files);
	free(o);
}

static int
office_open(
    struct office **office, const char *conf, bool sockets, struct fail *why)
{
	struct office *o = mem_new(sizeof(*o));
	int64_t began = when_now_us();

	*office = NULL;
	o->refs = 1;
	if (desk_open(&o->desk, conf, why) != 0 ||
	    (sockets && users_read(&o->users, &o->desk->edges->web_server_users,
			    why) != 0)) {
		office_drop(o);
		return -1;
	}
	o->files = files_of(o->desk->edges);
	seen_doubt(o->files, began);
	*office = o;
	return 0;
}

static struct office *
office_now(struct attendant *a)
{
	struct office *o;

	(void)pthread_mutex_lock(&a->lock);
	o = a->office;
	(void)__atomic_add_fetch(&o->refs, 1, __ATOMIC_RELAXED);
	(void)pthread_mutex_unlock(&a->lock);
	return o;
}

static void
log_settings(const char *name, const struct edges *edges)
{
	log_open(name, (enum log_sink)edges->log_sink,
	    (enum log_level)edges->log_level);
}

/* ---- one request --------------------------------------------------------- */

static void
refusal_log(const struct visit *v, const struct fail *why)
{
	bool fault = why->kind == FAIL_BROKEN || why->kind == FAIL_CONFIG ||
	             strcmp(why->reason, "auth-config") == 0 ||
	             why->kind == FAIL_CONFLICT;

	log_write(fault                    ? LOG_LEVEL_ERROR
		  : why->kind == FAIL_BUSY ? LOG_LEVEL_WARN
					   : LOG_LEVEL_INFO,
	    "%s%d %s: %s%s%s%s; %.16s %.200s from %s of %s (request %s)",
	    strncmp(why->reason, "head-", 5) == 0 ? "alarm: " : "",
	    fail_http(why->kind), why->reason, why->text,
	    why->cause[0] != '\0' ? " (" : "", why->cause,
	    why->cause[0] != '\0' ? ")" : "",
	    v->method != NULL ? v->method : "-",
	    v->path != NULL ? v->path : "-",
	    v->peer != NULL && v->peer[0] != '\0' ? v->peer : "-",
	    v->edge != NULL ? v->edge->id : "nobody", v->id);
}

/* What is wrong with files and configuration is told to the operator alone. */
static char *
refusal_text(const struct visit *v, const struct fail *why)
{
	struct fail said = *why;

	if (why->kind == FAIL_CONFIG || why->kind == FAIL_BROKEN)
		(void)fail(&said, why->kind, "broken",
		    "the service is not configured rightly");
	return contract_error_write(&said, v->id);
}

static void
handle(const struct attendant *a, struct desk *desk, struct edge *e)
{
	const struct route *route = NULL;
	struct visit v = {0};
	struct fail why = {0};
	struct bytes out = {0};
	char *json = NULL;
	struct parts p = {.status = 200, .type = CONTRACT_TYPE};

	if (visit_take(&v, &route, a->routes, desk->edges, e, &why) != 0 ||
	    route->run(desk, &v, &json, &why) != 0) {
		refusal_log(&v, &why);
		json = refusal_text(&v, &why);
		p.status = fail_http(why.kind);
		p.retry = why.retry;
		p.allow = why.kind == FAIL_METHOD ? route->allow : NULL;
	}
	p.head = v.method != NULL && strcmp(v.method, "HEAD") == 0;
	p.body = span_str(json);
	parts_write(&out, &p);
	if (!e->broken && e->write(e, span_of(&out)) != 0)
		log_write(LOG_LEVEL_INFO,
		    "the answer was not delivered (request %s)", v.id);
	free(json);
	bytes_free(&out);
	visit_free(&v);
}

static void
handle_next(void *arg, struct edge *e)
{
	struct attendant *a = arg;
	struct office *o;
	uid_t peer;

	if (!fcgi_connect(e, &peer))
		return;
	o = office_now(a);
	if (!users_admit(&o->users, peer)) {
		log_write(LOG_LEVEL_ERROR,
		    "a connection of user %ld is dropped: web_server_users "
		    "does not name it",
		    (long)peer);
		fcgi_finish(e, true);
	} else if (fcgi_begin(e)) {
		handle(a, o->desk, e);
		fcgi_finish(e, crew_stopping(a->crew));
	}
	office_drop(o);
}

/* ---- the program --------------------------------------------------------- */

/* A PKCS#11 module does whatever its maker thought of. */
static bool
needs_token(const struct edges *edges)
{
	const struct edge_hub *hub = edges->hubs.item;

	for (size_t i = 0; i < edges->hubs.n; i++)
		if (hub[i].azure.key != NULL && pkcs11uri_is(hub[i].azure.key))
			return true;
	return false;
}

/* Lines to hubs, names looked up, heads and locks in its folder: no more. */
static int
confine_by(const struct edges *edges, struct fail *why)
{
	if (needs_token(edges))
		return 0;
	http_prepare();
	return confine_as(edges->confine, CONFINE_FILES | CONFINE_NETWORK, why);
}

static void
reload(struct attendant *a)
{
	struct office *o, *old = a->office;
	struct fail why = {0};

	if (office_open(&o, a->conf, true, &why) != 0) {
		log_fail(
		    "the new configuration is not used, the old goes on", &why);
		return;
	}
	(void)pthread_mutex_lock(&a->lock);
	a->office = o;
	(void)pthread_mutex_unlock(&a->lock);
	office_drop(old);
	log_settings(a->name, o->desk->edges);
	log_write(LOG_LEVEL_INFO, "configuration and certificates read anew");
}

static void
watch(struct attendant *a, const sigset_t *set)
{
	const struct timespec second = {.tv_sec = 1};
	int sig;

	do {
		confine_tell();
		sig = sigtimedwait(set, NULL, &second);
		if (sig == SIGHUP ||
		    (sig < 0 && seen_changed(a->office->files)))
			reload(a);
	} while (sig != SIGTERM && sig != SIGINT);
}

static int
attend_fcgi(struct attendant *a, struct fail *why)
{
	struct crew_work work = {.next = handle_next, .arg = a};
	sigset_t set;
	int rc = -1;

	(void)pthread_mutex_init(&a->lock, NULL);
	crew_signals(&set);
	if (fcgi_start(why) != 0 ||
	    office_open(&a->office, a->conf, true, why) != 0)
		return -1;
	log_settings(a->name, a->office->desk->edges);
	work.threads = a->office->desk->edges->threads;
	work.wait = (double)a->office->desk->edges->body_wait;
	if ((rc = confine_by(a->office->desk->edges, why)) == 0 &&
	    (rc = crew_start(&a->crew, &work, why)) == 0) {
		watch(a, &set);
		crew_stop(a->crew);
		log_write(LOG_LEVEL_INFO, "stopped");
	}
	office_drop(a->office);
	return rc;
}

static int
attend_cgi(struct attendant *a, struct fail *why)
{
	struct office *o;
	struct edge e;
	int rc = -1;

	if (office_open(&o, a->conf, false, why) != 0)
		return -1;
	if (!o->desk->edges->allow_cgi) {
		fail(why, FAIL_CONFIG, "config",
		    "descriptor 0 is no FastCGI socket, and allow_cgi is off");
	} else {
		log_settings(a->name, o->desk->edges);
		if ((rc = confine_by(o->desk->edges, why)) == 0) {
			cgi_edge(&e);
			handle(a, o->desk, &e);
			confine_tell();
			cgi_end(&e);
		}
	}
	office_drop(o);
	return rc;
}

/* -t: the files are read, and what is in effect is printed. */
static int
attend_check(struct attendant *a, struct fail *why)
{
	struct bytes out = {0};
	struct desk *desk;
	int rc = 0;

	if (desk_open(&desk, a->conf, why) != 0)
		return -1;
	conf_write(&out, desk->edges, &edges_table);
	if (fwrite(out.data, 1, out.len, stdout) != out.len ||
	    fflush(stdout) != 0) {
		rc = fail(why, FAIL_BROKEN, "file", "cannot write");
		fail_errno(why, "standard output");
	}
	bytes_free(&out);
	desk_drop(desk);
	return rc;
}

static int
usage(const char *name)
{
	(void)fprintf(stderr, "usage: %s [-t] [-c connector.conf]\n", name);
	return fail_exit(FAIL_CONFIG);
}

static int
attend_by(struct attendant *a, bool check, struct fail *why)
{
	if (check)
		return attend_check(a, why);
	return fcgi_listening() ? attend_fcgi(a, why) : attend_cgi(a, why);
}

int
attend(const char *name, const struct route *routes, int argc, char **argv)
{
	struct attendant a = {.name = name, .routes = routes};
	struct fail why = {0};
	bool check = false;
	int opt;

	log_open(name, LOG_SINK_STDERR, LOG_LEVEL_INFO);
	while ((opt = getopt(argc, argv, "c:t")) != -1) {
		if (opt == 'c')
			a.conf = optarg;
		else if (opt == 't')
			check = true;
		else
			return usage(name);
	}
	if (optind < argc)
		return usage(name);
	crew_process();
	if (crew_privilege(&why) != 0 || attend_by(&a, check, &why) != 0) {
		log_fail("not started", &why);
		return fail_exit(why.kind);
	}
	return 0;
}

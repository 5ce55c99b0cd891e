#include "lib/web/crew.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/log.h"

/* OpenSSL, SQLite and SoftHSM stay well below; only pages touched count. */
#if defined(__SANITIZE_ADDRESS__)
#define STACK_SIZE (2048 * 1024)
#else
#define STACK_SIZE (256 * 1024)
#endif

struct crew {
	struct crew_work work;
	atomic_bool stopping;
	pthread_t *worker;
	int workers;
};

static void *
work(void *arg)
{
	struct crew *crew = arg;
	struct edge *e = fcgi_new(crew->work.wait);

	while (!atomic_load(&crew->stopping))
		crew->work.next(crew->work.arg, e);
	fcgi_free(e);
	return NULL;
}

int
crew_start(struct crew **out, const struct crew_work *plan, struct fail *why)
{
	struct crew *crew = mem_new(sizeof(*crew));
	int want = plan->threads, rc = 0;
	pthread_attr_t attr;

	*out = crew;
	crew->work = *plan;
	crew->worker = mem_grow(NULL, (size_t)want, sizeof(*crew->worker));
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_SIZE);
	while (crew->workers < want && rc == 0) {
		rc = pthread_create(
		    &crew->worker[crew->workers], &attr, work, crew);
		if (rc == 0)
			crew->workers++;
	}
	(void)pthread_attr_destroy(&attr);
	if (crew->workers == 0) {
		crew_stop(crew);
		*out = NULL;
		fail(why, FAIL_BROKEN, "resource", "no thread can be started");
		return fail_cause(why, "%s", strerror(rc));
	}
	if (crew->workers < want)
		log_write(LOG_LEVEL_WARN, "%d of %d threads started: %s",
		    crew->workers, want, strerror(rc));
	log_write(LOG_LEVEL_INFO, "ready, %d threads", crew->workers);
	return 0;
}

bool
crew_stopping(const struct crew *crew)
{
	return atomic_load(&crew->stopping);
}

/* A wait is ended by the signal, a request is not: it is woken until it has
 * seen that the end has come. */
void
crew_stop(struct crew *crew)
{
	atomic_store(&crew->stopping, true);
	for (int i = 0; i < crew->workers; i++) {
		struct timespec until;

		do {
			(void)pthread_kill(crew->worker[i], FCGI_WAKE);
			(void)clock_gettime(CLOCK_REALTIME, &until);
			until.tv_nsec += 10 * 1000 * 1000;
			if (until.tv_nsec >= 1000000000) {
				until.tv_nsec -= 1000000000;
				until.tv_sec++;
			}
		} while (
		    pthread_timedjoin_np(crew->worker[i], NULL, &until) != 0);
	}
	free(crew->worker);
	free(crew);
}

void
crew_signals(sigset_t *set)
{
	sigset_t all;

	sigemptyset(set);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	all = *set;
	sigaddset(&all, FCGI_WAKE);
	(void)pthread_sigmask(SIG_BLOCK, &all, NULL);
}

int
crew_privilege(struct fail *why)
{
	if (getauxval(AT_SECURE) != 0)
		return fail(why, FAIL_CONFIG, "privilege",
		    "this program must not be set-user-ID or set-group-ID");
	if (geteuid() == 0 || getuid() == 0)
		return fail(why, FAIL_CONFIG, "privilege",
		    "this program does not run as root: start it as the user "
		    "that owns the state folder");
	return 0;
}

void
crew_process(void)
{
	(void)mallopt(M_ARENA_MAX, 2);
	(void)mallopt(M_TRIM_THRESHOLD, 256 * 1024);
	(void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	(void)umask(077);
}

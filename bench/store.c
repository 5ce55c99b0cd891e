/*
 * bench/store - what the store costs, without any cryptography.
 *
 *	store cpu PATH [COUNT]       CPU of one issuance, one thread
 *	store commits PATH [--writers N] [--seconds S] [--fsync-delay-ms D]
 *	                             durable commits/s, ours and synchronous=FULL
 *	                             in turns
 *	store grow PATH [ROWS]       one issuance in an empty and in a full store
 *
 * PATH is a folder; databases in it are made and removed.
 */
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/rows.h"
#include "lib/base/when.h"
#include "lib/store/backup.h"
#include "lib/store/internal.h"

static void
die(const char *what, const struct fail *why)
{
	(void)fprintf(stderr, "%s: %s (%s)\n", what, why->text, why->cause);
	exit(1);
}

static void
unlink_all(const char *path)
{
	static const char *const tail[] = {"", "-wal", "-shm"};

	for (size_t i = 0; i < 3; i++) {
		char *name = str_fmt("%s%s", path, tail[i]);

		(void)unlink(name);
		free(name);
	}
}

static struct store *
store_new(const char *path, bool full, bool keep)
{
	struct db_options o = {.create = true, .connections = 16, .full = full};
	char *url = str_fmt("sqlite:%s", path);
	struct store *store;
	struct fail why = {0};

	if (!keep)
		unlink_all(path);
	if (store_open_with(&store, url, &o, 1, &why) != 0)
		die(url, &why);
	free(url);
	return store;
}

static double
cpu_now(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

struct cost {
	double cpu, wall; /* us an issuance */
};

static struct cost
cost_of(struct store *store, unsigned count, unsigned *seed)
{
	struct record *r = mem_new(count * sizeof(*r));
	struct cost cost;

	for (unsigned i = 0; i < count; i++)
		rows_make(&r[i], seed);
	cost.cpu = cpu_now();
	cost.wall = when_clock();
	for (unsigned i = 0; i < count; i++)
		rows_issue(store, &r[i], NULL);
	cost.cpu = (cpu_now() - cost.cpu) * 1e6 / count;
	cost.wall = (when_clock() - cost.wall) * 1e6 / count;
	for (unsigned i = 0; i < count; i++)
		record_free(&r[i]);
	free(r);
	return cost;
}

static int
double_cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int
cpu_run(const char *path, unsigned count)
{
	enum { ROUNDS = 5 };
	struct store *store = store_new(path, false, false);
	double cpu[ROUNDS];
	unsigned seed = 1;

	for (unsigned i = 0; i < ROUNDS; i++)
		cpu[i] = cost_of(store, count / ROUNDS, &seed).cpu;
	store_free(store);
	unlink_all(path);
	qsort(cpu, ROUNDS, sizeof(cpu[0]), double_cmp);
	(void)printf("store_issue: %.1f us of CPU (median of %d x %u; "
		     "%.1f to %.1f)\n",
	    cpu[ROUNDS / 2], ROUNDS, count / ROUNDS, cpu[0], cpu[ROUNDS - 1]);
	return 0;
}

/* Any store, from where it is: what an issuance costs, and takes. */
static int
url_run(const char *url, unsigned count)
{
	struct db_options o = {.create = true, .connections = 4};
	struct store *store;
	struct fail why = {0};
	int64_t before, after;
	unsigned seed = 1;
	struct cost cost;

	if (store_open_with(&store, url, &o, 1, &why) != 0 ||
	    store_size(store, &before, &why) != 0)
		die(url, &why);
	cost = cost_of(store, count, &seed);
	if (store_size(store, &after, &why) != 0)
		die(url, &why);
	store_free(store);
	(void)printf("%u issued one after the other: %.1f us of CPU here, "
		     "%.1f us in all; %.0f octets each\n",
	    count, cost.cpu, cost.wall, (double)(after - before) / count);
	return 0;
}

/* A slower disk: SQLite's own methods, but for xSync. */
static unsigned delay_us;
static int (*real_open)(
    sqlite3_vfs *, const char *, sqlite3_file *, int, int *);
static int (*real_sync)(sqlite3_file *, int);
static unsigned long syncs; /* atomic */

static int
slow_sync(sqlite3_file *f, int flags)
{
	(void)__atomic_add_fetch(&syncs, 1, __ATOMIC_RELAXED);
	if (delay_us > 0)
		(void)usleep(delay_us);
	return real_sync(f, flags);
}

static int
slow_open(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	/* Databases and logs have methods of their own. */
	static sqlite3_io_methods both[2];
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	sqlite3_io_methods *slow = &both[(flags & SQLITE_OPEN_MAIN_DB) != 0];
	int rc = real_open(vfs, name, f, flags, out);

	if (rc != SQLITE_OK || f->pMethods == NULL)
		return rc;
	(void)pthread_mutex_lock(&lock);
	if (slow->xSync == NULL) {
		real_sync = f->pMethods->xSync;
		*slow = *f->pMethods;
		slow->xSync = slow_sync;
	}
	f->pMethods = slow;
	(void)pthread_mutex_unlock(&lock);
	return rc;
}

static void
slow_install(void)
{
	static sqlite3_vfs slow;
	sqlite3_vfs *real = sqlite3_vfs_find(NULL);

	slow = *real;
	real_open = real->xOpen;
	slow.zName = "slow";
	slow.xOpen = slow_open;
	(void)sqlite3_vfs_register(&slow, 1);
}

struct writer {
	pthread_t thread;
	struct store *store;
	double until;
	unsigned seed;
	double *took; /* s, each */
	size_t n, size;
};

static void *
writer_run(void *arg)
{
	struct writer *w = arg;
	double now = when_clock(), start;

	while (now < w->until) {
		struct record r;

		rows_make(&r, &w->seed);
		start = when_clock();
		rows_issue(w->store, &r, NULL);
		now = when_clock();
		record_free(&r);
		if (w->n == w->size) {
			w->size = w->size * 2 + 1024;
			w->took = mem_grow(w->took, w->size, sizeof(double));
		}
		w->took[w->n++] = now - start;
	}
	return NULL;
}

struct rate {
	double rate, p50, p99, most;
	double syncs; /* a commit */
};

static void
rate_of(struct rate *rate, struct writer *w, unsigned writers, double took)
{
	double *all = NULL;
	size_t n = 0;

	for (unsigned i = 0; i < writers; i++) {
		all = mem_grow(all, n + w[i].n + 1, sizeof(double));
		memcpy(all + n, w[i].took, w[i].n * sizeof(double));
		n += w[i].n;
		free(w[i].took);
	}
	qsort(all, n, sizeof(double), double_cmp);
	rate->rate = (double)n / took;
	rate->p50 = all[n / 2] * 1e3;
	rate->p99 = all[n * 99 / 100] * 1e3;
	rate->most = all[n - 1] * 1e3;
	rate->syncs = (double)syncs / (double)n;
	free(all);
}

static struct rate
commits_once(const char *path, bool full, unsigned writers, double seconds)
{
	struct store *store = store_new(path, full, false);
	struct writer *w = mem_new(writers * sizeof(*w));
	double start = when_clock();
	struct rate rate;

	syncs = 0;
	for (unsigned i = 0; i < writers; i++) {
		w[i].store = store;
		w[i].until = start + seconds;
		w[i].seed = i + 1;
		(void)pthread_create(&w[i].thread, NULL, writer_run, &w[i]);
	}
	for (unsigned i = 0; i < writers; i++)
		(void)pthread_join(w[i].thread, NULL);
	rate_of(&rate, w, writers, when_clock() - start);
	free(w);
	store_free(store);
	unlink_all(path);
	return rate;
}

static void
rate_print(const char *what, const struct rate *r)
{
	(void)printf("  %-5s %7.0f commits/s  p50 %6.2f ms  p99 %7.2f ms"
		     "  max %7.1f ms  %.2f syncs a commit\n",
	    what, r->rate, r->p50, r->p99, r->most, r->syncs);
	(void)fflush(stdout);
}

static int
commits_run(const char *path, int argc, char **argv)
{
	enum { ROUNDS = 3 };
	unsigned writers = 16;
	double seconds = 3, ratio[ROUNDS];

	for (int i = 0; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--writers") == 0)
			writers = (unsigned)atoi(argv[i + 1]);
		else if (strcmp(argv[i], "--seconds") == 0)
			seconds = atof(argv[i + 1]);
		else if (strcmp(argv[i], "--fsync-delay-ms") == 0)
			delay_us = (unsigned)(atof(argv[i + 1]) * 1000);
		else
			return 2;
	}
	slow_install();
	(void)printf(
	    "%u writers, fsync %.1f ms slower\n", writers, delay_us / 1e3);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct rate full = commits_once(path, true, writers, seconds);
		struct rate ours = commits_once(path, false, writers, seconds);

		rate_print("FULL", &full);
		rate_print("ours", &ours);
		ratio[i] = ours.rate / full.rate;
	}
	qsort(ratio, ROUNDS, sizeof(ratio[0]), double_cmp);
	(void)printf("ours / FULL: %.1f (median of %d; %.1f to %.1f)\n",
	    ratio[ROUNDS / 2], ROUNDS, ratio[0], ratio[ROUNDS - 1]);
	return 0;
}

static int
cost_cmp(const void *a, const void *b)
{
	return double_cmp(
	    &((const struct cost *)a)->wall, &((const struct cost *)b)->wall);
}

/* In turns, so that whatever else the machine does hits both alike. */
static int
grow_run(const char *path, unsigned rows)
{
	enum { ROUNDS = 11, COUNT = 1000, ISSUANCE_US = 1000 };
	unsigned seed = 7;
	char *full_path = str_fmt("%s-full", path);
	struct store *small = store_new(path, false, false);
	struct store *big = store_new(full_path, false, false);
	struct cost few[ROUNDS], many[ROUNDS];
	double slower;

	store_free(big);
	rows_fill(full_path, 0, rows, 0);
	big = store_new(full_path, false, true);
	for (unsigned i = 0; i < ROUNDS; i++) {
		few[i] = cost_of(small, COUNT, &seed);
		many[i] = cost_of(big, COUNT, &seed);
	}
	store_free(small);
	store_free(big);
	unlink_all(path);
	unlink_all(full_path);
	free(full_path);
	qsort(few, ROUNDS, sizeof(few[0]), cost_cmp);
	qsort(many, ROUNDS, sizeof(many[0]), cost_cmp);
	slower = many[ROUNDS / 2].wall - few[ROUNDS / 2].wall;
	(void)printf("%9u rows: %6.1f us of CPU, %6.1f us in all\n"
		     "%9u rows: %6.1f us of CPU, %6.1f us in all\n"
		     "slower by %.1f us: %.1f %% of an issuance of 1 ms\n",
	    0U, few[ROUNDS / 2].cpu, few[ROUNDS / 2].wall, rows,
	    many[ROUNDS / 2].cpu, many[ROUNDS / 2].wall, slower,
	    slower * 100 / ISSUANCE_US);
	return 0;
}

int
main(int argc, char **argv)
{
	unsigned n = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
	char *path;
	int rc = 2;

	if (argc > 2 && strcmp(argv[1], "url") == 0)
		return url_run(argv[2], n > 0 ? n : 20000);
	if (argc > 2) {
		path = str_fmt("%s/bench-store.db", argv[2]);
		if (strcmp(argv[1], "cpu") == 0)
			rc = cpu_run(path, n > 0 ? n : 20000);
		else if (strcmp(argv[1], "commits") == 0)
			rc = commits_run(path, argc - 3, argv + 3);
		else if (strcmp(argv[1], "grow") == 0)
			rc = grow_run(path, n > 0 ? n : 1000000);
		free(path);
	}
	if (rc == 2)
		(void)fputs("usage: store cpu|commits|grow FOLDER [...] | url "
			    "URL [N]\n",
		    stderr);
	return rc;
}

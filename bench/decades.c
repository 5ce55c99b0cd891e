/*
 * decades - what the store costs when there is ten times as much in it.
 *
 *	decades [--keep] FOLDER ROWS ROWS...
 *	decades FOLDER ROWS SMALL BIG
 *
 * For each number a database of so many certificates is made in FOLDER (no
 * cloud waits, 1,000 are revoked); then each path is measured there and, in
 * turns, in one of 10,000, so that whatever else the machine does hits both
 * alike.  Removed afterwards, or with --keep there for the next time.
 *
 * Beside the CPU stand the pages that the path's connection read from the file
 * or the WAL, as its cache lacked them, and those that it wrote: they are the
 * same on every machine.
 *
 * With SMALL and BIG, the URLs of two empty databases of PostgreSQL, both are
 * copied there first, and measured and left there for the next time.  The CPU is this process's
 * alone then, and no pages are told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/rows.h"
#include "lib/base/when.h"
#include "lib/store/backup.h"
#include "lib/store/browse.h"
#include "lib/store/internal.h"
#include "lib/store/sqlite.h"
#include "lib/store/transfer.h"

#define SMALL 10000U
#define REVOKED 1000U
#define ROUNDS 15
#define TIMES 200U /* of a path, in a round */

static struct fail why;
static unsigned seed = 11;

static void
must(int rc, const char *what)
{
	if (rc == 0)
		return;
	(void)fprintf(stderr, "%s: %s (%s)\n", what, why.text, why.cause);
	exit(1);
}

/* One of them: its database, how many were filled in, where we are. */
struct side {
	char *path;
	const char *copy; /* URL of where it is measured; NULL: at `path` */
	struct store *store;
	unsigned rows;
	struct record *made; /* TIMES, of this round */
	unsigned *old;       /* numbers of filled rows, of this round */
};

static unsigned
any(const struct side *s)
{
	unsigned live = s->rows - REVOKED;

	return REVOKED + 1 +
	       (((unsigned)rand_r(&seed) << 15) ^ (unsigned)rand_r(&seed)) %
	           live;
}

/* ---- the paths --------------------------------------------------------------- */

static void
issue(struct side *s)
{
	for (unsigned i = 0; i < TIMES; i++)
		rows_issue(s->store, &s->made[i], NULL);
}

static void
renew(struct side *s)
{
	for (unsigned i = 0; i < TIMES; i++) {
		uint8_t old[SHA256_LEN];

		rows_hash(old, "sha", s->old[i]);
		rows_issue(s->store, &s->made[i], old);
	}
}

static void
status(struct side *s)
{
	for (unsigned i = 0; i < TIMES; i++) {
		struct store_standing standing;
		char serial[ROWS_SERIAL];
		bool found;

		rows_serial(serial, s->old[i]);
		must(store_standing(s->store, &standing, &found, ROWS_ISSUER,
			 serial, &why),
		    "status");
		if (!found)
			must(-1, serial);
	}
}

static void
identify(struct side *s)
{
	for (unsigned i = 0; i < TIMES; i++) {
		uint8_t old[SHA256_LEN];
		struct record r;
		bool found;

		rows_hash(old, "sha", s->old[i]);
		must(store_find(s->store, &r, &found, old, &why), "identity");
		if (!found)
			must(-1, "identity");
		record_free(&r);
	}
}

static int
one_revoked(const struct store_revoked *r, void *arg)
{
	(void)r;
	++*(unsigned *)arg;
	return 0;
}

static void
crl(struct side *s)
{
	unsigned n = 0;

	must(store_revoked_each(
		 s->store, ROWS_ISSUER, when_now(), one_revoked, &n, &why),
	    "crl");
	if (n != REVOKED)
		must(-1, "crl");
}

static int
one_row(const struct record *r, void *arg)
{
	(void)r;
	(void)arg;
	return 0;
}

static void
list(struct side *s)
{
	const struct store_filter f = {
	    .status = -1, .limit = 50, .now = when_now()};

	must(store_list(s->store, &f, one_row, NULL, &why), "list");
}

static void
page(struct side *s, enum browse_order order)
{
	const struct browse_filter f = {.state = BROWSE_ANY};
	const struct browse_rules rules = {
	    .order = order, .rows = 50, .now = when_now()};
	struct browse_page p;

	must(store_browse(s->store, &p, &f, &rules, &why), "page");
	browse_free(&p);
}

static void
newest(struct side *s)
{
	page(s, BROWSE_NEWEST);
}

static void
ending(struct side *s)
{
	page(s, BROWSE_ENDING);
}

static void
backup(struct side *s)
{
	char *to = str_fmt("%s-copy", s->path);

	(void)unlink(to);
	must(store_copy(s->store, to, &why), "backup");
	(void)unlink(to);
	free(to);
}

static const struct path {
	const char *name;
	void (*run)(struct side *s);
	unsigned times; /* that `run` does it */
} paths[] = {
    {"issuing", issue, TIMES},
    {"renewal", renew, TIMES},
    {"status of one (OCSP)", status, TIMES},
    {"identity of a client", identify, TIMES},
    {"CRL of 1,000", crl, 1},
    {"list, 50 rows", list, 1},
    {"inventory, first page", newest, 1},
    {"inventory, who ends first", ending, 1},
};
#define PATHS (sizeof(paths) / sizeof(paths[0]))

/* ---- measured ------------------------------------------------------------------ */

static double
cpu_now(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

struct cost {
	double cpu[ROUNDS], wall[ROUNDS]; /* us, each */
	double read, written;             /* pages, of all rounds */
};

/* Of the writer, which does all of this: nobody else is here. */
static unsigned
pages(struct side *s, int what)
{
	struct sqlite_db *db = (struct sqlite_db *)s->store->db;
	int now = 0, most;

	if (s->copy != NULL)
		return 0;
	(void)sqlite3_db_status(db->writer.handle, what, &now, &most, 1);
	return (unsigned)now;
}

static void
round_begin(struct side *s)
{
	for (unsigned i = 0; i < TIMES; i++) {
		rows_make(&s->made[i], &seed);
		s->old[i] = any(s);
	}
}

static void
round_end(struct side *s)
{
	for (unsigned i = 0; i < TIMES; i++)
		record_free(&s->made[i]);
}

/* A renewal is by its owner and for its name. */
static void
made_renew(struct side *s)
{
	for (unsigned i = 0; i < TIMES; i++) {
		struct record *r = &s->made[i];

		free(r->owner);
		free(r->device);
		r->owner = str_fmt("own:filled-%u", s->old[i]);
		r->device = str_fmt("filled-%u", s->old[i]);
		rows_hash(r->subject_hash, "subject", s->old[i]);
	}
}

static void
cost_add(
    struct cost *cost, unsigned round, const struct path *p, struct side *s)
{
	double cpu, wall;

	round_begin(s);
	if (p->run == renew)
		made_renew(s);
	(void)pages(s, SQLITE_DBSTATUS_CACHE_MISS);
	(void)pages(s, SQLITE_DBSTATUS_CACHE_WRITE);
	cpu = cpu_now();
	wall = when_clock();
	p->run(s);
	cost->cpu[round] = (cpu_now() - cpu) * 1e6 / p->times;
	cost->wall[round] = (when_clock() - wall) * 1e6 / p->times;
	cost->read += pages(s, SQLITE_DBSTATUS_CACHE_MISS);
	cost->written += pages(s, SQLITE_DBSTATUS_CACHE_WRITE);
	round_end(s);
}

static int
double_cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), double_cmp);
	return v[ROUNDS / 2];
}

static void
compare(const struct path *p, struct side *small, struct side *big)
{
	const double times = (double)ROUNDS * p->times;
	struct cost a = {0}, b = {0};

	for (unsigned i = 0; i < ROUNDS; i++) {
		cost_add(&a, i, p, small);
		cost_add(&b, i, p, big);
	}
	(void)printf("  %-26s CPU %9.1f us, %9.1f us with %u: %5.3f; in all "
		     "%9.1f, %9.1f; pages read %.2f, %.2f; written %.2f, "
		     "%.2f\n",
	    p->name, median(b.cpu), median(a.cpu), SMALL,
	    median(b.cpu) / median(a.cpu), median(b.wall), median(a.wall),
	    b.read / times, a.read / times, b.written / times,
	    a.written / times);
	(void)fflush(stdout);
}

/* ---- the databases --------------------------------------------------------------- */

static void
side_open(struct side *s)
{
	const struct db_options o = {.create = true, .connections = 4};
	char *url = str_fmt("sqlite:%s", s->path);

	must(store_open_with(&s->store, url, &o, 0, &why), url);
	free(url);
}

/* From now on it is the copy. */
static void
side_copy(struct side *s)
{
	double begun = when_clock(), cpu = cpu_now();
	struct transfer did;

	if (s->copy == NULL)
		return;
	must(store_transfer(s->store, s->copy, &did, &why), "copy");
	(void)printf("%u certificates, %lld rows copied in %.0f s, CPU %.1f us "
		     "a certificate\n",
	    s->rows, (long long)did.rows, when_clock() - begun,
	    (cpu_now() - cpu) * 1e6 / s->rows);
	(void)fflush(stdout);
	store_free(s->store);
	must(store_open(&s->store, s->copy, false, 4, 0, &why), s->copy);
}

static void
side_grow(struct side *s, unsigned rows)
{
	s->rows = rows;
	if (s->copy != NULL &&
	    store_open(&s->store, s->copy, false, 4, 0, &why) == 0) {
		if (store_state(s->store, &why) == 0)
			return; /* of the last time */
		store_free(s->store);
		s->store = NULL;
	}
	s->rows = 0;
	if (s->store == NULL)
		side_open(s); /* makes it */
	store_free(s->store);
	s->store = NULL;
	rows_fill(s->path, s->rows, rows, REVOKED);
	s->rows = rows;
	side_open(s);
	side_copy(s);
}

static void
side_make(
    struct side *s, const char *folder, const char *name, const char *copy)
{
	memset(s, 0, sizeof(*s));
	s->copy = copy;
	s->path = str_fmt("%s/%s", folder, name);
	s->made = mem_new(TIMES * sizeof(*s->made));
	s->old = mem_new(TIMES * sizeof(*s->old));
}

static void
side_free(struct side *s, bool keep)
{
	static const char *const tail[] = {"", "-wal", "-shm"};

	store_free(s->store);
	for (size_t i = 0; !keep && i < 3; i++) {
		char *name = str_fmt("%s%s", s->path, tail[i]);

		(void)unlink(name);
		free(name);
	}
	free(s->path);
	free(s->made);
	free(s->old);
}

/* As it was left by the last time, or new. */
static void
side_have(struct side *s, unsigned rows)
{
	if (access(s->path, F_OK) != 0) {
		side_grow(s, rows);
		return;
	}
	s->rows = rows;
	side_open(s);
}

static void
decade(const char *folder, unsigned rows, bool keep, char *const copy[2])
{
	char *name = str_fmt("filled-%u.db", rows);
	double begun = when_clock();
	struct side small, big;
	int64_t octets;

	side_make(&small, folder, "small.db", copy[0]);
	side_grow(&small, SMALL);
	side_make(&big, folder, name, copy[1]);
	side_have(&big, rows);
	must(store_size(big.store, &octets, &why), "size");
	(void)printf("%u certificates: %lld octets each with audit and "
		     "outbox; there in %.0f s\n",
	    rows, (long long)(octets / rows), when_clock() - begun);
	(void)fflush(stdout);
	for (size_t i = 0; i < PATHS; i++)
		compare(&paths[i], &small, &big);
	begun = cpu_now();
	backup(&big);
	(void)printf("  backup's copy: CPU %.2f us a certificate\n",
	    (cpu_now() - begun) * 1e6 / rows);
	(void)fflush(stdout);
	side_free(&big, keep);
	side_free(&small, false);
	free(name);
}

int
main(int argc, char **argv)
{
	bool keep = argc > 1 && strcmp(argv[1], "--keep") == 0;
	char *const none[2] = {NULL, NULL};

	argc -= keep;
	argv += keep;
	if (argc == 5 && strchr(argv[3], ':') != NULL) {
		decade(argv[1], (unsigned)atoi(argv[2]), false, argv + 3);
		return 0;
	}
	if (argc < 3) {
		(void)fputs("usage: decades [--keep] FOLDER ROWS... | "
			    "FOLDER ROWS SMALL-URL BIG-URL\n",
		    stderr);
		return 2;
	}
	for (int i = 2; i < argc; i++)
		decade(argv[1], (unsigned)atoi(argv[i]), keep, none);
	return 0;
}

/*
 * durability: what the store confirmed survives a power cut.
 *
 * A VFS keeps, beside the real files, an image of what the disk would hold:
 * writes join it only when a sync of their file that began after them has
 * ended.  A power cut is that image plus any part of the unsynced writes, for
 * a disk may have written those too, in any order.
 */
#include "tests/unit/records.h"

#include <pthread.h>
#include <time.h>

#define THREADS 8
#define CUTS 12
#define FILES 2

/* A write, or with no data a truncation, that no sync has covered. */
struct pending {
	sqlite3_int64 at;
	int len;
	uint8_t *data;
};

struct image {
	struct bytes disk;
	struct pending *pending;
	size_t n, size;
	uint64_t done; /* writes that have left `pending`, ever */
};

static pthread_mutex_t power = PTHREAD_MUTEX_INITIALIZER;
static struct image image[FILES]; /* the database, its WAL */
static bool lying;                /* syncs say yes and do nothing */
static unsigned dice = 1;

static sqlite3_vfs shim;
static int (*real_open)(
    sqlite3_vfs *, const char *, sqlite3_file *, int, int *);
static int (*real_delete)(sqlite3_vfs *, const char *, int);
static sqlite3_io_methods real[FILES], ours[FILES];

static unsigned
dice_throw(unsigned sides)
{
	return (unsigned)rand_r(&dice) % sides;
}

static void
apply(struct bytes *disk, const struct pending *p)
{
	static const uint8_t zero[4096];
	size_t end = (size_t)p->at + (size_t)p->len;

	if (p->data == NULL) {
		disk->len =
		    (size_t)p->at < disk->len ? (size_t)p->at : disk->len;
		return;
	}
	while (disk->len < end) {
		size_t n = end - disk->len;

		bytes_add(disk, zero, n < sizeof(zero) ? n : sizeof(zero));
	}
	memcpy(disk->data + p->at, p->data, (size_t)p->len);
}

static void
note(unsigned file, const void *data, int len, sqlite3_int64 at)
{
	struct image *im = &image[file];

	(void)pthread_mutex_lock(&power);
	if (im->n == im->size) {
		im->size = im->size * 2 + 64;
		im->pending =
		    mem_grow(im->pending, im->size, sizeof(*im->pending));
	}
	im->pending[im->n].at = at;
	im->pending[im->n].len = len;
	im->pending[im->n++].data =
	    data != NULL ? mem_dup(data, (size_t)len) : NULL;
	(void)pthread_mutex_unlock(&power);
}

/* All writes before number `upto` are on the disk now. */
static void
settle(struct image *im, uint64_t upto)
{
	size_t n = 0;

	while (n < im->n && im->done < upto) {
		apply(&im->disk, &im->pending[n]);
		free(im->pending[n++].data);
		im->done++;
	}
	im->n -= n;
	memmove(im->pending, im->pending + n, im->n * sizeof(*im->pending));
}

static unsigned
file_of(const sqlite3_file *f)
{
	return f->pMethods == &ours[1];
}

static int
shim_write(sqlite3_file *f, const void *p, int len, sqlite3_int64 at)
{
	note(file_of(f), p, len, at);
	return real[file_of(f)].xWrite(f, p, len, at);
}

static int
shim_truncate(sqlite3_file *f, sqlite3_int64 at)
{
	note(file_of(f), NULL, 0, at);
	return real[file_of(f)].xTruncate(f, at);
}

/* It takes its time; what is written meanwhile is not part of it. */
static int
shim_sync(sqlite3_file *f, int flags)
{
	struct image *im = &image[file_of(f)];
	struct timespec slow = {0, 0};
	uint64_t upto;

	(void)flags;
	(void)pthread_mutex_lock(&power);
	upto = im->done + im->n;
	slow.tv_nsec = dice_throw(2000000);
	(void)pthread_mutex_unlock(&power);
	(void)nanosleep(&slow, NULL);
	if (lying)
		return SQLITE_OK;
	(void)pthread_mutex_lock(&power);
	settle(im, upto);
	(void)pthread_mutex_unlock(&power);
	return SQLITE_OK;
}

static int
shim_open(
    sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	unsigned file = (flags & SQLITE_OPEN_WAL) != 0;
	int rc = real_open(vfs, name, f, flags, out);

	if (rc != SQLITE_OK ||
	    (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB)) == 0)
		return rc;
	(void)pthread_mutex_lock(&power);
	if (real[file].xWrite == NULL) {
		real[file] = *f->pMethods;
		ours[file] = real[file];
		ours[file].xWrite = shim_write;
		ours[file].xTruncate = shim_truncate;
		ours[file].xSync = shim_sync;
	}
	f->pMethods = &ours[file];
	(void)pthread_mutex_unlock(&power);
	return rc;
}

static int
shim_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	size_t len = strlen(name);

	if (len > 4 && strcmp(name + len - 4, "-wal") == 0)
		note(1, NULL, 0, 0);
	return real_delete(vfs, name, sync);
}

static int
shim_on(void **state)
{
	shim = *sqlite3_vfs_find(NULL);
	real_open = shim.xOpen;
	real_delete = shim.xDelete;
	shim.xOpen = shim_open;
	shim.xDelete = shim_delete;
	shim.zName = "power";
	(void)sqlite3_vfs_register(&shim, 1);
	return folder_make(state);
}

static void
image_free(struct image *im)
{
	for (size_t i = 0; i < im->n; i++)
		free(im->pending[i].data);
	free(im->pending);
	bytes_free(&im->disk);
	memset(im, 0, sizeof(*im));
}

static int
shim_off(void **state)
{
	for (unsigned i = 0; i < FILES; i++)
		image_free(&image[i]);
	return folder_remove(state);
}

/* What the threads know to be confirmed; a cut counts it first. */
static unsigned confirmed_to[THREADS]; /* atomic: numbers below are */
static bool stop;                      /* atomic */

struct issuer {
	pthread_t thread;
	struct store *store;
	unsigned n;
	int rc;
};

static unsigned
number(unsigned thread, unsigned i)
{
	return i * THREADS + thread;
}

static void *
issuer_run(void *arg)
{
	struct issuer *issuer = arg;
	struct store_rules rules = rules_at(T0);

	for (unsigned i = 0; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); i++) {
		struct bytes repeat = {0};
		struct record r;
		struct fail why = {0};
		char name[16];

		(void)snprintf(name, sizeof(name), "n%u", number(issuer->n, i));
		record_make(&r, number(issuer->n, i), name, name, name);
		issuer->rc =
		    record_issue(issuer->store, &repeat, &r, &rules, &why);
		record_free(&r);
		if (issuer->rc != 0) {
			(void)fprintf(stderr, "%s (%s)\n", why.text, why.cause);
			break;
		}
		__atomic_store_n(
		    &confirmed_to[issuer->n], i + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

struct cut {
	unsigned confirmed[THREADS];
	struct bytes disk[FILES];
};

static void
cut_take(struct cut *cut)
{
	for (unsigned i = 0; i < THREADS; i++)
		cut->confirmed[i] =
		    __atomic_load_n(&confirmed_to[i], __ATOMIC_ACQUIRE);
	(void)pthread_mutex_lock(&power);
	for (unsigned f = 0; f < FILES; f++) {
		bytes_add(&cut->disk[f], image[f].disk.data, image[f].disk.len);
		for (size_t i = 0; i < image[f].n; i++)
			if (dice_throw(2) == 0)
				apply(&cut->disk[f], &image[f].pending[i]);
	}
	(void)pthread_mutex_unlock(&power);
}

static void
file_put(const char *name, const struct bytes *b)
{
	FILE *f = fopen(name, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(b->data, 1, b->len, f), b->len);
	assert_int_equal(fclose(f), 0);
}

static unsigned
total(const unsigned *each)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < THREADS; i++)
		sum += __atomic_load_n(&each[i], __ATOMIC_ACQUIRE);
	return sum;
}

static unsigned
missing_from(struct store *store, const struct cut *cut)
{
	struct fail why = {0};
	unsigned lost = 0;

	for (unsigned t = 0; t < THREADS; t++) {
		for (unsigned i = 0; i < cut->confirmed[t]; i++) {
			char serial[41];
			struct record r;
			bool found = false;

			(void)snprintf(
			    serial, sizeof(serial), "%040X", number(t, i));
			if (store_find_serial(
				store, &r, &found, serial, &why) != 0 ||
			    !found)
				lost++;
			record_free(&r);
		}
	}
	return lost;
}

/* Put the power back on: how many confirmed certificates are gone?  The
 * database is sound and the chain whole, unless the disk lied. */
static unsigned
cut_losses(struct cut *cut)
{
	char *wal = str_fmt("%s-wal", path);
	struct store *store;
	struct fail why = {0};
	unsigned lost;

	file_put(path, &cut->disk[0]);
	file_put(wal, &cut->disk[1]);
	free(wal);
	for (unsigned f = 0; f < FILES; f++)
		bytes_free(&cut->disk[f]);
	if (store_open(&store, url, false, 2, 0, &why) != 0) {
		if (!lying)
			fail_msg("%s (%s)", why.text, why.cause);
		return total(cut->confirmed);
	}
	lost = missing_from(store, cut);
	if (!lying) {
		assert_true(chain_rows(store) >= 0);
		assert_int_equal(number_of("SELECT count(*) FROM certificate"),
		    chain_rows(store));
		assert_int_equal(
		    number_of("SELECT count(*) FROM pragma_quick_check"
			      " WHERE quick_check <> 'ok'"),
		    0);
	}
	store_free(store);
	return lost;
}

/*
 * Issue from many threads, cut the power at random moments, and count what was
 * lost over all cuts.  `confirmed` is how much there was to lose.
 */
static unsigned
storm(unsigned *confirmed, const struct db_options *o)
{
	struct cut *cut = mem_new(CUTS * sizeof(*cut));
	struct issuer issuer[THREADS];
	struct fail why = {0};
	unsigned lost = 0, next = 0;

	memset(issuer, 0, sizeof(issuer));
	memset(confirmed_to, 0, sizeof(confirmed_to));
	stop = false;
	for (unsigned i = 0; i < THREADS; i++) {
		issuer[i].n = i;
		if (i == 0)
			assert_int_equal(
			    store_open_with(&issuer[0].store, url, o, 0, &why),
			    0);
		issuer[i].store = issuer[0].store;
	}
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&issuer[i].thread, NULL,
				     issuer_run, &issuer[i]),
		    0);
	/* A cut each time that so much more is confirmed, give or take. */
	for (unsigned i = 0; i < CUTS; i++) {
		next += 20 + dice_throw(100);
		while (total(confirmed_to) < next)
			(void)usleep(100);
		cut_take(&cut[i]);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < THREADS; i++) {
		(void)pthread_join(issuer[i].thread, NULL);
		assert_int_equal(issuer[i].rc, 0);
	}
	store_free(issuer[0].store);
	(void)sqlite3_vfs_unregister(&shim);
	*confirmed = 0;
	for (unsigned i = 0; i < CUTS; i++) {
		*confirmed += total(cut[i].confirmed);
		lost += cut_losses(&cut[i]);
	}
	free(cut);
	return lost;
}

static void
confirmed_certificates_survive_a_power_cut(void **state)
{
	struct db_options o = {.create = true, .connections = 8};
	unsigned confirmed;

	(void)state;
	lying = false;
	assert_int_equal(storm(&confirmed, &o), 0);
	assert_true(confirmed > CUTS * 20);
}

/* The same with syncs that do nothing: so the test above can fail. */
static void
they_would_not_if_syncs_did_nothing(void **state)
{
	struct db_options o = {.create = true, .connections = 8};
	struct store *store = store_made();
	unsigned confirmed;

	(void)state;
	store_free(store); /* the empty database has reached the disk */
	lying = true;
	assert_true(storm(&confirmed, &o) > 0);
	lying = false;
}

#define POWERED(f) cmocka_unit_test_setup_teardown(f, shim_on, shim_off)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    POWERED(confirmed_certificates_survive_a_power_cut),
	    POWERED(they_would_not_if_syncs_did_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "lib/ca/attempts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <openssl/rand.h>

#define MAGIC "tries 1"
#define SETS 512
#define WAYS 4
#define LOCK_TRIES 200 /* of 0.5 ms */

struct head {
	char magic[8];
	uint8_t salt[24];
};

struct entry {
	uint64_t key; /* 0: free */
	int64_t since;
	int64_t count;
};

/* Who failed, as a place in one of the file's two tables. */
struct account {
	uint64_t key;
	off_t at; /* of its set */
	int64_t most;
};
enum table { BY_NAME, BY_ADDRESS };

struct attempts {
	pthread_mutex_t lock; /* flock() knows processes, not threads */
	int fd;
	struct head head;
};

/* A file that is stuck stops nobody: a count may be lost then. */
static void
lock(int fd)
{
	int tries;

	for (tries = 0; tries < LOCK_TRIES; tries++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return;
		if (errno != EINTR)
			(void)usleep(500);
	}
}

/* The file's head; a new one, and nothing counted, when there is none. */
static int
head_take(struct attempts *a, const char *path, struct fail *why)
{
	struct head *h = &a->head;

	if (pread(a->fd, h, sizeof(*h), 0) == (ssize_t)sizeof(*h) &&
	    memcmp(h->magic, MAGIC, sizeof(h->magic)) == 0)
		return 0;
	memcpy(h->magic, MAGIC, sizeof(h->magic));
	if (RAND_bytes(h->salt, sizeof(h->salt)) != 1) {
		fail(why, FAIL_BUSY, "random", "no random numbers");
		return fail_openssl(why, "RAND_bytes");
	}
	if (ftruncate(a->fd, 0) == 0 &&
	    pwrite(a->fd, h, sizeof(*h), 0) == (ssize_t)sizeof(*h))
		return 0;
	fail(why, FAIL_CONFIG, "file", "cannot write %s", path);
	return fail_errno(why, "write");
}

int
attempts_open(struct attempts **attempts, const char *path, struct fail *why)
{
	struct attempts *a;
	int rc, fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	*attempts = NULL;
	if (fd < 0) {
		fail(why, FAIL_CONFIG, "file", "cannot open %s", path);
		return fail_errno(why, "open");
	}
	a = mem_new(sizeof(*a));
	(void)pthread_mutex_init(&a->lock, NULL);
	a->fd = fd;
	lock(fd);
	rc = head_take(a, path, why);
	(void)flock(fd, LOCK_UN);
	if (rc == 0)
		*attempts = a;
	else
		attempts_free(a);
	return rc;
}

void
attempts_free(struct attempts *attempts)
{
	if (attempts == NULL)
		return;
	(void)close(attempts->fd);
	(void)pthread_mutex_destroy(&attempts->lock);
	free(attempts);
}

/* What counts of an address: all of IPv4, the /64 of IPv6, else the text. */
static void
network_add(struct bytes *out, const char *peer)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	uint8_t ip[16];

	if (inet_pton(AF_INET, peer, ip) == 1)
		bytes_add(out, ip, 4);
	else if (inet_pton(AF_INET6, peer, ip) != 1)
		bytes_adds(out, peer);
	else if (memcmp(ip, mapped, sizeof(mapped)) == 0)
		bytes_add(out, ip + 12, 4);
	else
		bytes_add(out, ip, 8);
}

static struct account
account_of(const struct attempts *a, enum table table, const char *name,
    const char *peer)
{
	uint8_t hash[SHA256_LEN];
	struct bytes b = {0};
	struct account account = {.most = ATTEMPTS_ADDRESS};
	size_t set;

	bytes_add(&b, a->head.salt, sizeof(a->head.salt));
	bytes_addc(&b, (char)table);
	if (table == BY_NAME) {
		account.most = ATTEMPTS_NAME;
		bytes_add(&b, name, strlen(name) + 1);
	}
	network_add(&b, peer);
	sha256(hash, span_of(&b));
	bytes_free(&b);
	memcpy(&account.key, hash, sizeof(account.key));
	if (account.key == 0)
		account.key = 1;
	set = (size_t)table * SETS + (hash[8] << 8 | hash[9]) % SETS;
	account.at =
	    (off_t)(sizeof(struct head) + set * WAYS * sizeof(struct entry));
	return account;
}

/* A clock that was set back ends a count, too. */
static bool
counts(const struct entry *e, int64_t now)
{
	return e->key != 0 && e->since <= now &&
	       e->since > now - ATTEMPTS_WINDOW;
}

/* Beyond the file's end nothing was counted yet. */
static void
set_read(struct entry set[WAYS], const struct attempts *a, off_t at)
{
	size_t size = WAYS * sizeof(*set);
	ssize_t n = pread(a->fd, set, size, at);

	if (n < (ssize_t)size)
		memset(set, 0, size);
}

/* Seconds to wait; 0: none. */
static int64_t
wait_of(const struct attempts *a, const struct account *account, int64_t now)
{
	struct entry set[WAYS];

	set_read(set, a, account->at);
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].key == account->key && counts(&set[i], now) &&
		    set[i].count >= account->most)
			return set[i].since + ATTEMPTS_WINDOW - now;
	return 0;
}

int
attempts_ok(struct attempts *attempts, const char *name, const char *peer,
    int64_t now, struct fail *why)
{
	int64_t wait = 0;

	for (int table = BY_NAME; table <= BY_ADDRESS; table++) {
		struct account account =
		    account_of(attempts, (enum table)table, name, peer);
		int64_t w = wait_of(attempts, &account, now);

		if (w > wait)
			wait = w;
	}
	if (wait == 0)
		return 0;
	fail(why, FAIL_LIMIT, "auth-limit",
	    "RFC 6585, 4: too many wrong secrets from this address");
	return fail_retry(why, (int)wait);
}

/* Its own place, else a free one, else that of the oldest count. */
static struct entry *
place_of(struct entry set[WAYS], uint64_t key, int64_t now)
{
	struct entry *oldest = &set[0];

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].key == key && counts(&set[i], now))
			return &set[i];
	for (size_t i = 0; i < WAYS; i++) {
		if (!counts(&set[i], now)) {
			oldest = &set[i];
			break;
		}
		if (set[i].since < oldest->since)
			oldest = &set[i];
	}
	*oldest = (struct entry){.key = key, .since = now};
	return oldest;
}

void
attempts_count(
    struct attempts *attempts, const char *name, const char *peer, int64_t now)
{
	(void)pthread_mutex_lock(&attempts->lock);
	lock(attempts->fd);
	for (int table = BY_NAME; table <= BY_ADDRESS; table++) {
		struct account account =
		    account_of(attempts, (enum table)table, name, peer);
		struct entry set[WAYS];

		set_read(set, attempts, account.at);
		place_of(set, account.key, now)->count++;
		if (pwrite(attempts->fd, set, sizeof(set), account.at) !=
		    (ssize_t)sizeof(set))
			break;
	}
	(void)flock(attempts->fd, LOCK_UN);
	(void)pthread_mutex_unlock(&attempts->lock);
}

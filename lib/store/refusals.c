#include "lib/store/refusals.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNTS 32

struct account {
	char reason[32], network[64];
	int64_t minute;
	unsigned seen; /* this minute */
	int64_t held;  /* counted, without a row */
};

struct refusals {
	pthread_mutex_t lock;
	/* The last one is for whatever finds no other. */
	struct account account[ACCOUNTS + 1];
};

struct refusals *
refusals_new(void)
{
	struct refusals *r = mem_new(sizeof(*r));

	(void)pthread_mutex_init(&r->lock, NULL);
	return r;
}

void
refusals_free(struct refusals *r)
{
	if (r == NULL)
		return;
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}

static void
network_of(char out[64], const char *peer)
{
	uint8_t a[16];
	char text[INET6_ADDRSTRLEN];

	if (peer == NULL) {
		(void)snprintf(out, 64, "-");
	} else if (inet_pton(AF_INET, peer, a) == 1 ||
		   (strncasecmp(peer, "::ffff:", 7) == 0 &&
		       inet_pton(AF_INET, peer + 7, a) == 1)) {
		(void)snprintf(out, 64, "%u.%u.%u.0/24", a[0], a[1], a[2]);
	} else if (inet_pton(AF_INET6, peer, a) == 1) {
		memset(a + 6, 0, 10);
		(void)inet_ntop(AF_INET6, a, text, sizeof(text));
		(void)snprintf(out, 64, "%s/48", text);
	} else {
		(void)snprintf(out, 64, "%.40s", peer);
	}
}

static void
account_begin(struct account *a, const char *reason, const char *network)
{
	memset(a, 0, sizeof(*a));
	(void)snprintf(a->reason, sizeof(a->reason), "%s", reason);
	(void)snprintf(a->network, sizeof(a->network), "%s", network);
}

/* The account of that pair, or a free one: never used, or of an earlier minute
 * and with nothing held. */
static struct account *
account_of(
    struct refusals *r, const char *reason, const char *network, int64_t minute)
{
	struct account *spare = &r->account[ACCOUNTS];

	for (size_t i = 0; i < ACCOUNTS; i++) {
		struct account *a = &r->account[i];

		if (strncmp(a->reason, reason, sizeof(a->reason) - 1) == 0 &&
		    strcmp(a->network, network) == 0)
			return a;
		if (a->minute < minute && a->held == 0 &&
		    spare == &r->account[ACCOUNTS])
			spare = a;
	}
	if (spare != &r->account[ACCOUNTS])
		account_begin(spare, reason, network);
	else if (spare->reason[0] == '\0')
		account_begin(spare, "various", "*");
	return spare;
}

bool
refusals_admit(struct refusals *r, const struct audit *entry, int64_t now)
{
	const char *reason = entry->reason != NULL ? entry->reason : "-";
	int64_t minute = now / 60;
	struct account *a;
	char network[64];
	bool own;

	network_of(network, entry->peer);
	(void)pthread_mutex_lock(&r->lock);
	a = account_of(r, reason, network, minute);
	if (a->minute != minute) {
		a->minute = minute;
		a->seen = 0;
	}
	own = a->seen < REFUSALS_A_MINUTE;
	if (own)
		a->seen++;
	else
		a->held++;
	(void)pthread_mutex_unlock(&r->lock);
	return own;
}

static void
held_add(
    struct refusals *r, const char *reason, const char *network, int64_t count)
{
	(void)pthread_mutex_lock(&r->lock);
	account_of(r, reason, network, INT64_MAX)->held += count;
	(void)pthread_mutex_unlock(&r->lock);
}

void
refusals_drop(struct refusals *r, const char *reason)
{
	held_add(r, reason != NULL ? reason : "-", "*", 1);
}

void
refusals_give_back(struct refusals *r, const struct refusal_sum *sum)
{
	held_add(r, sum->reason, sum->network, sum->count);
}

bool
refusals_take(
    struct refusals *r, struct refusal_sum *sum, int64_t now, bool all)
{
	bool found = false;

	(void)pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i <= ACCOUNTS && !found; i++) {
		struct account *a = &r->account[i];

		if (a->held == 0 || (!all && a->minute >= now / 60))
			continue;
		memcpy(sum->reason, a->reason, sizeof(sum->reason));
		memcpy(sum->network, a->network, sizeof(sum->network));
		sum->count = a->held;
		a->held = 0;
		found = true;
	}
	(void)pthread_mutex_unlock(&r->lock);
	return found;
}

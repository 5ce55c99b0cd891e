#include "lib/page/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include "lib/base/file.h"
#include "lib/wire/request.h"

/* ---- the secret ---------------------------------------------------------- */

static int
secret_make(const char *path, struct fail *why)
{
	uint8_t made[32];
	int rc;

	if (getrandom(made, sizeof(made), 0) != (ssize_t)sizeof(made))
		return fail(why, FAIL_BROKEN, "file", "no random octets");
	rc = file_write(path, (struct span){made, sizeof(made)}, 0400, why);
	OPENSSL_cleanse(made, sizeof(made));
	return rc;
}

static int
secret_read(struct guard *guard, const char *path, struct fail *why)
{
	struct bytes b = {0};
	int rc = file_read_secret(&b, path, sizeof(guard->secret), why);

	if (rc == 0 && b.len != sizeof(guard->secret))
		rc = fail(why, FAIL_BROKEN, "file", "%s is not whole", path);
	if (rc == 0)
		memcpy(guard->secret, b.data, b.len);
	bytes_wipe(&b);
	return rc;
}

/* One of several programs that start at once makes it. */
int
guard_open(
    struct guard *guard, const struct settings *settings, struct fail *why)
{
	char *path = file_path(settings->state, "inventory.secret");
	char *lock = file_path(settings->state, "inventory.lock");
	int fd = -1, rc = file_lock(&fd, lock, 10, why);

	if (rc == 0 && access(path, F_OK) != 0)
		rc = secret_make(path, why);
	if (rc == 0)
		rc = secret_read(guard, path, why);
	if (fd >= 0)
		(void)close(fd);
	free(lock);
	free(path);
	return rc;
}

/* ---- tokens -------------------------------------------------------------- */

void
guard_token(char token[GUARD_TOKEN], const struct guard *guard,
    const struct operator_seen *who, int64_t now)
{
	uint8_t mac[SHA256_LEN], data[SHA256_LEN + 8];
	uint64_t time = (uint64_t)now;
	unsigned len = sizeof(mac);
	int n;

	memcpy(data, who->sha256, SHA256_LEN);
	for (int i = 0; i < 8; i++)
		data[SHA256_LEN + i] = (uint8_t)(time >> (56 - 8 * i));
	n = snprintf(token, GUARD_TOKEN, "%lld.", (long long)now);
	if (HMAC(EVP_sha256(), guard->secret, (int)sizeof(guard->secret), data,
		sizeof(data), mac, &len) == NULL)
		abort();
	hex_write(token + n, (struct span){mac, SHA256_LEN}, false);
}

static bool
token_good(const struct guard *guard, const struct operator_seen *who,
    const char *token, int64_t now)
{
	char want[GUARD_TOKEN];
	size_t digits = strspn(token, "0123456789");
	int64_t made;

	if (digits == 0 || digits > 15 || token[digits] != '.')
		return false;
	made = strtoll(token, NULL, 10);
	if (made > now + 60 || made < now - GUARD_LIFE)
		return false;
	guard_token(want, guard, who, made);
	return strlen(want) == strlen(token) &&
	       CRYPTO_memcmp(want, token, strlen(want)) == 0;
}

static int
elsewhere(struct fail *why, const char *name, const char *value)
{
	(void)fail(why, FAIL_DENIED, "csrf",
	    "RFC 6454, 7: the request comes from another site's page");
	return fail_cause(why, "%s is %.100s", name, value);
}

/* What a browser says of where the request comes from. */
static int
from_here(char *const *env, struct fail *why)
{
	const char *site = env_find(env, "HTTP_SEC_FETCH_SITE", NULL),
		   *origin = env_find(env, "HTTP_ORIGIN", NULL),
		   *host = env_find(env, "HTTP_HOST", NULL);

	if (site != NULL && strcmp(site, "same-origin") != 0)
		return elsewhere(why, "Sec-Fetch-Site", site);
	if (origin != NULL &&
	    (host == NULL || strncmp(origin, "https://", 8) != 0 ||
		strcmp(origin + 8, host) != 0))
		return elsewhere(why, "Origin", origin);
	return 0;
}

int
guard_check(const struct guard *guard, const struct operator_seen *who,
    const char *token, char *const *env, int64_t now, struct fail *why)
{
	if (who->role != ROLE_OPERATOR)
		return fail(why, FAIL_DENIED, "operator-role",
		    "a viewer may look, not act");
	if (from_here(env, why) != 0)
		return -1;
	if (token == NULL || !token_good(guard, who, token, now))
		return fail(why, FAIL_DENIED, "csrf",
		    "the form's token is missing or too old: load the page "
		    "again");
	return 0;
}

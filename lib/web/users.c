#include "lib/web/users.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

static int
user_of(uid_t *uid, const char *name, struct fail *why)
{
	const struct passwd *pw;
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(name, &end, 10);
	if (name[0] >= '0' && name[0] <= '9' && *end == '\0' && errno == 0 &&
	    n < UINT32_MAX) {
		*uid = (uid_t)n;
		return 0;
	}
	if ((pw = getpwnam(name)) == NULL)
		return fail(why, FAIL_CONFIG, "config",
		    "web_server_users: there is no user %s", name);
	*uid = pw->pw_uid;
	return 0;
}

int
users_read(
    struct users *users, const struct conf_strings *names, struct fail *why)
{
	users->uid = mem_grow(NULL, names->n, sizeof(*users->uid));
	for (users->n = 0; users->n < names->n; users->n++)
		if (user_of(
			&users->uid[users->n], names->text[users->n], why) != 0)
			return -1;
	return 0;
}

bool
users_admit(const struct users *users, uid_t uid)
{
	for (size_t i = 0; i < users->n; i++)
		if (users->uid[i] == uid)
			return true;
	return false;
}

void
users_free(struct users *users)
{
	free(users->uid);
	*users = (struct users){0};
}

#include "lib/web/local.h"

#include <string.h>
#include <strings.h>

#include "lib/wire/request.h"

/* 127.0.0.0/8, ::1, and the former as IPv6 has it. */
static bool
is_loopback(const char *text, size_t len)
{
	static const char mapped[] = "::ffff:";
	const size_t n = sizeof(mapped) - 1;

	if (len > n && strncasecmp(text, mapped, n) == 0) {
		text += n;
		len -= n;
	}
	return (len > 4 && strncmp(text, "127.", 4) == 0 &&
		   strspn(text, "0123456789.") >= len) ||
	       (len == 3 && strncmp(text, "::1", 3) == 0);
}

/* Addresses with commas between them. */
static bool
are_loopback(const char *list)
{
	bool all = true;

	while (all) {
		size_t len;

		list += strspn(list, " \t");
		len = strcspn(list, ", \t");
		all = is_loopback(list, len);
		list += len;
		list += strspn(list, " \t");
		if (*list == '\0')
			break;
		all = all && *list++ == ',';
	}
	return all;
}

bool
local_is(char *const *env)
{
	bool twice = false;
	const char *peer = env_find(env, "REMOTE_ADDR", &twice);
	const char *proxied = env_find(env, "HTTP_X_FORWARDED_FOR", NULL);

	if (peer == NULL || twice || !is_loopback(peer, strlen(peer)) ||
	    env_find(env, "HTTP_FORWARDED", NULL) != NULL)
		return false;
	return proxied == NULL || are_loopback(proxied);
}

#include "lib/web/channel.h"

#include <string.h>

/* RFC 5246, 7.4.9: verify_data of all cipher suites that there are. */
#define UNIQUE_LEN 12
/* RFC 9266, 2 */
#define EXPORTER_LEN 32

static int
strange(const char *variable, const char *what, struct fail *why)
{
	fail(why, FAIL_DENIED, "auth-config",
	    "what the web server says about the TLS session is not clear");
	return fail_cause(why, "%s %s", variable, what);
}

/* Is it the base64 of so many octets, and the one that we should write? */
static bool
form_ok(const char *text, size_t octets)
{
	struct bytes value = {0}, again = {0};
	struct fail ignored = {0};
	size_t len = strlen(text);
	bool ok = false;

	if (base64_read(&value, (struct span){(const uint8_t *)text, len},
		&ignored) == 0 &&
	    value.len == octets) {
		base64_write(&again, span_of(&value), 0);
		ok = again.len == len + 1 && memcmp(again.data, text, len) == 0;
	}
	bytes_free(&value);
	bytes_free(&again);
	return ok;
}

static int
take(const char **text, char *const *env, const char *variable, size_t octets,
    struct fail *why)
{
	bool twice = false;

	*text = env_find(env, variable, &twice);
	if (twice)
		return strange(variable, "is there twice", why);
	if (*text != NULL && !form_ok(*text, octets))
		return strange(
		    variable, "is not base64 of the right length", why);
	return 0;
}

int
channel_take(struct channel *channel, const struct endpoint *endpoint,
    char *const *env, struct fail *why)
{
	const char *version;
	bool twice = false;

	*channel = (struct channel){0};
	if (endpoint->pop_link == POP_OFF)
		return 0;
	version = env_find(env, "SSL_PROTOCOL", &twice);
	if (twice)
		return strange("SSL_PROTOCOL", "is there twice", why);
	/* As the servers write it; Caddy and HAProxy have names of their own
	 * for the rest only. */
	channel->tls13 = version != NULL && strcmp(version, "TLSv1.3") == 0;
	if (endpoint_binding(endpoint, BINDING_EXPORTER) &&
	    take(&channel->exporter, env, "TLS_EXPORTER", EXPORTER_LEN, why) !=
		0)
		return -1;
	/* RFC 9266, 1: not TLS 1.3's, where HAProxy gives a Finished too. */
	if (version == NULL || strcmp(version, "TLSv1.2") != 0 ||
	    !endpoint_binding(endpoint, BINDING_UNIQUE))
		return 0;
	return take(&channel->unique, env, "TLS_UNIQUE", UNIQUE_LEN, why);
}

#include "lib/web/probed.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/probe.h"
#include "lib/web/shown.h"
#include "lib/wire/request.h"

#define BODY_MOST (1024 * 1024)

static void
hash_add(struct json *j, const char *name, struct span of)
{
	uint8_t hash[SHA256_LEN];
	char text[2 * SHA256_LEN + 1];

	if (of.len == 0)
		return;
	sha256(hash, of);
	hex_write(text, (struct span){hash, sizeof(hash)}, false);
	json_str(j, name, text);
}

/* Variables but a client's HTTP_... that a client's header got into. */
static struct json *
spoofed(char *const *env)
{
	const char *mark = env_find(env, "HTTP_MICROCA_MARK", NULL);
	struct json *names = json_new_array();

	for (; mark != NULL && *env != NULL; env++) {
		size_t len = strcspn(*env, "=");
		char *name;

		if (strncmp(*env, "HTTP_", 5) == 0 || (*env)[len] == '\0' ||
		    strstr(*env + len, mark) == NULL)
			continue;
		name = str_fmt("%.*s", (int)len, *env);
		json_push_str(names, name);
		free(name);
	}
	return names;
}

/* As the operations would take it. */
static void
certificate_add(struct json *j, const struct endpoint *endpoint, struct edge *e)
{
	struct bytes der = {0};
	struct fail why = {0};
	int frontend = endpoint != NULL ? endpoint->frontend : FRONTEND_ANY;

	if (shown_read(&der, frontend, false, e->env, &why) == 0)
		hash_add(j, "certificate", span_of(&der));
	else
		json_str(j, "refused", why.reason);
	bytes_free(&der);
}

static void
body_add(struct json *j, int64_t wait, struct edge *e)
{
	struct bytes body = {0};
	struct fail why = {0};

	if (shown_body(&body, e, -1, BODY_MOST, wait, &why) != 0)
		json_str(j, "body_trouble", why.reason);
	json_int(j, "body", (int64_t)body.len);
	bytes_free(&body);
}

static void
facts(struct json *j, const struct settings *s, struct edge *e)
{
	static const struct {
		const char *member, *variable;
	} same[] = {
	    {"endpoint", "MICROCA_ENDPOINT"},
	    {"frontend", "MICROCA_FRONTEND"},
	    {"verify", "SSL_CLIENT_VERIFY"},
	    {"protocol", "SSL_PROTOCOL"},
	    {"tls_unique", "TLS_UNIQUE"},
	    {"tls_exporter", "TLS_EXPORTER"},
	    {"uri", "REQUEST_URI"},
	    {"peer", "REMOTE_ADDR"},
	};
	const char *name = env_find(e->env, "MICROCA_ENDPOINT", NULL);
	const char *basic = env_find(e->env, "HTTP_AUTHORIZATION", NULL);
	const char *script = env_find(e->env, "SCRIPT_FILENAME", NULL);

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		json_str(j, same[i].member,
		    env_find(e->env, same[i].variable, NULL));
	/* mod_proxy_fcgi, which has no limit of its own. */
	json_bool(
	    j, "proxied", script != NULL && strncmp(script, "proxy:", 6) == 0);
	if (basic != NULL)
		hash_add(j, "authorization",
		    (struct span){(const uint8_t *)basic, strlen(basic)});
	certificate_add(j, name != NULL ? settings_endpoint(s, name) : NULL, e);
	json_add(j, "spoofed", spoofed(e->env));
	body_add(j, s->body_wait, e);
}

bool
probed(const char *program, const struct settings *s, struct edge *e)
{
	const char *ticket = env_find(e->env, "HTTP_MICROCA_PROBE", NULL);
	struct bytes out = {0};
	struct json *j;
	char *text;

	if (!probe_good(s->run, ticket))
		return false;
	j = json_new_object();
	json_str(j, "program", program);
	facts(j, s, e);
	text = json_text(j, 0);
	bytes_addf(&out,
	    "Status: 200 OK\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\nCache-Control: no-store\r\n\r\n%s\n",
	    strlen(text) + 1, text);
	log_write(LOG_LEVEL_INFO, "what the web server hands over was told to "
				  "the administrator");
	if (e->write(e, span_of(&out)) != 0)
		log_write(LOG_LEVEL_INFO, "the answer was not delivered");
	bytes_free(&out);
	free(text);
	json_free(j);
	return true;
}

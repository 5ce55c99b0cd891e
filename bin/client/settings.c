#include "bin/client/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/when.h"

#define DEFAULT_PATH SYSCONFDIR "/est-client.conf"
#define LOOSE "certificate" /* the name of one made of flags */

/* ---- the tables --------------------------------------------------------- */

static const struct conf_table *
table_of(const char *list)
{
	size_t i;

	for (i = 0; i < settings_table.keys; i++)
		if (strcmp(settings_table.key[i].name, list) == 0)
			return settings_table.key[i].table;
	abort();
}

static bool
same_word(const char *flag, const char *key)
{
	for (; *flag != '\0' && *key != '\0'; flag++, key++)
		if (*flag != (*key == '_' ? '-' : *key))
			return false;
	return *flag == *key;
}

static bool
has_key(const struct conf_table *table, const struct conf_key *key)
{
	return key >= table->key && key < table->key + table->keys;
}

const struct conf_key *
flag_find(const char *name)
{
	static const char *const lists[] = {"servers", "certificates"};
	size_t i, k;

	if (strcmp(name, "server") == 0)
		return NULL;
	if (same_word(name, "state"))
		return &settings_table.key[0];
	for (i = 0; i < 2; i++) {
		const struct conf_table *table = table_of(lists[i]);

		/* The certificate's name is the one that is meant. */
		for (k = i == 0 ? 1 : 0; k < table->keys; k++)
			if (same_word(name, table->key[k].name))
				return &table->key[k];
	}
	return NULL;
}

/* ---- values of flags ---------------------------------------------------- */

static int
not_allowed(const struct conf_key *key, const char *text, const char *allowed,
    struct fail *why)
{
	char flag[64];
	size_t i;

	(void)snprintf(flag, sizeof(flag), "%s", key->name);
	for (i = 0; flag[i] != '\0'; i++)
		if (flag[i] == '_')
			flag[i] = '-';
	return fail(why, FAIL_CONFIG, "usage", "--%s: \"%s\" is not %s", flag,
	    text, allowed);
}

static bool
word_find(int *at, const struct conf_key *key, const char *text)
{
	int i;

	for (i = 0; key->words[i] != NULL; i++)
		if (strcmp(key->words[i], text) == 0) {
			*at = i;
			return true;
		}
	return false;
}

static int
no_word(const struct conf_key *key, const char *text, struct fail *why)
{
	struct bytes all = {0};

	bytes_adds(&all, "one of");
	for (size_t i = 0; key->words[i] != NULL; i++)
		bytes_addf(&all, " %s", key->words[i]);
	(void)not_allowed(key, text, (const char *)all.data, why);
	bytes_free(&all);
	return -1;
}

static char *
absolute(char *path)
{
	char *cwd, *whole;

	if (path == NULL || path[0] == '/')
		return path;
	cwd = getcwd(NULL, 0);
	whole = file_path(cwd, path);
	free(cwd);
	free(path);
	return whole;
}

static bool
is_folder(const struct conf_key *key)
{
	return strcmp(key->name, "folder") == 0 ||
	       strcmp(key->name, "state") == 0;
}

static int
string_set(
    char **out, const struct conf_key *key, const char *text, struct fail *why)
{
	int ignored;

	if (key->words != NULL && !word_find(&ignored, key, text))
		return no_word(key, text, why);
	if (is_folder(key)) { /* a shell's folder is where it is */
		free(*out);
		*out = absolute(str_dup(text));
		return 0;
	}
	if (key->ok != NULL && !key->ok(text))
		return not_allowed(key, text, key->form, why);
	free(*out);
	*out = text[0] != '\0' ? str_dup(text) : NULL;
	return 0;
}

static int
bool_set(
    bool *out, const struct conf_key *key, const char *text, struct fail *why)
{
	*out = strcmp(text, "true") == 0;
	return *out || strcmp(text, "false") == 0
	           ? 0
	           : not_allowed(key, text, "true or false", why);
}

static int
number_set(int64_t *out, const struct conf_key *key, const char *text,
    struct fail *why)
{
	struct fail no = {0};
	char *end = NULL;
	int64_t n;

	if (key->type == CONF_DURATION) {
		if (duration_read(&n, text, &no) != 0)
			return not_allowed(
			    key, text, "a duration like 30s or 90d", why);
	} else {
		n = strtoll(text, &end, 10);
		if (end == text || *end != '\0')
			return not_allowed(key, text, "a number", why);
	}
	if (n < key->min || n > key->max)
		return not_allowed(key, text, "in its range", why);
	*out = n;
	return 0;
}

static void
strings_add(struct conf_strings *out, const char *text)
{
	out->text = mem_grow(out->text, out->n + 1, sizeof(*out->text));
	out->text[out->n++] = str_dup(text);
}

static int
value_set(
    void *group, const struct conf_key *key, const char *text, struct fail *why)
{
	void *at = (char *)group + key->offset;
	int64_t n;

	switch (key->type) {
	case CONF_BOOL:
		return bool_set(at, key, text, why);
	case CONF_STRING:
		return string_set(at, key, text, why);
	case CONF_DURATION:
		return number_set(at, key, text, why);
	case CONF_INT:
		if (number_set(&n, key, text, why) != 0)
			return -1;
		*(int *)at = (int)n;
		return 0;
	case CONF_WORD:
		return word_find(at, key, text) ? 0 : no_word(key, text, why);
	case CONF_STRINGS:
		strings_add(at, text);
		return 0;
	default:
		return fail(
		    why, FAIL_BROKEN, "usage", "no flag for %s", key->name);
	}
}

/* A flag that may be given several times replaces what the file has. */
static void
strings_clear(void *group, const struct conf_key *key)
{
	struct conf_strings *s =
	    (struct conf_strings *)(void *)((char *)group + key->offset);
	size_t i;

	for (i = 0; i < s->n; i++)
		free(s->text[i]);
	free(s->text);
	*s = (struct conf_strings){0};
}

static int
flags_apply(void *group, const struct conf_table *table,
    const struct flags *flags, struct fail *why)
{
	size_t i, k;

	for (i = 0; i < flags->n; i++) {
		const struct conf_key *key = flags->key[i];
		bool first = true;

		if (!has_key(table, key))
			continue;
		for (k = 0; k < i; k++)
			first = first && flags->key[k] != key;
		if (key->type == CONF_STRINGS && first)
			strings_clear(group, key);
		if (value_set(group, key, flags->value[i], why) != 0)
			return -1;
	}
	return 0;
}

/* The tables' defaults, as they would stand in a file. */
static int
defaults_set(void *group, const struct conf_table *table, struct fail *why)
{
	size_t i;

	for (i = 0; i < table->keys; i++) {
		const struct conf_key *key = &table->key[i];
		char *text;
		int rc;

		if (key->fallback == NULL || key->fallback[0] == '(')
			continue;
		text = str_dup(key->fallback + (key->fallback[0] == '"'));
		if (key->fallback[0] == '"')
			text[strlen(text) - 1] = '\0';
		rc = value_set(group, key, text, why);
		free(text);
		if (rc != 0)
			return -1;
	}
	return 0;
}

/* ---- made of flags alone ------------------------------------------------ */

static bool
flag_given(const struct flags *flags, const char *name)
{
	size_t i;

	for (i = 0; i < flags->n; i++)
		if (strcmp(flags->key[i]->name, name) == 0)
			return true;
	return false;
}

static int
loose_make(struct settings *s, const struct flags *flags, struct fail *why)
{
	const struct conf_table *servers = table_of("servers");
	const struct conf_table *certs = table_of("certificates");
	struct server *server = mem_new(sizeof(*server));
	struct certificate *cert = mem_new(sizeof(*cert));

	s->loose = true;
	s->servers = (struct conf_list){server, 1};
	s->certificates = (struct conf_list){cert, 1};
	server->name = str_dup("server");
	cert->name = str_dup(LOOSE);
	if (defaults_set(server, servers, why) != 0 ||
	    defaults_set(cert, certs, why) != 0 ||
	    flags_apply(s, &settings_table, flags, why) != 0 ||
	    flags_apply(server, servers, flags, why) != 0 ||
	    flags_apply(cert, certs, flags, why) != 0)
		return -1;
	cert->server = server;
	if (cert->folder == NULL && s->state != NULL)
		cert->folder = file_path(s->state, cert->name);
	cert->state = s->state != NULL ? s->state : cert->folder;
	if (s->state != NULL)
		server->learnt = file_path(s->state, "anchors.pem");
	else if (cert->folder != NULL)
		server->learnt = file_path(cert->folder, "anchors.pem");
	return 0;
}

/* ---- from the file ------------------------------------------------------ */

static const struct server *
server_find(const struct settings *s, const char *name)
{
	const struct server *server = s->servers.item;
	size_t i;

	for (i = 0; i < s->servers.n; i++)
		if (name == NULL ? s->servers.n == 1
				 : strcmp(server[i].name, name) == 0)
			return &server[i];
	return NULL;
}

struct certificate *
settings_find(const struct settings *s, const char *name)
{
	struct certificate *cert = s->certificates.item;
	size_t i;

	for (i = 0; i < s->certificates.n; i++)
		if (strcmp(cert[i].name, name) == 0)
			return &cert[i];
	return NULL;
}

static int
unique(const struct settings *s, struct fail *why)
{
	const struct server *server = s->servers.item;
	const struct certificate *cert = s->certificates.item;
	size_t i;

	if (s->servers.n == 0)
		return fail(
		    why, FAIL_CONFIG, "config", "no server is configured");
	for (i = 0; i < s->servers.n; i++)
		if (s->servers.n > 1 &&
		    server_find(s, server[i].name) != &server[i])
			return fail(why, FAIL_CONFIG, "config",
			    "%s: another server has that name: \"%s\"",
			    server[i].where, server[i].name);
	for (i = 0; i < s->certificates.n; i++)
		if (settings_find(s, cert[i].name) != &cert[i])
			return fail(why, FAIL_CONFIG, "config",
			    "%s: another certificate has that name: \"%s\"",
			    cert[i].where, cert[i].name);
	return 0;
}

static int
link_up(struct settings *s, struct fail *why)
{
	struct server *server = s->servers.item;
	struct certificate *cert = s->certificates.item;
	size_t i;

	if (unique(s, why) != 0)
		return -1;
	for (i = 0; i < s->servers.n; i++)
		server[i].learnt =
		    str_fmt("%s/anchors-%s.pem", s->state, server[i].name);
	for (i = 0; i < s->certificates.n; i++) {
		cert[i].server = server_find(s, cert[i].server_name);
		if (cert[i].server == NULL)
			return fail(why, FAIL_CONFIG, "config",
			    "%s: there is no server \"%s\"", cert[i].where,
			    cert[i].server_name != NULL ? cert[i].server_name
							: "");
		if (cert[i].folder == NULL)
			cert[i].folder = file_path(s->state, cert[i].name);
		cert[i].state = s->state;
	}
	return 0;
}

static int
file_settings(struct settings *s, const char *path, const struct flags *flags,
    struct fail *why)
{
	struct server *server;
	struct certificate *cert;
	size_t i;

	if (conf_read(s, &settings_table, path, why) != 0 ||
	    flags_apply(s, &settings_table, flags, why) != 0)
		return -1;
	server = s->servers.item;
	cert = s->certificates.item;
	for (i = 0; i < s->servers.n; i++)
		if (flags_apply(&server[i], table_of("servers"), flags, why) !=
		    0)
			return -1;
	if (s->certificates.n > 1 &&
	    (flag_given(flags, "folder") || flag_given(flags, "name")))
		return fail(why, FAIL_CONFIG, "usage",
		    "--folder and --name are for one certificate");
	for (i = 0; i < s->certificates.n; i++)
		if (flags_apply(
			&cert[i], table_of("certificates"), flags, why) != 0)
			return -1;
	return link_up(s, why);
}

int
settings_read(struct settings *s, const char *path, const struct flags *flags,
    struct fail *why)
{
	int rc;

	*s = (struct settings){0};
	if (path == NULL && !flag_given(flags, "url") &&
	    access(DEFAULT_PATH, F_OK) != 0)
		return fail(why, FAIL_CONFIG, "config",
		    "which server?  There is no %s: give --url, or another "
		    "file by -c",
		    DEFAULT_PATH);
	if (path == NULL && flag_given(flags, "url"))
		rc = loose_make(s, flags, why);
	else
		rc = file_settings(
		    s, path != NULL ? path : DEFAULT_PATH, flags, why);
	return rc;
}

void
settings_free(struct settings *s)
{
	struct server *server = s->servers.item;
	size_t i;

	for (i = 0; i < s->servers.n; i++)
		free(server[i].learnt);
	conf_free(s, &settings_table);
}

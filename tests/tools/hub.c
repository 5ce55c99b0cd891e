/*
 * hub - lib/cloud's hub_*() from a shell, for tests.
 *
 *   hub [-d] [-n] [-r RATE] [-t SECONDS] FILE COMMAND [ARGUMENT]
 *
 * FILE holds the keys of the group `azure`.  -d: log at debug level; -n: never
 * wait; -t: the deadline.  Commands: apply, many (one JSON object a line on
 * standard input, which is what is wanted), find ID, list EDGE, token.  One
 * line a device: ID OUTCOME [REASON [THERE]].  When nothing more can be done:
 * a line "! REASON TEXT", and the failure's exit status.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/conf.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/when.h"
#include "lib/cloud/hub.h"

#define MANY 4096

struct tool {
	struct azure_settings azure;
	struct hub_pace pace;
	struct hub *hub;
};

/* ---- what is wanted ------------------------------------------------------ */

static void
cert_read(struct cloud_cert *cert, const struct json *j)
{
	const char *sha256 = j == NULL ? NULL : json_str_of(j, "sha256");

	if (sha256 == NULL)
		return;
	(void)snprintf(cert->sha256, sizeof(cert->sha256), "%s", sha256);
	cert->serial = str_dup(json_str_of(j, "serial"));
	cert->issuer = str_dup(json_str_of(j, "issuer"));
	cert->profile = str_dup(json_str_of(j, "profile"));
	cert->not_before = json_int_of(j, "notBefore", 0);
	cert->not_after = json_int_of(j, "notAfter", 0);
}

static int
wanted_read(struct wanted *w, const char *line, struct fail *why)
{
	struct json *j;
	const char *state;

	*w = (struct wanted){0};
	if (json_read(&j, line, why) != 0)
		return -1;
	state = json_str_of(j, "state");
	w->device = str_dup(json_str_of(j, "device"));
	w->edge = str_dup(json_str_of(j, "edge"));
	w->site = str_dup(json_str_of(j, "site"));
	w->seq = json_int_of(j, "seq", 0);
	w->state = state != NULL && strcmp(state, "revoked") == 0
	               ? CLOUD_REVOKED
	               : CLOUD_ACTIVE;
	w->reason = (int)json_int_of(j, "reason", 0);
	cert_read(&w->current, json_of(j, "cur"));
	cert_read(&w->previous, json_of(j, "prev"));
	json_free(j);
	if (w->device == NULL)
		return fail(why, FAIL_MALFORMED, "json", "no device");
	return 0;
}

/* All of standard input. */
static int
wanted_all(struct wanted *all, size_t *n, struct fail *why)
{
	char *line = NULL;
	size_t size = 0;
	int rc = 0;

	for (*n = 0; rc == 0 && getline(&line, &size, stdin) > 0; ++*n)
		rc = *n < MANY ? wanted_read(&all[*n], line, why)
		               : fail(why, FAIL_SIZE, "json", "too many");
	free(line);
	return rc;
}

/* ---- commands ------------------------------------------------------------ */

static void
tell(const struct wanted *w, const struct cloud_result *r)
{
	(void)printf("%s %s%s%s%s%s\n", w->device,
	    cloud_outcome_word(r->outcome), r->why.reason != NULL ? " " : "",
	    r->why.reason != NULL ? r->why.reason : "",
	    r->there[0] != '\0' ? " " : "", r->there);
	(void)fflush(stdout);
}

static int
apply(struct tool *tool, const struct wanted *all, size_t n, struct fail *why)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct cloud_result result;

		rc = hub_apply(tool->hub, &result, &all[i], why);
		tell(&all[i], &result);
	}
	return rc;
}

static int
many(struct tool *tool, const struct wanted *all, size_t n, struct fail *why)
{
	int rc = 0;

	for (size_t at = 0; rc == 0 && at < n; at += HUB_BULK) {
		struct cloud_result results[HUB_BULK];
		const struct wanted *some[HUB_BULK];
		size_t k = n - at < HUB_BULK ? n - at : HUB_BULK;

		for (size_t i = 0; i < k; i++)
			some[i] = &all[at + i];
		rc = hub_apply_many(tool->hub, results, some, k, why);
		for (size_t i = 0; i < k; i++)
			tell(some[i], &results[i]);
	}
	return rc;
}

static int
from_input(struct tool *tool, bool bulk, struct fail *why)
{
	struct wanted *all = mem_new(MANY * sizeof(*all));
	size_t n;
	int rc = wanted_all(all, &n, why);

	if (rc == 0)
		rc = bulk ? many(tool, all, n, why) : apply(tool, all, n, why);
	for (size_t i = 0; i < n && i < MANY; i++)
		wanted_free(&all[i]);
	free(all);
	return rc;
}

static int
show(const struct hub_device *d, void *arg)
{
	(void)arg;
	(void)printf("%s %s %s %s %s %s %lld\n", d->id,
	    d->status != NULL ? d->status : "-",
	    d->type != NULL ? d->type : "-",
	    d->primary[0] != '\0' ? d->primary : "-",
	    d->secondary[0] != '\0' ? d->secondary : "-",
	    d->ours ? d->tag.edge : "-", (long long)d->tag.seq);
	return 0;
}

static int
find(struct tool *tool, const char *id, struct fail *why)
{
	struct hub_device device;
	bool found;
	int rc = hub_find(tool->hub, &device, &found, id, why);

	if (rc == 0 && found)
		(void)show(&device, NULL);
	if (rc == 0)
		hub_device_free(&device);
	return rc == 0 && !found ? fail(why, FAIL_ABSENT, "absent", "%s", id)
	                         : rc;
}

static int
token(struct tool *tool, struct fail *why)
{
	if (hub_token(tool->hub, why) != 0)
		return -1;
	(void)printf(
	    "%lld\n", (long long)(hub_token_until(tool->hub) - when_now()));
	return 0;
}

static int
command(struct tool *tool, char **argv, struct fail *why)
{
	const char *name = argv[0];

	if (name != NULL && strcmp(name, "apply") == 0)
		return from_input(tool, false, why);
	if (name != NULL && strcmp(name, "many") == 0)
		return from_input(tool, true, why);
	if (name != NULL && strcmp(name, "token") == 0)
		return token(tool, why);
	if (name != NULL && argv[1] != NULL && strcmp(name, "find") == 0)
		return find(tool, argv[1], why);
	if (name != NULL && argv[1] != NULL && strcmp(name, "list") == 0)
		return hub_list(tool->hub, argv[1], show, NULL, why);
	return fail(why, FAIL_CONFIG, "usage", "no such command");
}

/* ---- set-up -------------------------------------------------------------- */

static int
settings(struct tool *tool, const char *path, char **state, struct fail *why)
{
	const char *slash = strrchr(path, '/');

	*state = slash == NULL ? str_dup(".")
	                       : str_fmt("%.*s", (int)(slash - path), path);
	if (conf_read(&tool->azure, &azure_table, path, why) != 0)
		return -1;
	return azure_check(&tool->azure, *state, path, why);
}

int
main(int argc, char **argv)
{
	struct tool tool = {.pace = {.wait = true}};
	struct fail why = {0};
	enum log_level level = LOG_LEVEL_WARN;
	char *state = NULL;
	int option, rc = -1;

	while ((option = getopt(argc, argv, "dnr:t:")) != -1)
		switch (option) {
		case 'd':
			level = LOG_LEVEL_DEBUG;
			break;
		case 'n':
			tool.pace.wait = false;
			break;
		case 'r':
			tool.pace.rate = atoi(optarg);
			break;
		case 't':
			tool.pace.deadline = when_now() + atoi(optarg);
			break;
		default:
			return 2;
		}
	if (argc - optind < 2)
		return 2;
	log_open("hub", LOG_SINK_STDERR, level);
	if (settings(&tool, argv[optind], &state, &why) == 0 &&
	    hub_open(&tool.hub, &tool.azure, &tool.pace, state, &why) == 0)
		rc = command(&tool, argv + optind + 1, &why);
	if (rc != 0)
		(void)printf("! %s %s (%s)\n", why.reason, why.text, why.cause);
	hub_close(tool.hub);
	conf_free(&tool.azure, &azure_table);
	free(state);
	return rc == 0 ? 0 : fail_exit(why.kind);
}

/* microca-upload - tell the cloud of devices' certificates: one run. */
#include "bin/microca.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/when.h"
#include "lib/ca/issuers_folder.h"
#include "lib/cloud/drain.h"
#include "lib/cloud/heads.h"
#include "lib/store/outbox.h"
#include "lib/store/trail.h"

struct wish {
	const char *conf;
	bool syslog, quiet;
};

static volatile int stop;

static void
on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

/* A run that is told to stop ends with what it has in hand. */
static void
signals_set(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	(void)sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGHUP, &sa, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

static void
help(FILE *to)
{
	fputs("usage: microca-upload [-c FILE] [-q] [-s]\n\n"
	      "Tell Azure IoT Hub, or the connector, of what is in the "
	      "outbox: one run.\n\n"
	      "-c, --conf FILE  configuration instead of $MICROCA_CONF "
	      "or " SYSCONFDIR "/microca/microca.conf\n"
	      "-q, --quiet      no progress and no summary on a terminal\n"
	      "-s, --syslog     log there, whatever the configuration says\n"
	      "--version        print the version\n",
	    to);
}

/* ---- for people ---------------------------------------------------------- */

static int64_t
seen(const struct drain_report *r)
{
	const struct tally_devices *d = &r->devices;

	return d->applied + d->unchanged + d->superseded + d->kept + d->refused;
}

static void
progress(const struct drain_report *r, void *arg)
{
	(void)arg;
	fprintf(stderr, "\r%lld devices, %lld changes waited at first",
	    (long long)seen(r), (long long)r->before.open);
	(void)fflush(stderr);
}

static void
line(const char *label, int64_t n)
{
	if (n != 0)
		printf("%-22s %lld\n", label, (long long)n);
}

static void
summary(const struct drain_report *r)
{
	const struct tally_devices *d = &r->devices;

	line("told:", d->applied);
	line("were so already:", d->unchanged);
	line("newer there:", d->superseded);
	line("kept for later:", d->kept);
	line("given up:", d->refused);
	printf("%-22s %lld\n", "changes left:", (long long)r->after.open);
	line("dead letters:", r->after.dead);
	printf("%-22s %.1f s\n", "took:", (double)r->duration / 1000);
	if (r->why.kind != FAIL_NONE)
		printf("%-22s %s\n", "because:", r->why.text);
}

/* ---- the run ------------------------------------------------------------- */

static int
exit_of(const struct drain_report *r)
{
	switch (r->result) {
	case RUN_DONE:
		return 0;
	case RUN_LATER:
		return fail_exit(FAIL_BUSY);
	case RUN_REFUSED:
		return EXIT_DIFFERENCE;
	case RUN_DENIED:
		return fail_exit(FAIL_DENIED);
	default:
		return fail_exit(
		    r->why.kind == FAIL_CONFIG || r->why.kind == FAIL_ABSENT
			? FAIL_CONFIG
			: FAIL_BROKEN);
	}
}

/* Nothing is signed, and no token opened, when nothing was recorded, or nobody
 * can sign yet. */
static int
head_due(
    bool *due, const struct settings *s, struct store *store, struct fail *why)
{
	struct issuers *present;
	struct checkpoint cp;
	struct trail_ends ends;
	bool found;

	if (issuers_present(&present, s, why) != 0)
		return -1;
	issuers_free(present);
	if (present == NULL)
		return 0;
	if (store_trail_ends(store, &ends, why) != 0 ||
	    heads_last(&cp, &found, s, why) != 0)
		return -1;
	*due = !heads_is_at(found ? &cp : NULL, &ends);
	if (found)
		checkpoint_free(&cp);
	return 0;
}

static int
head_make(struct tool *tool, struct fail *why)
{
	struct checkpoint cp;
	struct ca *ca = NULL;
	bool added;
	int rc = -1;

	if (tool_ca(&ca, tool, CA_STORE | CA_KEY, why) == 0 &&
	    (rc = heads_make(&cp, &added, ca, when_now(), why)) == 0) {
		if (added)
			heads_log(&cp);
		checkpoint_free(&cp);
	}
	ca_drop(ca);
	return rc;
}

/* The audit's head goes with every run.  One that has to wait does not undo what
 * the run did; one that is not taken says that the audit is not what it was. */
static void
head(int *status, struct tool *tool, struct store *store)
{
	struct fail why = {0};
	bool due = false;

	if (head_due(&due, tool->settings, store, &why) == 0 &&
	    (!due || head_make(tool, &why) == 0) &&
	    heads_tell(tool->settings, &why) == 0)
		return;
	log_fail("the audit's head", &why);
	if (*status == 0 && why.reason != NULL &&
	    strncmp(why.reason, "head-", 5) == 0)
		*status = EXIT_DIFFERENCE;
}

/* ---- of many nodes, one ------------------------------------------------------ */

/* s: longer than a run; a node that died in one leaves it for so long.  What two
 * tell at the same time does no harm, it is done twice. */
#define LEASE 900

static void
node_name(char name[32], const struct settings *s)
{
	(void)snprintf(name, 32, "node %d", s->node);
}

/* SQLite is one machine's: there the lock file will do. */
static bool
shared(const struct settings *s)
{
	return strncmp(s->store, "sqlite:", strlen("sqlite:")) != 0;
}

static int
alone(bool *others, const struct settings *s, struct store *store,
    struct fail *why)
{
	char name[32];
	bool taken;

	*others = false;
	if (!shared(s))
		return 0;
	node_name(name, s);
	if (store_lease(store, &taken, name, when_now(), LEASE, why) != 0)
		return -1;
	*others = !taken;
	return 0;
}

/* The word is the node's: not of one that found another of its node at work. */
static void
alone_end(
    const struct settings *s, struct store *store, const struct fail *ended)
{
	struct fail ignored = {0};
	char name[32];

	if (!shared(s) ||
	    (ended != NULL && strcmp(ended->reason, "upload-running") == 0))
		return;
	node_name(name, s);
	if (store_lease_end(store, name, &ignored) != 0)
		log_fail("the other nodes wait", &ignored);
}

static int
run(int *status, struct tool *tool, const struct wish *wish, struct fail *why)
{
	const struct settings *s = tool->settings;
	bool watched = !wish->quiet && isatty(STDERR_FILENO) == 1;
	const struct drain_options options = {
	    .stop = &stop,
	    .requester = tool->who->requester,
	    .progress = watched ? progress : NULL,
	};
	struct drain_report report;
	struct store *store;
	bool others;
	int rc;

	if (store_open_node(
		&store, s->store, s->node, false, 2, s->disk_reserve, why) != 0)
		return -1;
	rc = alone(&others, s, store, why);
	if (rc == 0 && others)
		log_write(LOG_LEVEL_INFO, "another node uploads");
	if (rc != 0 || others) {
		store_free(store);
		return rc;
	}
	rc = drain_run(&report, s, store, &options, why);
	alone_end(s, store, rc != 0 ? why : NULL);
	if (rc == 0) {
		*status = exit_of(&report);
		head(status, tool, store);
	}
	store_free(store);
	if (rc != 0)
		return -1;
	if (watched)
		fputc('\n', stderr);
	if (!wish->quiet && isatty(STDOUT_FILENO) == 1)
		summary(&report);
	return 0;
}

static int
upload(
    int *status, struct tool *tool, const struct wish *wish, struct fail *why)
{
	const struct settings *s;

	*status = 0;
	if (tool_settings(tool, why) != 0)
		return -1;
	s = tool->settings;
	log_open("microca-upload",
	    wish->syslog ? LOG_SINK_SYSLOG : (enum log_sink)s->log_sink,
	    (enum log_level)s->log_level);
	if (s->cloud.mode == CLOUD_OFF) {
		if (isatty(STDOUT_FILENO) == 1)
			printf("%s: cloud.mode is \"off\": nobody is told\n",
			    s->path);
		return 0;
	}
	if (tool_become_owner(tool, why) != 0)
		return -1;
	return run(status, tool, wish, why);
}

static int
upload_main(const struct wish *wish)
{
	struct tool tool = {.command = "upload", .conf = wish->conf};
	struct fail why = {0};
	int status, rc;

	log_open("microca-upload",
	    wish->syslog ? LOG_SINK_SYSLOG : LOG_SINK_STDERR, LOG_LEVEL_INFO);
	signals_set();
	rc = upload(&status, &tool, wish, &why);
	if (rc != 0) {
		log_fail("no run", &why);
		status = fail_exit(why.kind);
	}
	tool_close(&tool);
	return status;
}

static bool
is(const char *arg, const char *letter, const char *name)
{
	return strcmp(arg, letter) == 0 || strcmp(arg, name) == 0;
}

static int
usage(void)
{
	help(stderr);
	return fail_exit(FAIL_CONFIG);
}

int
main(int argc, char **argv)
{
	struct wish wish = {0};

	for (int i = 1; i < argc; i++) {
		if (is(argv[i], "-V", "--version")) {
			puts("microca-upload " PACKAGE_VERSION);
			return 0;
		}
		if (is(argv[i], "-h", "--help")) {
			help(stdout);
			return 0;
		}
		if (is(argv[i], "-q", "--quiet"))
			wish.quiet = true;
		else if (is(argv[i], "-s", "--syslog"))
			wish.syslog = true;
		else if (is(argv[i], "-c", "--conf") && i + 1 < argc)
			wish.conf = argv[++i];
		else if (strncmp(argv[i], "--conf=", 7) == 0)
			wish.conf = argv[i] + 7;
		else
			return usage();
	}
	return upload_main(&wish);
}

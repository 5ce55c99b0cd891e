#include "bin/client/client.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/log.h"

static const struct command {
	const char *name;
	command_run *run;
	const char *usage, *help;
} commands[] = {
    {"cacerts", cacerts_run, "[-o FILE] [NAME]",
	"the CA's certificates, checked against what is trusted"},
    {"csrattrs", csrattrs_run, "[-o FILE] [NAME]",
	"what the server wants a request to hold"},
    {"enroll", enroll_run, "[--force] [NAME...]",
	"the first certificate, or a new one for one that has ended"},
    {"reenroll", reenroll_run, "[NAME...]", "renew now"},
    {"renew", renew_run, "[--force] [NAME...]",
	"do what is due: for cron and systemd"},
    {"serverkeygen", serverkeygen_run,
	"--key-out FILE -o FILE [--decrypt-key FILE --decrypt-cert FILE] "
	"[NAME]",
	"a key and certificate that the server makes"},
    {"status", status_run, "[--json] [NAME...]",
	"what is in use, and how it goes"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *
command_find(const char *name)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static void
help_all(FILE *to)
{
	size_t i;

	fputs("usage: est-client COMMAND [-c FILE | --url URL] [--KEY "
	      "VALUE...] [NAME...]\n\n",
	    to);
	for (i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].help);
	fputs("\n-c, --conf FILE  configuration instead of " SYSCONFDIR
	      "/est-client.conf\n"
	      "--KEY VALUE      any key of the configuration, \"-\" for \"_\"; "
	      "with --url no file is read\n"
	      "--version        print the version\n"
	      "see est-client(1), est-client.conf(5)\n",
	    to);
}

static void
line_put(const char *text)
{
	struct bytes safe = {0};

	text_escape(&safe, span_str(text));
	fprintf(
	    stderr, "%s\n", safe.data != NULL ? (const char *)safe.data : "");
	bytes_free(&safe);
}

int
complain(const char *command, const char *name, const struct fail *why)
{
	struct bytes line = {0};

	bytes_addf(&line, "est-client %s: ", command);
	if (name != NULL)
		bytes_addf(&line, "%s: ", name);
	bytes_adds(&line, why->text);
	if (why->cause[0] != '\0')
		bytes_addf(&line, " (%s)", why->cause);
	line_put((const char *)line.data);
	bytes_free(&line);
	return fail_exit(why->kind);
}

void
warn_user(const char *fmt, ...)
{
	char text[512];
	struct bytes line = {0};
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	bytes_addf(&line, "est-client: warning: %s", text);
	line_put((const char *)line.data);
	bytes_free(&line);
}

static bool
wants_help(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

static int
command_main(const struct command *command, int argc, char **argv)
{
	struct client client = {.command = command->name};
	struct fail why = {0};
	int rc = -1;

	if (options_read(&client.options, argc, argv, &why) == 0 &&
	    settings_read(&client.settings, client.options.conf,
		&client.options.flags, &why) == 0)
		rc = command->run(&client, &why);
	settings_free(&client.settings);
	free(client.options.operand);
	if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
		fail(&why, FAIL_BROKEN, "file", "cannot write the output");
		rc = fail_errno(&why, "write");
	}
	return rc < 0 ? complain(command->name, NULL, &why) : rc;
}

int
main(int argc, char **argv)
{
	const struct command *command;

	if (argc > 1 &&
	    (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
		puts("est-client " PACKAGE_VERSION);
		return 0;
	}
	if (argc > 1 &&
	    (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		help_all(stdout);
		return 0;
	}
	command = argc > 1 ? command_find(argv[1]) : NULL;
	if (command == NULL) {
		if (argc > 1)
			fprintf(stderr, "est-client: no such command: %s\n",
			    argv[1]);
		help_all(stderr);
		return fail_exit(FAIL_CONFIG);
	}
	if (wants_help(argc, argv)) {
		printf("usage: est-client %s [-c FILE | --url URL] [--KEY "
		       "VALUE...] %s\n\n%s\n",
		    command->name, command->usage, command->help);
		return 0;
	}
	log_open("est-client", LOG_SINK_STDERR, LOG_LEVEL_WARN);
	key_harden_process();
	(void)umask(022);
	return command_main(command, argc - 2, argv + 2);
}

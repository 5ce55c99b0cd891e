#include "bin/microca.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command commands[] = {
    {"init", init_run,
	"[--key-type TYPE] [--self-signed [--days N] [--path-length N]]",
	"make folders, the CA's key and the database"},
    {"csr", csr_run, "[--path-length N] [-o FILE] [NAME]",
	"write a PKCS#10 request for a certificate of the CA's own"},
    {"enroll", enroll_run, "[--force] NAME",
	"get one of our own certificates from where it is issued"},
    {"renew", renew_run, "[NAME...]",
	"renew our own certificates as far as they are due"},
    {"status", status_run, "[--json] [NAME...]",
	"tell how our own certificates stand"},
    {"install", install_run,
	"[--root FILE] [--key URI] [--activate now|TIME|+DURATION]\n"
	"           [--force] intermediate FILE...\n"
	"       microca [-c FILE] install (device | server | client) FILE...\n"
	"       microca [-c FILE] install published",
	"take the CA's certificate and chain into use, or publish it anew"},
    {"issuers", issuers_run,
	"[--json]\n"
	"       microca [-c FILE] issuers drop KEYID|SERIAL\n"
	"       microca [-c FILE] issuers promote",
	"list the issuing certificates: past, active and staged"},
    {"issue", issue_run,
	"(--profile PROFILE | --endpoint ENDPOINT) [-o FILE] CSRFILE",
	"issue a certificate from a request in a file"},
    {"explain", explain_run,
	"--endpoint E --csr FILE [--cert FILE | --device NAME]\n"
	"           [--operation simpleenroll|simplereenroll|serverkeygen] "
	"[--json]",
	"what a request would get: each rule, and the certificate"},
    {"proof", proof_run, "[--hours N] [-o FILE] CODE",
	"issue what Azure asks for to register the intermediate"},
    {"revoke", revoke_run,
	"[--reason WORD] [--time TIME] [--text TEXT] "
	"SERIAL|FINGERPRINT...\n"
	"       microca [-c FILE] revoke [--reason WORD] [--time TIME] "
	"[--text TEXT]\n"
	"           [--max N] [--dry-run | --yes] [--subject PATTERN]\n"
	"           [--profile P] [--endpoint E]\n"
	"       microca [-c FILE] revoke --replaced",
	"revoke certificates or put them on hold, effective at once"},
    {"release", release_run,
	"[--text TEXT] SERIAL|FINGERPRINT...\n"
	"       microca [-c FILE] release [--text TEXT] [--max N]\n"
	"           [--dry-run | --yes] [--subject PATTERN] [--profile P] "
	"[--endpoint E]",
	"end a hold: the certificate is good again"},
    {"ocsp", ocsp_run, "[--force] [--json]",
	"certificates of the OCSP responder, renewed in time"},
    {"audit", audit_run,
	"verify [--heads FILE] [--retired]\n"
	"       microca [-c FILE] audit head\n"
	"       microca [-c FILE] audit gap\n"
	"       microca [-c FILE] audit list [--since TIME] [--until TIME] "
	"[--event E]\n"
	"           [--serial S] [--with TEXT] [--last N] [--limit N] "
	"[--lane N] "
	"[--json]\n"
	"       microca [-c FILE] audit show [--lane N] [--json] NUMBER\n"
	"       microca [-c FILE] audit export [--certificates] [--no-head] "
	"FILE",
	"the record of all that was done: check, sign, look, carry off"},
    {"backup", backup_run,
	"[--keep N] [--json] (FOLDER | FILE | -)\n"
	"       microca [-c FILE] backup --verify [--sha256 HEX] [--work "
	"FOLDER] [--json] FILE",
	"all of the CA but its keys in one file; or check one"},
    {"restore", restore_run,
	"[--accept-loss] [--sha256 HEX] [--text TEXT] FILE\n"
	"       microca [-c FILE] restore --into FOLDER [--sha256 HEX] FILE",
	"put a backup in the place of what is there, or its files aside"},
    {"crl", crl_run, "[--force] [--json]",
	"publish revocation lists as far as they are due"},
    {"retire", retire_command, "[--look] [--idle] [--json]",
	"move certificates that ended long ago out of the database"},
    {"secret", secret_run,
	"add [--expires TIME] ENDPOINT DEVICE\n"
	"       microca [-c FILE] secret add [--expires TIME] [-o FILE] --csv "
	"FILE\n"
	"       microca [-c FILE] secret list [--device NAME] [--json | "
	"--csv]\n"
	"       microca [-c FILE] secret revoke (ID | --device NAME)",
	"one-time enrolment secrets for devices without a certificate"},
    {"pending", pending_run, "[--endpoint E] [--all] [--json | --csv] [SHA256]",
	"list requests that wait for approval, or show one decoded"},
    {"approve", approve_run, "[--yes] [--id N] [--text TEXT] SHA256",
	"approve of a request: it is issued when it comes again"},
    {"deny", deny_run, "[--id N] [--reason TEXT] SHA256", "deny a request"},
    {"list", list_run,
	"[--profile P] [--endpoint E] [--subject PATTERN] [--serial S]\n"
	"           [--status good|expired|revoked|held|all] [--expiring "
	"TIME]\n"
	"           [--limit N] [--format table|json|csv]\n"
	"       microca [-c FILE] list --retired",
	"list issued certificates"},
    {"show", show_run, "[--pem | --chain | --json] [-o FILE] SERIAL",
	"show one certificate, or export it"},
    {"store", store_run,
	"status [--json]\n"
	"       microca [-c FILE] store upgrade\n"
	"       microca [-c FILE] store copy FROM TO",
	"the database: how it is, its schema, its place"},
    {"cloud", cloud_run,
	"status [--json]\n"
	"       microca [-c FILE] cloud retry [DEVICE...]\n"
	"       microca [-c FILE] cloud drop --text WHY DEVICE...\n"
	"       microca [-c FILE] cloud reconcile [--repair] [--force] "
	"[--json] [DEVICE...]",
	"what the cloud is told of devices' certificates, and was"},
    {"check", check_run,
	"[--config | --url https://HOST:PORT [--json] [--anchors FILE]\n"
	"           [--cert FILE --key FILE]]\n"
	"       microca check --cert FILE --key FILE",
	"test files, token, chain, profiles and store"},
    {"health", health_run,
	"[--wait SECONDS] [--anchors FILE] [--connect-to HOST:PORT] URL",
	"ask a CA that runs how it is, through its web server"},
    {"forecast", forecast_run, "[--days N] [--json]",
	"what breaks when, unless somebody does something"},
    {"import-appviewx", import_run, "[-o FOLDER] CONFIG APICONFIG",
	"make our configuration from that of AppViewX's EST Micro CA"},
    {"httpd", httpd_run,
	"[--wrappers [--programs FOLDER]] (lighttpd | nginx | apache |\n"
	"           apache-fcgid | apache-cgi | caddy)",
	"print the web server's configuration"},
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

	fputs("usage: microca [-c FILE] COMMAND [OPTION...]\n\n", to);
	for (i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-15s %s\n", commands[i].name, commands[i].help);
	fputs("  help            explain a command: microca help COMMAND\n\n"
	      "-c, --conf FILE  configuration instead of $MICROCA_CONF "
	      "or " SYSCONFDIR "/microca/microca.conf\n"
	      "--version        print the version\n",
	    to);
}

static void
help_one(const struct command *command)
{
	printf("usage: microca [-c FILE] %s %s\n\n%s\n", command->name,
	    command->usage, command->help);
}

static int
help_run(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		help_all(stdout);
		return 0;
	}
	command = command_find(argv[1]);
	if (command == NULL) {
		fprintf(stderr,
		    "microca help: no such command: %s (see: microca help)\n",
		    argv[1]);
		return fail_exit(FAIL_CONFIG);
	}
	help_one(command);
	return 0;
}

/* One line, whatever is in the texts. */
static int
complain(const char *command, const struct fail *why)
{
	struct bytes line = {0};

	bytes_addf(&line, "%s%s%s%s", why->text,
	    why->cause[0] != '\0' ? " (" : "", why->cause,
	    why->cause[0] != '\0' ? ")" : "");
	fprintf(stderr, "microca %s: ", command);
	if (line.len > 0) {
		struct bytes safe = {0};

		text_escape(&safe, span_of(&line));
		fputs((const char *)safe.data, stderr);
		bytes_free(&safe);
	}
	fputc('\n', stderr);
	bytes_free(&line);
	return fail_exit(why->kind);
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
command_main(const char *conf, int argc, char **argv)
{
	const struct command *command = command_find(argv[0]);
	struct tool tool = {.command = argv[0], .conf = conf};
	struct fail why = {0};
	int rc;

	if (command == NULL) {
		fprintf(stderr,
		    "microca: no such command: %s (see: microca help)\n",
		    argv[0]);
		return fail_exit(FAIL_CONFIG);
	}
	if (wants_help(argc, argv)) {
		help_one(command);
		return 0;
	}
	log_open("microca", LOG_SINK_STDERR, LOG_LEVEL_WARN);
	rc = command->run(&tool, argc, argv, &why);
	tool_close(&tool);
	if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
		fail(&why, FAIL_BROKEN, "file", "cannot write the output");
		rc = fail_errno(&why, "write");
	}
	return rc < 0 ? complain(argv[0], &why) : rc;
}

int
main(int argc, char **argv)
{
	const char *conf = NULL;
	int i;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--version") == 0 ||
		    strcmp(argv[i], "-V") == 0) {
			puts("microca " PACKAGE_VERSION);
			return 0;
		}
		if (strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-h") == 0) {
			help_all(stdout);
			return 0;
		}
		if (strncmp(argv[i], "--conf=", 7) == 0) {
			conf = argv[i] + 7;
			continue;
		}
		if (strcmp(argv[i], "-c") != 0 &&
		    strcmp(argv[i], "--conf") != 0) {
			fprintf(stderr,
			    "microca: unknown option %s (see: microca help)\n",
			    argv[i]);
			return fail_exit(FAIL_CONFIG);
		}
		if (i + 1 == argc) {
			fprintf(stderr, "microca: %s wants a file\n", argv[i]);
			return fail_exit(FAIL_CONFIG);
		}
		conf = argv[++i];
	}
	if (i == argc) {
		help_all(stderr);
		return fail_exit(FAIL_CONFIG);
	}
	if (strcmp(argv[i], "help") == 0)
		return help_run(argc - i, argv + i);
	return command_main(conf, argc - i, argv + i);
}

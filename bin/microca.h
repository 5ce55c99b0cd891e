/*
 * microca - the administrator's tool: one file per command.
 *
 * A command reads its options and input files with the rights of whoever
 * started it, then tool_ca() or tool_become_owner() takes the state folder's
 * owner's, and only then touches token, store and state.
 */
#ifndef MICROCA_MICROCA_H
#define MICROCA_MICROCA_H

#include <stdio.h>

#include "lib/ca/ca.h"
#include "lib/ca/identity.h"

/* Exit status of a command that found a difference (design section 11). */
#define EXIT_DIFFERENCE 8

#define TOOL_FILE_MAX (1024 * 1024) /* octets of any input file */
#define TOOL_TOKEN_WAIT 20.0        /* s for the token to come up */

struct tool {
	const char *command;
	const char *conf;          /* -c FILE, or NULL: the default */
	struct settings *settings; /* after tool_settings() */
	struct identity *who;      /* after tool_ca(), tool_become_owner() */
};

/* 0: done; -1: `why` says what not; above: the exit status, said already. */
typedef int command_run(
    struct tool *tool, int argc, char **argv, struct fail *why);

struct command {
	const char *name;
	command_run *run;
	const char *usage; /* operands and options, one line or more */
	const char *help;  /* one line */
};

command_run approve_run, audit_run, backup_run, check_run, cloud_run, crl_run,
    csr_run, deny_run, explain_run, forecast_run, health_run, httpd_run,
    import_run, init_run, install_run, issue_run, issuers_run, list_run,
    ocsp_run, pending_run, proof_run, release_run, restore_run, retire_command,
    revoke_run, secret_run, show_run, store_run;

/* ---- options.c ---- */
enum option_type {
	OPTION_FLAG,     /* bool */
	OPTION_TEXT,     /* const char *, in argv */
	OPTION_INT,      /* int64_t, min..max */
	OPTION_DURATION, /* int64_t s, at least 1 */
	OPTION_WORD      /* int, index in words */
};
struct option_spec {
	const char *name; /* "--name" */
	int letter;       /* 'o' for -o too; 0: none */
	enum option_type type;
	void *value; /* untouched when the option is not given */
	int64_t min, max;
	const char *const *words; /* NULL-terminated */
};

/* Options into their values; `argc` and `argv` become the operands.
 * FAIL_CONFIG "usage". */
MUST_CHECK int options_read(const struct option_spec *spec, size_t n, int *argc,
    char ***argv, struct fail *why);
MUST_CHECK int operands_ok(int argc, int min, int max, struct fail *why);

/* ---- tool.c ---- */
MUST_CHECK int tool_settings(struct tool *tool, struct fail *why);
/*
 * Started as root: become the state folder's owner, groups first.  Root's own
 * state folder is worth a warning; somebody else's is FAIL_CONFIG "owner".
 */
MUST_CHECK int tool_become_owner(struct tool *tool, struct fail *why);
/* Settings, owner, then ca_open(); waits for the token when CA_KEY. */
MUST_CHECK int tool_ca(
    struct ca **ca, struct tool *tool, unsigned need, struct fail *why);
/* With store and key, for who issues or publishes: the store is not behind what
 * was signed (guard.h). */
MUST_CHECK int tool_issuing_ca(
    struct ca **ca, struct tool *tool, struct fail *why);
void tool_close(struct tool *tool);

/* A whole file, standard input for "-". */
MUST_CHECK int tool_input(
    struct bytes *out, const char *path, struct fail *why);
/* Standard output (path NULL or "-"), or a file opened now and filled later:
 * what it held stays until then. */
struct output {
	const char *path;
	int fd;
	bool made; /* the file is new: removed when nothing was written */
};
MUST_CHECK int output_open(
    struct output *out, const char *path, struct fail *why);
MUST_CHECK int output_write(
    struct output *out, struct span text, struct fail *why);
void output_close(struct output *out);

/* One audit row of the administrator's, synced. */
MUST_CHECK int tool_audit(const struct tool *tool, struct store *store,
    struct audit *entry, struct fail *why);
/* "AB:cd 1" as the store spells serials; FAIL_CONFIG "usage". */
MUST_CHECK int tool_serial(
    struct bytes *out, const char *text, struct fail *why);
/* A new X.509v3 extension of OpenSSL's text form on the stack. */
MUST_CHECK int extension_push(STACK_OF(X509_EXTENSION) * *stack, int nid,
    const char *text, struct fail *why);

/* ---- issue.c ---- */
/* Issue under a profile what `csr` (DER) asks for, as `microca issue` does:
 * recorded, and so is a refusal. */
MUST_CHECK int profile_issue(struct bytes *der, const struct tool *tool,
    struct ca *ca, const struct profile *profile, struct span csr,
    struct fail *why);
/* The same by that generation's key, whichever is active. */
MUST_CHECK int profile_issue_under(struct bytes *der, const struct tool *tool,
    struct ca *ca, struct signer *signer, const struct profile *profile,
    struct span csr, struct fail *why);

/* ---- revoke.c ---- */
/* Revoke what renewals replaced and what is due by now (replaced.h); `said` in
 * one line when there was any. */
MUST_CHECK int replaced_run(
    const struct tool *tool, struct ca *ca, bool said, struct fail *why);

/* ---- root.c ---- */
/* A self-signed certificate for our key. */
MUST_CHECK int root_make(X509 **root, const struct settings *settings,
    struct key *key, int64_t days, int64_t path_length, struct fail *why);

/* ---- install.c ---- */
/* Check a chain (issuer first, root last) of ca.key against clock, endpoints'
 * profiles and present generations, then make it the CA's own: issuers_stage(),
 * with nothing recorded. */
MUST_CHECK int chain_install(const struct settings *settings, struct key *key,
    const STACK_OF(X509) * chain, struct fail *why);

/* ---- issuers.c ---- */
/* issuers_tell.tell(): `arg` is a struct issuer_book. */
struct issuer_book {
	const struct tool *tool;
	struct store *store;
};
MUST_CHECK int issuer_record(
    void *arg, X509 *cert, const char *text, struct fail *why);
/* issuers_stage(), recorded in the audit chain first, said in one line. */
MUST_CHECK int issuer_stage(struct tool *tool, struct ca *ca,
    const struct issuer_wish *wish, struct fail *why);
/* issuers_promote(), likewise; silent when there was nothing to do. */
MUST_CHECK int issuer_promote(
    struct tool *tool, struct store *store, struct fail *why);

/* ---- enroll.c ---- */
command_run enroll_run, renew_run, status_run;
/* A request for one of our own certificates, to be carried elsewhere; and what
 * came back for it. */
MUST_CHECK int own_csr(
    struct tool *tool, const char *name, struct output *out, struct fail *why);
MUST_CHECK int own_install(struct tool *tool, const char *name,
    const STACK_OF(X509) * certs, struct fail *why);

/* ---- cloud_reconcile.c ---- */
command_run cloud_reconcile;

/* ---- backup.c ---- */
struct archive;
/* "-" is standard input.  FAIL_ABSENT "file". */
MUST_CHECK int archive_open(int *fd, const char *path, struct fail *why);
/* What is in it and what is not, for people. */
void archive_say(FILE *to, const struct archive *a, const char *path);

/* ---- init.c ---- */
/* State, public and run folder, as far as they are not there; each is said.
 * FAIL_CONFIG "folder", "owner". */
MUST_CHECK int folders_make(const struct settings *settings, struct fail *why);

/* ---- record.c: what `list` and `show` say of a certificate ---- */
/* "good", "expired", "revoked", "held" at `now`; static. */
const char *record_status(const struct record *r, int64_t now);
struct json *record_json(const struct record *r, int64_t now);
/* A quoted cell; what a spreadsheet would take for a formula is marked. */
void csv_cell(struct bytes *out, const char *text);
void record_csv_header(struct bytes *out);
void record_csv(struct bytes *out, const struct record *r, int64_t now);

/* ---- show.c: lines of a text for people ---- */
/* Nothing is written for a value that is NULL or "". */
void view_line(struct bytes *out, const char *label, const char *value);
void view_time(struct bytes *out, const char *label, int64_t when);
void view_hash(
    struct bytes *out, const char *label, const uint8_t hash[SHA256_LEN]);
/* OpenSSL's text of the value on one line: "A, B" for "A\nB". */
void view_extension(struct bytes *out, X509_EXTENSION *ext);

#endif

/*
 * settings - what est-client knows of servers and certificates: its
 * configuration file, and the same keys as flags.
 *
 * A flag is a key with "-" for "_".  With --url there is one server and one
 * certificate, made of flags alone; without, the file's, and flags replace what
 * it says for the certificates that are named.
 */
#ifndef EST_CLIENT_SETTINGS_H
#define EST_CLIENT_SETTINGS_H

#include "lib/base/conf.h"

struct server {
	char *name;
	char *url, *label;
	char *anchors; /* PEM file, or NULL */
	char *pin;     /* "sha256:…", or NULL */
	bool trust_first_use, implicit, lenient;
	int64_t timeout; /* s */
	char *user, *password_file;
	int pop_link; /* enum pop_want */
	int binding;  /* of the link: 0 tls-unique, 1 tls-exporter */
	char *learnt; /* where the anchors learnt are kept, or NULL */
	char *where;
};

struct certificate {
	char *name;
	char *server_name;           /* NULL: the only one */
	const struct server *server; /* borrowed */
	char *folder;
	const char *state; /* what is for all of them: a PIN that was refused */
	char *subject;
	struct conf_strings san;
	char *key_type, *key_uri, *module, *pin_file;
	int hash; /* index: key, sha256, sha384, sha512 */
	bool csrattrs, key_reuse;
	char *auth_cert, *auth_key;
	int64_t renew_before, ask_again;
	int renew_percent;
	bool probe;
	struct conf_strings hook;
	char *where;
};

struct settings {
	char *state;
	struct conf_list servers;      /* struct server */
	struct conf_list certificates; /* struct certificate */
	bool loose;                    /* of flags alone */
};

extern const struct conf_table settings_table;

/* Flags are "--name value" or "--name=value"; what is no key is left for the
 * command's own options.  Borrowed from argv. */
struct flags {
	const struct conf_key *key[64];
	const char *value[64];
	size_t n;
};
/* Is `name` (without "--") a key?  NULL: no. */
const struct conf_key *flag_find(const char *name);

/*
 * `path` NULL: the default file, which need not be there when flags name a
 * server.  FAIL_CONFIG "config", "usage", "file-mode".  The caller frees, after
 * failures too.
 */
MUST_CHECK int settings_read(struct settings *settings, const char *path,
    const struct flags *flags, struct fail *why);
void settings_free(struct settings *settings);
/* NULL: there is none of that name. */
struct certificate *settings_find(
    const struct settings *settings, const char *name);

#endif

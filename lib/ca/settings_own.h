/*
 * settings_own - microca.conf: the EST server above this CA, and the
 * certificates that this CA has of its own (design section 8).
 *
 * Inner part of settings: settings_read() calls own_check().
 */
#ifndef MICROCA_SETTINGS_OWN_H
#define MICROCA_SETTINGS_OWN_H

#include "lib/base/conf.h"

struct settings;

/* The server above; `url` NULL: none. */
struct upstream {
	char *url, *label;
	char *anchors;              /* PEM file, resolved; or NULL */
	char *pin;                  /* "sha256:HEX" of the root, or NULL */
	bool implicit;              /* the system's trust store as well */
	char *user, *password_file; /* or NULL */
	int64_t timeout;            /* s, for one exchange */
	int pop_link;               /* 0 never, 1 if asked, 2 always */
	int64_t ask_again;          /* s: the most between two tries */
	struct conf_strings crls;   /* upstream_crls.h: files, resolved; URLs */
};

/* In the order in which they are looked after: the client pair speaks for the
 * others, and the new intermediate issues the server's. */
enum own_name { OWN_CLIENT, OWN_INTERMEDIATE, OWN_DEVICE, OWN_SERVER };
enum own_source { OWN_MANUAL, OWN_SELF, OWN_UPSTREAM };

struct own {
	int name;      /* enum own_name */
	int source;    /* enum own_source */
	char *subject; /* NULL: empty */
	struct conf_strings san;
	char *key; /* PKCS#11 URI; NULL: a file in the state folder */
	char *key_type;
	int hash; /* 0: the key's own; else as own_hash_word() */
	int64_t renew_before;
	int renew_percent; /* both 0: never */
	bool new_key;
	char *profile;     /* source "self" */
	char *url, *label; /* source "upstream"; those of the group if NULL */
	char *initial_certificate, *initial_key; /* `client`; or NULL */
	struct conf_strings hook;                /* argv; none: no hook */
	char *where;
};

/* What both tables say together; paths resolved, what is not given taken from
 * group ca.  FAIL_CONFIG "config", "FILE:LINE: certificate 'x': …". */
MUST_CHECK int own_check(struct settings *settings, struct fail *why);

/* The one of that name (enum own_name), or NULL. */
const struct own *settings_own(const struct settings *settings, int name);
/* Where it lies: state/own/NAME.  The caller frees. */
char *settings_own_folder(const struct settings *settings, int name);
const char *own_name_word(int name);
int own_name_of(const char *word); /* -1: none */
const char *own_source_word(int source);
const char *own_hash_word(int hash); /* NULL: the key's own */

extern const struct conf_table upstream_table, own_table;

#endif

/*
 * settings - microca.conf: this CA, its token, store and endpoints.
 */
#ifndef MICROCA_SETTINGS_H
#define MICROCA_SETTINGS_H

#include <sys/types.h>

#include "lib/base/conf.h"
#include "lib/base/log.h"
#include "lib/ca/profile.h"
#include "lib/ca/settings_cloud.h"
#include "lib/ca/settings_inventory.h"
#include "lib/ca/settings_own.h"
#include "lib/key/key.h"

/* What the front end sets; names of the variables per frontend in
 * endpoint.c's table.  Any: it says in MICROCA_FRONTEND which one it is. */
enum frontend {
	FRONTEND_ANY,
	FRONTEND_LIGHTTPD,
	FRONTEND_APACHE,
	FRONTEND_NGINX,
	FRONTEND_CADDY,
	FRONTEND_HAPROXY
};

/* Do programs that need no token confine themselves (lib/web/confine.h)? */
enum confine_when { CONFINE_OFF, CONFINE_IF_POSSIBLE, CONFINE_REQUIRED };
extern const char *const confine_words[]; /* NULL-terminated */

enum auth { AUTH_CERTIFICATE, AUTH_SECRET, AUTH_EITHER, AUTH_NONE };
enum approval { APPROVAL_NONE, APPROVAL_ENROLL, APPROVAL_ALWAYS };
/* RFC 7030, 3.5: what a challengePassword has to do with the TLS session. */
enum pop_link { POP_OFF, POP_IF_PRESENT, POP_REQUIRED };
enum names { NAMES_OWN, NAMES_ANY, NAMES_PATTERN };

/* One `allow` rule: who may ask, and for which names. */
struct allow {
	struct conf_strings own; /* profiles of certificates this CA issued */
	char *issuer;            /* PEM file of a foreign CA, resolved */
	char *intermediates;     /* PEM file, or NULL */
	char *crl;               /* PEM or DER CRL file(s) of it, or NULL */
	bool secret;             /* whoever has a one-time secret */
	char *subject_text;      /* pattern over name_text() of the leaf */
	struct pattern *subject;
	char *names_text;        /* "own", "any" or "pattern REGEX" */
	int names;               /* enum names */
	struct pattern *pattern; /* over the CN asked for */
	char *where;
};

struct endpoint {
	char *name;
	int port;
	char *profile_name;
	const struct profile *profile;  /* in settings->profiles */
	int frontend;                   /* enum frontend */
	int auth;                       /* enum auth */
	int approval;                   /* enum approval */
	struct conf_list allow;         /* struct allow; none: nobody */
	struct conf_strings operations; /* those on */
	struct conf_strings labels;     /* further endpoints reachable here */
	bool lenient;                   /* PEM and bare DER bodies too */
	int pop_link;                   /* enum pop_link */
	/* What the web server hands over and is taken: RFC 5929's "tls-unique",
	 * RFC 9266's "tls-exporter". */
	struct conf_strings channel_binding;
	char *where;
	struct bytes csrattrs; /* DER, of the above; empty: 204 */
};

struct settings {
	char *path;   /* of microca.conf, absolute */
	char *folder; /* its folder */
	char *state, *public_folder, *run;
	char *store;
	int node; /* its lane of the audit chain, in PostgreSQL */
	char *profiles_path;
	struct profiles *profiles;
	int log_sink, log_level;
	int threads;
	int connections; /* of the store's pool */
	bool allow_cgi;
	int confine;                          /* enum confine_when */
	struct conf_strings web_server_users; /* names or numbers */
	int64_t body_wait, repeat_window, disk_reserve, clock_slack;
	int64_t approval_keep, approval_retry; /* s */
	int approval_open;                     /* of one identity at most */

	struct {
		char *key, *module, *pin_file;
		char *key_type;
		char *subject; /* for `microca csr` and `init` */
		char *peers;   /* folder of other nodes' generations, or NULL */
		int64_t activate_after; /* s from install to first use */
		bool audit_counter;     /* counter.h */
		/* "NAME=value", as the PKCS#11 module wants to find them */
		struct conf_strings module_environment;
	} ca;
	struct {
		int64_t period; /* s, from thisUpdate to nextUpdate */
	} crl;
	struct {
		/* s after their end that certificates stay; 0: for ever */
		int64_t expired_after;
		char *folder; /* of those that left */
	} retention;
	struct {
		char *key;        /* PKCS#11 URI, PEM file; NULL: made for each
		                     certificate */
		int64_t validity; /* s, of the responder's certificate */
		int64_t period;   /* s, from thisUpdate to nextUpdate */
		int share, nonce_share; /* per cent */
		int64_t cache;          /* octets */
	} ocsp;
	struct {
		/* s after which health says that nothing is well; 0: never */
		int64_t backup_age, backlog_age, head_age;
	} health;
	struct {
		char *key;         /* PEM file, or NULL: no encrypted keys */
		char *certificate; /* PEM file, with what is above it */
	} keygen; /* signs the keys that serverkeygen encrypts */
	struct upstream upstream;
	struct conf_list certificates; /* struct own */
	struct conf_list endpoints;    /* struct endpoint */
	struct cloud_settings cloud;
	struct inventory_settings inventory;
	struct {
		char *server_name; /* for `microca httpd` */
		char *address;     /* to listen on */
		char *user, *group;
		char *log_folder;
		char *module_folder;
		char *wrappers;  /* folder of what suexec starts */
		int health_port; /* plain HTTP; 0: none */
	} httpd;
};

/*
 * The file and its profiles.  `path` NULL: MICROCA_CONF (secure_getenv), else
 * the installed default.  Paths in the result are absolute: a relative one is
 * taken from the file's folder, the database's from `state`.  Fails:
 * FAIL_CONFIG "config" with file and line; FAIL_CONFIG "file-mode".
 */
MUST_CHECK int settings_read(
    struct settings **settings, const char *path, struct fail *why);
void settings_free(struct settings *settings);
/* The effective file, defaults included; it can be read again. */
void settings_write(struct bytes *out, const struct settings *settings);

const struct endpoint *settings_endpoint(
    const struct settings *settings, const char *name);
bool endpoint_operation(const struct endpoint *e, const char *operation);
/* Is it on anywhere? */
bool settings_operation(const struct settings *s, const char *operation);
/* Is this one of its channel_binding? */
bool endpoint_binding(const struct endpoint *e, const char *binding);
/* Name and form of the variable that carries the client certificate. */
const char *frontend_cert_variable(int frontend);
int frontend_cert_form(int frontend); /* enum cert_form */
const char *frontend_word(int frontend);
int frontend_find(const char *word); /* -1: none of these */

/* Files the programs share; the caller frees the path. */
char *settings_issuer_path(const struct settings *s);  /* state/issuer.pem */
char *settings_issuers_path(const struct settings *s); /* state/issuers */
char *settings_chain_path(const struct settings *s);   /* public/chain.pem */
char *settings_bundle_path(const struct settings *s,
    const struct endpoint *e); /* public/client-ca-NAME.pem */
/* Borrowed.  Sets ca.module_environment first, where it is not so already: a
 * module reads it when it is loaded. */
struct key_place settings_key_place(const struct settings *s);

/* Of channel_binding. */
#define BINDING_UNIQUE "tls-unique"
#define BINDING_EXPORTER "tls-exporter"
/* The operations there are, NULL-terminated. */
extern const char *const operation_names[];
/* Every key of the file: for the tests of manual and sample. */
extern const struct conf_table settings_table;

#endif

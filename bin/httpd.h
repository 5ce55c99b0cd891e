/*
 * httpd - the web servers that microca can configure.
 *
 * What is where is the same before all of them: plain HTTP for certificate
 * status, a TLS port for each endpoint, one for the inventory.  httpd.c knows
 * that; each server's file knows how it is written there.
 */
#ifndef MICROCA_HTTPD_H
#define MICROCA_HTTPD_H

#include "lib/ca/settings.h"

/* The programs' own cap is 64 KiB. */
#define HTTPD_REQUEST_KB 128
#define HTTPD_FIELD_MAX 16384
#define HTTPD_CONNECTIONS 4096
#define HTTPD_DESCRIPTORS (2 * HTTPD_CONNECTIONS + 512)
#define HTTPD_CHAIN_DEPTH 9
/* s */
#define HTTPD_READ_WAIT 15
#define HTTPD_WRITE_WAIT 60
#define HTTPD_IDLE_WAIT 30
#define HTTPD_KEPT_REQUESTS 1000

struct httpd_port {
	const char *title; /* of its comment */
	int number;
	bool tls;
	const char *bundle; /* CAs whose certificates are asked for, or NULL */
	const char *endpoint;  /* or NULL */
	bool unique, exporter; /* channel bindings are to be handed over */
	bool streams;          /* long answers, passed on as they come, … */
	bool spools;           /* … and put aside for who is slow */
};

/* Under a path, or a pattern over the whole of it (a POSIX extended one that
 * PCRE and RE2 read alike), a program. */
struct httpd_place {
	const char *path, *pattern; /* one of them */
	const char *program;
};

/* Scripts that suexec starts: for each program, or for each endpoint's. */
enum httpd_wrappers { WRAPPERS_NONE, WRAPPERS_PLAIN, WRAPPERS_SCOPED };

struct httpd_server {
	const char *name;             /* as `microca httpd` is told */
	const char *title;            /* as people call it */
	const char *logs;             /* its folder under /var/log */
	int frontend;                 /* enum frontend */
	enum httpd_wrappers wrappers; /* under httpd.wrappers */
	void (*begin)(struct bytes *out, const struct settings *s);
	void (*port)(struct bytes *out, const struct settings *s,
	    const struct httpd_port *port);
	void (*place)(struct bytes *out, const struct settings *s,
	    const struct httpd_port *port, const struct httpd_place *place);
	void (*port_end)(struct bytes *out, const struct settings *s,
	    const struct httpd_port *port);
	void (*end)(struct bytes *out, const struct settings *s); /* or NULL */
};

extern const struct httpd_server httpd_lighttpd, httpd_nginx, httpd_apache,
    httpd_apache_fcgid, httpd_apache_cgi, httpd_caddy;

/* "TEXT", with a backslash before each '"' and '\'. */
void httpd_quote(struct bytes *out, const char *text);
/* BEFORE "FOLDER/FILE" AFTER */
void httpd_path(struct bytes *out, const char *before, const char *folder,
    const char *file, const char *after);
/* "address:port", brackets round IPv6; the caller frees. */
char *httpd_listener(const struct settings *s, int port);
/* "address", brackets round IPv6; the caller frees. */
char *httpd_address(const struct settings *s);
/* Where the server logs; the caller frees. */
char *httpd_logs(const struct settings *s, const struct httpd_server *server);
/* Does an endpoint behind this server want a channel binding? */
bool httpd_binds(const struct settings *s, const struct httpd_server *server);
/* The folder that a port's programs have to themselves: the endpoint's name,
 * "all" where there is none. */
const char *httpd_scope(const struct httpd_port *port);
/* Is there something in it? */
bool httpd_given(const char *text);

#endif

/*
 * views - what each page of the inventory shows, ready to be written.
 *
 * All borrowed for the time of one call; texts are UTF-8 out of certificates
 * and requests: none is fit for HTML before it is escaped.
 */
#ifndef MICROCA_PAGE_VIEWS_H
#define MICROCA_PAGE_VIEWS_H

#include "lib/ca/ca.h"
#include "lib/ca/operators.h"
#include "lib/page/gone.h"
#include "lib/store/browse.h"
#include "lib/store/pending.h"
#include "lib/store/census.h"
#include "lib/web/findings.h"
#include "lib/web/pulse.h"

#define VIEW_HISTORY 200 /* records of a certificate at most */

/* What every page has. */
struct view {
	const struct ca *ca;             /* settings, profiles, issuers */
	const struct operator_seen *who; /* name and role */
	const char *token;   /* hidden field "token" of every form (acts.h) */
	const char *request; /* id */
	int64_t now;
	const char *done; /* after an act, a word: "revoked", "held",
	                     "released", "approved", "denied"; or NULL */
};

/* GET /inventory/ */
struct view_program {
	const char *name;   /* a signing program that an endpoint needs */
	struct pulse pulse; /* its last sign of life; when 0: none */
};
struct view_home {
	struct view view;
	/* May be older than now: census->when, which is 0 when nothing is
	 * counted yet. */
	const struct census *census;
	const struct findings *findings;
	const struct view_program *program;
	size_t programs;
	const struct browse_page *latest; /* the last few that were issued */
	int64_t disk_free, disk_size;     /* octets; -1: not known */
	int64_t database; /* octets of its files; -1: not known */
};

/* GET /inventory/certificates?… : the fields of the form under their names. */
struct view_query {
	const char *subject, *san, *serial, *fingerprint, *profile, *endpoint,
	    *device, *state, *within, *issued_from, *issued_until, *ends_from,
	    *ends_until, *order, *rows; /* as typed; "" when empty */
};
struct view_list {
	struct view view;
	const struct view_query *query;
	const struct browse_page *page; /* NULL: see `trouble` */
	/* Queries ("?subject=…&cursor=…"), percent-encoded, without HTML's
	 * escapes; NULL: there is none. */
	const char *next, *first, *csv, *json; /* the last two: paths */
	bool on;                               /* not the first page */
	const struct gone *gone; /* what is in files; NULL: see `trouble` */
	const char *trouble;     /* what is wrong with the query; or NULL */
};

/* One row of a certificate's history. */
struct view_event {
	int64_t seq, when;                                  /* when: Unix s */
	char *event, *who, *reason, *text, *request, *peer; /* or NULL */
};

/* GET /inventory/certificates/SHA256 */
struct view_cert {
	struct view view;
	const struct record *record; /* with DER */
	enum browse_state state;
	const STACK_OF(X509) * chain; /* above it, or NULL: not known */
	const struct view_event *event;
	size_t events;
	bool all; /* those are all events there are */
	/* What the operator may do now; always false for a viewer. */
	bool may_revoke, may_hold, may_release;
};

/* GET /inventory/pending */
struct view_pending {
	struct view view;
	const struct pending *row;
	size_t rows;
	bool all; /* those are all */
	bool may_decide;
};

/* GET /inventory/certificates/SHA256/ACT (revoke, hold, release) and
 * /inventory/pending/ID/ACT (approve, deny): the question before the act.
 * Its form POSTs to `path` with "token", "confirm" = "yes", "note" (a text),
 * and for revoke "reason" (of store_reason_word()). */
struct view_confirm {
	struct view view;
	const char *act;               /* "revoke", … */
	const char *path;              /* where the form goes */
	const char *back;              /* where "no" leads */
	const struct record *record;   /* or NULL */
	const struct pending *pending; /* or NULL */
	const char *reason, *note;     /* as typed before, or NULL */
	const char *trouble; /* what was wrong with the form; or NULL */
};

/* Anything refused. */
struct view_trouble {
	struct view view; /* view.who NULL: nobody was let in */
	int status;       /* HTTP's */
	const char *reason, *text;
	const uint8_t *shown; /* SHA-256 of the certificate shown, or NULL */
};

#endif

/*
 * settings_inventory - microca.conf: group `inventory`, who may look at the
 * certificates and who may act on them.
 *
 * Inner part of settings: settings_read() calls inventory_check().
 */
#ifndef MICROCA_SETTINGS_INVENTORY_H
#define MICROCA_SETTINGS_INVENTORY_H

#include "lib/base/conf.h"

struct settings;

enum role { ROLE_VIEWER, ROLE_OPERATOR };
const char *role_word(int role);

/* One operator: a certificate, or whoever its CA calls so. */
struct operator
{
	char *name;        /* for the page; NULL: the subject's */
	int role;          /* enum role */
	char *fingerprint; /* SHA-256, lower hex after the check; or NULL */
	char *issuer;      /* … or both of these, as name_from_text() reads */
	char *subject;
	char *where;
};

struct inventory_settings {
	char *anchors;       /* PEM file of the operators' CA; NULL: off */
	char *intermediates; /* PEM file, or NULL */
	char *crl;           /* or NULL */
	int port;            /* of the web server, for `microca httpd`; 0 off */
	int frontend;        /* enum frontend */
	struct conf_list operators; /* struct operator */
};

/* Paths resolved, what belongs together looked at.  FAIL_CONFIG "config". */
MUST_CHECK int inventory_check(struct settings *settings, struct fail *why);

extern const struct conf_table inventory_table;

#endif

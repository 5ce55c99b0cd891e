/*
 * check - what `microca check` looks at, and the tests of files that others
 * read: published.c.
 */
#ifndef MICROCA_CHECK_H
#define MICROCA_CHECK_H

#include "bin/microca.h"

struct check {
	const struct tool *tool;
	const struct settings *settings;
	struct store *store;
	struct key *key;
	EVP_PKEY *public;        /* NULL: the token is not usable */
	struct issuers *issuers; /* NULL: no sound chain */
	const struct issuer *active;
	const struct authority *authority; /* the active one's */
	bool failed;                       /* a test did */
};

/* chain.pem and the bundles are what issuers_publish() would write now; the
 * order of certificates may be an earlier one's. */
MUST_CHECK int check_published(const struct settings *settings,
    const struct issuers *issuers, struct fail *why);
/* public/server.pem and server.key: a pair, in time. */
MUST_CHECK int check_server(
    const struct settings *settings, int64_t now, struct fail *why);
/* The web server can hand over what the endpoint's channel_binding names, and
 * what pop_link requires is among it. */
MUST_CHECK int check_link(const struct endpoint *e, struct fail *why);
/* The certificates and CRLs that the rules name can be read. */
MUST_CHECK int check_endpoint(const struct endpoint *e, struct fail *why);

#endif

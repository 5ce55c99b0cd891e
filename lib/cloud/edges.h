/*
 * edges - connector.conf: the edges that a Cloud Connector speaks for, and the
 * hubs that it writes to.
 *
 * An edge is whoever holds the key of a client certificate with the one URI
 * urn:microca:edge:ID in its subjectAltName (RFC 5280, 4.2.1.6), with a path to
 * that edge's own anchors.  What it may tell of is in its entry, never in what
 * it sends.
 */
#ifndef MICROCA_EDGES_H
#define MICROCA_EDGES_H

#include "lib/base/log.h"
#include "lib/ca/settings.h"
#include "lib/ca/settings_cloud.h"
#include "lib/ca/trust.h"

#define EDGES_URN "urn:microca:edge:"

struct edge_hub {
	char *name;
	struct azure_settings azure;
	char *where;
};

struct edge_rule {
	char *id;
	char *hub_name; /* may be NULL where there is one hub only */
	char *site;     /* of all its devices; NULL: as it says */
	char *issuer, *intermediates, *crl; /* files, resolved */
	char *head_signers; /* PEM file: its CA's certificates; or NULL */
	struct conf_strings devices; /* anchored patterns over device ids */
	char *where;
	/* Made of these: */
	const struct edge_hub *hub;
	struct pattern **patterns;
	struct allow allow;
	struct trust *trust;
	STACK_OF(X509) * signers; /* NULL: heads are not verified */
};

struct edges {
	char *path, *folder;
	char *state;
	int log_sink, log_level;
	int threads;
	bool allow_cgi;
	int confine; /* enum confine_when */
	struct conf_strings web_server_users;
	int64_t body_wait;      /* s */
	int64_t answer_within;  /* s: after it nothing new is begun */
	int frontend;           /* enum frontend */
	struct conf_list hubs;  /* struct edge_hub */
	struct conf_list edges; /* struct edge_rule */
};

/*
 * `path` NULL: MICROCA_CONNECTOR_CONF (secure_getenv), else the installed
 * default.  Anchors and patterns are read, too.  FAIL_CONFIG.
 */
MUST_CHECK int edges_read(
    struct edges **edges, const char *path, struct fail *why);
void edges_free(struct edges *edges);

/*
 * Which edge shows this certificate (DER; empty: none)?  FAIL_DENIED
 * "auth-none", "client-cert", "client-name", "client-unknown" and what
 * trust_check() says, FAIL_BUSY "client-crl".
 */
MUST_CHECK int edges_find(const struct edge_rule **rule,
    const struct edges *edges, struct span der, struct fail *why);
/* May it tell of this device?  One pattern has to match the whole id. */
bool edge_admits(const struct edge_rule *rule, const char *device);

extern const struct conf_table edges_table;

#endif

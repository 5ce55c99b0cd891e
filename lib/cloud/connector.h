/*
 * connector - the edge's side of microca.cc/1: certificate states and audit
 * heads over mutual TLS to a Cloud Connector.
 *
 * The server is checked by path (RFC 5280, 6) and name (RFC 9525), before
 * anything is sent.  The client certificate is read anew by each
 * connector_open().
 */
#ifndef MICROCA_CONNECTOR_H
#define MICROCA_CONNECTOR_H

#include "lib/ca/settings_cloud.h"
#include "lib/cloud/contract.h"
#include "lib/key/key.h"

struct connector; /* one thread */

/*
 * `place`: where keys in a token are reached (settings_key_place(); its uri is
 * not looked at), and the state folder, in which own/client is the pair that is
 * shown when the settings name none.  Nothing is sent.  FAIL_CONFIG "config",
 * "url", FAIL_ABSENT "pair" (no client certificate yet), what key_ready() says.
 */
MUST_CHECK int connector_open(struct connector **connector,
    const struct cloud_settings *cloud, const struct key_place *place,
    struct fail *why);
void connector_close(struct connector *connector);
/*
 * Up to CONTRACT_ITEMS, one batch.  0: `results` tell.  -1: nothing more can be
 * done in this run, and all is to be kept: FAIL_DENIED "cloud-auth" (401, 403:
 * the certificate or the edge's name), "up-tls"; FAIL_BUSY "cloud-net",
 * "cloud-throttled" (429, 503, with retry), "cloud-answer"; FAIL_MALFORMED
 * "cloud-refused" (400, 413, 415: what we sent is not what it wants; with more
 * than one item each is tried by itself first, so that one alone is
 * CLOUD_REJECTED).
 */
MUST_CHECK int connector_apply(struct connector *connector,
    struct cloud_result *results, const struct wanted *const *wanted, size_t n,
    struct fail *why);
/* POST /v1/audit-heads, a signed head (checkpoint.h).  FAIL_DENIED
 * "head-back": the connector has a later one, or another of that number;
 * others as connector_apply(). */
MUST_CHECK int connector_head(
    struct connector *connector, const char *head, struct fail *why);
/* GET /v1/devices/ID: the connector's view, JSON, the caller frees; NULL: it
 * has none. */
MUST_CHECK int connector_find(
    struct connector *connector, char **json, const char *id, struct fail *why);
/* GET /v1/health, JSON, the caller frees. */
MUST_CHECK int connector_health(
    struct connector *connector, char **json, struct fail *why);

#endif

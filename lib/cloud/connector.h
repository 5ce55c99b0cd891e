/*
 * connector - the edge's side of microca.cc/1: certificate events and audit
 * heads over mutual TLS to a Cloud Connector.
 */
#ifndef MICROCA_CONNECTOR_H
#define MICROCA_CONNECTOR_H

#include "lib/ca/settings_cloud.h"
#include "lib/cloud/contract.h"

struct connector;

MUST_CHECK int connector_open(struct connector **connector,
    const struct cloud_settings *cloud, const char *state, struct fail *why);
void connector_close(struct connector *connector);
/* Up to CONTRACT_ITEMS.  -1 as hub_apply(): nothing more in this run. */
MUST_CHECK int connector_apply(struct connector *connector,
    struct cloud_result *results, const struct wanted *const *wanted, size_t n,
    struct fail *why);
/* POST /v1/audit-heads.  FAIL_DENIED "head-back": the connector has a later
 * one. */
MUST_CHECK int connector_head(
    struct connector *connector, const char *head, struct fail *why);
/* GET /v1/devices/ID: the connector's view, JSON, the caller frees; NULL: it
 * has none. */
MUST_CHECK int connector_find(
    struct connector *connector, char **json, const char *id, struct fail *why);

#endif

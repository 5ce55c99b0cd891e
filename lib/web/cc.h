/*
 * cc - the operations of microca.cc/1, for struct route (docs/connector.yaml).
 */
#ifndef MICROCA_CC_H
#define MICROCA_CC_H

#include "lib/cloud/checkpoint.h"
#include "lib/cloud/contract.h"
#include "lib/web/attend.h"

/*
 * Whole requests fail with FAIL_MALFORMED "json", "schema"; FAIL_SIZE
 * "too-many"; FAIL_DENIED "edge-mismatch", "signature", "signer",
 * "id-not-allowed"; FAIL_CONFLICT "batch-reused", "head-back", "head-fork";
 * FAIL_ABSENT "no-device"; FAIL_BUSY "hub-unavailable" and what hub_find()
 * says; FAIL_BROKEN "file".
 */
MUST_CHECK int cc_events(
    struct desk *desk, const struct visit *v, char **json, struct fail *why);
MUST_CHECK int cc_heads(
    struct desk *desk, const struct visit *v, char **json, struct fail *why);
MUST_CHECK int cc_device(
    struct desk *desk, const struct visit *v, char **json, struct fail *why);
MUST_CHECK int cc_health(
    struct desk *desk, const struct visit *v, char **json, struct fail *why);

#endif

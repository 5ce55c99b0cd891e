/*
 * contract - microca.cc/1: what an edge and its Cloud Connector tell each
 * other, as JSON.  Pure; both sides use it.  For others: docs/connector.yaml
 * (OpenAPI 3.1).
 */
#ifndef MICROCA_CONTRACT_H
#define MICROCA_CONTRACT_H

#include "lib/cloud/wanted.h"

#define CONTRACT_SCHEMA "microca.cc/1"
#define CONTRACT_ITEMS 100
#define CONTRACT_BODY (1024 * 1024) /* octets */

/* POST /v1/certificate-events.  contract_batch_free(). */
struct contract_batch {
	char *edge, *batch;
	int64_t sent;
	struct wanted items[CONTRACT_ITEMS];
	struct cloud_result bad[CONTRACT_ITEMS]; /* CLOUD_REJECTED "bad_item"
	                                            where the item is not one */
	size_t n;
};
/* The text is the caller's to free. */
char *contract_batch_write(const struct contract_batch *batch);
/* FAIL_MALFORMED "json", "schema"; FAIL_SIZE: for the whole; what is wrong
 * with one item is in `bad`. */
MUST_CHECK int contract_batch_read(
    struct contract_batch *batch, const char *text, struct fail *why);
void contract_batch_free(struct contract_batch *batch);

/* The answer: in the order and number of the items. */
char *contract_results_write(
    const struct contract_batch *batch, const struct cloud_result *results);
/* What is missing or not understood is CLOUD_UNKNOWN. */
MUST_CHECK int contract_results_read(struct cloud_result *results,
    const struct contract_batch *batch, const char *text, struct fail *why);

#endif

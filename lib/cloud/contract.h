/*
 * contract - microca.cc/1: what an edge and its Cloud Connector tell each
 * other, as JSON.  Pure; both sides use it.  For others: docs/connector.yaml
 * (OpenAPI 3.1).
 *
 * An item is a state, not an event: the newest of one device.  Its certificate
 * is the one that counts, `replaces` the one before it while that is good too.
 * "revoked" says that none is good any more.  Members that are not known here
 * are passed over.
 */
#ifndef MICROCA_CONTRACT_H
#define MICROCA_CONTRACT_H

#include "lib/cloud/wanted.h"

#define CONTRACT_SCHEMA "microca.cc/1"
#define CONTRACT_TYPE "application/json"
#define CONTRACT_ITEMS 100
#define CONTRACT_BODY (1024 * 1024)                /* octets */
#define CONTRACT_SEQ_MAX INT64_C(4503599627370495) /* of a number in a tag */

/* POST /v1/certificate-events.  Large: not for a thread's stack.
 * contract_batch_free(). */
struct contract_batch {
	char *edge, *batch;
	int64_t sent;
	struct wanted items[CONTRACT_ITEMS];
	struct fail bad[CONTRACT_ITEMS]; /* FAIL_MALFORMED "bad-item" where the
	                                    item is not one; else FAIL_NONE */
	size_t n;
};
/* One line; the caller frees. */
char *contract_batch_write(const struct contract_batch *batch);
/* FAIL_MALFORMED "json", "schema"; FAIL_SIZE "too-many": for the whole; what is
 * wrong with one item is in `bad`, what could be read of it in `items`. */
MUST_CHECK int contract_batch_read(
    struct contract_batch *batch, const char *text, struct fail *why);
void contract_batch_free(struct contract_batch *batch);

/* "sensor-0001": a name that IoT Hub takes for a device. */
bool contract_device_ok(const char *text);

/* The answer: in the order and number of the items; the caller frees. */
char *contract_results_write(
    const struct contract_batch *batch, const struct cloud_result *results);
/*
 * What is missing or not understood is CLOUD_UNKNOWN.  Of the others `why` says
 * FAIL_BUSY "cloud-deferred" with its retry, or FAIL_DENIED "id-not-allowed",
 * "site-not-allowed", the words of hub_apply(), "cloud-refused" or FAIL_MALFORMED
 * "bad-item" with the connector's own words.  Fails, all CLOUD_UNKNOWN:
 * FAIL_MALFORMED "json", "schema".
 */
MUST_CHECK int contract_results_read(struct cloud_result *results,
    const struct contract_batch *batch, const char *text, struct fail *why);

/* {"error":{"code","message"}}: a refusal of the whole request.  `detail` gets
 * "CODE: message", printable; "" when the text is no such thing. */
char *contract_error_write(const struct fail *why, const char *request);
void contract_error_read(char *detail, size_t size, const char *text);

#endif

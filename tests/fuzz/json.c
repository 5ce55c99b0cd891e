/* JSON of others: what hub, Entra, connector and edge say, and our own files
 * that somebody else may have written. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "lib/ca/manifest.h"
#include "lib/cloud/checkpoint.h"
#include "lib/cloud/contract.h"
#include "lib/cloud/credential_source.h"
#include "lib/cloud/hub_json.h"
#include "lib/cloud/viewed.h"
#include "lib/page/fields.h"

static void
contract(const char *text)
{
	struct contract_batch *batch = mem_new(sizeof(*batch));
	struct cloud_result *results =
	    mem_new(CONTRACT_ITEMS * sizeof(*results));
	struct fail why = {0};
	char detail[128];

	if (contract_batch_read(batch, text, &why) == 0) {
		fuzz_taken++;
		free(contract_batch_write(batch));
		(void)!contract_results_read(results, batch, text, &why);
	}
	contract_error_read(detail, sizeof(detail), text);
	contract_batch_free(batch);
	free(batch);
	free(results);
}

static void
hub(const char *text)
{
	struct hub_device device = {0};
	struct token token = {0};
	struct json *json = NULL;
	struct fail why = {0};

	if (viewed_read(&device, text, &why) == 0)
		hub_device_free(&device);
	if (json_read(&json, text, &why) != 0)
		return;
	device = (struct hub_device){0};
	(void)!hub_twin_read(&device, json, &why);
	hub_device_free(&device);
	device = (struct hub_device){0};
	(void)!hub_identity_read(&device, json, &why);
	hub_device_free(&device);
	(void)!token_read(&token, json, 1700000000, &why);
	bytes_wipe(&token.text);
	json_free(json);
}

static void
ours(const char *text, size_t len)
{
	struct checkpoint cp = {0};
	struct manifest m = {0};
	struct fields f = {0};
	struct fail why = {0};

	(void)!checkpoint_read(&cp, text, &why);
	checkpoint_free(&cp);
	(void)!manifest_read(
	    &m, (struct span){(const uint8_t *)text, len}, &why);
	manifest_free(&m);
	(void)!fields_read_json(&f, text, &why);
	fields_free(&f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	contract(text);
	hub(text);
	ours(text, size);
	free(text);
	return 0;
}

#include "lib/cloud/credential_source.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "lib/base/file.h"
#include "lib/cloud/escape.h"

#define LIFETIME 3600 /* s, as the SDK has it */
#define KEY_MAX 1024  /* octets of the file */

static void
host_add(struct bytes *out, const char *host)
{
	char *lower = str_dup(host);

	for (char *c = lower; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	uri_component_strict(out, lower);
	free(lower);
}

/* base64(HMAC-SHA256(key, what)). */
static bool
signature(struct bytes *out, struct span key, const struct bytes *what)
{
	uint8_t mac[SHA256_LEN];
	unsigned len = 0;

	if (HMAC(EVP_sha256(), key.data, (int)key.len, what->data, what->len,
		mac, &len) == NULL)
		return false;
	base64_write(out, (struct span){mac, len}, 0);
	out->data[--out->len] = '\0'; /* the final LF */
	return true;
}

int
sas_write(struct bytes *out, const char *host, const char *policy,
    struct span key, int64_t until, struct fail *why)
{
	struct bytes secret = {0}, resource = {0}, what = {0}, mac = {0};
	struct fail not_base64 = {0};
	int rc = -1;

	host_add(&resource, host);
	bytes_addf(&what, "%s\n%" PRId64, (char *)resource.data, until);
	if (base64_read(&secret, key, &not_base64) != 0 ||
	    !signature(&mac, span_of(&secret), &what)) {
		(void)fail(why, FAIL_CONFIG, "cloud-credential",
		    "the key of the shared access policy is not base64");
	} else {
		bytes_addf(out,
		    "SharedAccessSignature sr=%s&sig=", (char *)resource.data);
		uri_component_strict(out, (char *)mac.data);
		bytes_adds(out, "&skn=");
		uri_component_strict(out, policy);
		bytes_addf(out, "&se=%" PRId64, until);
		rc = 0;
	}
	bytes_wipe(&secret);
	bytes_free(&resource);
	bytes_free(&what);
	bytes_wipe(&mac);
	return rc;
}

int
source_sas(struct token *token, const struct source *source, int64_t now,
    struct fail *why)
{
	const struct azure_settings *azure = source->azure;
	struct bytes key = {0};
	int rc = file_read_secret(&key, azure->sas_key_file, KEY_MAX, why);

	token->until = now + LIFETIME;
	if (rc == 0)
		rc = sas_write(&token->text, azure->hub, azure->sas_policy,
		    span_of(&key), token->until, why);
	bytes_wipe(&key);
	return rc;
}

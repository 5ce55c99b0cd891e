#include "lib/cloud/credential_source.h"

#include <stdlib.h>

#include "lib/base/log.h"

#define EARLY 300 /* s before its end: a token is asked for anew */
#define LEAST 30  /* s that it must live on when no other is to be had */

struct credential {
	struct source source;
	struct token token;
	int64_t renew; /* when the next one is asked for */
	bool doubted;
};

static const struct hub_pace no_waiting = {.wait = false};

static int (*const sources[])(struct token *token, const struct source *source,
    int64_t now, struct fail *why) = {
    [AZURE_SAS] = source_sas,
    [AZURE_CERTIFICATE] = source_entra,
    [AZURE_MANAGED] = source_managed,
    [AZURE_WORKLOAD] = source_entra,
};

int
credential_open(struct credential **credential,
    const struct azure_settings *azure, const struct hub_pace *pace,
    const char *state, struct fail *why)
{
	static const char *const words[] = {
	    [AZURE_SAS] = "sas_policy and sas_key_file",
	    [AZURE_CERTIFICATE] = "tenant, client_id, certificate and key",
	    [AZURE_MANAGED] = "imds",
	    [AZURE_WORKLOAD] = "tenant, client_id and token_file",
	};
	bool whole = false;

	*credential = NULL;
	if (azure->auth == AZURE_SAS)
		whole =
		    azure->sas_policy != NULL && azure->sas_key_file != NULL;
	else if (azure->auth == AZURE_MANAGED)
		whole = azure->imds != NULL;
	else if (azure->login != NULL && azure->tenant != NULL &&
		 azure->client_id != NULL)
		whole = azure->auth == AZURE_WORKLOAD
		            ? azure->token_file != NULL
		            : azure->certificate != NULL &&
		                  azure->key != NULL &&
		                  azure->algorithm != NULL;
	if (!whole)
		return fail(why, FAIL_CONFIG, "cloud-credential",
		    "azure: this way to authenticate needs %s",
		    words[azure->auth]);
	*credential = mem_new(sizeof(**credential));
	(*credential)->source =
	    (struct source){azure, pace != NULL ? pace : &no_waiting, state};
	return 0;
}

void
credential_close(struct credential *credential)
{
	if (credential == NULL)
		return;
	bytes_wipe(&credential->token.text);
	free(credential);
}

static void
replace(struct credential *c, const struct token *token, int64_t now)
{
	int64_t half = (token->until - now) / 2;

	bytes_wipe(&c->token.text);
	c->token = *token;
	c->doubted = false;
	c->renew = token->until - (half < EARLY ? half : EARLY);
}

int
credential_show(const char **authorization, struct credential *credential,
    int64_t now, struct fail *why)
{
	const struct azure_settings *azure = credential->source.azure;
	struct token token = {0};

	*authorization = NULL;
	if (!credential->doubted && now < credential->renew) {
		*authorization = (const char *)credential->token.text.data;
		return 0;
	}
	if (sources[azure->auth](&token, &credential->source, now, why) == 0) {
		replace(credential, &token, now);
	} else {
		bytes_wipe(&token.text);
		if (credential->doubted ||
		    credential->token.until - LEAST <= now)
			return -1;
		log_fail("azure token", why);
		*why = (struct fail){0};
		credential->renew = now + LEAST;
	}
	*authorization = (const char *)credential->token.text.data;
	return 0;
}

void
credential_doubt(struct credential *credential)
{
	credential->doubted = true;
}

int64_t
credential_until(const struct credential *credential)
{
	return credential->doubted ? 0 : credential->token.until;
}

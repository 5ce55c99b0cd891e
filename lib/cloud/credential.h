/*
 * credential - what Azure is shown: an Entra access token by client
 * certificate, managed identity (IMDS, App Service, Arc) or workload identity;
 * or a shared access signature.
 *
 * A token is kept in memory only and asked for anew five minutes before its
 * end, or when the hub says 401 once.  Neither tokens nor keys nor assertions
 * appear in logs, texts of failures or arguments.
 */
#ifndef MICROCA_CREDENTIAL_H
#define MICROCA_CREDENTIAL_H

#include "lib/ca/settings_cloud.h"

struct credential;

/* `state`: folder for the lock of a token's key.  Nothing is asked yet.
 * FAIL_CONFIG. */
MUST_CHECK int credential_open(struct credential **credential,
    const struct azure_settings *azure, const char *state, struct fail *why);
void credential_close(struct credential *credential);

/* The value of the Authorization header, borrowed until the next call.
 * FAIL_BUSY "cloud-net", "cloud-throttled", "cloud-token" (try later);
 * FAIL_DENIED "cloud-token" (the identity is not accepted; the text has
 * Entra's own AADSTS number); "cloud-clock". */
MUST_CHECK int credential_show(const char **authorization,
    struct credential *credential, int64_t now, struct fail *why);
/* The hub did not take it: the next one is made anew. */
void credential_doubt(struct credential *credential);
/* When the present one ends; 0: there is none. */
int64_t credential_until(const struct credential *credential);

#endif

/*
 * credential - what Azure is shown: an Entra access token by client
 * certificate, managed identity (IMDS, App Service, Arc) or workload identity;
 * or a shared access signature.
 *
 * A token is kept in memory only and asked for anew five minutes before its
 * end, or when the hub says 401 once; while it is good, it is used on when no
 * new one is to be had.  Neither tokens nor keys nor assertions appear in logs,
 * texts of failures or arguments.
 *
 * Managed identity, `managed = "auto"`: App Service (and Functions, Container
 * Apps) when IDENTITY_ENDPOINT and IDENTITY_HEADER are in the environment, Arc
 * when IDENTITY_ENDPOINT and IMDS_ENDPOINT are or its agent is installed, else
 * IMDS.  Of several identities of a machine `client_id` names one.
 */
#ifndef MICROCA_CREDENTIAL_H
#define MICROCA_CREDENTIAL_H

#include "lib/ca/settings_cloud.h"
#include "lib/cloud/hub_pace.h"

struct credential; /* one thread */

/* Nothing is asked, no key is opened yet.  All is borrowed.  `pace` rules how
 * long to wait for a token, NULL: not at all; `state`: folder for the lock of
 * a PKCS#11 token's key.  FAIL_CONFIG "cloud-credential". */
MUST_CHECK int credential_open(struct credential **credential,
    const struct azure_settings *azure, const struct hub_pace *pace,
    const char *state, struct fail *why);
void credential_close(struct credential *credential);

/* The value of the Authorization header, borrowed until the next call.
 * FAIL_BUSY "cloud-net", "cloud-throttled", "cloud-server", "cloud-answer"
 * (try later), or of the key; FAIL_DENIED "cloud-token" (the identity is not
 * accepted; the text has Entra's own AADSTS number), "cloud-clock",
 * "cloud-tls"; FAIL_CONFIG "cloud-credential", "file-mode". */
MUST_CHECK int credential_show(const char **authorization,
    struct credential *credential, int64_t now, struct fail *why);
/* The hub did not take it: the next one is made anew. */
void credential_doubt(struct credential *credential);
/* When the present one ends; 0: there is none. */
int64_t credential_until(const struct credential *credential);

#endif

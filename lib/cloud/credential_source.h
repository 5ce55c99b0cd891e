/*
 * credential_source - where tokens come from, one function a way.
 *
 * Inner part of credential.
 */
#ifndef MICROCA_CREDENTIAL_SOURCE_H
#define MICROCA_CREDENTIAL_SOURCE_H

#include "lib/cloud/credential.h"
#include "lib/cloud/line.h"

#define TOKEN_MAX 16384 /* octets of an answer with a token */
#define RESOURCE "https://iothubs.azure.net"

struct token {
	struct bytes text; /* the Authorization header's value */
	int64_t until;     /* Unix s */
};

/* What a source may use. */
struct source {
	const struct azure_settings *azure;
	const struct hub_pace *pace;
	const char *state;
};

/* Each appends to an empty `token->text`; fails as credential_show(). */
MUST_CHECK int source_sas(struct token *token, const struct source *source,
    int64_t now, struct fail *why);
MUST_CHECK int source_entra(struct token *token, const struct source *source,
    int64_t now, struct fail *why);
MUST_CHECK int source_managed(struct token *token, const struct source *source,
    int64_t now, struct fail *why);

/*
 * A shared access signature (S7): `key` is the policy's, base64.  The fields
 * and their order are those of Microsoft's Node SDK.  FAIL_CONFIG
 * "cloud-credential".
 */
MUST_CHECK int sas_write(struct bytes *out, const char *host,
    const char *policy, struct span key, int64_t until, struct fail *why);

/*
 * The answer of a token endpoint: numbers as numbers or as texts, the end as
 * Unix time, as RFC 3339 or as what is left.  FAIL_BUSY "cloud-answer".
 */
MUST_CHECK int token_read(struct token *token, const struct json *json,
    int64_t now, struct fail *why);
/* An answer other than 200: FAIL_BUSY "cloud-throttled" (429), "cloud-server"
 * (404, 408, 410, 5xx); FAIL_DENIED "cloud-token", "cloud-clock". */
int token_refused(const struct http_answer *answer, const struct line *line,
    struct fail *why);

/*
 * Azure Arc: the file that the challenge `Basic realm=PATH` names, which must
 * be in the agent's folder and end in ".key"; NULL: it is not.  The caller
 * frees.
 */
#define ARC_FOLDER "/var/opt/azcmagent/tokens"
char *arc_key_path(const char *challenge);

#endif

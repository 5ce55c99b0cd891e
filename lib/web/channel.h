/*
 * channel - the TLS session's channel bindings, as the web server hands them
 * over (RFC 7030, 3.5).
 *
 * TLS_UNIQUE and TLS_EXPORTER, base64, with SSL_PROTOCOL beside the first.
 * Only what the endpoint's channel_binding names is looked at.
 */
#ifndef MICROCA_CHANNEL_H
#define MICROCA_CHANNEL_H

#include "lib/ca/settings.h"
#include "lib/wire/request.h"

/*
 * What is absent stays NULL.  tls-unique is that of TLS 1.2 alone: what a web
 * server hands over as one of another version, or without saying which, is
 * none.  The texts are borrowed from `env`.  Fails: FAIL_DENIED "auth-config"
 * when a variable is there twice or not what it should be.
 */
MUST_CHECK int channel_take(struct channel *channel,
    const struct endpoint *endpoint, char *const *env, struct fail *why);

#endif

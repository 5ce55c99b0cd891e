/*
 * endpoint - where certificates are issued, and to whom: the checks.
 *
 * Inner part of settings: settings_read() calls endpoints_check().  RFC 7030,
 * 3.2.2 and RFC 8295, 2.1 have the names that a path label may not have.
 */
#ifndef MICROCA_ENDPOINT_H
#define MICROCA_ENDPOINT_H

#include "lib/ca/settings.h"

/*
 * Check all endpoints against each other and the profiles, resolve their
 * files against `folder`, compile their patterns.  Fails: FAIL_CONFIG
 * "config", "FILE:LINE: endpoint 'x': …".
 */
MUST_CHECK int endpoints_check(struct settings *settings, struct fail *why);
/* Patterns and csrattrs; the table frees the rest. */
void endpoint_free(struct endpoint *endpoint);

/* *path made absolute against `folder`; NULL is left alone. */
void path_resolve(char **path, const char *folder);

extern const char *const frontend_words[];

#endif

/*
 * audit_cert - does a certificate's row say what its issue record says?
 *
 * The record names the certificate by its SHA-256 and repeats who asked for what;
 * what else the row repeats of the certificate is read out of that.  Not compared:
 * owner, device and the hashes that only find rows.
 */
#ifndef MICROCA_AUDIT_CERT_H
#define MICROCA_AUDIT_CERT_H

#include "lib/base/json.h"
#include "lib/store/store.h"

/* What is wrong, for people; NULL: nothing.  `sha256` is what `record` says. */
const char *audit_cert_wrong(const struct record *r, const struct json *record,
    const uint8_t sha256[SHA256_LEN]);

/* Absent alike, or the same. */
bool audit_says(const struct json *record, const char *key, const char *value);

#endif

/*
 * audit - the entry that says who did what and why.
 *
 * One entry is one row and one line of JSON; every store verb that writes
 * takes one, in the same transaction.  The chain: hash = SHA-256(previous hash
 * of the lane || record).  docs/audit.md has the format.
 */
#ifndef MICROCA_AUDIT_H
#define MICROCA_AUDIT_H

#include "lib/base/bytes.h"

/* Borrowed strings; NULL and 0 are left out of the record. */
struct audit {
	const char *event;   /* "issue" "refuse" "revoke" "init" "config" … */
	const char *request; /* request id */
	const char *operation; /* "simpleenroll", "issue", … */
	const char *endpoint;
	const char *profile;
	const char *peer;
	const char *requester;     /* who, as identity_of() names it */
	const char *client_sha256; /* lower hex, of the certificate shown */
	const char *csr_sha256, *spki_sha256; /* lower hex */
	const char *subject;
	const char *serial;      /* upper hex */
	const char *cert_sha256; /* lower hex */
	const char *conf_sha256; /* lower hex, of a configuration */
	const char *reason;      /* reason word of a refusal or revocation */
	const char *text;        /* its sentence */
	const char *cause;
	int status;    /* HTTP status */
	bool unknown;  /* a refusal without a validated identity: coalesced */
	int64_t count; /* of the events that this one row stands for */
};

/* The record's exact text, with its time.  The caller frees. */
char *audit_text(const struct audit *entry, int64_t when_us);

/* RFC 3339 with microseconds, as the record has it. */
#define AUDIT_TIME_LEN 28 /* "2026-01-02T03:04:05.000006Z" and a NUL */
void audit_time(char out[AUDIT_TIME_LEN], int64_t when_us);

/* The chain's next link; before the first record of a lane the hash is 32
 * zero octets. */
void audit_hash(uint8_t hash[SHA256_LEN], const uint8_t previous[SHA256_LEN],
    const char *record);

#endif

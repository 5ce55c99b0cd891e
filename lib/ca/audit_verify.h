/*
 * audit_verify - is the audit chain what was written, and does it agree with
 * the certificates?
 *
 * Looked at: numbers without gaps, each hash, that each record is JSON with an
 * event, that each issue record has its certificate (SHA-256 of the DER) and
 * each certificate its record.  Certificates are numbered in the order of their
 * records, so nothing has to be remembered.  Rows cut off the end, and a whole
 * chain made anew, do not show without something kept elsewhere.
 */
#ifndef MICROCA_AUDIT_VERIFY_H
#define MICROCA_AUDIT_VERIFY_H

#include "lib/store/store.h"

struct audit_report {
	int64_t records, issued;  /* that were looked at and are good */
	uint8_t hash[SHA256_LEN]; /* of the last of them */
	bool broken;
	int64_t lane, seq; /* the first broken record; 0: none is there */
	char text[320];    /* what is wrong with it */
};

/* 0: looked at to the end or to the first broken record, `report` tells.  What
 * store_audit_list() says otherwise. */
MUST_CHECK int audit_verify(
    struct audit_report *report, struct store *store, struct fail *why);

#endif

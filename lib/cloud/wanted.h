/*
 * wanted - what a device's entry in IoT Hub should say, computed from every
 * certificate that this CA issued for it.
 *
 * State, not events: whatever happened meanwhile, and however often it is
 * told, the entry becomes this.  Pure: no clock, no store, no network.
 */
#ifndef MICROCA_WANTED_H
#define MICROCA_WANTED_H

#include "lib/base/bytes.h"

#define THUMBPRINT_LEN 64 /* SHA-256, upper hex */

/* What tags and messages tell of a certificate.  Strings owned, NULL where it
 * is not known. */
struct cloud_cert {
	char sha256[THUMBPRINT_LEN + 1]; /* "": there is none */
	char *serial, *issuer, *profile; /* issuer: its subject's text */
	int64_t not_before, not_after;   /* Unix s; 0: not known */
};

enum cloud_state { CLOUD_ACTIVE, CLOUD_REVOKED };
enum cloud_event { CLOUD_ISSUED, CLOUD_RENEWED, CLOUD_REVOCATION };

/* wanted_free(). */
struct wanted {
	char *device;
	char *edge, *site; /* of this CA; site NULL: none */
	int64_t seq;       /* of the newest outbox row that this covers */
	enum cloud_state state;
	enum cloud_event event;     /* what that row told */
	struct cloud_cert current;  /* the newest that is good; of a revoked
	                               device the newest */
	struct cloud_cert previous; /* the next newest while it is valid */
	int reason;                 /* RFC 5280, 5.3.1; of a revoked one */
	int64_t revoked;            /* when; 0: not */
};
void wanted_free(struct wanted *w); /* contents, then zero */

/* What became of one device.  */
enum cloud_outcome {
	CLOUD_APPLIED,    /* written, and seen */
	CLOUD_UNCHANGED,  /* it was so already */
	CLOUD_SUPERSEDED, /* a higher seq of the same edge is there: `there` */
	CLOUD_DEFERRED,   /* not now: keep */
	CLOUD_REJECTED,   /* never, as things are: dead letter */
	CLOUD_UNKNOWN     /* perhaps: the next run looks */
};
struct cloud_result {
	enum cloud_outcome outcome;
	struct fail why;                /* of the last three */
	char there[THUMBPRINT_LEN + 1]; /* the certificate that superseded */
};
const char *cloud_outcome_word(enum cloud_outcome outcome);

#endif

/*
 * outbox - what the cloud is still to be told about devices, and what became
 * of it.
 *
 * The transaction that issues, renews or revokes writes the row; nothing here
 * deletes one.  A row is open until its device was seen to be as it should be
 * with all that is newer: what is told is a device's state, made of its
 * certificates, and not the row.  How it went is kept per device: tries, when
 * the next one may be, and whether it is given up (a dead letter), until a
 * newer row or the operator has it tried anew.
 *
 * What is read here is on the disk: it may leave this machine.
 */
#ifndef MICROCA_OUTBOX_H
#define MICROCA_OUTBOX_H

#include "lib/store/store.h"

enum outbox_kind { OUTBOX_ENROLLED, OUTBOX_RENEWED, OUTBOX_REVOKED };

#define OUTBOX_GOOD 3

/* A device, and what of its certificates counts. */
struct outbox_device {
	char *device;
	int64_t seq;           /* its newest open row, else `confirmed` */
	enum outbox_kind kind; /* of that row */
	bool open;             /* there is such a row */
	int64_t confirmed;     /* seq of what was confirmed last; 0: nothing */
	int tries;             /* that failed since then */
	/* The newest that are neither revoked nor held nor expired, newest
	 * first. */
	struct record good[OUTBOX_GOOD];
	size_t goods;
	struct record newest; /* of all; id 0: there is none */
};

#define OUTBOX_PAGE 100
struct outbox_page { /* outbox_page_free() */
	struct outbox_device item[OUTBOX_PAGE];
	size_t n;
	int64_t last; /* seq of the last row looked at */
	bool more;    /* there may be others behind it */
};
void outbox_page_free(struct outbox_page *page); /* contents */

/* Devices with open rows after `after` that may be tried at `now`, each once,
 * in the order of their oldest.  A pause of more than a day is none. */
MUST_CHECK int store_outbox_page(struct store *store, struct outbox_page *page,
    int64_t after, int64_t now, struct fail *why);
/* Every device that ever had a certificate, by name, behind `after` ("" for the
 * first page). */
MUST_CHECK int store_device_page(struct store *store, struct outbox_page *page,
    const char *after, int64_t now, struct fail *why);
/* That one alone; n 0: this CA never issued anything for it. */
MUST_CHECK int store_device_find(struct store *store, struct outbox_page *page,
    const char *device, int64_t now, struct fail *why);

/* What became of one device up to `seq`. */
enum outbox_end {
	OUTBOX_DONE,  /* seen to be so: rows up to seq are confirmed */
	OUTBOX_LATER, /* tried; not again before `next` */
	OUTBOX_DEAD   /* given up, until something newer comes */
};
struct outbox_settled { /* borrowed */
	const char *device;
	int64_t seq;
	enum outbox_end end;
	int64_t next;              /* Unix s */
	const char *reason, *said; /* of the last two */
	const struct audit *entry; /* of what the audit is to tell; or NULL */
};
/* One transaction, synced. */
MUST_CHECK int store_outbox_settle(struct store *store,
    const struct outbox_settled *settled, size_t n, int64_t now,
    struct fail *why);

/* What failed may be tried at once; `device` NULL: all.  `n`: how many.
 * FAIL_ABSENT "cloud-device": that one has not failed. */
MUST_CHECK int store_outbox_retry(struct store *store, int64_t *n,
    const char *device, const struct audit *entry, struct fail *why);
/* Its open rows count as if they had been told.  FAIL_ABSENT "cloud-device":
 * it has none. */
MUST_CHECK int store_outbox_drop(struct store *store, const char *device,
    int64_t now, const struct audit *entry, struct fail *why);
/* A new row: what is so now is told again, as the newest.  FAIL_ABSENT
 * "cloud-device": this CA never issued anything for it. */
MUST_CHECK int store_outbox_again(struct store *store, const char *device,
    const struct audit *entry, struct fail *why);

struct outbox_state {
	int64_t open;   /* rows */
	int64_t oldest; /* when the oldest that is not given up was written,
	                   Unix s; 0: there is none */
	int64_t failed; /* devices that failed, dead ones included */
	int64_t dead;   /* … given up */
};
MUST_CHECK int store_outbox_state(
    struct store *store, struct outbox_state *state, struct fail *why);

/* One device that failed.  Borrowed. */
struct outbox_failed {
	const char *device, *reason, *said;
	int tries;
	int64_t next, dead; /* Unix s; 0: at once, not given up */
};
/* In the order of their names, until `each` returns non-zero; it may use the
 * store. */
MUST_CHECK int store_outbox_failed(struct store *store,
    int (*each)(const struct outbox_failed *failed, void *arg), void *arg,
    struct fail *why);

/*
 * One uploader at a time, whatever the number of nodes: `holder` has it for
 * `seconds`, or, `taken` false, another does.  Of two that come at once the
 * database takes one.  And: it is over.
 */
MUST_CHECK int store_lease(struct store *store, bool *taken, const char *holder,
    int64_t now, int64_t seconds, struct fail *why);
MUST_CHECK int store_lease_end(
    struct store *store, const char *holder, struct fail *why);

#endif

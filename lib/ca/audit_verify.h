/*
 * audit_verify - is the audit chain what was written, and does it agree with
 * the certificates and with the heads that were signed?
 *
 * Looked at: numbers without gaps, each hash, that each record is JSON with an
 * event, that the columns beside it say the same, that each issue record has
 * its certificate (SHA-256 of the DER) and each certificate its record, that a
 * certificate is revoked, held or good as its last record says, and that each
 * head tells of a record that is here, with its hash.  Certificates are
 * numbered in the order of their records, so nothing has to be remembered.
 *
 * Rows cut off the end, an older database and a whole chain made anew show by
 * heads alone, so by those that are kept elsewhere where somebody may change
 * all that is here.  Records that a restored backup lacks are forgiven when a
 * "gap" record says so (docs/audit.md).
 */
#ifndef MICROCA_AUDIT_VERIFY_H
#define MICROCA_AUDIT_VERIFY_H

#include "lib/store/trail.h"

/* A signed head. */
struct audit_mark {
	int64_t lane, seq;
	uint8_t hash[SHA256_LEN];
	int64_t time;         /* Unix s */
	int64_t certificates; /* that there were; -1: it does not tell */
	char where[200];      /* file and line, for people */
	char wrong[320];      /* what is wrong with it by itself; "": nothing */
	bool again;           /* its head told of another lane before */
	bool back; /* it is that the audit was seen to have gone back */
};
/* Where they come from.  begin() for each lane, from the first on; then what
 * they tell of it, rising by `seq`; `more` false: none is left.  lanes() adds
 * those they tell of. */
struct audit_marks {
	int (*lanes)(
	    void *arg, int64_t lane[TRAIL_LANES], size_t *n, struct fail *why);
	int (*begin)(void *arg, int64_t lane, struct fail *why);
	int (*next)(
	    void *arg, struct audit_mark *mark, bool *more, struct fail *why);
	void *arg;
};

struct audit_report {
	int64_t records, issued;  /* that were looked at and are good */
	int64_t retired;          /* of those issued: not in the database */
	int64_t heads, gaps;      /* likewise */
	uint8_t hash[SHA256_LEN]; /* of the last good one of the last lane */
	int64_t covered;    /* records that the last good head tells of … */
	int64_t covered_at; /* … and its time, Unix s; 0: no head */
	bool broken;
	int64_t lane, seq; /* the first broken record; 0: none is there */
	char text[640];    /* what is wrong with it */
};

/* 0: looked at to the end or to the first broken record, `report` tells.
 * `marks` may be NULL.  What store_trail() and `marks` say otherwise. */
MUST_CHECK int audit_verify(struct audit_report *report, struct store *store,
    const struct audit_marks *marks, struct fail *why);
/* With the certificates that were retired (retire.h): each is read from its
 * file below `folder`, and is what was recorded.  Also fails: FAIL_ABSENT
 * "retired-file". */
MUST_CHECK int audit_verify_all(struct audit_report *report,
    struct store *store, const struct audit_marks *marks, const char *folder,
    struct fail *why);

/* The text of the "gap" record: numbers `from` to `to` of a lane were lost. */
char *audit_gap_text(int64_t lane, int64_t from, int64_t to, int64_t head_time);
bool audit_gap_read(
    int64_t *lane, int64_t *from, int64_t *to, const char *text);

#endif
